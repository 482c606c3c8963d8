//! Stores that values are brought from, when people move in. Nothing is changed there.

use keyward_types::{Clock, Random, Secret};
use keyward_upstream::{Http, Refusal};
use thiserror::Error;

use crate::settings::{site, trusting};
use crate::stores::{KeyVault, Parameters, SecretManager, SecretsManager, Shelf, VaultKv};
use crate::{Fault, Unfit};

/// A store, and the part of it that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    kind: SourceKind,
    /// An address, a region, a vault or a project.
    at: String,
    /// The mount, for Vault.
    mount: String,
    /// Only names that begin so.
    prefix: String,
}

/// The kinds of stores that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// HashiCorp Vault's or OpenBao's KV, version 2.
    VaultKv,
    /// AWS Secrets Manager.
    AwsSm,
    /// AWS Systems Manager's Parameter Store.
    AwsSsm,
    /// Azure Key Vault.
    AzureKv,
    /// Google Cloud's Secret Manager.
    GcpSm,
}

/// How a store is asked.
pub struct Asking<'a> {
    /// The way to it.
    pub http: Http,
    /// Tells the time that requests are signed with.
    pub clock: &'a dyn Clock,
    /// For numbers of requests.
    pub random: &'a dyn Random,
    /// What it is signed in to with.
    pub credential: Secret<String>,
    /// Authorities whose certificates are believed, as PEM; `None`: the system's.
    pub ca: Option<String>,
    /// A namespace of Vault Enterprise or OpenBao.
    pub namespace: Option<String>,
}

/// A value of a store.
#[derive(Debug)]
pub struct Found {
    /// What it is called here: its last name, or its whole one where several have the same.
    pub name: String,
    /// Where it lies there.
    pub from: String,
    /// `None`: it is no text, or it may not be read.
    pub value: Option<Secret<String>>,
    /// Whether the store keeps it from this credential, which may list it.
    pub denied: bool,
}

/// A text that names no kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("`vault-kv`, `aws-sm`, `aws-ssm`, `azure-kv` or `gcp-sm` is meant")]
pub struct NoSource;

impl std::str::FromStr for SourceKind {
    type Err = NoSource;
    fn from_str(text: &str) -> Result<Self, NoSource> {
        Ok(match text {
            "vault-kv" => Self::VaultKv,
            "aws-sm" => Self::AwsSm,
            "aws-ssm" => Self::AwsSsm,
            "azure-kv" => Self::AzureKv,
            "gcp-sm" => Self::GcpSm,
            _ => return Err(NoSource),
        })
    }
}

