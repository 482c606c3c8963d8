//! How a target is reached, as it is kept: addresses and names, no credential.

use std::path::PathBuf;

use keyward_types::SecretName;
use serde::{Deserialize, Serialize};

use crate::stores::{Cluster, KeyVault, KubernetesSecret, KvField, Parameters, SecretManager, SecretsManager, VaultKv};
use crate::stores::{Entry, needed};
use crate::targets::{Command, EnvFile, GitHubActions, Restart, Rollout, Stored, Webhook};
use crate::{Fault, Means, Proof, Target, Workload, names};
use keyward_upstream::{Http, Site};

/// One kind of target with what it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Settings {
    /// A variable of a `.env` file.
    EnvFile {
        /// The file; absolute.
        path: PathBuf,
        /// The variable.
        variable: String,
        /// What is told that the file has changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        restart: Option<Restart>,
    },
    /// A program that is given the value on standard input, or in a variable. It is started with
    /// these arguments, by no shell.
    Command {
        /// The program, absolute, and its arguments.
        arguments: Vec<String>,
        /// The variable that holds the value; `None`: it is on standard input.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        variable: Option<String>,
    },
    /// A signed post to a receiver of one's own.
    Webhook {
        /// Where it listens: `https://…`, or `http://…` of this machine.
        url: String,
        /// Under which name the value is sent.
        name: String,
    },
    /// A field of an entry of HashiCorp Vault's or OpenBao's KV, version 2.
    VaultKv {
        /// `https://vault.internal:8200`.
        address: String,
        /// Where the engine is mounted.
        mount: String,
        /// The entry below it.
        path: String,
        /// The field of the entry.
        field: String,
        /// A namespace of Vault Enterprise or OpenBao.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
        /// Authorities whose certificates are believed, as PEM; `None`: the system's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca: Option<String>,
        /// Whether what somebody else put there is taken over.
        #[serde(default)]
        adopt: bool,
    },
    /// A key of a Kubernetes Secret.
    Kubernetes {
        /// `https://10.0.0.1:6443`.
        address: String,
        /// The namespace.
        namespace: String,
        /// The Secret.
        secret: String,
        /// The key in it.
        key: String,
        /// What is started again with it.
        #[serde(default)]
        restarts: Vec<Workload>,
        /// Authorities whose certificates are believed, as PEM; `None`: the system's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca: Option<String>,
        /// Whether what somebody else put there is taken over.
        #[serde(default)]
        adopt: bool,
    },
    /// A secret of GitHub Actions.
    GithubActions {
        /// `owner/repository`.
        repository: String,
        /// An environment of the repository; `None`: of the repository itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        environment: Option<String>,
        /// The secret's name there.
        name: String,
        /// Whether what somebody else put there is taken over.
        #[serde(default)]
        adopt: bool,
    },
    /// AWS Secrets Manager.
    AwsSm {
        /// `eu-central-1`.
        region: String,
        /// The secret's name there.
        name: String,
        /// Whether what somebody else put there is taken over.
        #[serde(default)]
        adopt: bool,
    },
    /// AWS Systems Manager's Parameter Store.
    AwsSsm {
        /// `eu-central-1`.
        region: String,
        /// The parameter's name.
        name: String,
        /// Whether what somebody else put there is taken over.
        #[serde(default)]
        adopt: bool,
    },
    /// Azure Key Vault.
    AzureKv {
        /// What stands before `.vault.azure.net`.
        vault: String,
        /// The secret's name there.
        name: String,
        /// Whether what somebody else put there is taken over.
        #[serde(default)]
        adopt: bool,
    },
    /// Google Cloud's Secret Manager.
    GcpSm {
        /// The project.
        project: String,
        /// The secret's name there.
        name: String,
        /// Whether what somebody else put there is taken over.
        #[serde(default)]
        adopt: bool,
    },
}

