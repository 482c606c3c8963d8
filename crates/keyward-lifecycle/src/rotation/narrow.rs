//! A successor that may only what its predecessor was seen to do. Pure: what was seen comes in, a narrower
//! service goes out, or why there is none. What a call needs at its service is written down here alone, and
//! only where the service's own description says it: of anything else it is not known, and nothing is
//! narrowed on a guess.

use std::collections::BTreeMap;

use keyward_upstream::rotators::{CollectionAccess, JwtAccess};
use thiserror::Error;

use super::{Making, Service, service::jwt_access};

/// A call that a key was seen in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenCall {
    /// To which service.
    pub provider: String,
    /// Method and path, `*` for ids.
    pub endpoint: String,
}

/// A successor's way that is not wider than its predecessor's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrowed {
    /// By which it is made.
    pub service: Service,
    /// What it will be allowed, in words.
    pub may: Vec<String>,
    /// Whether later successors have to be told again: nobody copies it from the old key.
    pub is_remembered: bool,
}

/// Why no narrower key is made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TooWide {
    /// Nothing is known of its use.
    #[error("nothing was seen of its use at a gateway: what it has to be allowed is not known")]
    Unseen,
    /// More than can be told apart, or something whose permission nobody knows.
    #[error("it was seen in `{0}`, and which permission that needs at its service is not known to keyward")]
    Unknown(String),
    /// It was used for what takes everything.
    #[error("it was seen in `{0}`, which a narrower key could not do")]
    Needed(String),
    /// The service has no narrower keys, or does not say so.
    #[error("{0}")]
    Nobody(String),
    /// It is as narrow as what was seen.
    #[error("it may no more than what it was seen to do: {0}")]
    Narrow(String),
}

/// The way by which a successor is made that may only what was seen.
///
/// # Errors
/// [`TooWide`].
pub fn narrowed(making: &Making, seen: &[SeenCall]) -> Result<Narrowed, TooWide> {
    let service = match making {
        Making::Service { service, .. } => service,
        Making::PostgresRoles { .. } => {
            let why = "PostgreSQL does not tell what a role used: take rights from the roles' owner by hand";
            return Err(TooWide::Nobody(why.into()));
        }
        _ => return Err(TooWide::Nobody("only your own programs know it: it has no permissions at anybody".into())),
    };
    let calls = |id: &str| seen_at(seen, id);
    match service {
        Service::OpenAi { project, service_account, scopes } => {
            let scopes = openai_scopes(&calls("openai")?, scopes)?;
            let may = scopes.clone();
            let (project, service_account) = (project.clone(), service_account.clone());
            Ok(Narrowed { service: Service::OpenAi { project, service_account, scopes }, may, is_remembered: true })
        }
        Service::ApiKeys { project, .. } => {
            calls("gemini")?;
            let only = vec![GEMINI.to_owned()];
            let service = Service::ApiKeys { project: project.clone(), only: only.clone() };
            Ok(Narrowed { service, may: only, is_remembered: false })
        }
        Service::Qdrant { account, cluster, host, .. } => {
            let access = collections(&calls("qdrant")?)?;
            let service = Service::Qdrant {
                account: account.clone(),
                cluster: cluster.clone(),
                host: host.clone(),
                access: Some(spelled(&access)),
            };
            Ok(Narrowed { service, may: vec![spelled(&access)], is_remembered: false })
        }
        Service::QdrantJwt { host, access: before, days } => {
            let access = spelled(&within(&collections(&calls("qdrant")?)?, before)?);
            if access == *before {
                return Err(TooWide::Narrow(access));
            }
            let service = Service::QdrantJwt { host: host.clone(), access: access.clone(), days: *days };
            Ok(Narrowed { service, may: vec![access], is_remembered: true })
        }
        Service::Iam { user } => Err(TooWide::Nobody(format!(
            "an access key may what its user may: the policies of `{user}` say that, and keyward changes none"
        ))),
        _ => Err(TooWide::Nobody("keyward knows no way to make a narrower key of this service".into())),
    }
}

/// Gemini, as an API restriction names it.
const GEMINI: &str = "generativelanguage.googleapis.com";
/// Rules that a key of Qdrant Cloud has at most.
const RULES: usize = 20;

