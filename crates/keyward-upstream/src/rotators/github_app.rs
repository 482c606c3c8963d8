use std::collections::BTreeMap;

use keyward_providers::RotationClass;
use keyward_types::{Secret, Timestamp, Verified};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{api, jwt};
use crate::http::{Answer, Ask, secret};
use crate::{
    Call, Chosen, Ctx, Fault, Found, Http, KeyId, LastUsed, Minted, Minting, Preflight, Refusal, Rotator, Site, Tag,
    Verdict,
};

/// Tokens of an installation of a GitHub App: another one, which lives for an hour, for the
/// repositories and permissions that were said and no more. The administrative credential is the
/// app's private key.
///
/// GitHub neither names nor lists such tokens: [`KeyId`] is a part of a token's hash, one is ended by
/// showing it, and one that nobody was told of ends by itself within the hour.
pub struct GitHubApp {
    http: Http,
    site: Site,
    app: String,
    installation: String,
    repositories: Option<Vec<String>>,
    permissions: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Created {
    #[serde(deserialize_with = "secret")]
    token: Secret<String>,
    expires_at: String,
    permissions: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Installation {
    permissions: BTreeMap<String, String>,
    suspended_at: Option<String>,
}

/// How long an assertion is good for: GitHub takes ten minutes at most, by its own clock.
const SECONDS: i64 = 540;
/// So much may our clock be ahead of GitHub's.
const AHEAD: i64 = 60;
/// How long a token lives.
const AN_HOUR: u32 = 3600;

impl GitHubApp {
    /// Tokens of this installation of this app, which is named by its client id or its number, for
    /// these of the repositories that it is installed in (`None`: all of them), with these permissions,
    /// as `contents` to `read`.
    ///
    /// # Errors
    /// When a name cannot be one.
    pub fn new(
        http: Http,
        app: &str,
        installation: &str,
        repositories: Option<Vec<String>>,
        permissions: BTreeMap<String, String>,
    ) -> Result<Self, Fault> {
        let odd = |why: &str| Err(Fault::refused(Refusal::Input, why));
        let is_name = |text: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
            !text.is_empty() && text.len() <= 100 && text.bytes().all(fits)
        };
        if !is_name(app) || installation.is_empty() || !installation.bytes().all(|byte| byte.is_ascii_digit()) {
            return odd("an app is named by its client id or its number, an installation by its number");
        }
        if permissions.is_empty() {
            return odd("without permissions a token may whatever its installation may: say which it needs");
        }
        if !permissions.iter().all(|(name, level)| is_name(name) && rank(level) > 0) {
            return odd("a permission is a name and `read`, `write` or `admin`");
        }
        if repositories.as_ref().is_some_and(|names| names.is_empty() || !names.iter().all(|name| is_name(name))) {
            return odd("repositories are named without their owner");
        }
        let site = Site::of(api::service("github"), "https://api.github.com").expect("it is one of GitHub's own");
        Ok(Self { http, site, app: app.into(), installation: installation.into(), repositories, permissions })
    }

    /// Asks as the app.
    fn as_app(&self, ctx: &Ctx<'_>, method: &'static str, path: &str, body: Option<&Value>) -> Result<Answer, Fault> {
        let now = ctx.clock.now().0.div_euclid(1000);
        let claims = json!({ "iss": self.app, "iat": now - AHEAD, "exp": now + SECONDS });
        let odd = || Fault::refused(Refusal::Admin, "it is no private key of an app, as PEM");
        let assertion = jwt::rs256(api::admin(ctx)?, &claims).ok_or_else(odd)?;
        self.shown(method, path, &assertion, body)
    }

    fn shown(&self, method: &'static str, path: &str, with: &str, body: Option<&Value>) -> Result<Answer, Fault> {
        let bearer = Zeroizing::new(format!("Bearer {with}"));
        let mut headers = vec![("accept", "application/vnd.github+json"), ("authorization", bearer.as_str())];
        let body = body.map(Value::to_string);
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let bytes = body.as_ref().map(String::as_bytes);
        // Ending a token twice is harmless.
        let reads = method != "POST";
        let answer = self.http.ask(&self.site, &Ask { method, path, headers: &headers, body: bytes, reads })?;
        if answer.status == 403 && answer.says("rate limit") { Err(Fault::Limited(None)) } else { Ok(answer) }
    }

    fn body(&self) -> Value {
        let mut body = json!({ "permissions": self.permissions });
        if let Some(repositories) = &self.repositories {
            body["repositories"] = json!(repositories);
        }
        body
    }

    fn path(&self) -> String {
        format!("/app/installations/{}", self.installation)
    }
}

impl Rotator for GitHubApp {
    fn class(&self) -> RotationClass {
        RotationClass::ManyKeys
    }

    fn minting(&self) -> Minting {
        Minting::Once
    }

    fn is_reversible(&self) -> bool {
        false
    }

