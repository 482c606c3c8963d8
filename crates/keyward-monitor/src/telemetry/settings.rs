//! What the variables of OpenTelemetry say (its specification, "Environment Variable Specification").

use std::time::Duration;

use keyward_types::Secret;

use super::Span;
use crate::{Endpoint, Error};

/// Where traces go, and which.
#[derive(Debug)]
pub struct TelemetrySettings {
    pub(super) endpoint: Endpoint,
    pub(super) headers: Vec<(String, Secret<String>)>,
    pub(super) resource: Vec<(String, String)>,
    pub(super) delay: Duration,
    sampler: Sampler,
}

#[derive(Debug)]
struct Sampler {
    /// What a caller decided counts.
    by_parent: bool,
    ratio: f64,
}

/// Between two requests, at most.
const DELAY: Duration = Duration::from_secs(5);

impl TelemetrySettings {
    /// Reads them by `variable`; `None` where no endpoint is named or traces are switched off.
    ///
    /// # Errors
    /// [`Error::Settings`] for what cannot be used; no header is repeated.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Error> {
        let variable = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let either = |specific: &str, general: &str| variable(specific).or_else(|| variable(general));
        let is_off = variable("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"))
            || variable("OTEL_TRACES_EXPORTER").is_some_and(|text| text == "none");
        let base =
            variable("OTEL_EXPORTER_OTLP_ENDPOINT").map(|base| format!("{}/v1/traces", base.trim_end_matches('/')));
        let Some(endpoint) = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or(base).filter(|_| !is_off) else {
            return Ok(None);
        };
        let protocol = either("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL");
        if protocol.as_deref() == Some("grpc") {
            return Err(Error::Settings(
                "traces are sent over HTTP, and not by gRPC: name port 4318 and `http/json`".into(),
            ));
        }
        let headers = either("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default();
        let headers = pairs("OTEL_EXPORTER_OTLP_HEADERS", &headers)?;
        let mut resource =
            pairs("OTEL_RESOURCE_ATTRIBUTES", &variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default())?;
        if let Some(name) = variable("OTEL_SERVICE_NAME") {
            resource.retain(|(key, _)| key != "service.name");
            resource.push(("service.name".into(), name));
        } else if !resource.iter().any(|(key, _)| key == "service.name") {
            resource.push(("service.name".into(), "keyward".into()));
        }
        let delay = variable("OTEL_BSP_SCHEDULE_DELAY").and_then(|text| text.parse().ok()).map(Duration::from_millis);
        Ok(Some(Self {
            endpoint: Endpoint::parse(&endpoint)?,
            headers: headers.into_iter().map(|(name, value)| (name, Secret::new("OTLP header", value))).collect(),
            resource,
            delay: delay.unwrap_or(DELAY).max(Duration::from_millis(10)),
            sampler: Sampler::read(&variable)?,
        }))
    }

    /// Scheme and host of the collector.
    pub fn shown(&self) -> &str {
        self.endpoint.shown()
    }

    pub(super) fn samples(&self, span: &Span) -> bool {
        match span.parent {
            Some(parent) if self.sampler.by_parent => parent.sampled,
            _ => {
                let low = u64::from_be_bytes(span.trace[8..].try_into().unwrap_or_default()) >> 1;
                (low as f64) < self.sampler.ratio * (1u64 << 63) as f64
            }
        }
    }
}

impl Sampler {
    fn read(variable: &impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let name = variable("OTEL_TRACES_SAMPLER").unwrap_or_else(|| "parentbased_always_on".into());
        let by_parent = name.starts_with("parentbased_");
        let wrong =
            || Error::Settings(format!("`OTEL_TRACES_SAMPLER` is `{}`, which is no sampler here", name.escape_debug()));
        let ratio = match name.trim_start_matches("parentbased_") {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => {
                let given = variable("OTEL_TRACES_SAMPLER_ARG").map_or(Ok(1.0), |text| text.parse::<f64>());
                given.ok().filter(|ratio| (0.0..=1.0).contains(ratio)).ok_or_else(wrong)?
            }
            _ => return Err(wrong()),
        };
        Ok(Self { by_parent, ratio })
    }
}

/// `key=value,key=value`, values percent-encoded (W3C Baggage).
fn pairs(variable: &str, text: &str) -> Result<Vec<(String, String)>, Error> {
    let wrong = || Error::Settings(format!("`{variable}` is to be written as `key=value,key=value`"));
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (key, value) = part.split_once('=').ok_or_else(wrong)?;
            let value = decoded(value.trim()).filter(|value| !value.chars().any(char::is_control)).ok_or_else(wrong)?;
            let key = key.trim();
            let fits = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            fits.then(|| (key.to_owned(), value)).ok_or_else(wrong)
        })
        .collect()
}

fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (hex, more) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?);
        rest = more;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use keyward_types::Timestamp;

    use super::super::{Parent, SpanKind};
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<TelemetrySettings>, Error> {
        TelemetrySettings::read(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_is_sent_unless_somebody_says_where() {
        assert!(read(&[]).unwrap().is_none());
        let to = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example:4318/");
        assert_eq!(read(&[to]).unwrap().unwrap().endpoint.expose(), "https://collector.example:4318/v1/traces");
        let exact = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/in");
        assert_eq!(read(&[to, exact]).unwrap().unwrap().endpoint.expose(), "http://127.0.0.1:4318/in");
        assert!(read(&[to, ("OTEL_SDK_DISABLED", "true")]).unwrap().is_none());
        assert!(read(&[to, ("OTEL_TRACES_EXPORTER", "none")]).unwrap().is_none());
    }

    #[test]
    fn what_cannot_be_used_is_told_without_repeating_a_key() {
        let to = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example");
        for wrong in [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.example:4318"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "marker"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=marker%0d%0a"),
            ("OTEL_TRACES_SAMPLER", "sometimes"),
        ] {
            let error = read(&[wrong, to]).unwrap_err().to_string();
            assert!(!error.contains("marker"), "{error}");
        }
        let headers = read(&[to, ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=mar%20ker, x=1")]).unwrap().unwrap();
        assert_eq!(headers.headers[0].1.expose(), "mar ker");
        assert!(!format!("{headers:?}").contains("mar ker"));
    }

    #[test]
    fn a_part_of_the_traces_is_sent() {
        let to = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example");
        let span = |byte, parent: Option<&str>| {
            Span::new(SpanKind::Server, Timestamp(0), [byte; 24], parent.and_then(Parent::parse))
        };
        let settings =
            read(&[to, ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.5")]);
        let settings = settings.unwrap().unwrap();
        assert!(settings.samples(&span(0x10, None)) && !settings.samples(&span(0xf0, None)));
        let parent = "00-f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0-b7ad6b7169203331-01";
        assert!(settings.samples(&span(0xf0, Some(parent))), "the caller decided");
        let off = read(&[to, ("OTEL_TRACES_SAMPLER", "always_off")]).unwrap().unwrap();
        assert!(!off.samples(&span(0, Some(parent))));
    }
}
