//! Services whose keys are replaced where they are made, and what has to be known of each.

use std::collections::BTreeMap;

use keyward_providers::provider;
use keyward_upstream::rotators::{
    Anthropic, ApiKeys, ByHand, CollectionAccess, Console, GitHub, GitHubApp, Iam, JwtAccess, Neon, OpenAi, Qdrant,
    QdrantJwt, RedisAcl, TwoUsers,
};
use keyward_upstream::{Account, Http, Rotator};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A service, and which of its keys. It names accounts; it has no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Service {
    /// Another key of the same service account.
    OpenAi {
        /// `proj_…`
        project: String,
        /// `svc_acct_…`
        service_account: String,
        /// What the new key may, where that is less than its account may.
        #[serde(default)]
        scopes: Vec<String>,
    },
    /// A person makes the key; the admin key stops and archives the old one.
    Anthropic,
    /// Google's API keys, Gemini's among them.
    ApiKeys {
        /// Id or number.
        project: String,
        /// The services that the new key may be used for, where those are fewer than the old one's.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        only: Vec<String>,
    },
    /// Keys of a cluster at Qdrant Cloud.
    Qdrant {
        /// The account's id.
        account: String,
        /// The cluster's id.
        cluster: String,
        /// The cluster's own name in the domain of Qdrant Cloud.
        host: String,
        /// What the new key may, where that is less than the old one may: `collection=rw,…`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        access: Option<String>,
    },
    /// Tokens of a Qdrant of one's own.
    QdrantJwt {
        /// Its host, and port where that is not 6333.
        host: String,
        /// `r`, or `collection=rw,…`.
        access: String,
        /// For how many days a token is good.
        days: Option<i64>,
    },
    /// API keys of an account, or of an organisation.
    Neon {
        /// The organisation; without one they are whose admin key it is.
        organization: Option<String>,
        /// The one project that they are for.
        project: Option<String>,
    },
    /// The second access key of a user.
    Iam {
        /// The user's name.
        user: String,
    },
    /// A person makes the token; the old one is revoked by showing it.
    GitHub,
    /// Tokens of an installation of a GitHub App, which live for an hour.
    GitHubApp {
        /// The app's client id, or its number.
        app: String,
        /// The installation's number.
        installation: String,
        /// The repositories that a token is for; without them all of the installation's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        repositories: Option<Vec<String>>,
        /// What a token may: `contents` to `read`.
        permissions: BTreeMap<String, String>,
    },
    /// MariaDB by two users that stand in for each other.
    MariaDb {
        /// Their names.
        users: [String; 2],
        /// From where both sign in.
        from: String,
    },
    /// A person resets the one password of a role of PostgreSQL where it is hosted.
    PostgresByHand,
    /// A user's several passwords.
    Redis,
    /// A person makes and ends the keys at the service's console.
    Console {
        /// The service's id in the catalogue.
        provider: String,
        /// Parts that its address needs.
        #[serde(default)]
        account: BTreeMap<String, String>,
    },
}

/// What has to be known to make keys of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// As in `--account NAME=VALUE`.
    pub name: &'static str,
    /// In words.
    pub what: &'static str,
    /// Whether it goes without.
    pub optional: bool,
}

/// Why a service's keys cannot be replaced so.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unfit {
    /// keyward cannot make its keys, and does not know where a person does.
    #[error("keyward does not know how keys of `{0}` are replaced")]
    Unknown(String),
    /// Something has to be said.
    #[error("of `{of}` has to be said: {}", spelled(.missing))]
    Missing {
        /// The service.
        of: String,
        /// What.
        missing: Vec<Part>,
    },
    /// Something was said that there is no use for.
    #[error("`{of}` has no part `{part}`")]
    Surplus {
        /// The service.
        of: String,
        /// Its name.
        part: String,
    },
    /// A part that is none.
    #[error("{0}")]
    Odd(String),
}

type Parts = BTreeMap<String, String>;

const fn part(name: &'static str, what: &'static str) -> Part {
    Part { name, what, optional: false }
}

const fn optional(name: &'static str, what: &'static str) -> Part {
    Part { name, what, optional: true }
}

