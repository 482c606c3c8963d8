//! An HMAC of a text that is put together from the parts of a request, as most services mean it that want
//! requests signed.

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use keyward_types::Timestamp;
use sha2::{Digest, Sha256, Sha512};

/// How a service wants requests signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyed {
    over: Vec<Part>,
    hash: Hash,
    writing: Writing,
}

/// A part of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// `POST`
    Method,
    Host,
    Path,
    /// Without the `?`.
    Query,
    Body,
    /// Its SHA-256 in hexadecimal digits.
    BodyHash,
    /// Seconds since 1970.
    Seconds,
    Millis,
}

/// Which HMAC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hash {
    /// HMAC-SHA-256.
    #[default]
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

/// How the signature is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writing {
    /// Hexadecimal digits in lower case.
    #[default]
    Hex,
    /// Base64 with its padding.
    Base64,
}

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `POST`
    pub method: &'a str,
    /// As the request names it.
    pub host: &'a str,
    /// As it is sent.
    pub path: &'a str,
    /// The same.
    pub query: &'a str,
    /// All of it.
    pub body: &'a [u8],
    /// When.
    pub at: Timestamp,
}

/// A text that has parts which no request has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoPart(pub String);

impl Keyed {
    /// Reads a text such as `{seconds}.{body}`. Its parts are `method`, `host`, `path`, `query`, `body`,
    /// `body_hash`, `seconds` and `millis`; `\n` is a line break.
    ///
    /// # Errors
    /// When there is another name in braces, or a brace that is alone.
    pub fn parse(over: &str, hash: Hash, writing: Writing) -> Result<Self, NoPart> {
        let (mut parts, mut rest) = (Vec::new(), over);
        while let Some(open) = rest.find(['{', '}']) {
            if open > 0 {
                parts.push(Part::Text(rest[..open].replace("\\n", "\n")));
            }
            let named = rest[open..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
            let (name, behind) = named.ok_or_else(|| NoPart(rest[open..].to_owned()))?;
            parts.push(match name {
                "method" => Part::Method,
                "host" => Part::Host,
                "path" => Part::Path,
                "query" => Part::Query,
                "body" => Part::Body,
                "body_hash" => Part::BodyHash,
                "seconds" => Part::Seconds,
                "millis" => Part::Millis,
                other => return Err(NoPart(format!("{{{other}}}"))),
            });
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.replace("\\n", "\n")));
        }
        Ok(Self { over: parts, hash, writing })
    }

    /// Whether the text has the time in it, and then whether in milliseconds.
    pub fn time(&self) -> Option<bool> {
        self.over.iter().find_map(|part| match part {
            Part::Seconds => Some(false),
            Part::Millis => Some(true),
            _ => None,
        })
    }

    /// Whether what is signed depends on the body.
    pub fn covers_the_body(&self) -> bool {
        self.over.iter().any(|part| matches!(part, Part::Body | Part::BodyHash))
    }

    /// The signature of a request.
    pub fn sign(&self, key: &[u8], request: &Request<'_>) -> String {
        let code = match self.hash {
            Hash::Sha256 => self.code::<Hmac<Sha256>>(key, request),
            Hash::Sha512 => self.code::<Hmac<Sha512>>(key, request),
        };
        match self.writing {
            Writing::Hex => HEXLOWER.encode(&code),
            Writing::Base64 => BASE64.encode(&code),
        }
    }

    fn code<M: Mac + KeyInit>(&self, key: &[u8], request: &Request<'_>) -> Vec<u8> {
        let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
        for part in &self.over {
            match part {
                Part::Text(text) => mac.update(text.as_bytes()),
                Part::Method => mac.update(request.method.as_bytes()),
                Part::Host => mac.update(request.host.as_bytes()),
                Part::Path => mac.update(request.path.as_bytes()),
                Part::Query => mac.update(request.query.as_bytes()),
                Part::Body => mac.update(request.body),
                Part::BodyHash => mac.update(HEXLOWER.encode(&Sha256::digest(request.body)).as_bytes()),
                Part::Seconds => mac.update(request.at.0.div_euclid(1000).to_string().as_bytes()),
                Part::Millis => mac.update(request.at.0.to_string().as_bytes()),
            }
        }
        mac.finalize().into_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: Request<'_> = Request {
        method: "POST",
        host: "a.example",
        path: "/v1/x",
        query: "b=1",
        body: b"what do ya want for nothing?",
        at: Timestamp(1_700_000_000_123),
    };

    fn sign(over: &str, hash: Hash, writing: Writing) -> String {
        Keyed::parse(over, hash, writing).unwrap().sign(b"Jefe", &REQUEST)
    }

    /// RFC 4231, 4.3.
    #[test]
    fn the_published_vectors_are_met() {
        let sha256 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(sign("{body}", Hash::Sha256, Writing::Hex), sha256);
        assert_eq!(sign("{body}", Hash::Sha512, Writing::Hex)[..32], *"164b7a7bfcf819e2e395fbe73b56e0a3");
        let bytes = HEXLOWER.decode(sha256.as_bytes()).unwrap();
        assert_eq!(BASE64.decode(sign("{body}", Hash::Sha256, Writing::Base64).as_bytes()).unwrap(), bytes);
    }

    #[test]
    fn the_text_is_put_together_as_it_says() {
        let of_parts = sign(r"{seconds}\n{method} {host}{path}?{query}.{millis}", Hash::Sha256, Writing::Hex);
        let keyed = |text: &[u8]| {
            let whole = Request { body: text, ..REQUEST };
            Keyed::parse("{body}", Hash::Sha256, Writing::Hex).unwrap().sign(b"Jefe", &whole)
        };
        assert_eq!(of_parts, keyed(b"1700000000\nPOST a.example/v1/x?b=1.1700000000123"));
        for odd in ["{nothing}", "{body", "body}", "{}"] {
            assert!(Keyed::parse(odd, Hash::Sha256, Writing::Hex).is_err(), "{odd}");
        }
        let of = |over| Keyed::parse(over, Hash::Sha256, Writing::Hex).unwrap();
        assert_eq!((of("{millis}").time(), of("{body_hash}").time()), (Some(true), None));
        assert!(of("{body_hash}").covers_the_body() && !of("{path}").covers_the_body());
    }
}
