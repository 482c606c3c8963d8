use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use keyward_providers::{Profile, RotationClass};
use keyward_types::{Secret, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::api;
use super::local::drawn;
use crate::http::Ask;
use crate::{
    Account, Call, Chosen, Ctx, Fault, Found, Http, KeyId, KeyState, LastUsed, Minted, Minting, Preflight, Refusal,
    Rotator, Site, SiteError, Tag, Verdict,
};

/// Tokens of a Qdrant that one runs oneself (`service.jwt_rbac`). A token without `access` may
/// everything: it is always there. A token cannot be revoked by itself, so each stands on a point of
/// a collection of its own (`value_exists`), and ends when that point is deleted. The administrative
/// credential is `service.api_key`, which signs.
pub struct QdrantJwt {
    http: Http,
    site: Site,
    host: String,
    access: JwtAccess,
    sentinel: String,
    lasts_days: Option<i64>,
}

/// What a token may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum JwtAccess {
    /// `"r"`: everything, to be read.
    Global(&'static str),
    /// Some collections.
    Collections(Vec<CollectionAccess>),
}

/// What a token may with one collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CollectionAccess {
    /// Its name.
    pub collection: String,
    /// `r` or `rw`.
    pub access: &'static str,
}

impl QdrantJwt {
    /// Tokens for the cluster at this host (and port, where it is not 6333).
    ///
    /// # Errors
    /// When the host is none.
    pub fn new(http: Http, host: &str, access: JwtAccess, lasts_days: Option<i64>) -> Result<Self, SiteError> {
        let authority = if host.contains(':') { host.to_owned() } else { format!("{host}:6333") };
        let site = Site::named(&format!("https://{authority}"))?;
        let host = site.host().to_owned();
        Ok(Self { http, site, host, access, sentinel: "keyward_tokens".into(), lasts_days })
    }

    fn ask(&self, ctx: &Ctx<'_>, method: &'static str, path: &str, body: &Value, reads: bool) -> Result<Value, Fault> {
        let admin = api::admin(ctx)?.expose();
        let headers = [("api-key", admin.as_str()), ("content-type", "application/json")];
        let text = body.to_string();
        let body = (!body.is_null()).then_some(text.as_bytes());
        let answer = self.http.ask(&self.site, &Ask { method, path, headers: &headers, body, reads })?;
        match answer.status {
            401 => Err(Fault::refused(Refusal::Admin, "the cluster answers 401")),
            _ => answer.good()?.json(),
        }
    }

    fn points(&self, end: &str) -> String {
        format!("/collections/{}/points{end}", self.sentinel)
    }
}

impl Rotator for QdrantJwt {
    fn class(&self) -> RotationClass {
        RotationClass::ManyKeys
    }

    fn minting(&self) -> Minting {
        Minting::Chosen
    }

    fn is_reversible(&self) -> bool {
        true
    }