impl Settings {
    /// The kind, as commands call it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::EnvFile { .. } => "env-file",
            Self::Command { .. } => "command",
            Self::Webhook { .. } => "webhook",
            Self::VaultKv { .. } => "vault-kv",
            Self::Kubernetes { .. } => "kubernetes",
            Self::GithubActions { .. } => "github-actions",
            Self::AwsSm { .. } => "aws-sm",
            Self::AwsSsm { .. } => "aws-ssm",
            Self::AzureKv { .. } => "azure-kv",
            Self::GcpSm { .. } => "gcp-sm",
        }
    }

    /// Where it is, for people, and under which name the value lies there.
    pub fn address(&self) -> String {
        match self {
            Self::EnvFile { path, variable, restart: None } => format!("{} {variable}", path.display()),
            Self::EnvFile { path, variable, restart: Some(restart) } => {
                format!("{} {variable}, {}", path.display(), restart.told())
            }
            Self::Command { arguments, .. } => arguments.join(" "),
            Self::Webhook { url, name } => format!("{url} {name}"),
            Self::VaultKv { address, mount, path, field, .. } => format!("{address} {mount}/{path} {field}"),
            Self::Kubernetes { address, namespace, secret, key, restarts, .. } => {
                let then: Vec<String> = restarts.iter().map(|one| format!(", then {one} restarts")).collect();
                format!("{address} {namespace}/{secret} {key}{}", then.concat())
            }
            Self::GithubActions { repository, environment: None, name, .. } => format!("{repository} {name}"),
            Self::GithubActions { repository, environment: Some(environment), name, .. } => {
                format!("{repository} ({environment}) {name}")
            }
            Self::AwsSm { region, name, .. } | Self::AwsSsm { region, name, .. } => format!("{region} {name}"),
            Self::AzureKv { vault, name, .. } => format!("{vault}.vault.azure.net {name}"),
            Self::GcpSm { project, name, .. } => format!("{project} {name}"),
        }
    }

    /// The name under which a secret lies in such a store, where it says nothing else: what the store
    /// forbids is replaced.
    pub fn fitting(kind: &str, prefix: &str, name: &SecretName) -> String {
        match kind {
            "azure-kv" => format!("{prefix}{}", names::azure(name)),
            "gcp-sm" => format!("{prefix}{}", names::gcp(name)),
            "kubernetes" => format!("{prefix}{}", names::kubernetes(name)),
            "github-actions" => format!("{prefix}{}", names::github(name)),
            "aws-ssm" => names::parameter(prefix, name),
            _ => format!("{prefix}{name}"),
        }
    }

    /// Whether it is signed in to with a secret of the vault.
    pub const fn needs_credential(&self) -> bool {
        !matches!(self, Self::EnvFile { .. } | Self::Command { .. })
    }

    /// The most that it can prove by itself.
    pub fn proves(&self) -> Proof {
        match self {
            Self::Command { .. } | Self::Webhook { .. } | Self::GithubActions { .. } => Proof::Accepted,
            Self::EnvFile { restart: Some(Restart::Systemd(_)), .. } => Proof::Restarted,
            Self::Kubernetes { restarts, .. } if !restarts.is_empty() => Proof::Restarted,
            _ => Proof::ReadBack,
        }
    }

    /// The target itself.
    ///
    /// # Errors
    /// When an address cannot be used, or a credential is missing or none.
    pub fn target<'a>(&self, means: Means<'a>) -> Result<Box<dyn Target + 'a>, Fault> {
        let called = format!("`{}`", self.address());
        // Several calls to one store have to fit into the time of one call of a rotation.
        let http = means.http.at_most(EACH);
        let (clock, random, mark) = (means.clock, means.random, means.mark);
        let credential = if self.needs_credential() { Some(needed(means.credential)?) } else { None };
        let token = credential.unwrap_or_else(|| keyward_types::Secret::new("no credential", String::new()));
        Ok(match self.clone() {
            Self::EnvFile { path, variable, restart } => Box::new(EnvFile { path, variable, restart }),
            Self::Command { arguments, variable } => Box::new(Command { arguments, variable }),
            Self::Webhook { url, name } => {
                Box::new(Webhook { http, clock, random, site: site(&url)?, name, signing: token })
            }
            Self::VaultKv { address, mount, path, field, namespace, ca, adopt } => {
                let http = trusting(http, ca.as_deref())?;
                let kv = VaultKv { http, site: site(&address)?, mount, namespace, token };
                stored(KvField { kv, path, field }, mark, adopt, called)
            }
            Self::Kubernetes { address, namespace, secret, key, restarts, ca, adopt } => {
                let http = trusting(http, ca.as_deref())?;
                let cluster = Cluster { http, site: site(&address)?, namespace, token };
                let entry = KubernetesSecret { cluster, name: secret, key, forces: adopt };
                Box::new(Rollout { stored: Stored { entry, mark, adopts: adopt, called }, restarts })
            }
            Self::GithubActions { repository, environment, name, adopt } => {
                Box::new(GitHubActions { http, repository, environment, name, adopts: adopt, token })
            }
            Self::AwsSm { region, name, adopt } => {
                let entry = SecretsManager::new(http, (clock, random), &token, &region, &name)?;
                stored(entry, mark, adopt, called)
            }
            Self::AwsSsm { region, name, adopt } => {
                stored(Parameters::new(http, clock, &token, &region, &name)?, mark, adopt, called)
            }
            Self::AzureKv { vault, name, adopt } => {
                stored(KeyVault { http, vault, name, credential: token }, mark, adopt, called)
            }
            Self::GcpSm { project, name, adopt } => {
                stored(SecretManager { http, clock, project, name, credential: token }, mark, adopt, called)
            }
        })
    }
}

/// How long one exchange with a store may take.
const EACH: std::time::Duration = std::time::Duration::from_secs(6);

fn stored<'a, E: Entry + 'a>(entry: E, mark: String, adopts: bool, called: String) -> Box<dyn Target + 'a> {
    Box::new(Stored { entry, mark, adopts, called })
}

pub(crate) fn site(address: &str) -> Result<Site, Fault> {
    Site::own(address).map_err(|error| Fault::Refused(error.to_string()))
}

pub(crate) fn trusting(http: Http, ca: Option<&str>) -> Result<Http, Fault> {
    match ca {
        Some(pem) => Ok(http.trusting(pem)?),
        None => Ok(http),
    }
}