    fn is_ended_by_showing(&self) -> bool {
        true
    }

    fn forgotten_ends_in(&self) -> Option<u32> {
        Some(AN_HOUR)
    }

    fn plan(&self) -> Vec<Call> {
        let at = |path: &str| format!("{}{path}", self.site.as_str());
        vec![
            Call::new("preflight", "GET", at(&self.path())),
            Call::new("mint", "POST", at(&format!("{}/access_tokens", self.path()))).with(self.body().to_string()),
            Call::new("test", "GET", at("/installation/repositories?per_page=1")),
            Call::new("retire", "DELETE", at("/installation/token")),
        ]
    }

    fn preflight(&self, ctx: &Ctx<'_>) -> Result<Preflight, Fault> {
        let current = api::current(ctx)?;
        if !current.expose().starts_with("ghs_") {
            return Err(Fault::refused(Refusal::Input, "the current value is no token of an installation (`ghs_…`)"));
        }
        let installation: Installation = refused(self.as_app(ctx, "GET", &self.path(), None)?)?.json()?;
        if installation.suspended_at.is_some() {
            return Err(Fault::refused(Refusal::Permission, "the installation is suspended"));
        }
        let may = |name: &str| rank(installation.permissions.get(name).map_or("", String::as_str));
        let wider: Vec<String> = self
            .permissions
            .iter()
            .filter(|(name, level)| rank(level) > may(name))
            .map(|(name, level)| format!("{name}={level}"))
            .collect();
        if !wider.is_empty() {
            let why = format!("the installation itself may not `{}`", wider.join(","));
            return Err(Fault::refused(Refusal::Permission, why));
        }
        Ok(api::preflight(Some(api::hashed(current)), ""))
    }

    fn mint(&self, ctx: &Ctx<'_>, _: &Tag, _: Option<&Chosen>) -> Result<Minted, Fault> {
        let path = format!("{}/access_tokens", self.path());
        let answer = self.as_app(ctx, "POST", &path, Some(&self.body()))?;
        if answer.status == 422 {
            return Err(Fault::refused(
                Refusal::Input,
                "the installation has not all of these repositories or permissions",
            ));
        }
        let made: Created = refused(answer)?.json()?;
        // What was not asked for has no business in it.
        let wider = made.permissions.iter().any(|(name, level)| {
            let asked = rank(self.permissions.get(name).map_or("", String::as_str));
            rank(level) > asked && !(name == "metadata" && level == "read")
        });
        if wider {
            return Err(Fault::nonsense("a token that may more than was asked for"));
        }
        let expires: Timestamp =
            made.expires_at.parse().map_err(|_| Fault::nonsense("a token without the time of its end"))?;
        Ok(Minted { id: api::hashed(&made.token), value: made.token, expires: Some(expires) })
    }

    fn find(&self, _: &Ctx<'_>, _: &Tag) -> Result<Vec<Found>, Fault> {
        // GitHub lists none; what nobody was told of ends within the hour.
        Ok(Vec::new())
    }

    fn probe(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Verdict, Fault> {
        let answer = self.shown("GET", "/installation/repositories?per_page=1", value.expose(), None)?;
        let why = answer.outcome();
        Ok(match answer.status {
            200 if answer.says("\"total_count\"") => Verdict::new(Verified::Valid, why),
            401 if answer.says("bad credentials") => Verdict::new(Verified::Invalid, why),
            403 => Verdict::new(Verified::ValidInsufficient, why),
            _ => Verdict::new(Verified::Indeterminate, why),
        })
    }

    fn identify(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Option<KeyId>, Fault> {
        Ok(Some(api::hashed(value)))
    }

    fn last_used(&self, _: &Ctx<'_>, _: &KeyId) -> Result<LastUsed, Fault> {
        Ok(LastUsed::Unknown)
    }

    fn retire(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        let value = api::current(ctx)?;
        if api::hashed(value) != *id {
            return Err(Fault::refused(
                Refusal::Missing,
                "no value of it is here: it ends within the hour it was made",
            ));
        }
        let answer = self.shown("DELETE", "/installation/token", value.expose(), None)?;
        match answer.status {
            204 => Ok(()),
            // It is no more.
            401 if answer.says("bad credentials") => Ok(()),
            _ => Err(answer.refusal()),
        }
    }
}

/// How much a level of a permission is.
fn rank(level: &str) -> u8 {
    match level {
        "read" => 1,
        "write" => 2,
        "admin" => 3,
        _ => 0,
    }
}

/// A success; what the app is refused, in the words of its key.
fn refused(answer: Answer) -> Result<Answer, Fault> {
    match answer.status {
        401 => Err(Fault::refused(Refusal::Admin, "GitHub does not take the app's key, or the time of this clock")),
        404 => Err(Fault::refused(Refusal::Missing, "the app has no such installation")),
        _ => answer.good(),
    }
}
