//! Signing in at an identity provider, in the browser: there, and back with a code. What is redeemed
//! for it is believed in `keyward-access`; whose account that is, the vault says.

use std::sync::Arc;

use axum::Json;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use keyward_client::Login;
use keyward_oidc::{Fault, Issuer, Known, Providers, Question, Redemption};
use keyward_types::Secret;
use keyward_types::token::{PlainToken, TokenKind};
use keyward_vault::{Arrival, Departure, Error, IdentityProvider, Intent, Journey, Proof, Vault, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::sign_in::{SignedInNow, keep};
use super::{Hidden, SessionView};
use crate::app::App;
use crate::credential::journey_cookie;
use crate::input::{Input, Part};
use crate::origin::Origin;
use crate::person::{Going, Guest, Person, Returning};
use crate::problem::{Problem, Result};
use crate::query::Query;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_sign_in_providers))
        .routes(routes!(go_to_provider))
        .routes(routes!(come_from_provider))
        .routes(routes!(go_with_link))
        .routes(routes!(go_for_identity))
        .routes(routes!(arrive_with_code))
}

/// A provider that people sign in at.
#[derive(Serialize, ToSchema)]
struct SignInProvider {
    /// What stands in its address.
    name: String,
    /// What people read.
    title: String,
}

/// The providers that people sign in at.
#[derive(Serialize, ToSchema)]
struct SignInProviders {
    providers: Vec<SignInProvider>,
    /// Always null: there are 32 at most.
    next: Option<String>,
}

/// Where the browser is to go.
#[derive(Serialize, ToSchema)]
struct Onward {
    location: String,
}

/// What a link holds that is to be used with an identity instead of a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LinkForIdentity {
    /// What stands in the link behind `#link=`.
    #[schema(value_type = String)]
    link: Hidden,
}

/// What somebody shows who makes an identity his own.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ShownForIdentity {
    /// The present password, where there is one.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Hidden>,
    /// Six digits of the authenticator, or a recovery code, where there is an authenticator.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    code: Option<Hidden>,
}

/// The code of somebody for whom a provider has vouched.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ArrivalCode {
    /// Six digits of the authenticator, or a recovery code.
    #[schema(value_type = String)]
    code: Hidden,
}

/// What a provider sends along with the browser.
struct Brought {
    state: String,
    /// The code, or why there is none.
    code: Result<Secret<String>, String>,
    issuer: Option<String>,
}

/// List the providers that people sign in at.
#[utoipa::path(get, path = "/auth/oidc", tag = "auth", security(()), responses((status = 200, body = SignInProviders)))]
async fn list_sign_in_providers(guest: Guest) -> Result<Json<SignInProviders>> {
    let providers = guest.ask(|vault, _| Ok(vault.providers_on_page()?)).await?;
    let providers = providers.into_iter().map(|one| SignInProvider { name: one.name.to_string(), title: one.title });
    Ok(Json(SignInProviders { providers: providers.collect(), next: None }))
}

/// Go to a provider, to sign in: for a browser.
#[utoipa::path(get, path = "/auth/oidc/{provider}/start", tag = "auth", security(()),
    responses((status = 303, description = "To the provider")))]
async fn go_to_provider(Going(guest): Going, Part(name): Part<Login>, headers: HeaderMap) -> Result<impl IntoResponse> {
    let origin = guest.origin.clone();
    let gone = guest.ask_with({
        let origin = origin.clone();
        move |vault, providers, _| go(vault, providers, &name, Intent::SignIn, &origin)
    });
    let (location, sealed) = gone.await.map_err(|problem| shown(problem, &headers))?;
    let mut headers = kept(&origin, &sealed, Vault::JOURNEY)?;
    headers.insert(header::LOCATION, HeaderValue::from_str(&location).map_err(|_| Problem::internal())?);
    Ok((StatusCode::SEE_OTHER, headers))
}

/// Come back from a provider: for a browser, which is signed in by it.
#[utoipa::path(get, path = "/auth/oidc/{provider}/callback", tag = "auth", security(()),
    params(("state" = Option<String>, Query), ("code" = Option<String>, Query), ("iss" = Option<String>, Query),
        ("error" = Option<String>, Query)),
    responses((status = 303, description = "To the page")))]
