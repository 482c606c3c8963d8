//! The kinds of targets, and what each needs to be told.

use std::path::PathBuf;

use clap::Subcommand;
use keyward_client::{
    Failure, Login, NewTargetInfo, Result, TargetProof, TargetRestart, TargetSettings, TargetWorkload,
};
use keyward_types::SecretName;

use crate::commands::hidden::certificates;
use crate::context::Context;

#[derive(Debug, Subcommand)]
pub(super) enum Kind {
    /// A variable of a `.env` file: the one line changes, mode and everything else stays
    #[command(
        after_help = "Example: keyward target add env-file web --path .env --secret SESSION_SECRET --restart web.service"
    )]
    EnvFile {
        #[command(flatten)]
        common: Common,
        /// The file
        #[arg(long)]
        path: PathBuf,
        /// The variable; default: the secret's name
        #[arg(long = "as", value_name = "NAME")]
        variable: Option<String>,
        /// Start this unit of systemd again with it
        #[arg(long, value_name = "UNIT", conflicts_with = "hangup")]
        restart: Option<String>,
        /// Send SIGHUP to the process whose number stands in this file
        #[arg(long, value_name = "PIDFILE")]
        hangup: Option<PathBuf>,
    },
    /// A program, started by no shell, that is given the value on standard input
    #[command(after_help = "Example: keyward target add command api --secret API_KEY -- /usr/local/bin/deploy-key api")]
    Command {
        #[command(flatten)]
        common: Common,
        /// Give it the value in this variable instead
        #[arg(long = "as", value_name = "NAME")]
        variable: Option<String>,
        /// The program's path and its arguments
        #[arg(last = true, required = true, value_name = "PROGRAM")]
        arguments: Vec<String>,
    },
    /// A signed post to a receiver of your own (Standard Webhooks, as alerts are)
    #[command(
        after_help = "Example: keyward target add webhook edge --url https://edge.internal/keys --credential EDGE_SIGNING --secret API_KEY"
    )]
    Webhook {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        signed: Signed,
        /// Where it listens
        #[arg(long)]
        url: String,
        #[command(flatten)]
        naming: Naming,
    },
    /// A field of HashiCorp Vault's or OpenBao's KV, version 2
    #[command(
        after_help = "Example: keyward target add vault-kv api --address https://vault.internal:8200 --path shop/api --credential VAULT_TOKEN --secret DATABASE_URL"
    )]
    VaultKv {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        signed: Signed,
        /// Where it is
        #[arg(long)]
        address: String,
        /// Where the engine is mounted
        #[arg(long, default_value = "secret")]
        mount: String,
        /// The entry below the mount
        #[arg(long)]
        path: String,
        /// A namespace
        #[arg(long)]
        namespace: Option<String>,
        /// Believe certificates of these authorities alone (PEM)
        #[arg(long, value_name = "FILE")]
        ca: Option<PathBuf>,
        #[command(flatten)]
        naming: Naming,
        #[command(flatten)]
        adopting: Adopting,
    },
    /// A key of a Kubernetes Secret; workloads are started again with it
    #[command(
        after_help = "Example: keyward target add kubernetes api --address https://10.0.0.1:6443 --ca ca.pem --namespace shop --name api --restart deployment/api --credential DEPLOYER_TOKEN --secret DATABASE_URL"
    )]
    Kubernetes {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        signed: Signed,
        /// Where the cluster's API is
        #[arg(long)]
        address: String,
        /// Believe certificates of these authorities alone (PEM)
        #[arg(long, value_name = "FILE")]
        ca: Option<PathBuf>,
        /// The namespace
        #[arg(long, default_value = "default")]
        namespace: String,
        /// The Secret
        #[arg(long = "name", value_name = "SECRET")]
        object: String,
        /// Start this again with it: deployment/NAME, statefulset/NAME, daemonset/NAME
        #[arg(long = "restart", value_name = "WORKLOAD")]
        restarts: Vec<TargetWorkload>,
        #[command(flatten)]
        naming: Naming,
        #[command(flatten)]
        adopting: Adopting,
    },
    /// A secret of GitHub Actions; runs that are queued go on with the value of before
    #[command(
        after_help = "Example: keyward target add github-actions ci --repository shop/api --credential GITHUB_DEPLOYER --secret API_KEY"
    )]
    GithubActions {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        signed: Signed,
        /// The repository, as `owner/name`
        #[arg(long)]
        repository: String,
        /// An environment of the repository
        #[arg(long = "of", value_name = "ENVIRONMENT")]
        there: Option<String>,
        #[command(flatten)]
        naming: Naming,
        #[command(flatten)]
        adopting: Adopting,
    },
    /// AWS Secrets Manager
    #[command(
        after_help = "Example: keyward target add aws-sm api --region eu-central-1 --prefix shop/ --credential AWS_DEPLOYER --secret DATABASE_URL"
    )]
    AwsSm {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        signed: Signed,
        /// The region
        #[arg(long)]
        region: String,
        #[command(flatten)]
        naming: Naming,
        #[command(flatten)]
        adopting: Adopting,
    },
    /// The Parameter Store of AWS Systems Manager (SecureString)
    #[command(
        after_help = "Example: keyward target add aws-ssm api --region eu-central-1 --prefix /shop/ --credential AWS_DEPLOYER --secret DATABASE_URL"
    )]
    AwsSsm {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        signed: Signed,
        /// The region
        #[arg(long)]
        region: String,
        #[command(flatten)]
        naming: Naming,
        #[command(flatten)]
        adopting: Adopting,
    },
    /// Azure Key Vault; `_` becomes `-` there
    #[command(
        after_help = "Example: keyward target add azure-kv api --vault shop --credential AZURE_DEPLOYER --secret DATABASE_URL"
    )]
    AzureKv {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        signed: Signed,
        /// What stands before `.vault.azure.net`
        #[arg(long)]
        vault: String,
        #[command(flatten)]
        naming: Naming,
        #[command(flatten)]
        adopting: Adopting,
    },
    /// Google Cloud's Secret Manager
    #[command(
        after_help = "Example: keyward target add gcp-sm api --gcp-project shop-1 --credential GCP_DEPLOYER --secret DATABASE_URL"
    )]
    GcpSm {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        signed: Signed,
        /// The project at Google
        #[arg(long)]
        gcp_project: String,
        #[command(flatten)]
        naming: Naming,
        #[command(flatten)]
        adopting: Adopting,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Common {
    /// What it is called: lower case
    name: Login,
    /// Of which secrets, separated by commas
    #[arg(long = "secret", value_delimiter = ',', required = true, value_name = "NAME")]
    secrets: Vec<SecretName>,
    /// A rotation goes on where this one fails
    #[arg(long)]
    optional: bool,
    /// What has to be seen before it counts: accepted, read-back, restarted or in-use; default: all
    /// that it can prove by itself
    #[arg(long, value_name = "PROOF")]
    needs: Option<TargetProof>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Signed {
    /// The secret of the same environment that it is signed in to with
    #[arg(long, value_name = "SECRET")]
    credential: SecretName,
}

#[derive(Debug, clap::Args)]
pub(super) struct Naming {
    /// What it is called there; default: the secret's name, with what the store forbids replaced
    #[arg(long = "as", value_name = "NAME", conflicts_with = "prefix")]
    called: Option<String>,
    /// What stands before the secret's name there
    #[arg(long, default_value = "")]
    prefix: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Adopting {
    /// Take over what is there already
    #[arg(long)]
    adopt: bool,
}

/// How a target of this secret is reached.
type Settings = Box<dyn Fn(&SecretName) -> TargetSettings>;

impl Kind {
    /// One a secret, as each lies there under a name of its own.
    pub(super) fn targets(self, context: &Context) -> Result<Vec<NewTargetInfo>> {
        let (common, credential, settings) = self.parts(context)?;
        let Common { name, secrets, optional, needs } = common;
        let several = secrets.len() > 1;
        let named: Vec<TargetSettings> = secrets.iter().map(&settings).collect();
        let same = |one: &TargetSettings| named.iter().filter(|other| *other == one).count() > 1;
        if several && !matches!(named[0], TargetSettings::Command { .. }) && named.iter().any(same) {
            let first = named.iter().find(|one| same(one)).map(TargetSettings::address).unwrap_or_default();
            return Err(Failure::usage(format!("several of these secrets would lie at `{first}`"))
                .hint("`--as` names the place of one secret: add each by itself"));
        }
        let target = |(secret, settings): (SecretName, TargetSettings)| NewTargetInfo {
            name: name.clone(),
            settings,
            secrets: vec![secret],
            credential: credential.clone(),
            proof: needs,
            required: !optional,
        };
        Ok(secrets.into_iter().zip(named).map(target).collect())
    }

    fn parts(self, context: &Context) -> Result<(Common, Option<SecretName>, Settings)> {
        let pem = |path: Option<PathBuf>| certificates(path.map(|path| context.current.join(path)).as_deref());
        Ok(match self {
            Self::EnvFile { common, path, variable, restart, hangup } => {
                let path = absolute(context, path)?;
                let hangup = hangup.map(|path| absolute(context, path)).transpose()?;
                let restart = restart.map(TargetRestart::Systemd).or(hangup.map(TargetRestart::Hangup));
                let settings = move |secret: &SecretName| TargetSettings::EnvFile {
                    path: path.clone(),
                    variable: variable.clone().unwrap_or_else(|| secret.to_string()),
                    restart: restart.clone(),
                };
                (common, None, Box::new(settings))
            }
            Self::Command { common, variable, arguments } => {
                let settings = move |_: &SecretName| TargetSettings::Command {
                    arguments: arguments.clone(),
                    variable: variable.clone(),
                };
                (common, None, Box::new(settings))
            }
            Self::Webhook { common, signed, url, naming } => {
                let settings = move |secret: &SecretName| TargetSettings::Webhook {
                    url: url.clone(),
                    name: naming.of("webhook", secret),
                };
                (common, Some(signed.credential), Box::new(settings))
            }
            Self::VaultKv { common, signed, address, mount, path, namespace, ca, naming, adopting } => {
                let ca = pem(ca)?;
                let settings = move |secret: &SecretName| TargetSettings::VaultKv {
                    address: address.trim_end_matches('/').to_owned(),
                    mount: mount.trim_matches('/').to_owned(),
                    path: path.trim_matches('/').to_owned(),
                    field: naming.of("vault-kv", secret),
                    namespace: namespace.clone(),
                    ca: ca.clone(),
                    adopt: adopting.adopt,
                };
                (common, Some(signed.credential), Box::new(settings))
            }
            Self::Kubernetes { common, signed, address, ca, namespace, object, restarts, naming, adopting } => {
                let ca = pem(ca)?;
                let settings = move |secret: &SecretName| TargetSettings::Kubernetes {
                    address: address.trim_end_matches('/').to_owned(),
                    namespace: namespace.clone(),
                    secret: object.clone(),
                    key: naming.of("kubernetes", secret),
                    restarts: restarts.clone(),
                    ca: ca.clone(),
                    adopt: adopting.adopt,
                };
                (common, Some(signed.credential), Box::new(settings))
            }
            Self::GithubActions { common, signed, repository, there, naming, adopting } => {
                let settings = move |secret: &SecretName| TargetSettings::GithubActions {
                    repository: repository.clone(),
                    environment: there.clone(),
                    name: naming.of("github-actions", secret),
                    adopt: adopting.adopt,
                };
                (common, Some(signed.credential), Box::new(settings))
            }
            Self::AwsSm { common, signed, region, naming, adopting } => {
                let settings = move |secret: &SecretName| TargetSettings::AwsSm {
                    region: region.clone(),
                    name: naming.of("aws-sm", secret),
                    adopt: adopting.adopt,
                };
                (common, Some(signed.credential), Box::new(settings))
            }
            Self::AwsSsm { common, signed, region, naming, adopting } => {
                let settings = move |secret: &SecretName| TargetSettings::AwsSsm {
                    region: region.clone(),
                    name: naming.of("aws-ssm", secret),
                    adopt: adopting.adopt,
                };
                (common, Some(signed.credential), Box::new(settings))
            }
            Self::AzureKv { common, signed, vault, naming, adopting } => {
                let settings = move |secret: &SecretName| TargetSettings::AzureKv {
                    vault: vault.clone(),
                    name: naming.of("azure-kv", secret),
                    adopt: adopting.adopt,
                };
                (common, Some(signed.credential), Box::new(settings))
            }
            Self::GcpSm { common, signed, gcp_project, naming, adopting } => {
                let settings = move |secret: &SecretName| TargetSettings::GcpSm {
                    project: gcp_project.clone(),
                    name: naming.of("gcp-sm", secret),
                    adopt: adopting.adopt,
                };
                (common, Some(signed.credential), Box::new(settings))
            }
        })
    }
}

impl Naming {
    fn of(&self, kind: &str, secret: &SecretName) -> String {
        self.called.clone().unwrap_or_else(|| TargetSettings::fitting(kind, &self.prefix, secret))
    }
}

/// Links and `..` are followed now, so that it is clear what was meant.
fn absolute(context: &Context, path: PathBuf) -> Result<PathBuf> {
    let path = context.current.join(path);
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder, path.file_name()) {
        (Some(folder), Some(file)) => Ok(folder.join(file)),
        _ => Err(Failure::usage(format!("there is no folder for `{}`", path.display()))),
    }
}
