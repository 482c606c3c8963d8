//! Services that the catalogue lacks, as their operator describes them for the gateway: a file of a few
//! lines in the words of the catalogue's own.
//!
//! ```
//! let billing = keyward_providers::OwnService::parse(
//!     r#"
//!     id = "billing"
//!     base_url = "https://billing.internal.example/api"
//!     forms = [{ header = "X-Api-Key" }]
//!     allow_private = true
//!     "#,
//! )?;
//! assert_eq!(billing.base_url, "https://billing.internal.example/api");
//! # Ok::<(), keyward_providers::OwnServiceError>(())
//! ```

use serde::Deserialize;
use thiserror::Error;

use crate::gateway::{ErrorShape, Price, Reader, fits};
use crate::provider::Basic;
use crate::schema;

/// A service that its operator described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnService {
    /// What the first part of a request's path calls it; none of the catalogue's.
    pub id: String,
    /// As people call it.
    pub name: String,
    /// What stands before the path of a request, without a `/` at its end.
    pub base_url: String,
    /// The places of the key, all of which are filled; none where requests are signed.
    pub forms: Vec<OwnForm>,
    /// How requests are signed with the key, where it is not sent itself.
    pub sign: Option<OwnSigning>,
    /// The shape of errors that callers read.
    pub errors: ErrorShape,
    /// Whose answers its own are like, where they are read for usage.
    pub reader: Option<Reader>,
    /// Prices by model, as [`Meter`](crate::Meter) has them.
    pub prices: Vec<(String, Price)>,
    /// Whether it lies at a private address, or on this machine.
    pub allow_private: bool,
    /// Whether it is spoken to without TLS, on another machine too.
    pub allow_plain: bool,
}

/// A place of a key in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnForm {
    /// A header, and what stands before the key in it.
    Header(String, String),
    /// A parameter of the query.
    Query(String),
    /// HTTP basic authentication.
    Basic(Basic),
}

/// How requests are signed with a key that stays here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnSigning {
    /// AWS Signature Version 4, as this service in this region wants it.
    Aws {
        /// `execute-api`
        service: String,
        /// `eu-central-1`
        region: String,
    },
    /// An HMAC of a text that is put together from the request.
    Hmac(OwnHmac),
}

/// What an HMAC is made of, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnHmac {
    /// The text, with parts of the request in braces: `{seconds}.{body}`.
    #[serde(rename = "hmac")]
    pub over: String,
    /// The header of the signature.
    pub header: String,
    /// What stands before it there: `sha256=`.
    #[serde(default)]
    pub prefix: String,
    /// HMAC-SHA-512 in place of HMAC-SHA-256.
    #[serde(default)]
    pub sha512: bool,
    /// Base64 in place of hexadecimal digits.
    #[serde(default)]
    pub base64: bool,
    /// The header of the time that the text has in it.
    pub time: Option<String>,
    /// The header of the key's name. The secret is then `NAME:KEY`.
    pub name: Option<String>,
}

/// The same as it is written: by exactly one of `aws` and `hmac`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Sign {
    Aws(Aws),
    Hmac(OwnHmac),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Aws {
    aws: String,
    region: String,
}

/// A text that describes no service.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("this describes no service: {0}")]
pub struct OwnServiceError(String);

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    id: String,
    name: Option<String>,
    base_url: String,
    #[serde(default)]
    forms: Vec<schema::Form>,
    sign: Option<Sign>,
    #[serde(default)]
    errors: schema::ErrorShape,
    reader: Option<schema::Reader>,
    #[serde(default)]
    prices: Vec<schema::Price>,
    #[serde(default)]
    allow_private: bool,
    #[serde(default)]
    allow_plain: bool,
}

/// Longest id, and longest header, parameter or prefix, in bytes.
const LONGEST: usize = 64;
/// Longest text that is signed, with its parts still in braces.
const LONGEST_TEXT: usize = 512;
/// Largest price, in dollars for a million tokens or one call.
const DEAREST: f64 = 1_000_000.0;