async fn come_from_provider(
    Returning(guest): Returning,
    Part(name): Part<Login>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse> {
    let (origin, sealed, old) = (guest.origin.clone(), guest.journey.clone(), guest.cookie.clone());
    let arrived = guest.ask_with(move |vault, providers, from| {
        let brought = Brought::of(query.as_deref().unwrap_or_default())?;
        let arrival = come(vault, providers, &name, sealed.as_deref(), &brought, from)?;
        if let (Arrival::SignedIn(..), Some(Ok(old))) = (&arrival, old.map(|old| vault.signed_in(&old, from))) {
            vault.sign_out(&old, from)?;
        }
        Ok(arrival)
    });
    let arrival = arrived.await.map_err(|problem| shown(problem, &headers))?;
    let (mut headers, page) = match arrival {
        Arrival::SignedIn(token, _) => {
            let mut headers = keep(&origin, &token)?;
            headers.append(header::SET_COOKIE, forgotten(&origin)?);
            (headers, "/")
        }
        Arrival::NeedsCode(sealed) => (kept(&origin, &sealed, Vault::JOURNEY)?, "/#code"),
        Arrival::Linked(_) => (HeaderMap::from_iter([(header::SET_COOKIE, forgotten(&origin)?)]), "/#identity"),
    };
    headers.insert(header::LOCATION, HeaderValue::from_static(page));
    Ok((StatusCode::SEE_OTHER, headers))
}

/// Go to a provider with a link, which is used up by coming back: the identity there takes the place
/// of a password.
#[utoipa::path(post, path = "/auth/oidc/{provider}/link", tag = "auth", request_body = LinkForIdentity, security(()),
    responses((status = 200, body = Onward)))]
async fn go_with_link(
    guest: Guest,
    Part(name): Part<Login>,
    input: Input<LinkForIdentity>,
) -> Result<(HeaderMap, Json<Onward>)> {
    let link = input.parse()?.link.expose().expose().parse::<PlainToken>().ok();
    let link = link
        .filter(|link| link.kind() == TokenKind::OneTime)
        .ok_or_else(|| super::links::refused(Error::NotIdentified))?;
    let origin = guest.origin.clone();
    let gone = guest.ask_with({
        let origin = origin.clone();
        move |vault, providers, _| {
            vault.invited(&link).map_err(super::links::refused)?;
            go(vault, providers, &name, Intent::Invite(&link), &origin)
        }
    });
    onward(&origin, gone.await?)
}

/// Go to a provider, to make the identity there one's own: one signs in by it from then on.
#[utoipa::path(post, path = "/auth/oidc/{provider}/identity", tag = "auth", request_body = ShownForIdentity,
    responses((status = 200, body = Onward)))]
async fn go_for_identity(
    person: Person,
    Part(name): Part<Login>,
    input: Input<ShownForIdentity>,
) -> Result<(HeaderMap, Json<Onward>)> {
    let origin = person.origin().clone();
    let gone = person.ask_with({
        let origin = origin.clone();
        move |vault, providers, who, from| {
            let given = input.parse()?;
            let second = Hidden::code(given.code.as_ref())?;
            let password = given.password.as_ref().map(Hidden::expose);
            let proof = password.map(|password| Proof { password, second: second.as_ref() });
            vault.prove_for_identity(who, proof.as_ref(), from)?;
            go(vault, providers, &name, Intent::Link(who), &origin)
        }
    });
    onward(&origin, gone.await?)
}

/// Sign in with a code, after a provider has vouched for somebody who has an authenticator here.
#[utoipa::path(post, path = "/auth/oidc-code", tag = "auth", request_body = ArrivalCode, security(()),
    responses((status = 200, body = SignedInNow)))]
async fn arrive_with_code(guest: Guest, input: Input<ArrivalCode>) -> Result<(HeaderMap, Json<SignedInNow>)> {
    let second = Hidden::code(Some(&input.parse()?.code))?.ok_or_else(Problem::internal)?;
    let (origin, sealed) = (guest.origin.clone(), guest.journey.clone());
    let arrived = guest.ask(move |vault, from| {
        let Arrival::SignedIn(token, session) = vault.arrive_with_code(sealed.as_deref(), &second, from)? else {
            return Err(Problem::internal());
        };
        let account = vault.account_of(&session.principal)?.ok_or(Error::NotIdentified)?;
        let session = SessionView::of(&session, None);
        Ok((token, SignedInNow { account: (&account).into(), session, token: None }))
    });
    let (token, signed) = arrived.await?;
    let mut headers = keep(&origin, &token)?;
    headers.append(header::SET_COOKIE, forgotten(&origin)?);
    Ok((headers, Json(signed)))
}

/// Where the browser goes, and what it keeps meanwhile.
fn go(
    vault: &Vault,
    providers: &Providers,
    name: &Login,
    intent: Intent<'_>,
    origin: &Origin,
) -> Result<(String, Secret<String>)> {
    let redirect_uri = format!("{}/api/v1/auth/oidc/{name}/callback", origin.text());
    let Departure { provider, state, nonce, challenge, sealed } = vault.depart(name, intent, &redirect_uri)?;
    let known = providers.known(&issuer(&provider)?).map_err(|fault| refused(&fault))?;
    let question = Question {
        client_id: &provider.client_id,
        redirect_uri: &redirect_uri,
        state: &state,
        nonce: &nonce,
        challenge: &challenge,
    };
    Ok((known.address(&question).map_err(|fault| refused(&fault))?, sealed))
}

