//! Asking services about stored keys, where the vault is.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use keyward_providers::{Provider, provider, recognise};
use keyward_types::{EnvironmentName, Operation, Secret, SecretName, Verified, Version};
use keyward_upstream::{Account, Hosts, Http, Verifier};
use keyward_vault::{Actor, Scope, Vault, Via};
use serde::{Deserialize, Serialize};

use crate::{Failure, Result, SystemRandom};

/// What a service said of a stored key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyVerdict {
    /// The secret.
    pub name: SecretName,
    /// Which version was asked about.
    pub version: Version,
    /// The environment that has it.
    pub environment: EnvironmentName,
    /// Which service was asked; `None`: the value is of none that is known.
    pub provider: Option<String>,
    /// The verdict.
    pub verified: Verified,
    /// What it rests on: a status and a code, or why nobody was asked.
    pub why: String,
    /// Whose the key is, where the service tells.
    pub identity: Option<String>,
}

/// Which key is asked about, and what the service's address needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyQuestion {
    /// This version instead of the active one.
    #[serde(default)]
    pub version: Option<Version>,
    /// Parts of the account: `host`, `region`, `user`.
    #[serde(default)]
    pub account: BTreeMap<String, String>,
}

/// The most parts that an account has.
const MOST_PARTS: usize = 8;

static HOSTS: OnceLock<Hosts> = OnceLock::new();

/// Says, once and before anybody is asked, which hosts of services are elsewhere: `HOST=URL,…`, where
/// a network lets services be reached by a gateway of its own alone.
///
/// # Errors
/// When the text is none.
pub fn hosts_are_at(text: &str) -> Result<()> {
    let hosts = text.parse().map_err(|error: keyward_upstream::HostsError| Failure::usage(error.to_string()))?;
    // Whoever comes second is told the same by the same environment.
    let _ = HOSTS.set(hosts);
    Ok(())
}

/// Who asks services in this process: one, which keeps the pace.
pub fn verifier() -> &'static Verifier {
    static VERIFIER: OnceLock<Verifier> = OnceLock::new();
    VERIFIER.get_or_init(|| Verifier::new(http().clone(), Box::new(SystemRandom)))
}

/// The way to services and stores from this process.
pub(crate) fn http() -> &'static Http {
    static WAY: OnceLock<Http> = OnceLock::new();
    WAY.get_or_init(|| Http::with_hosts(HOSTS.get().cloned().unwrap_or_default()))
}

/// Asks the service that a stored value is of. Its use is on record before. Where the caller fills in
/// the service's address, the value is disclosed to where he says: that is a read.
pub(crate) fn verify(
    vault: &Vault,
    actor: &Actor,
    scope: &Scope,
    name: &SecretName,
    question: &KeyQuestion,
) -> Result<KeyVerdict> {
    if question.account.len() > MOST_PARTS {
        return Err(Failure::usage(format!("an account has {MOST_PARTS} parts at most")));
    }
    let loaded = vault.load(actor, scope, name, question.version)?;
    let (head, version, environment) = (loaded.head().clone(), loaded.version(), loaded.environment().clone());
    let said = head.provider.as_deref().and_then(provider);
    let ask = |bytes: &[u8]| asked(name, bytes, said, question, actor);
    let (provider, verdict) = if question.account.is_empty() {
        vault.apply(actor, &loaded, ask)?
    } else {
        let opened = vault.read(actor, vec![loaded], Via::Read)?;
        ask(opened.first().map_or(&[], |one| one.value.expose()))
    };
    let keyward_upstream::Verdict { verified, why, identity } = verdict;
    let provider = provider.map(|one| one.id.to_owned());
    Ok(KeyVerdict { name: name.clone(), version, environment, provider, verified, why, identity })
}

/// What is needed of the caller in the environment that is named.
pub(crate) fn operation(question: &KeyQuestion) -> Operation {
    if question.account.is_empty() { Operation::Use } else { Operation::Read }
}

fn asked(
    name: &SecretName,
    bytes: &[u8],
    said: Option<&'static Provider>,
    question: &KeyQuestion,
    actor: &Actor,
) -> (Option<&'static Provider>, keyward_upstream::Verdict) {
    let unclear = |why: &str| keyward_upstream::Verdict::new(Verified::Indeterminate, why);
    let Ok(text) = std::str::from_utf8(bytes) else { return (said, unclear("the value is no text")) };
    let known = said.or_else(|| recognise(name.as_str(), text).provider.and_then(provider));
    let Some(known) = known else { return (None, unclear("it is not known of which service this is a key")) };
    // A server's own network is not to be looked around in by who may use a secret of it.
    let start = if actor.caller.is_opener() { Account::default().in_private_networks() } else { Account::default() };
    let account = question.account.iter().fold(start, |account, (name, value)| account.with(name, value));
    (Some(known), verifier().verify(known, &Secret::new("a stored key", text.to_owned()), &account))
}
