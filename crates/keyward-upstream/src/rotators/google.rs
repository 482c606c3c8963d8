//! Google's access tokens for service accounts (RFC 7523).
//! <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>

use keyward_types::{Clock, Secret};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::{api, jwt};
use crate::http::{Ask, secret};
use crate::{Ctx, Fault, Http, Refusal, Site};

/// A service account's key, as its file has it.
#[derive(Deserialize)]
struct Account {
    client_email: String,
    #[serde(deserialize_with = "secret")]
    private_key: Secret<String>,
    token_uri: String,
}

#[derive(Deserialize)]
struct Granted {
    #[serde(deserialize_with = "secret")]
    access_token: Secret<String>,
}

/// The one place where tokens are given out: what a file says else is not believed.
const ENDPOINT: &str = "https://oauth2.googleapis.com/token";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// How long an assertion is good for.
const SECONDS: i64 = 600;

/// An access token for the administrative credential: that of a service account whose key it is, or
/// itself.
pub(super) fn token(http: &Http, ctx: &Ctx<'_>) -> Result<Secret<String>, Fault> {
    access_token(http, api::admin(ctx)?, ctx.clock)
}

/// An access token of Google's for a credential: that of a service account whose key, as JSON, it is,
/// or itself.
///
/// # Errors
/// [`Fault`], also where Google gives none.
pub fn access_token(http: &Http, admin: &Secret<String>, clock: &dyn Clock) -> Result<Secret<String>, Fault> {
    if !admin.expose().trim_start().starts_with('{') {
        return Ok(admin.clone());
    }
    let odd = |why: &str| Fault::refused(Refusal::Admin, why);
    let account: Account =
        serde_json::from_str(admin.expose()).map_err(|_| odd("it is no key of a service account, as JSON"))?;
    if account.token_uri != ENDPOINT {
        return Err(odd("its `token_uri` is not Google's"));
    }
    let assertion = assertion(&account, clock).ok_or_else(|| odd("its private key is none of RSA, as PEM"))?;
    let form = Zeroizing::new(format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={}",
        *assertion
    ));
    let site = Site::of(api::service("gcp"), ENDPOINT).expect("it is one of Google's own");
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")];
    let ask = Ask { method: "POST", path: "", headers: &headers, body: Some(form.as_bytes()), reads: true };
    let answer = http.ask(&site, &ask)?;
    match answer.status {
        400 | 401 => Err(odd(&format!("Google gives no token for it: {}", answer.outcome()))),
        _ => Ok(answer.good()?.json::<Granted>()?.access_token),
    }
}

fn assertion(account: &Account, clock: &dyn Clock) -> Option<Zeroizing<String>> {
    let now = clock.now().0.div_euclid(1000);
    let claims = json!({
        "iss": account.client_email, "scope": SCOPE, "aud": ENDPOINT, "iat": now, "exp": now + SECONDS,
    });
    jwt::rs256(&account.private_key, &claims)
}