/// Whoever came back, with what the provider says of him.
fn come(
    vault: &Vault,
    providers: &Providers,
    name: &Login,
    sealed: Option<&str>,
    brought: &Brought,
    from: &Visitor<'_>,
) -> Result<Arrival> {
    let journey = vault.returning(name, sealed, &brought.state, from)?;
    let issuer = issuer(journey.provider())?;
    let failed = |why: &'static str, problem: Problem| -> Result<Arrival> {
        vault.not_vouched_for(&journey, why, from)?;
        Err(problem)
    };
    let known = providers.known(&issuer).map_err(|fault| refused(&fault))?;
    if !is_from(&known, &issuer, brought.issuer.as_deref()) {
        return failed("another issuer", refused(&Fault::Token(keyward_access::oidc::Fault::Issuer)));
    }
    let code = match &brought.code {
        Ok(code) => code,
        Err(why) => {
            let detail = format!("`{name}` did not sign you in: it says `{why}`");
            return failed("refused by the provider", Problem::new(StatusCode::FORBIDDEN, "not_vouched_for", detail));
        }
    };
    match vouched_for(vault, providers, &journey, &issuer, code, from)? {
        Ok(claims) => Ok(vault.arrive(journey, &claims, from)?),
        Err(fault) => {
            tracing::warn!(provider = %name, fault = fault.as_str(), "a sign-in at an identity provider failed: {fault}");
            match fault {
                // Nobody here has done wrong.
                Fault::Unreachable(_) | Fault::Odd(_) => {
                    vault.provider_failed(fault.as_str(), from)?;
                    Err(refused(&fault))
                }
                fault => failed(fault.as_str(), refused(&fault)),
            }
        }
    }
}

fn vouched_for(
    vault: &Vault,
    providers: &Providers,
    journey: &Journey,
    issuer: &Issuer,
    code: &Secret<String>,
    from: &Visitor<'_>,
) -> Result<Result<keyward_access::oidc::Claims, Fault>> {
    let secret = vault.secret_for(journey, from)?;
    let redemption = Redemption {
        client_id: &journey.provider().client_id,
        client_secret: secret.as_ref(),
        code,
        verifier: journey.verifier(),
        redirect_uri: journey.redirect_uri(),
        nonce: journey.nonce(),
    };
    Ok(providers.redeem(issuer, &redemption, vault.now()))
}

/// Whether the answer is of the provider that was asked (RFC 9207).
fn is_from(known: &Known, issuer: &Issuer, said: Option<&str>) -> bool {
    said.map_or(!known.names_itself, |said| said == issuer.url())
}

fn issuer(provider: &IdentityProvider) -> Result<Issuer> {
    let made = Issuer::new(&provider.issuer, provider.ca.clone(), provider.allow_private);
    made.map_err(|error| refused(&Fault::Unreachable(error.to_string())))
}

/// A provider's fault as HTTP.
pub(super) fn refused(fault: &Fault) -> Problem {
    let gateway = |code, hint: &str| Problem::new(StatusCode::BAD_GATEWAY, code, fault.to_string()).hint(hint);
    match fault {
        Fault::Unreachable(_) => {
            gateway("provider_unreachable", "try again in a minute; who has a password here signs in with it meanwhile")
        }
        Fault::Odd(_) => gateway("provider_odd", "who administers this server can look at the provider's settings"),
        Fault::Code => Problem::new(StatusCode::FORBIDDEN, "not_vouched_for", fault.to_string())
            .hint("begin anew on the page of this server"),
        _ => Problem::new(StatusCode::FORBIDDEN, "not_vouched_for", fault.to_string())
            .hint("begin anew on the page of this server; if it stays so, clocks or the provider's settings are wrong"),
    }
}

/// A page where a browser asks for one, else what every call answers.
fn shown(problem: Problem, headers: &HeaderMap) -> Problem {
    let mut accepted = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    if accepted.any(|line| line.contains("text/html")) { problem.on_page() } else { problem }
}

fn onward(origin: &Origin, (location, sealed): (String, Secret<String>)) -> Result<(HeaderMap, Json<Onward>)> {
    Ok((kept(origin, &sealed, Vault::JOURNEY)?, Json(Onward { location })))
}

fn kept(origin: &Origin, sealed: &Secret<String>, lasts: i64) -> Result<HeaderMap> {
    let cookie = journey_cookie(origin, sealed.expose(), lasts / 1000).ok_or_else(Problem::internal)?;
    Ok(HeaderMap::from_iter([(header::SET_COOKIE, cookie)]))
}

fn forgotten(origin: &Origin) -> Result<HeaderValue> {
    journey_cookie(origin, "", 0).ok_or_else(Problem::internal)
}

impl Brought {
    /// Each stands there once, or the answer has two readings.
    fn of(query: &str) -> Result<Self> {
        let query = Query::parse(query)?;
        let state = query.only("state")?.ok_or_else(|| Problem::wrong("the answer has no `state`"))?;
        let code = match (query.only("code")?, query.only("error")?) {
            (Some(code), None) => Ok(Secret::new("code of a provider", code)),
            (None, Some(error)) => Err(word(&error)),
            _ => return Err(Problem::wrong("the answer has no `code`, or an `error` too")),
        };
        Ok(Self { state, code, issuer: query.only("iss")? })
    }
}

/// A provider's word, fit to be shown.
fn word(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).take(64).collect()
}