impl OwnService {
    /// Reads a description in TOML.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, OwnServiceError> {
        let file: File = toml::from_str(text).map_err(|error| OwnServiceError(error.message().to_owned()))?;
        let fail = |why: String| Err(OwnServiceError(why));
        if !is_word(&file.id, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return fail("`id` has 1 to 64 of a-z, 0-9 and `-`".into());
        }
        if crate::provider(&file.id).is_some() {
            return fail(format!("the catalogue has a service `{}` already: choose another id", file.id));
        }
        check_url(&file.base_url, file.allow_plain)?;
        if file.forms.is_empty() == file.sign.is_none() {
            return fail("`forms` says where the key goes: [{ header = \"X-Api-Key\" }], or `sign` how requests are signed with it".into());
        }
        let sign = file.sign.map(signing).transpose()?;
        let forms = file.forms.into_iter().map(form).collect::<Result<_, _>>()?;
        let mut prices = Vec::new();
        for price in file.prices {
            let (of, models) = (price_of(&price)?, price.models);
            prices.extend(models.into_iter().map(|model| (model, of)));
        }
        // A name before a pattern, and a longer pattern before a shorter one.
        prices.sort_by_key(|(model, _)| (model.contains('*'), std::cmp::Reverse(model.len()), model.clone()));
        Ok(Self {
            name: file.name.unwrap_or_else(|| file.id.clone()),
            id: file.id,
            base_url: file.base_url,
            forms,
            sign,
            errors: shape(file.errors),
            reader: file.reader.map(reader),
            prices,
            allow_private: file.allow_private,
            allow_plain: file.allow_plain,
        })
    }

    /// What calls of this model cost; `None` where that is not known.
    pub fn price_of(&self, model: &str) -> Option<&Price> {
        self.prices.iter().find(|(pattern, _)| fits(pattern, model)).map(|(_, price)| price)
    }
}

fn check_url(url: &str, plain: bool) -> Result<(), OwnServiceError> {
    let fail = |why: &str| Err(OwnServiceError(format!("`base_url` {why}")));
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return fail("begins with https://");
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let visible = url.len() <= 512 && url.bytes().all(|b| b.is_ascii_graphic());
    let odd = |c: char| matches!(c, '?' | '#' | '@' | '\\' | '%' | '{' | '*');
    let climbs = path.split('/').skip(1).any(|part| matches!(part, "" | "." | ".."));
    if authority.is_empty() || !visible || url.contains(odd) || !path.is_empty() && climbs {
        return fail("is a plain address: host, port and path, without user, query, or `/` at its end");
    }
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    match url.starts_with("http://") && !here && !plain {
        true => fail("is on another machine and without TLS: `allow_plain = true` says that this is meant"),
        false => Ok(()),
    }
}

fn signing(sign: Sign) -> Result<OwnSigning, OwnServiceError> {
    match sign {
        Sign::Aws(Aws { aws: service, region }) => {
            let named =
                |text: &str| is_word(text, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b));
            match named(&service) && named(&region) {
                true => Ok(OwnSigning::Aws { service, region }),
                false => Err(OwnServiceError("`sign` names a service and a region as AWS does: { aws = \"execute-api\", region = \"eu-central-1\" }".into())),
            }
        }
        Sign::Hmac(hmac) => {
            let headers = [Some(&hmac.header), hmac.time.as_ref(), hmac.name.as_ref()];
            if let Some(odd) = headers.into_iter().flatten().find(|header| !is_header(header)) {
                return Err(OwnServiceError(format!("`{}` is no header for a signature", odd.escape_debug())));
            }
            match is_prefix(&hmac.prefix) && hmac.over.len() <= LONGEST_TEXT {
                true => Ok(OwnSigning::Hmac(hmac)),
                false => {
                    Err(OwnServiceError("what is signed, or stands before a signature, is too long or odd".into()))
                }
            }
        }
    }
}

fn is_header(name: &str) -> bool {
    let names_the_connection = ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te"];
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    is_word(name, token) && !names_the_connection.contains(&&*name.to_ascii_lowercase())
}

fn is_prefix(text: &str) -> bool {
    text.len() <= LONGEST && text.bytes().all(|b| (b' '..=b'~').contains(&b))
}

fn form(form: schema::Form) -> Result<OwnForm, OwnServiceError> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    match (form.header, form.query, form.basic) {
        (Some(header), None, None) => {
            if !is_header(&header) || !is_prefix(&form.prefix) {
                return Err(OwnServiceError(format!("`{}` is no header for a key", header.escape_debug())));
            }
            Ok(OwnForm::Header(header, form.prefix))
        }
        (None, Some(query), None) if is_word(&query, token) => Ok(OwnForm::Query(query)),
        (None, None, Some(schema::Basic::User)) => Ok(OwnForm::Basic(Basic::User)),
        (None, None, Some(schema::Basic::Password)) => Ok(OwnForm::Basic(Basic::Password)),
        _ => Err(OwnServiceError("each of `forms` is exactly one of `header`, `query` and `basic`".into())),
    }
}

fn price_of(price: &schema::Price) -> Result<Price, OwnServiceError> {
    let micro = |dollars: f64| match (0.0..=DEAREST).contains(&dollars) {
        true => Ok((dollars * 1_000_000.0).round() as u64),
        false => Err(OwnServiceError(format!("{dollars} is no price"))),
    };
    Ok(Price {
        input: micro(price.input)?,
        cached: micro(price.cached.unwrap_or(price.input))?,
        cache_write: micro(price.cache_write.unwrap_or(price.input))?,
        output: micro(price.output)?,
        call: micro(price.call)?,
        max_output: price.max_output,
    })
}

fn is_word(text: &str, fits: impl Fn(u8) -> bool) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(fits)
}

