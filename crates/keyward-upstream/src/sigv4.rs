//! AWS Signature Version 4, for requests with a body and without a query.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use keyward_types::{Secret, Timestamp};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// An access key of AWS.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// Names it.
    pub id: String,
    /// What is signed with.
    pub secret: Secret<String>,
}

/// A request that is signed.
pub struct Signed<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// As the request names it.
    pub host: &'a str,
    /// Canonical: escaped, in order.
    pub path: &'a str,
    /// The same.
    pub query: &'a str,
    /// Beside `host` and `x-amz-date`, in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    /// As it is sent.
    pub body: &'a [u8],
    /// Of the service's host.
    pub region: &'a str,
    /// As signatures call it.
    pub service: &'a str,
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
        AccessKey { id: "AKIDEXAMPLE".into(), secret: Secret::new("example", secret) }
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
}