fn seen_at<'a>(seen: &'a [SeenCall], provider: &str) -> Result<Vec<&'a str>, TooWide> {
    let here: Vec<&str> =
        seen.iter().filter(|call| call.provider == provider).map(|call| call.endpoint.as_str()).collect();
    // A key that stands for another service, too, is used there as well.
    match seen.iter().find(|call| call.provider != provider) {
        Some(elsewhere) => Err(TooWide::Unknown(format!("{} of {}", elsewhere.endpoint, elsewhere.provider))),
        None if here.is_empty() => Err(TooWide::Unseen),
        None => Ok(here),
    }
}

/// Scopes as openai-openapi f85dbe2 names them: two of them are confirmed.
fn openai_scopes(calls: &[&str], before: &[String]) -> Result<Vec<String>, TooWide> {
    let mut scopes = Vec::new();
    for call in calls {
        let scope = match call.split_once(' ') {
            Some(("POST", "/v1/responses")) => "api.responses.write",
            Some(("GET", path)) if path.starts_with("/v1/") => "api.all.read",
            _ => return Err(TooWide::Unknown((*call).to_owned())),
        };
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes.sort();
    let mut narrow = before.to_vec();
    narrow.sort();
    match scopes {
        same if same == narrow => Err(TooWide::Narrow(same.join(", "))),
        // It worked with those that it had: which of them it took is not known.
        wider if !narrow.is_empty() && wider.iter().any(|scope| !narrow.contains(scope)) => {
            Err(TooWide::Narrow(narrow.join(", ")))
        }
        narrower => Ok(narrower),
    }
}

/// Which collections were read and which written to. Making, changing and dropping collections takes
/// manage access, which a key of some collections cannot have.
fn collections(calls: &[&str]) -> Result<Vec<CollectionAccess>, TooWide> {
    let mut access: BTreeMap<String, &'static str> = BTreeMap::new();
    for call in calls {
        let (method, path) = call.split_once(' ').ok_or_else(|| TooWide::Unknown((*call).to_owned()))?;
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (name, writes) = match (method, parts.as_slice()) {
            // A list shows what the key may see.
            ("GET", ["collections"]) => continue,
            (_, ["collections", "*", ..]) => return Err(TooWide::Unknown((*call).to_owned())),
            ("GET", ["collections", name] | ["collections", name, "exists"]) => (*name, false),
            ("GET", ["collections", name, "points", _]) => (*name, false),
            ("POST", ["collections", name, "points", rest @ ..]) => (*name, !reads(rest)),
            ("PUT" | "PATCH", ["collections", name, "points", ..]) => (*name, true),
            ("POST", ["collections", name, "facet"]) => (*name, false),
            (_, ["collections", ..]) => return Err(TooWide::Needed((*call).to_owned())),
            _ => return Err(TooWide::Unknown((*call).to_owned())),
        };
        let had = access.entry(name.to_owned()).or_insert("r");
        if writes {
            *had = "rw";
        }
    }
    match access.len() {
        0 => Err(TooWide::Unseen),
        n if n > RULES => Err(TooWide::Nobody(format!("it was seen in {n} collections; a key has {RULES} at most"))),
        _ => Ok(access.into_iter().map(|(collection, access)| CollectionAccess { collection, access }).collect()),
    }
}

/// What is posted to points and changes none.
fn reads(rest: &[&str]) -> bool {
    matches!(rest, [] | ["search" | "query" | "recommend" | "discover" | "scroll" | "count", ..])
}

/// No more than before in any collection.
fn within(access: &[CollectionAccess], before: &str) -> Result<Vec<CollectionAccess>, TooWide> {
    let only = |before: &str| TooWide::Narrow(before.to_owned());
    let had = jwt_access(before).ok_or_else(|| only(before))?;
    let of = |collection: &str| match &had {
        JwtAccess::Global(access) => Some(*access),
        JwtAccess::Collections(all) => all.iter().find(|one| one.collection == collection).map(|one| one.access),
    };
    let kept: Vec<CollectionAccess> = access
        .iter()
        .filter_map(|one| {
            let had = of(&one.collection)?;
            let access = if had == "r" { "r" } else { one.access };
            Some(CollectionAccess { collection: one.collection.clone(), access })
        })
        .collect();
    if kept.is_empty() { Err(only(before)) } else { Ok(kept) }
}

fn spelled(access: &[CollectionAccess]) -> String {
    let each: Vec<String> = access.iter().map(|one| format!("{}={}", one.collection, one.access)).collect();
    each.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(service: Service) -> Making {
        Making::Service { service, admin: None }
    }

    fn openai(scopes: &[&str]) -> Making {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        by(Service::OpenAi { project: "p".into(), service_account: "s".into(), scopes })
    }

    fn jwt(access: &str) -> Making {
        by(Service::QdrantJwt { host: "q".into(), access: access.into(), days: None })
    }

    fn seen(provider: &str, calls: &[&str]) -> Vec<SeenCall> {
        calls.iter().map(|call| SeenCall { provider: provider.into(), endpoint: (*call).into() }).collect()
    }

    #[test]
    fn openai_gets_the_scopes_that_are_known_and_no_others() {
        let found = narrowed(&openai(&[]), &seen("openai", &["POST /v1/responses", "GET /v1/responses/*"])).unwrap();
        assert_eq!(found.may, ["api.all.read", "api.responses.write"]);
        assert!(found.is_remembered);
        let odd = narrowed(&openai(&[]), &seen("openai", &["POST /v1/responses", "POST /v1/chat/completions"]));
        assert_eq!(odd, Err(TooWide::Unknown("POST /v1/chat/completions".into())));
        assert!(matches!(narrowed(&openai(&[]), &seen("openai", &["(others)"])), Err(TooWide::Unknown(_))));
        assert_eq!(narrowed(&openai(&[]), &[]), Err(TooWide::Unseen));
        // Never wider, and the same is nothing narrower.
        let calls = seen("openai", &["POST /v1/responses"]);
        assert!(matches!(narrowed(&openai(&["api.responses.write"]), &calls), Err(TooWide::Narrow(_))));
        assert!(matches!(narrowed(&openai(&["api.all.read"]), &calls), Err(TooWide::Narrow(_))));
        assert!(narrowed(&openai(&["api.responses.write", "api.all.read"]), &calls).is_ok());
        // A value that stands for two services is used at both.
        let both = [seen("openai", &["POST /v1/responses"]), seen("azure-openai", &["POST /x"])].concat();
        assert!(matches!(narrowed(&openai(&[]), &both), Err(TooWide::Unknown(_))));
    }

    #[test]
    fn qdrant_gets_the_collections_that_were_seen_read_or_written() {
        let calls = seen(
            "qdrant",
            &[
                "GET /collections",
                "POST /collections/blog/points/query",
                "PUT /collections/shop/points",
                "POST /collections/shop/points/search",
            ],
        );
        let cloud = Service::Qdrant { account: "a".into(), cluster: "c".into(), host: "h".into(), access: None };
        assert_eq!(narrowed(&by(cloud.clone()), &calls).unwrap().may, ["blog=r,shop=rw"]);
        // Deleting points is a POST, too.
        let deletes = seen("qdrant", &["POST /collections/shop/points/delete"]);
        assert_eq!(narrowed(&by(cloud.clone()), &deletes).unwrap().may, ["shop=rw"]);
        for needs in ["PUT /collections/shop", "DELETE /collections/shop", "POST /collections/shop/snapshots"] {
            let all = [calls.clone(), seen("qdrant", &[needs])].concat();
            assert_eq!(narrowed(&by(cloud.clone()), &all), Err(TooWide::Needed(needs.into())));
        }
        for odd in ["GET /telemetry", "POST /collections/*/points/query", "(others)"] {
            let all = [calls.clone(), seen("qdrant", &[odd])].concat();
            assert_eq!(narrowed(&by(cloud.clone()), &all), Err(TooWide::Unknown(odd.into())));
        }
    }

    #[test]
    fn a_token_never_gets_more_than_its_predecessor() {
        let calls = seen("qdrant", &["PUT /collections/shop/points", "POST /collections/blog/points/query"]);
        assert_eq!(narrowed(&jwt("shop=rw,blog=rw,old=rw"), &calls).unwrap().may, ["blog=r,shop=rw"]);
        assert_eq!(narrowed(&jwt("r"), &calls).unwrap().may, ["blog=r,shop=r"]);
        assert_eq!(narrowed(&jwt("shop=r"), &calls), Err(TooWide::Narrow("shop=r".into())));
        assert!(matches!(narrowed(&jwt("other=r"), &calls), Err(TooWide::Narrow(_))));
    }

    #[test]
    fn who_cannot_make_a_narrower_key_is_told_why() {
        let calls = seen("aws", &["POST /"]);
        let why = narrowed(&by(Service::Iam { user: "deploy".into() }), &calls).unwrap_err().to_string();
        assert!(why.contains("policies of `deploy`"), "{why}");
        let here = Making::Here { profile: "hex".into() };
        assert!(matches!(narrowed(&here, &calls), Err(TooWide::Nobody(_))));
    }
}
