//! AWS Signature Version 4.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use keyward_types::{Secret, Timestamp};
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// An access key of AWS.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// What it is called: `AKIA…`. No secret.
    pub id: String,
    /// What requests are signed with.
    pub secret: Secret<String>,
    /// What goes with a key that lives for hours only.
    pub session: Option<Secret<String>>,
}

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// `POST`
    pub method: &'a str,
    /// As the request names it.
    pub host: &'a str,
    /// Canonical: escaped, in order ([`canonical_path`], [`canonical_query`]).
    pub path: &'a str,
    /// The same.
    pub query: &'a str,
    /// Beside `host` and `x-amz-date`, in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    /// All of it.
    pub body: &'a [u8],
    /// `eu-central-1`
    pub region: &'a str,
    /// `execute-api`
    pub service: &'a str,
}

#[derive(Deserialize)]
struct Pair {
    access_key_id: String,
    #[serde(deserialize_with = "secret")]
    secret_access_key: Secret<String>,
    #[serde(default, deserialize_with = "some_secret")]
    session_token: Option<Secret<String>>,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(deserializer).map(|text| Secret::new("an access key", text))
}

fn some_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret<String>>, D::Error> {
    secret(deserializer).map(Some)
}

impl AccessKey {
    /// Reads a value that holds both parts, as `ID:SECRET` or as JSON (`access_key_id`,
    /// `secret_access_key` and perhaps `session_token`), and says whether it was JSON.
    pub fn read(value: &str) -> Option<(Self, bool)> {
        let text = value.trim();
        if let Ok(Pair { access_key_id: id, secret_access_key: secret, session_token: session }) =
            serde_json::from_str(text)
        {
            return Some((Self { id, secret, session }, true));
        }
        let (id, rest) = text.split_once(':')?;
        let fits = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !rest.is_empty();
        fits.then(|| {
            (Self { id: id.to_owned(), secret: Secret::new("an access key", rest.to_owned()), session: None }, false)
        })
    }
}

impl Signed<'_> {
    /// The values of `x-amz-date` and `authorization`.
    pub fn by(&self, key: &AccessKey, at: Timestamp) -> (String, String) {
        let moment = compact(at);
        let day = moment.get(..8).unwrap_or_default();
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let (request, names) = self.canonical(&moment);
        let to_sign = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", hex_of(request.as_bytes()));
        let first = Zeroizing::new(format!("AWS4{}", key.secret.expose()));
        let mut signing = Zeroizing::new(first.as_bytes().to_vec());
        for part in [day, self.region, self.service, "aws4_request"] {
            signing = mac(&signing, part.as_bytes());
        }
        let signature = HEXLOWER.encode(&mac(&signing, to_sign.as_bytes()));
        let header =
            format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", key.id);
        (moment, header)
    }

    fn canonical(&self, moment: &str) -> (String, String) {
        let mut headers = vec![("host", self.host), ("x-amz-date", moment)];
        headers.extend(self.headers);
        headers.sort_unstable();
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let body = hex_of(self.body);
        (format!("{}\n{}\n{}\n{lines}\n{names}\n{body}", self.method, self.path, self.query), names)
    }
}

/// `20150830T123600Z`.
fn compact(at: Timestamp) -> String {
    let text = at.to_string();
    let seconds = text.split('.').next().unwrap_or_default();
    seconds.chars().filter(|c| !matches!(c, '-' | ':')).chain(['Z']).collect()
}

/// A path as it is signed: each part escaped, and that once more for every service but S3, which is signed
/// what is sent.
pub fn canonical_path(path: &str, service: &str) -> String {
    let once = |text: &[u8]| escaped(text);
    let plain = path.split('/').map(|part| once(&unescaped(part))).collect::<Vec<_>>().join("/");
    if service == "s3" {
        plain
    } else {
        plain.split('/').map(|part| once(part.as_bytes())).collect::<Vec<_>>().join("/")
    }
}

/// A query as it is signed: escaped, every name with a value, in order.
pub fn canonical_query(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut pairs: Vec<(String, String)> =
        pairs.map(|(name, value)| (escaped(&unescaped(name)), escaped(&unescaped(value)))).collect();
    pairs.sort_unstable();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// The hash of a body, as `x-amz-content-sha256` has it.
pub fn body_hash(body: &[u8]) -> String {
    hex_of(body)
}

fn escaped(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(*byte)),
            byte => {
                // A string takes whatever is written to it.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

fn unescaped(text: &str) -> Vec<u8> {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while at < bytes.len() {
        let code = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}

fn hex_of(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

fn mac(key: &[u8], text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    Zeroizing::new(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors' key, put together.
    fn key() -> AccessKey {
        let secret = ["wJalrXUtnFEMI", "K7MDENG+bPxRfiCYEXAMPLEKEY"].join("/");
        AccessKey { id: "AKIDEXAMPLE".into(), secret: Secret::new("example", secret), session: None }
    }

    fn signature(signed: &Signed<'_>) -> String {
        let at = "2015-08-30T12:36:00Z".parse().unwrap();
        let (moment, header) = signed.by(&key(), at);
        assert_eq!(moment, "20150830T123600Z");
        header.rsplit_once("Signature=").unwrap().1.to_owned()
    }

    /// AWS's test suite, `get-vanilla` and `post-x-www-form-urlencoded`; and the example of its guide.
    #[test]
    fn the_published_vectors_are_met() {
        let vanilla = Signed {
            method: "GET",
            host: "example.amazonaws.com",
            path: "/",
            query: "",
            headers: &[],
            body: b"",
            region: "us-east-1",
            service: "service",
        };
        assert_eq!(signature(&vanilla), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let post = Signed { method: "POST", headers: &form, body: b"Param1=value1", ..vanilla };
        assert_eq!(signature(&post), "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
        let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let query = "Action=ListUsers&Version=2010-05-08";
        let guide = Signed {
            method: "GET",
            host: "iam.amazonaws.com",
            query,
            headers: &form,
            body: b"",
            service: "iam",
            ..post
        };
        assert_eq!(signature(&guide), "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
    }

    #[test]
    fn a_pair_is_read_in_both_forms() {
        let read = |text: &str| AccessKey::read(text).map(|(key, json)| (key.id, key.session.is_some(), json));
        assert_eq!(read("AKIAX:s/e+c:ret"), Some(("AKIAX".into(), false, false)));
        let json = r#"{"access_key_id":"AKIAX","secret_access_key":"s","session_token":"t"}"#;
        assert_eq!(read(json), Some(("AKIAX".into(), true, true)));
        assert!(AccessKey::read("https://x:y").is_some_and(|(key, _)| key.id == "https"));
        for none in ["", "AKIAX", "AKIAX:", ":s", "{}"] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn paths_and_queries_have_one_spelling() {
        assert_eq!(canonical_path("/a b/%e1%88%b4/c", "s3"), "/a%20b/%E1%88%B4/c");
        assert_eq!(canonical_path("/a%20b", "execute-api"), "/a%2520b");
        assert_eq!(canonical_query("b=2&a=x%20y&a=%41&c"), "a=A&a=x%20y&b=2&c=");
        assert_eq!(canonical_query(""), "");
    }
}
