//! Spans, and the JSON form in which OTLP carries them (opentelemetry-proto 1.x, `http/json`): ids in
//! hex, 64-bit numbers as strings.

use std::time::Duration;

use data_encoding::HEXLOWER;
use keyward_types::Timestamp;
use serde_json::{Value, json};

/// What was done, from when to when.
#[derive(Clone, Debug)]
pub struct Span {
    pub(super) trace: [u8; 16],
    id: [u8; 8],
    pub(super) parent: Option<Parent>,
    kind: SpanKind,
    name: String,
    start: Timestamp,
    took: Duration,
    failed: bool,
    attributes: Vec<(&'static str, Attribute)>,
}

/// What sort of work a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// Work of the process's own: a job.
    Internal,
    /// The answer to a request.
    Server,
    /// A request to a service.
    Client,
}

/// What an attribute holds: words of our own, the name of a model that answered, or numbers; never what
/// somebody sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// A method, a route's pattern, a code, the name of a job.
    Word(String),
    /// A status, a count.
    Number(i64),
}

/// The span of a caller, as `traceparent` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    trace: [u8; 16],
    span: [u8; 8],
    pub(super) sampled: bool,
}

impl Parent {
    /// Reads `00-<trace>-<span>-<flags>` (W3C Trace Context); `None` for everything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // Later versions may have more parts, ours has four.
        if version.len() != 2 || version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let hex = |text: &str| HEXLOWER.decode(text.as_bytes()).ok();
        let trace: [u8; 16] = hex(trace)?.try_into().ok()?;
        let span: [u8; 8] = hex(span)?.try_into().ok()?;
        let [flags] = <[u8; 1]>::try_from(hex(flags)?).ok()?;
        let is_real = trace != [0; 16] && span != [0; 8];
        is_real.then_some(Self { trace, span, sampled: flags & 1 == 1 })
    }
}

impl Span {
    pub(super) fn new(kind: SpanKind, start: Timestamp, ids: [u8; 24], parent: Option<Parent>) -> Self {
        let (mut trace, mut id) = ([0; 16], [0; 8]);
        trace.copy_from_slice(&ids[..16]);
        id.copy_from_slice(&ids[16..]);
        let trace = parent.map_or(trace, |parent| parent.trace);
        let (name, took, attributes) = (String::new(), Duration::ZERO, Vec::new());
        Self { trace, id, parent, kind, name, start, took, failed: false, attributes }
    }

    /// The id of the trace, in hex.
    pub fn trace_id(&self) -> String {
        HEXLOWER.encode(&self.trace)
    }

    /// The same, ended: what it was, and how long it took.
    #[must_use]
    pub fn ended(mut self, name: impl Into<String>, took: Duration, failed: bool) -> Self {
        (self.name, self.took, self.failed) = (name.into(), took, failed);
        self
    }

    /// The same with one more attribute.
    #[must_use]
    pub fn with(mut self, name: &'static str, attribute: Attribute) -> Self {
        self.attributes.push((name, attribute));
        self
    }

    fn json(&self) -> Value {
        let start = u128::try_from(self.start.0).unwrap_or_default() * 1_000_000;
        let mut span = json!({
            "traceId": HEXLOWER.encode(&self.trace),
            "spanId": HEXLOWER.encode(&self.id),
            "name": self.name,
            "kind": match self.kind { SpanKind::Internal => 1, SpanKind::Server => 2, SpanKind::Client => 3 },
            "startTimeUnixNano": start.to_string(),
            "endTimeUnixNano": (start + self.took.as_nanos()).to_string(),
            "attributes": self.attributes.iter().map(attribute).collect::<Vec<_>>(),
            "status": if self.failed { json!({ "code": 2 }) } else { json!({}) },
        });
        if let Some(parent) = self.parent {
            span["parentSpanId"] = HEXLOWER.encode(&parent.span).into();
        }
        span
    }
}

fn attribute((name, attribute): &(&'static str, Attribute)) -> Value {
    let value = match attribute {
        Attribute::Word(word) => json!({ "stringValue": word }),
        Attribute::Number(number) => json!({ "intValue": number.to_string() }),
    };
    json!({ "key": name, "value": value })
}

/// The body of one request: `ExportTraceServiceRequest`.
pub(super) fn request(resource: &[(String, String)], spans: &[Span]) -> Vec<u8> {
    let resource: Vec<Value> =
        resource.iter().map(|(key, value)| json!({ "key": key, "value": { "stringValue": value } })).collect();
    let spans: Vec<Value> = spans.iter().map(Span::json).collect();
    let scope = json!({ "name": "keyward", "version": env!("CARGO_PKG_VERSION") });
    let scoped = json!({ "scope": scope, "spans": spans });
    let body = json!({ "resourceSpans": [{ "resource": { "attributes": resource }, "scopeSpans": [scoped] }] });
    body.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_taken_at_his_word_where_it_is_well_formed() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let good = format!("00-{trace}-b7ad6b7169203331-01");
        let parent = Parent::parse(&good).unwrap();
        assert!(parent.sampled && HEXLOWER.encode(&parent.trace) == trace);
        assert!(!Parent::parse(&good.replace("-01", "-00")).unwrap().sampled);
        for odd in [
            "",
            "00",
            &good.to_uppercase(),
            &format!("{good}-more"),
            &good.replacen("00", "ff", 1),
            &good.replace(trace, &"0".repeat(32)),
            &good.replace("b7ad6b7169203331", "0000000000000000"),
            &good.replace("b7ad", "zzzz"),
        ] {
            assert_eq!(Parent::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_request_has_the_form_of_the_protocol() {
        let parent = Parent::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let span = Span::new(SpanKind::Server, Timestamp(1_700_000_000_123), [7; 24], parent)
            .ended("GET /readyz", Duration::from_micros(1500), true)
            .with("http.response.status_code", Attribute::Number(503));
        let body: Value =
            serde_json::from_slice(&request(&[("service.name".into(), "keyward".into())], &[span])).unwrap();
        let resource = &body["resourceSpans"][0];
        assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "keyward");
        let span = &resource["scopeSpans"][0]["spans"][0];
        assert_eq!(span["traceId"], "0af7651916cd43dd8448eb211c80319c");
        assert_eq!((&span["spanId"], &span["parentSpanId"]), (&json!("0707070707070707"), &json!("b7ad6b7169203331")));
        assert_eq!(span["startTimeUnixNano"], "1700000000123000000");
        assert_eq!(span["endTimeUnixNano"], "1700000000124500000");
        assert_eq!((&span["kind"], &span["status"]["code"]), (&json!(2), &json!(2)));
        assert_eq!(span["attributes"][0]["value"]["intValue"], "503");
    }
}
