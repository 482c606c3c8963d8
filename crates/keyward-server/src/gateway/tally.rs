//! What the gateway's calls were, for whoever watches it: counters for Prometheus, and a span for each call
//! where traces go out, with the attributes that OpenTelemetry has for generative models.
//!
//! Services and reasons stand in them, no names of keys, people or models: those would be time series without
//! end. A span has the key's id and the model.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyward_client::{Attribute, SpanKind, Telemetry};
use keyward_gateway::{DenialCount, Truth, UsageRecord};

use super::ledger::text_of;

/// Counts since the gateway started.
#[derive(Default)]
pub(crate) struct Tally {
    sums: Mutex<Sums>,
    telemetry: Option<Arc<Telemetry>>,
}

#[derive(Default)]
struct Sums {
    services: BTreeMap<String, Service>,
    denials: BTreeMap<&'static str, u64>,
}

#[derive(Default)]
struct Service {
    /// By the first digit of the status; none: there was no answer.
    calls: [u64; 6],
    input: u64,
    output: u64,
    cost: u64,
    estimated: u64,
    redacted: u64,
    millis: u64,
}

impl Tally {
    pub(super) fn new(telemetry: Option<Arc<Telemetry>>) -> Self {
        Self { sums: Mutex::default(), telemetry }
    }

    /// These were put on record.
    pub(super) fn count(&self, calls: &[UsageRecord], denials: &[DenialCount]) {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        for call in calls {
            let service = match sums.services.get_mut(call.provider.as_str()) {
                Some(service) => service,
                None => sums.services.entry(call.provider.as_str().to_owned()).or_default(),
            };
            service.calls[usize::from(call.status / 100).min(5)] += 1;
            service.input += call.counts.input;
            service.output += call.counts.output;
            service.cost += call.cost;
            service.estimated += u64::from(call.truth == Truth::Estimated);
            service.redacted += u64::from(call.redacted);
            service.millis += u64::from(call.millis);
        }
        for denial in denials {
            *sums.denials.entry(denial.reason.code()).or_default() += u64::from(denial.count);
        }
        drop(sums);
        if let Some(telemetry) = &self.telemetry {
            for call in calls {
                trace(telemetry, call);
            }
        }
    }

    /// The text form of Prometheus.
    pub(crate) fn text(&self) -> String {
        let sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        head(&mut text, "keyward_gateway_calls_total", "calls passed on, by service and first digit of the status");
        for (id, service) in &sums.services {
            for (class, n) in service.calls.iter().enumerate().filter(|(_, n)| **n > 0) {
                let class = if class == 0 { "none".to_owned() } else { format!("{class}xx") };
                let _ = writeln!(text, "keyward_gateway_calls_total{{service=\"{id}\",status=\"{class}\"}} {n}");
            }
        }
        head(&mut text, "keyward_gateway_tokens_total", "tokens that calls used");
        for (id, service) in &sums.services {
            for (direction, n) in [("input", service.input), ("output", service.output)] {
                let _ =
                    writeln!(text, "keyward_gateway_tokens_total{{service=\"{id}\",direction=\"{direction}\"}} {n}");
            }
        }
        let mut one = |name: &str, help: &str, value: fn(&Service) -> f64| {
            head(&mut text, name, help);
            for (id, service) in &sums.services {
                let _ = writeln!(text, "{name}{{service=\"{id}\"}} {}", value(service));
            }
        };
        one("keyward_gateway_cost_usd_total", "US dollars that calls cost", |one| one.cost as f64 / 1e6);
        one("keyward_gateway_estimated_calls_total", "calls whose counts are estimated", |one| one.estimated as f64);
        one("keyward_gateway_redactions_total", "echoes of a key that were masked", |one| one.redacted as f64);
        one("keyward_gateway_seconds_total", "seconds that calls took", |one| one.millis as f64 / 1e3);
        head(&mut text, "keyward_gateway_denials_total", "requests turned away");
        for (reason, n) in &sums.denials {
            let _ = writeln!(text, "keyward_gateway_denials_total{{reason=\"{reason}\"}} {n}");
        }
        text
    }
}

fn head(text: &mut String, name: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
}

/// A span by OpenTelemetry's conventions for generative models.
fn trace(telemetry: &Telemetry, call: &UsageRecord) {
    let Some(span) = telemetry.begin(SpanKind::Client, call.at, None) else { return };
    // A model that did not answer is what somebody wrote.
    let answered = (200..300).contains(&call.status);
    let (service, model) = (call.provider.as_str(), if answered { call.model.as_str() } else { "" });
    let name = if model.is_empty() { service.to_owned() } else { format!("{service} {model}") };
    let number = |n: u64| Attribute::Number(i64::try_from(n).unwrap_or(i64::MAX));
    let failed = call.status == 0 || call.status >= 400;
    let mut span = span
        .ended(name, Duration::from_millis(call.millis.into()), failed)
        .with("gen_ai.provider.name", Attribute::Word(service.to_owned()))
        .with("http.response.status_code", number(call.status.into()))
        .with("keyward.virtual_key", Attribute::Word(text_of(call.key)));
    if !model.is_empty() {
        span = span.with("gen_ai.response.model", Attribute::Word(model.to_owned()));
    }
    if call.truth != Truth::Uncounted {
        span = span
            .with("gen_ai.usage.input_tokens", number(call.counts.input))
            .with("gen_ai.usage.output_tokens", number(call.counts.output));
    }
    telemetry.end(span);
}

#[cfg(test)]
mod tests {
    use keyward_gateway::{Counts, Denied, End, Reason, Short, VirtualKeyId};
    use keyward_types::{SecretId, Timestamp, Version};

    use super::*;

    #[test]
    fn services_and_reasons_are_counted_and_no_key_or_model_is_named() {
        let call = |status, output| UsageRecord {
            at: Timestamp(0),
            key: VirtualKeyId::from_bytes([65; 16]),
            secret: SecretId::from_bytes([1; 16]),
            version: Version::FIRST,
            provider: Short::new("openai"),
            model: Short::new("a-model"),
            tag: Short::default(),
            endpoint: Short::new("POST /v1/chat/completions"),
            status,
            counts: Counts { input: 2, output, ..Counts::default() },
            cost: 1_500_000,
            truth: Truth::Exact,
            end: End::Whole,
            first_millis: 1,
            millis: 250,
            bytes_in: 1,
            bytes_out: 1,
            redacted: 3,
        };
        let denial = DenialCount { who: Denied::Others, reason: Reason::Budget, second: 0, count: 7 };
        let tally = Tally::new(None);
        tally.count(&[call(200, 5), call(429, 0), call(0, 1)], &[denial, denial]);
        let text = tally.text();
        for line in [
            "keyward_gateway_calls_total{service=\"openai\",status=\"2xx\"} 1",
            "keyward_gateway_calls_total{service=\"openai\",status=\"4xx\"} 1",
            "keyward_gateway_calls_total{service=\"openai\",status=\"none\"} 1",
            "keyward_gateway_tokens_total{service=\"openai\",direction=\"output\"} 6",
            "keyward_gateway_cost_usd_total{service=\"openai\"} 4.5",
            "keyward_gateway_redactions_total{service=\"openai\"} 9",
            "keyward_gateway_seconds_total{service=\"openai\"} 0.75",
            "keyward_gateway_denials_total{reason=\"budget\"} 14",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} in\n{text}");
        }
        assert!(!text.contains("AAAA") && !text.contains("a-model"), "{text}");
    }
}
