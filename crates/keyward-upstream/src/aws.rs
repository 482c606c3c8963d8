//! Calls of AWS's services that speak JSON: signed, and their errors told apart.

use data_encoding::BASE64;
use keyward_sign::sigv4::{AccessKey, Signed};
use keyward_types::Clock;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::http::{Answer, Ask};
use crate::{Fault, Http, Refusal, Site};

/// One service in one region, and who asks it.
pub struct AwsService<'a> {
    http: Http,
    clock: &'a dyn Clock,
    key: AccessKey,
    region: String,
    name: &'static str,
    target: &'static str,
}

impl<'a> AwsService<'a> {
    /// The service whose host begins with `name`, and whose actions are called `target.Action`.
    ///
    /// # Errors
    /// When the region is none.
    pub fn new(
        http: Http,
        clock: &'a dyn Clock,
        key: AccessKey,
        region: &str,
        (name, target): (&'static str, &'static str),
    ) -> Result<Self, Fault> {
        if !is_region(region) {
            return Err(Fault::refused(Refusal::Input, "a region of AWS is a word such as `eu-central-1`"));
        }
        Ok(Self { http, clock, key, region: region.into(), name, target })
    }

    /// Asks, and gives whatever was answered.
    ///
    /// # Errors
    /// As [`Http::ask`].
    pub fn call(&self, action: &str, body: &Value, reads: bool) -> Result<Answer, Fault> {
        let site = Site::public(&format!("https://{}", self.host()))
            .map_err(|error| Fault::refused(Refusal::Input, error.to_string()))?;
        let (target, body) = (format!("{}.{action}", self.target), Zeroizing::new(body.to_string()));
        let mut headers = vec![("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        if let Some(session) = &self.key.session {
            headers.push(("x-amz-security-token", session.expose()));
        }
        let signed = Signed {
            method: "POST",
            host: site.authority(),
            path: "/",
            query: "",
            headers: &headers,
            body: body.as_bytes(),
            region: &self.region,
            service: self.name,
        };
        let (date, authorization) = signed.by(&self.key, self.clock.now());
        headers.extend([("x-amz-date", date.as_str()), ("authorization", authorization.as_str())]);
        let ask = Ask { method: "POST", path: "/", headers: &headers, body: Some(body.as_bytes()), reads };
        self.http.ask(&site, &ask)
    }

    fn host(&self) -> String {
        let end = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("{}.{}.{end}", self.name, self.region)
    }
}

/// Whether this may be a region: it becomes part of a host.
pub fn is_region(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(fits) && !text.starts_with('-') && !text.ends_with('-')
}

/// The code of an error: `com.amazonaws.ssm#ParameterNotFound` is `ParameterNotFound`.
pub fn aws_code(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = body.get("__type").and_then(Value::as_str).unwrap_or_default();
    let code = text.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default();
    let fits = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits { code.to_owned() } else { String::new() }
}

/// The fault that an error with this code is, where it is the same with every service: who asks is
/// not believed or not allowed to, or asks too often.
pub fn aws_fault(code: &str, action: &str) -> Option<Fault> {
    let what = match code {
        "AccessDeniedException" => Refusal::Permission,
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "InvalidClientTokenId"
        | "IncompleteSignature"
        | "ExpiredTokenException"
        | "SignatureDoesNotMatch" => Refusal::Admin,
        "ThrottlingException" => return Some(Fault::Limited(None)),
        _ => return None,
    };
    Some(Fault::refused(what, format!("AWS answers `{code}` to {action}")))
}

/// Bytes out of an answer.
pub(crate) fn bytes_of(value: &Value, name: &str) -> Option<Zeroizing<Vec<u8>>> {
    BASE64.decode(value.get(name)?.as_str()?.as_bytes()).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_one_part_of_a_host() {
        assert!(is_region("eu-central-1") && is_region("us-gov-west-1") && is_region("cn-north-1"));
        for text in ["", "eu.example", "EU-central-1", "a/b", "-eu", "eu-", "eu@x", &"a".repeat(33)] {
            assert!(!is_region(text), "{text}");
        }
    }
}