    fn plan(&self) -> Vec<Call> {
        let address = |end: &str| format!("{}{}", self.site.as_str(), self.points(end));
        let deleted = r#"{"filter":{"must":[{"key":"token","match":{"value":"<old key>"}}]}}"#;
        vec![
            Call::new("preflight", "GET", format!("{}/collections/{}", self.site.as_str(), self.sentinel)),
            Call::new("mint", "PUT", address("?wait=true"))
                .with(r#"{"points":[{"payload":{"token":"<new key>","tag":"<tag>"},…}]}"#),
            Call::new("test", "GET", format!("{}/collections", self.site.as_str())),
            Call::new("suspend", "POST", address("/delete?wait=true")).with(deleted),
            Call::new("retire", "POST", address("/delete?wait=true")).with(deleted),
        ]
    }

    fn preflight(&self, ctx: &Ctx<'_>) -> Result<Preflight, Fault> {
        let there = self.ask(ctx, "GET", &format!("/collections/{}", self.sentinel), &Value::Null, true);
        if let Err(Fault::Refused(Refusal::Missing, _)) = there {
            let why =
                format!("there is no collection `{}`; once: PUT /collections/{0} {{\"vectors\":{{}}}}", self.sentinel);
            return Err(Fault::refused(Refusal::Missing, why));
        }
        there?;
        let current = self.identify(ctx, api::current(ctx)?)?;
        Ok(api::preflight(
            current,
            "the current token stands on no point of ours: it ends by its `exp`, or with the key that signs",
        ))
    }

    fn choose(&self, ctx: &Ctx<'_>, _: &Tag) -> Result<Option<Chosen>, Fault> {
        let id = drawn(ctx, Profile::Hex, Some(128))?;
        let id = KeyId::new(id.expose().as_str());
        let mut claims = json!({
            "access": self.access,
            "sub": id.as_str(),
            "value_exists": { "collection": self.sentinel, "matches": [{ "key": "token", "value": id.as_str() }] },
        });
        if let Some(end) = self.ends(ctx) {
            claims["exp"] = json!(end.0.div_euclid(1000));
        }
        let part = |json: &Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
        let signed = format!("{}.{}", part(&json!({ "alg": "HS256", "typ": "JWT" })), part(&claims));
        let mut mac = Hmac::<Sha256>::new_from_slice(api::admin(ctx)?.expose().as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(signed.as_bytes());
        let value = format!("{signed}.{}", BASE64URL_NOPAD.encode(&mac.finalize().into_bytes()));
        Ok(Some(Chosen { value: Secret::new("a token of Qdrant", value), id, expires: self.ends(ctx) }))
    }

    fn mint(&self, ctx: &Ctx<'_>, tag: &Tag, chosen: Option<&Chosen>) -> Result<Minted, Fault> {
        let chosen = chosen.ok_or_else(|| Fault::refused(Refusal::Input, "no value was chosen"))?;
        self.put(ctx, &chosen.id, Some(tag))?;
        Ok(Minted { value: chosen.value.clone(), id: chosen.id.clone(), expires: self.ends(ctx) })
    }

    fn find(&self, ctx: &Ctx<'_>, tag: &Tag) -> Result<Vec<Found>, Fault> {
        let mut body = filter("tag", tag.as_str());
        body["with_payload"] = json!(true);
        let page = self.ask(ctx, "POST", &self.points("/scroll"), &body, true)?;
        let points = page.pointer("/result/points").and_then(Value::as_array);
        let points = points.ok_or_else(|| Fault::nonsense("a list that cannot be read"))?;
        let found = |point: &Value| {
            let id = point.pointer("/payload/token").and_then(Value::as_str);
            let id = id.ok_or_else(|| Fault::nonsense("a point that is none of ours"))?;
            Ok(Found { id: KeyId::new(id), created: None, state: KeyState::Active })
        };
        points.iter().map(found).collect()
    }

    fn probe(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Verdict, Fault> {
        api::probe(&self.http, "qdrant", value, &Account::default().with("cluster", &self.host).in_private_networks())
    }

    fn identify(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Option<KeyId>, Fault> {
        let claims = value.expose().split('.').nth(1).and_then(|part| BASE64URL_NOPAD.decode(part.as_bytes()).ok());
        let claims: Option<Value> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
        let ours = claims
            .as_ref()
            .and_then(|claims| claims.pointer("/value_exists"))
            .filter(|exists| exists.get("collection").and_then(Value::as_str) == Some(&self.sentinel));
        Ok(ours.and_then(|exists| exists.pointer("/matches/0/value")?.as_str()).map(KeyId::new))
    }

    fn last_used(&self, _: &Ctx<'_>, _: &KeyId) -> Result<LastUsed, Fault> {
        Ok(LastUsed::Unknown)
    }

    fn suspend(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        self.ask(ctx, "POST", &self.points("/delete?wait=true"), &filter("token", id.as_str()), false).map(|_| ())
    }

    fn resume(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        self.put(ctx, id, None)
    }

    fn retire(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        self.suspend(ctx, id)
    }
}

impl QdrantJwt {
    fn put(&self, ctx: &Ctx<'_>, id: &KeyId, tag: Option<&Tag>) -> Result<(), Fault> {
        let payload = json!({ "token": id.as_str(), "tag": tag.map(Tag::as_str) });
        let point = json!({ "id": uuid_of(id), "vector": {}, "payload": payload });
        self.ask(ctx, "PUT", &self.points("?wait=true"), &json!({ "points": [point] }), false).map(|_| ())
    }

    fn ends(&self, ctx: &Ctx<'_>) -> Option<Timestamp> {
        self.lasts_days.map(|days| ctx.clock.now().plus_days(days))
    }
}

fn filter(key: &str, value: &str) -> Value {
    json!({ "filter": { "must": [{ "key": key, "match": { "value": value } }] } })
}

/// The point's id: the same for the same token, so that putting it twice is harmless.
fn uuid_of(id: &KeyId) -> String {
    let hex = HEXLOWER.encode(&Sha256::digest(id.as_str().as_bytes())[..16]);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