impl Source {
    /// Reads an address: `https://vault.internal:8200/secret/shop` (mount, then path),
    /// `eu-central-1` or `eu-central-1/prefix` for AWS, a vault for Azure, a project for Google.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(kind: SourceKind, address: &str) -> Result<Self, Unfit> {
        let address = address.trim_end_matches('/');
        let unfit = |what: &str| Unfit::because(format!("`{}` is none: {what} is meant", address.escape_debug()));
        let own = |at: &str, mount: &str, prefix: &str| Self {
            kind,
            at: at.to_owned(),
            mount: mount.to_owned(),
            prefix: prefix.to_owned(),
        };
        let fits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        match kind {
            SourceKind::VaultKv => {
                let what = "`https://HOST[:PORT]/MOUNT[/PATH]`";
                let (scheme, rest) = address.split_once("://").ok_or_else(|| unfit(what))?;
                let (authority, path) = rest.split_once('/').ok_or_else(|| unfit(what))?;
                let (mount, prefix) = path.split_once('/').unwrap_or((path, ""));
                if mount.is_empty() || prefix.split('/').any(|part| part == "..") {
                    return Err(unfit(what));
                }
                Ok(own(&format!("{scheme}://{authority}"), mount, prefix))
            }
            SourceKind::AwsSm | SourceKind::AwsSsm => {
                let (region, prefix) = address.split_once('/').unwrap_or((address, ""));
                let prefix = match kind {
                    SourceKind::AwsSsm if !prefix.is_empty() => format!("/{}", prefix.trim_start_matches('/')),
                    _ => prefix.to_owned(),
                };
                if fits(region) { Ok(own(region, "", &prefix)) } else { Err(unfit("`REGION` or `REGION/PREFIX`")) }
            }
            SourceKind::AzureKv if fits(address) => Ok(own(address, "", "")),
            SourceKind::AzureKv => Err(unfit("the name of a vault, what stands before `.vault.azure.net`,")),
            SourceKind::GcpSm if fits(address) => Ok(own(address, "", "")),
            SourceKind::GcpSm => Err(unfit("a project")),
        }
    }

    /// Everything in it, in the order of names. What is listed and may not be read is told among the rest.
    ///
    /// # Errors
    /// [`Fault`]; what was read before is dropped. That nothing at all may be read is one.
    pub fn take(&self, asking: Asking<'_>) -> Result<Vec<Found>, Fault> {
        let Asking { http, clock, random, credential, ca, namespace } = asking;
        let http = trusting(http, ca.as_deref())?;
        let (at, none) = (self.at.clone(), String::new);
        let shelf: Box<dyn Shelf + '_> = match self.kind {
            SourceKind::VaultKv => {
                let (site, mount) = (site(&self.at)?, self.mount.clone());
                Box::new(VaultKv { http, site, mount, namespace, token: credential })
            }
            SourceKind::AwsSm => Box::new(SecretsManager::new(http, (clock, random), &credential, &at, "")?),
            SourceKind::AwsSsm => Box::new(Parameters::new(http, clock, &credential, &at, "")?),
            SourceKind::AzureKv => Box::new(KeyVault { http, vault: at, name: none(), credential }),
            SourceKind::GcpSm => Box::new(SecretManager { http, clock, project: at, name: none(), credential }),
        };
        let (mut found, mut denied) = (Vec::new(), None);
        for name in shelf.names()?.into_iter().filter(|name| self.is_meant(name)) {
            let fields = match shelf.take(&name) {
                Err(fault @ keyward_upstream::Fault::Refused(Refusal::Permission, _)) => {
                    denied = Some(fault);
                    found.push(Found { name: self.called(&name), from: name, value: None, denied: true });
                    continue;
                }
                fields => fields?,
            };
            for (field, value) in fields {
                let from = if field.is_empty() { name.clone() } else { format!("{name}/{field}") };
                found.push(Found { name: self.called(&from), from, value, denied: false });
            }
        }
        match denied {
            Some(fault) if found.iter().all(|one| one.denied) => return Err(fault.into()),
            _ => {}
        }
        tell_apart(&mut found);
        Ok(found)
    }

    fn is_meant(&self, name: &str) -> bool {
        let below = name.strip_prefix(&self.prefix);
        match self.kind {
            SourceKind::VaultKv => {
                self.prefix.is_empty() || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            _ => below.is_some(),
        }
    }

    /// Its last name, as a program would want it; what Azure forbids is taken for what it stands for.
    fn called(&self, from: &str) -> String {
        let last = from.rsplit('/').next().unwrap_or(from);
        if self.kind == SourceKind::AzureKv { last.replace('-', "_") } else { last.to_owned() }
    }
}

/// Values of different places that would have the same name keep their whole ones.
fn tell_apart(found: &mut [Found]) {
    let mut counts = std::collections::HashMap::new();
    for one in found.iter() {
        *counts.entry(one.name.clone()).or_insert(0) += 1;
    }
    for one in found.iter_mut().filter(|one| counts[&one.name] > 1) {
        one.name = one.from.trim_start_matches('/').to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_store_and_a_part_of_it() {
        let source = |kind: &str, address: &str| Source::parse(kind.parse().unwrap(), address);
        let vault = source("vault-kv", "https://vault.internal:8200/kv/shop/api/").unwrap();
        assert_eq!((vault.at.as_str(), vault.mount.as_str()), ("https://vault.internal:8200", "kv"));
        assert!(vault.is_meant("shop/api") && vault.is_meant("shop/api/x") && !vault.is_meant("shop/api2"));
        let parameters = source("aws-ssm", "eu-central-1/shop/").unwrap();
        assert!(parameters.is_meant("/shop/KEY") && !parameters.is_meant("/other/KEY"));
        for (kind, address) in [
            ("vault-kv", "vault.internal"),
            ("vault-kv", "https://vault.internal"),
            ("aws-sm", "eu central"),
            ("azure-kv", "a.b"),
            ("gcp-sm", ""),
        ] {
            assert!(source(kind, address).is_err(), "{kind} {address}");
        }
        assert!("vault".parse::<SourceKind>().is_err());
    }

    #[test]
    fn what_would_have_the_same_name_keeps_its_whole_one() {
        let one = |name: &str, from: &str| Found { name: name.into(), from: from.into(), value: None, denied: false };
        let mut found = vec![one("KEY", "/a/KEY"), one("KEY", "/b/KEY"), one("OTHER", "/b/OTHER")];
        tell_apart(&mut found);
        let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["a/KEY", "b/KEY", "OTHER"]);
    }
}