const OPENAI: &[Part] = &[
    part("project", "the project (proj_…)"),
    part("service_account", "the service account (svc_acct_… or user-…)"),
    optional("scopes", "what the new key may, as `api.responses.write,…`"),
];
const GOOGLE: &[Part] = &[part("project", "the project's id or number")];
const QDRANT: &[Part] = &[
    part("account", "the account's id"),
    part("cluster", "the cluster's id"),
    part("host", "the cluster's name, ….cloud.qdrant.io"),
];
const QDRANT_JWT: &[Part] = &[
    part("host", "the host of a Qdrant of your own"),
    part("access", "what a token may: `r`, or `collection=rw,…`"),
    optional("days", "for how many days a token is good"),
];
const NEON: &[Part] = &[
    optional("organization", "the organisation whose keys they are"),
    optional("project", "the one project that they are for"),
];
const AWS: &[Part] = &[part("user", "the IAM user whose access keys they are")];
const GITHUB_APP: &[Part] = &[
    part("app", "the app's client id or number"),
    part("installation", "the number of its installation"),
    part("permissions", "what a token may, as `contents:read,issues:write`"),
    part("repositories", "what it is for, as `shop,blog`, or `all` that the app is installed in"),
];
const POSTGRES: &[Part] = &[part(
    "reset",
    "`by-hand`: a person resets the role's password where the database is hosted, which cuts connections",
)];
const MARIADB: &[Part] = &[
    part("users", "the two users that stand in for each other, as `app_a,app_b`"),
    optional("from", "from where both sign in, `%` where nothing is said"),
];