fn shape(shape: schema::ErrorShape) -> ErrorShape {
    match shape {
        schema::ErrorShape::OpenAi => ErrorShape::OpenAi,
        schema::ErrorShape::Anthropic => ErrorShape::Anthropic,
        schema::ErrorShape::Cohere => ErrorShape::Cohere,
        schema::ErrorShape::Google => ErrorShape::Google,
        schema::ErrorShape::Qdrant => ErrorShape::Qdrant,
        schema::ErrorShape::PostgRest => ErrorShape::PostgRest,
        schema::ErrorShape::Plain => ErrorShape::Plain,
    }
}

fn reader(reader: schema::Reader) -> Reader {
    match reader {
        schema::Reader::OpenAi => Reader::OpenAi,
        schema::Reader::Anthropic => Reader::Anthropic,
        schema::Reader::Cohere => Reader::Cohere,
        schema::Reader::Gemini => Reader::Gemini,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "id = \"llm\"\nbase_url = \"http://127.0.0.1:11434\"\nforms = [{ header = \"Authorization\", prefix = \"Bearer \" }]\n";

    #[test]
    fn a_few_lines_describe_a_service() {
        let text = format!(
            "{GOOD}reader = \"openai\"\nerrors = \"openai\"\n\
             prices = [{{ models = [\"a\", \"a*\"], input = 1.5, output = 3 }}, {{ models = [\"ab\"], input = 2, output = 4 }}]"
        );
        let service = OwnService::parse(&text).unwrap();
        assert_eq!(service.forms, [OwnForm::Header("Authorization".into(), "Bearer ".into())]);
        assert_eq!((service.reader, service.errors), (Some(Reader::OpenAi), ErrorShape::OpenAi));
        let input = |model| service.price_of(model).map(|price| price.input);
        assert_eq!((input("ab"), input("abc"), input("b")), (Some(2_000_000), Some(1_500_000), None));
    }

    #[test]
    fn requests_may_be_signed_instead() {
        let read =
            |sign: &str| OwnService::parse(&format!("id = \"a\"\nbase_url = \"https://a.example\"\nsign = {sign}\n"));
        let aws = read("{ aws = \"execute-api\", region = \"eu-central-1\" }").unwrap();
        assert_eq!(aws.sign, Some(OwnSigning::Aws { service: "execute-api".into(), region: "eu-central-1".into() }));
        let hmac = read("{ hmac = \"{seconds}.{body}\", header = \"X-Signature\", time = \"X-Time\", base64 = true }")
            .unwrap();
        assert!(
            hmac.forms.is_empty() && matches!(hmac.sign, Some(OwnSigning::Hmac(hmac)) if hmac.base64 && !hmac.sha512)
        );
        for odd in [
            "{ aws = \"execute-api\" }",
            "{ aws = \"a b\", region = \"x\" }",
            "{ hmac = \"{body}\", header = \"Host\" }",
            "{ hmac = \"{body}\", header = \"X\", time = \"a:b\" }",
            "{ hmac = \"{body}\", header = \"X\", odd = 1 }",
        ] {
            assert!(read(odd).is_err(), "{odd}");
        }
        assert!(OwnService::parse(&format!("{GOOD}sign = {{ aws = \"s3\", region = \"x\" }}")).is_err(), "one of both");
    }

    #[test]
    fn what_describes_none_is_refused_with_the_reason() {
        for (from, to, why) in [
            ("\"llm\"", "\"LLM\"", "a-z"),
            ("\"llm\"", "\"openai\"", "catalogue"),
            ("http://127.0.0.1:11434", "http://10.0.0.1", "allow_plain"),
            ("http://127.0.0.1:11434", "ftp://a.example", "https://"),
            ("http://127.0.0.1:11434", "https://a.example/", "`/` at its end"),
            ("http://127.0.0.1:11434", "https://a.example/../b", "plain address"),
            ("http://127.0.0.1:11434", "https://u:p@a.example", "plain address"),
            ("http://127.0.0.1:11434", "https://{x}.example", "plain address"),
            ("header = \"Authorization\", prefix = \"Bearer \"", "header = \"Host\"", "no header"),
            ("header = \"Authorization\"", "header = \"A:B\"", "no header"),
            ("\"Bearer \"", "\"a\\r\\nb: \"", "no header"),
            ("header = \"Authorization\", prefix = \"Bearer \"", "header = \"a\", query = \"b\"", "exactly one"),
            ("[{ header = \"Authorization\", prefix = \"Bearer \" }]", "[]", "where the key goes"),
            ("forms", "froms", "unknown field"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let said = OwnService::parse(&GOOD.replace(from, to)).unwrap_err().to_string();
            assert!(said.contains(why), "{to}: {said}");
        }
        assert!(OwnService::parse(&format!("{GOOD}prices = [{{ models = [], input = -1, output = 0 }}]")).is_err());
    }
}
