//! What a request brings: its body, its query, the names in its path. Each is bounded, and nothing
//! of it that could be a value comes back in an error.

use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use data_encoding::BASE64;
use http_body_util::BodyExt;
use keyward_client::{Bytes, Where};
use keyward_types::SecretName;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::app::App;
use crate::problem::{Problem, Result};

/// A JSON body that has arrived and was not read yet: it is parsed when its sender is known.
pub(crate) struct Input<T> {
    bytes: Zeroizing<Vec<u8>>,
    shape: PhantomData<fn() -> T>,
}

/// The query of a request.
pub(crate) struct Params<T>(pub(crate) T);

/// Project and environment in the path.
pub(crate) struct At(pub(crate) Where);

/// Project, environment and secret in the path.
pub(crate) struct Named(pub(crate) Where, pub(crate) SecretName);

/// One name in the path.
pub(crate) struct Part<T>(pub(crate) T);

/// Two names in the path.
pub(crate) struct Two<T>(pub(crate) T, pub(crate) T);

/// A value on the wire: a JSON string where it is text, base64 where it is not.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Value {
    /// The value, when it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    /// The value in base64, when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) value_base64: Option<String>,
}

impl<T: DeserializeOwned> Input<T> {
    /// Of a body that was collected already.
    pub(crate) fn of(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self { bytes, shape: PhantomData }
    }

    /// How many bytes have arrived.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What the body says.
    pub(crate) fn parse(&self) -> Result<T> {
        let mut json = serde_json::Deserializer::from_slice(&self.bytes);
        let Object(body) = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| wrong_json(&error.path().to_string(), error.inner()))?;
        json.end().map_err(|error| wrong_json("", &error))?;
        Ok(body)
    }
}

/// Something that is written as an object. By itself serde reads a list as a struct, too, field by
/// field, and nobody who sends one means that.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Map<T> {
            type Value = T;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_map(Map(PhantomData)).map(Object)
    }
}

/// For fields: see [`Object`].
pub(crate) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Object::deserialize(deserializer).map(|Object(field)| field)
}

/// For fields: a list of objects.
pub(crate) fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let objects = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|Object(one)| one).collect())
}

/// The parser quotes what it stumbles over, which may be a value: of what it says, only what it expected
/// is told, and in which field.
fn wrong_json(path: &str, error: &serde_json::Error) -> Problem {
    let place = format!("line {}, column {}", error.line(), error.column());
    if !error.is_data() {
        return Problem::new(StatusCode::BAD_REQUEST, "malformed_json", format!("the body is no JSON at {place}"));
    }
    let said = error.to_string();
    let harmless = ["missing field", "unknown field", "duplicate field"].iter().any(|start| said.starts_with(start));
    let field: String = path.chars().filter(|c| !c.is_control()).take(LONGEST_PATH).collect();
    let whose = if field.is_empty() || field == "." { "the body".to_owned() } else { format!("`{field}`") };
    let detail = match expected(&said) {
        _ if harmless => said,
        Some(expected) => format!("{whose} does not have the form that this call takes: {expected} at {place}"),
        None => format!("{whose} does not have the form that this call takes, at {place}"),
    };
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong_form", detail).hint("`/api/v1/openapi.json` shows the form")
}

/// Of a field's path as much as is told.
const LONGEST_PATH: usize = 200;

/// What the parser expected: the end of its sentence, behind all that it quotes.
fn expected(said: &str) -> Option<&str> {
    let own = ["unknown variant", "invalid type", "invalid value", "invalid length"];
    own.iter().any(|start| said.starts_with(start)).then_some(())?;
    let (said, _) = said.rsplit_once(" at line ").unwrap_or((said, ""));
    let at = said.rfind(", expected ")?;
    Some(&said[at + ", ".len()..])
}

impl<T> FromRequest<Arc<App>> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self> {
        let (parts, body) = request.into_parts();
        must_be_json(&parts.headers)?;
        let bytes = collect(body, app.config.limits.body).await?;
        Ok(Self { bytes, shape: PhantomData })
    }
}

/// Refuses a body that is announced as something else.
pub(crate) fn must_be_json(headers: &HeaderMap) -> Result<()> {
    if is_json(headers) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", "the body has to be JSON")
        .hint("send `Content-Type: application/json`"))
}

pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// A whole body, unless it is too large: then no more of it is taken in.
pub(crate) async fn collect(mut body: Body, limit: usize) -> Result<Zeroizing<Vec<u8>>> {
    let too_large = || {
        Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE)
            .hint(format!("at most {limit} bytes; a value has at most 64 KiB"))
    };
    let announced = axum::body::HttpBody::size_hint(&body).lower();
    if usize::try_from(announced).map_or(true, |announced| announced > limit) {
        return Err(too_large());
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(announced as usize));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::wrong("the body broke off"))?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes)
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => {
                let said = rejection.body_text();
                let why = said.strip_prefix("Failed to deserialize query string: ").unwrap_or(&said);
                Err(Problem::wrong(format!("the query does not have the form that this call takes: {why}"))
                    .hint("`/api/v1/openapi.json` shows the form"))
            }
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for At {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let names = names(parts, state).await?;
        Ok(Self(place(&names)?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let names = names(parts, state).await?;
        Ok(Self(place(&names)?, named(&names, "name")?))
    }
}

impl<T: FromStr<Err: std::fmt::Display>, S: Send + Sync> FromRequestParts<S> for Part<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let names = names(parts, state).await?;
        nth(&names, 0).map(Self)
    }
}