impl Service {
    /// What has to be known of a service of the catalogue.
    pub fn parts(of: &str, said: &Parts) -> &'static [Part] {
        match of {
            "openai" => OPENAI,
            "gemini" => GOOGLE,
            "qdrant" if said.contains_key("access") => QDRANT_JWT,
            "qdrant" => QDRANT,
            "neon" => NEON,
            "aws" => AWS,
            "github" if GITHUB_APP.iter().any(|part| said.contains_key(part.name)) => GITHUB_APP,
            "postgresql" => POSTGRES,
            "mysql" => MARIADB,
            _ => &[],
        }
    }

    /// What the secret holds that manages keys of a service of the catalogue, in words; `None`: nothing does.
    pub fn manager(of: &str) -> Option<&'static str> {
        Some(match of {
            "openai" | "anthropic" => "an admin key",
            "gemini" => "a service account's key, as JSON, that may manage API keys",
            "qdrant" => "a management key of Qdrant Cloud (or `service.api_key` of a Qdrant of your own)",
            "neon" => "another API key",
            "aws" => "another user's access key, as `ID:SECRET`",
            "mysql" | "redis" => "an administrator's connection URL",
            _ => return None,
        })
    }

    /// Keys of this service of the catalogue, and which.
    ///
    /// # Errors
    /// [`Unfit`]: what is missing, or too much.
    pub fn of(provider_id: &str, said: &Parts) -> Result<Self, Unfit> {
        let parts = Self::parts(provider_id, said);
        let missing: Vec<Part> =
            parts.iter().filter(|part| !part.optional && !said.contains_key(part.name)).copied().collect();
        if !missing.is_empty() {
            return Err(Unfit::Missing { of: provider_id.into(), missing });
        }
        let service = Self::made(provider_id, said)?;
        let guided = matches!(service, Self::Console { .. });
        match said.keys().find(|name| !guided && !parts.iter().any(|part| part.name == name.as_str())) {
            Some(surplus) => Err(Unfit::Surplus { of: provider_id.into(), part: surplus.clone() }),
            None => Ok(service),
        }
    }

    fn made(provider_id: &str, said: &Parts) -> Result<Self, Unfit> {
        let text = |name: &str| said.get(name).cloned().unwrap_or_default();
        let list = |name: &str| -> Vec<String> {
            text(name).split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
        };
        Ok(match provider_id {
            "openai" => Self::OpenAi {
                project: text("project"),
                service_account: text("service_account"),
                scopes: list("scopes"),
            },
            "anthropic" => Self::Anthropic,
            "gemini" => Self::ApiKeys { project: text("project"), only: Vec::new() },
            "qdrant" if said.contains_key("access") => {
                let days = said.get("days").map(|days| days.parse().map_err(|_| odd("`days` is no number")));
                Self::QdrantJwt { host: text("host"), access: text("access"), days: days.transpose()? }
            }
            "qdrant" => Self::Qdrant {
                account: text("account"),
                cluster: text("cluster"),
                host: of_the_cloud(said)?,
                access: None,
            },
            "neon" => {
                Self::Neon { organization: said.get("organization").cloned(), project: said.get("project").cloned() }
            }
            "aws" => Self::Iam { user: text("user") },
            "github" if said.contains_key("installation") => Self::GitHubApp {
                app: text("app"),
                installation: text("installation"),
                repositories: Some(list("repositories")).filter(|names| *names != ["all"]),
                permissions: permissions(&list("permissions"))?,
            },
            "github" => Self::GitHub,
            "mysql" => {
                let users = <[String; 2]>::try_from(list("users"));
                let users = users.map_err(|_| odd("`users` has to be two names: `app_a,app_b`"))?;
                Self::MariaDb { users, from: said.get("from").cloned().unwrap_or_else(|| "%".into()) }
            }
            "postgresql" if text("reset") == "by-hand" => Self::PostgresByHand,
            "postgresql" => return Err(odd("`reset` has to be `by-hand`")),
            "redis" => Self::Redis,
            other => {
                let known = provider(other).filter(|known| known.console.is_some() && known.verify.is_some());
                let known = known.ok_or_else(|| Unfit::Unknown(other.into()))?;
                Self::Console { provider: known.id.into(), account: said.clone() }
            }
        })
    }

    /// What replaces its keys.
    ///
    /// # Errors
    /// When a part is none.
    pub fn rotator(&self, http: &Http) -> Result<Box<dyn Rotator>, String> {
        let http = http.clone();
        Ok(match self {
            Self::OpenAi { project, service_account, scopes } => {
                Box::new(OpenAi::new(http, project, service_account).narrowed_to(scopes.clone()))
            }
            Self::Anthropic => Box::new(Anthropic::new(http)),
            Self::ApiKeys { project, only } => Box::new(ApiKeys::new(http, project).narrowed_to(only.clone())),
            Self::Qdrant { account, cluster, host, access: None } => {
                Box::new(Qdrant::new(http, account, cluster, host))
            }
            Self::Qdrant { account, cluster, host, access: Some(access) } => {
                let Some(JwtAccess::Collections(access)) = jwt_access(access) else {
                    return Err("`access` has to be `collection=rw,other=r`".into());
                };
                Box::new(Qdrant::new(http, account, cluster, host).narrowed_to(access))
            }
            Self::QdrantJwt { host, access, days } => {
                let access = jwt_access(access).ok_or("`access` has to be `r`, or `collection=rw,other=r`")?;
                Box::new(QdrantJwt::new(http, host, access, *days).map_err(|error| error.to_string())?)
            }
            Self::Neon { organization: Some(organization), project } => {
                Box::new(Neon::of_organization(http, organization, project.as_deref()))
            }
            Self::Neon { organization: None, .. } => Box::new(Neon::personal(http)),
            Self::Iam { user } => Box::new(Iam::new(http, user)),
            Self::GitHub => Box::new(GitHub::new(http)),
            Self::GitHubApp { app, installation, repositories, permissions } => Box::new(
                GitHubApp::new(http, app, installation, repositories.clone(), permissions.clone())
                    .map_err(|fault| fault.to_string())?,
            ),
            Self::MariaDb { users: [one, other], from } => {
                Box::new(TwoUsers::new(one, other, from).map_err(|fault| fault.to_string())?)
            }
            Self::PostgresByHand => Box::new(ByHand),
            Self::Redis => Box::new(RedisAcl),
            Self::Console { provider: id, account } => {
                let known = provider(id).ok_or_else(|| format!("the catalogue has no `{id}` any more"))?;
                let account = account.iter().fold(Account::default(), |all, (name, value)| all.with(name, value));
                Box::new(Console::new(http, known, account).map_err(|fault| fault.to_string())?)
            }
        })
    }

    /// Whether another credential manages its keys.
    pub const fn is_managed(&self) -> bool {
        !matches!(self, Self::GitHub | Self::PostgresByHand | Self::Console { .. })
    }

    /// Whether values go to an address that somebody named, and not below the service's own hosts.
    /// Whoever names it says where values go.
    pub fn goes_elsewhere(&self) -> bool {
        match self {
            Self::QdrantJwt { .. } => true,
            Self::Console { account, .. } => !account.is_empty(),
            _ => false,
        }
    }
}