impl<T: FromStr<Err: std::fmt::Display>, S: Send + Sync> FromRequestParts<S> for Two<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let names = names(parts, state).await?;
        Ok(Self(nth(&names, 0)?, nth(&names, 1)?))
    }
}

fn nth<T: FromStr<Err: std::fmt::Display>>(names: &RawPathParams, n: usize) -> Result<T> {
    let (_, text) = names.iter().nth(n).ok_or_else(|| Problem::of_status(StatusCode::NOT_FOUND))?;
    text.parse().map_err(|error: T::Err| Problem::wrong(error.to_string()))
}

async fn names<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RawPathParams> {
    let wrong = |_| Problem::wrong("the path is not UTF-8");
    RawPathParams::from_request_parts(parts, state).await.map_err(wrong)
}

fn place(names: &RawPathParams) -> Result<Where> {
    Ok(Where { project: named(names, "project")?, environment: named(names, "environment")? })
}

fn named<T: FromStr<Err = keyward_types::Error>>(names: &RawPathParams, which: &str) -> Result<T> {
    let found = names.iter().find(|(name, _)| *name == which).map(|(_, text)| text);
    Ok(found.unwrap_or_default().parse()?)
}

impl Value {
    /// A value that leaves.
    pub(crate) fn of(bytes: &Bytes) -> Self {
        match std::str::from_utf8(bytes.expose()) {
            Ok(text) => Self { value: Some(text.to_owned()), value_base64: None },
            Err(_) => Self { value: None, value_base64: Some(BASE64.encode(bytes.expose())) },
        }
    }

    /// A value that came.
    pub(crate) fn bytes(mut self) -> Result<Bytes> {
        match (self.value.take(), self.value_base64.take().map(Zeroizing::new)) {
            (Some(text), None) => Ok(Bytes::new(text.into_bytes())),
            (None, Some(text)) => BASE64
                .decode(text.as_bytes())
                .map(Bytes::new)
                .map_err(|_| Problem::wrong("`value_base64` is no base64 (RFC 4648, with padding)")),
            _ => Err(Problem::wrong("a value is given as `value` or as `value_base64`, one of them")),
        }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        use zeroize::Zeroize;
        self.value.zeroize();
        self.value_base64.zeroize();
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Value(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were() {
        for bytes in [b"".as_slice(), b"plain", &[0xff, 0x00, 0x80], "ä\n\u{0}".as_bytes()] {
            let value = Value::of(&Bytes::new(bytes.to_vec()));
            let wire = serde_json::to_string(&value).unwrap();
            let again: Value = serde_json::from_str(&wire).unwrap();
            assert_eq!(again.bytes().unwrap().expose(), bytes);
        }
    }

    #[test]
    fn a_value_is_given_once() {
        for wrong in [r#"{}"#, r#"{"value":"a","value_base64":"YQ=="}"#, r#"{"value_base64":"?"}"#] {
            assert!(serde_json::from_str::<Value>(wrong).unwrap().bytes().is_err(), "{wrong}");
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Form {
        #[expect(dead_code, reason = "only read")]
        uses: u64,
        #[expect(dead_code, reason = "only read")]
        sort: Sort,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Sort {
        Browser,
        Device,
    }

    #[test]
    fn the_field_and_its_choices_are_named() {
        let said = |text: &str| {
            let input = Input::<Form> { bytes: Zeroizing::new(text.into()), shape: PhantomData };
            input.parse().unwrap_err().in_words()
        };
        let wrong = said(r#"{"uses": "marker, expected marker", "sort": "device"}"#);
        assert!(wrong.contains("`uses`") && wrong.contains("u64") && !wrong.contains("marker"), "{wrong}");
        let wrong = said(r#"{"uses": 1, "sort": "marker"}"#);
        assert!(wrong.contains("`sort`") && wrong.contains("`browser` or `device`"), "{wrong}");
        assert!(!wrong.contains("marker"), "{wrong}");
        assert!(said(r#"{"uses": 1, "sort": "device"} x"#).contains("no JSON"));
    }

    #[test]
    fn the_parsers_words_never_quote_a_value() {
        let input = |text: &str| Input::<Value> { bytes: Zeroizing::new(text.into()), shape: PhantomData };
        for text in [r#"{"value": {"marker": 1}}"#, r#"{"value_base64": ["marker"]}"#, r#""marker""#] {
            let problem = input(text).parse().unwrap_err();
            assert!(!format!("{problem:?}").contains("marker"), "{problem:?}");
        }
        for start in ["[", "{\"value\":", "{\"x\":"] {
            let problem = input(&start.repeat(100_000)).parse().unwrap_err();
            assert!(["malformed_json", "wrong_form"].contains(&problem.code()), "{problem:?}");
        }
    }
}