fn spelled(missing: &[Part]) -> String {
    let each: Vec<String> =
        missing.iter().map(|part| format!("{} as `--account {}=…`", part.what, part.name)).collect();
    each.join("; ")
}

/// `contents:read,issues:write`.
fn permissions(each: &[String]) -> Result<BTreeMap<String, String>, Unfit> {
    let pair = |one: &String| {
        let (name, level) = one.split_once(':').ok_or_else(|| odd("`permissions` has to be `contents:read,…`"))?;
        Ok((name.to_owned(), level.to_owned()))
    };
    each.iter().map(pair).collect()
}

fn odd(why: &str) -> Unfit {
    Unfit::Odd(why.into())
}

/// A cluster's keys are tried at the cluster, and that is below Qdrant Cloud's own domain.
fn of_the_cloud(said: &Parts) -> Result<String, Unfit> {
    let host = said.get("host").map(String::as_str).unwrap_or_default().to_ascii_lowercase();
    match host.ends_with(".cloud.qdrant.io") {
        true => Ok(host),
        false => Err(odd("`host` is no cluster of Qdrant Cloud; of one of your own, `--account access=r` says so")),
    }
}

/// `r`, or `collection=rw,other=r`.
pub(super) fn jwt_access(text: &str) -> Option<JwtAccess> {
    if text == "r" {
        return Some(JwtAccess::Global("r"));
    }
    let one = |part: &str| {
        let (collection, access) = part.trim().split_once('=')?;
        let access = match access {
            "r" => "r",
            "rw" => "rw",
            _ => return None,
        };
        (!collection.is_empty()).then(|| CollectionAccess { collection: collection.to_owned(), access })
    };
    text.split(',').map(one).collect::<Option<Vec<_>>>().filter(|all| !all.is_empty()).map(JwtAccess::Collections)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(parts: &[(&str, &str)]) -> Parts {
        parts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = Service::of("openai", &said(&[("project", "proj_1")])).unwrap_err().to_string();
        assert!(missing.contains("--account service_account=…") && !missing.contains("project="), "{missing}");
        let surplus = Service::of("redis", &said(&[("project", "x")])).unwrap_err();
        assert!(matches!(surplus, Unfit::Surplus { .. }), "{surplus}");
        assert!(matches!(Service::of("better-auth", &said(&[])), Err(Unfit::Unknown(_))));
        assert!(Service::of("mysql", &said(&[("users", "one")])).is_err());
    }

    #[test]
    fn every_service_has_a_rotator_and_comes_back_from_its_record() {
        let all: &[(&str, &[(&str, &str)])] = &[
            ("openai", &[("project", "p"), ("service_account", "s"), ("scopes", "a, b")]),
            ("anthropic", &[]),
            ("gemini", &[("project", "shop-1")]),
            ("qdrant", &[("account", "a"), ("cluster", "c"), ("host", "x.eu.aws.cloud.qdrant.io")]),
            ("qdrant", &[("host", "qdrant.internal"), ("access", "shop=rw,blog=r"), ("days", "30")]),
            ("neon", &[]),
            ("neon", &[("organization", "org-1"), ("project", "p")]),
            ("aws", &[("user", "deploy")]),
            ("github", &[]),
            (
                "github",
                &[
                    ("app", "Iv23liAAAAAAAAAAAAAA"),
                    ("installation", "42"),
                    ("permissions", "contents:read,issues:write"),
                    ("repositories", "shop,blog"),
                ],
            ),
            ("mysql", &[("users", "a,b")]),
            ("redis", &[]),
            ("postgresql", &[("reset", "by-hand")]),
            ("cohere", &[]),
        ];
        for (of, parts) in all {
            let service = Service::of(of, &said(parts)).unwrap_or_else(|unfit| panic!("{of}: {unfit}"));
            assert!(service.rotator(&Http::new()).is_ok(), "{of}");
            let kept = serde_json::to_value(&service).unwrap();
            assert_eq!(serde_json::from_value::<Service>(kept).unwrap(), service);
        }
    }

    #[test]
    fn a_cluster_elsewhere_is_no_cluster_of_the_cloud() {
        let parts = said(&[("account", "a"), ("cluster", "c"), ("host", "evil.example")]);
        assert!(matches!(Service::of("qdrant", &parts), Err(Unfit::Odd(_))));
        assert!(jwt_access("m").is_none() && jwt_access("shop=m").is_none() && jwt_access("").is_none());
    }
}
