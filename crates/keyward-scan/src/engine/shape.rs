//! Structures that are secrets whatever they are called: private keys, JSON Web Tokens, connection strings with a
//! password, and the files in which programs keep their credentials.

mod connection;
mod credential_file;
mod jwt;
mod kubernetes;
mod prefixed;
mod private_key;

use keyward_types::Timestamp;

use super::matcher::{Matcher, RawCandidate, RuleInfo, Text};
use super::prefilter::Literal;

/// Every structure.
pub(crate) struct Shapes {
    /// By which what has an end is judged; without it nothing has ended.
    pub(crate) now: Option<Timestamp>,
}

/// Indexes into [`Matcher::rules`] of [`Shapes`].
mod rule {
    pub(super) const PRIVATE_KEY: usize = 0;
    pub(super) const ENCRYPTED_PRIVATE_KEY: usize = 1;
    pub(super) const JWT: usize = 2;
    pub(super) const CONNECTION: usize = 3;
    pub(super) const CREDENTIAL_FILE: usize = 4;
    pub(super) const PASSWORD_HASH: usize = 5;
    pub(super) const REGISTRY: usize = 6;
    pub(super) const KUBERNETES: usize = 7;
    pub(super) const PREFIXED: usize = 8;
}

/// Says what stands at a place, some of it with regard to the time.
enum Confirm {
    Timeless(fn(&Text<'_>, usize, &mut Vec<RawCandidate>)),
    Dated(fn(&Text<'_>, usize, Option<Timestamp>, &mut Vec<RawCandidate>)),
}

/// Where to look, and what to ask there. Spelling counts.
const ANCHORS: [(&str, Confirm); 14] = [
    ("-----BEGIN ", Confirm::Timeless(private_key::pem)),
    ("---- BEGIN SSH2 ENC", Confirm::Timeless(private_key::pem)),
    ("PuTTY-User-Key-File-", Confirm::Timeless(private_key::putty)),
    ("<RSAKeyValue", Confirm::Timeless(private_key::xml)),
    ("\"kty\"", Confirm::Timeless(private_key::jwk)),
    ("eyJ", Confirm::Dated(jwt::confirm)),
    ("://", Confirm::Timeless(connection::confirm)),
    // The search finds three bytes only where a word follows; here a password follows without a user.
    ("://:", Confirm::Timeless(connection::confirm)),
    ("stringData:", Confirm::Timeless(kubernetes::secret)),
    ("client-key-data:", Confirm::Timeless(kubernetes::client_key)),
    ("sk-", Confirm::Timeless(prefixed::secret_key)),
    ("sk_", Confirm::Timeless(prefixed::secret_key)),
    ("live_", Confirm::Timeless(prefixed::kind)),
    ("pat_", Confirm::Timeless(prefixed::kind)),
];

impl Matcher for Shapes {
    fn rules(&self) -> Vec<RuleInfo> {
        let info = |id: &str, description: &str, advice: Option<&str>| RuleInfo {
            id: id.to_owned(),
            provider: None,
            description: description.to_owned(),
            advice: advice.map(str::to_owned),
            rank: 20,
            misuse: false,
        };
        vec![
            info("private-key", "a private key", Some("make a new pair: a published key stays published")),
            info("private-key-encrypted", "a private key under a passphrase", Some("it is as safe as its passphrase")),
            info("json-web-token", "a JSON Web Token", None),
            info("connection-string", "a connection string with a password", None),
            info("credential-file", "a credential in a program's own file", None),
            info("password-hash", "a password's hash", Some("a weak password is soon guessed from its hash")),
            info("registry-auth", "the password of a container registry", None),
            info("kubernetes-secret", "a value of a Kubernetes Secret or kubeconfig", None),
            RuleInfo { rank: 15, ..info("prefixed-token", "a token with the prefix of a secret key", None) },
        ]
    }

    fn anchors(&self) -> Vec<Literal> {
        ANCHORS.iter().map(|(text, _)| Literal::exact(text)).collect()
    }

    fn confirm(&self, text: &Text<'_>, anchor: usize, at: usize, found: &mut Vec<RawCandidate>) {
        match ANCHORS[anchor].1 {
            Confirm::Timeless(confirm) => confirm(text, at, found),
            Confirm::Dated(confirm) => confirm(text, at, self.now, found),
        }
    }

    fn whole(&self, text: &Text<'_>, found: &mut Vec<RawCandidate>) {
        credential_file::look(text, found);
    }
}

#[cfg(test)]
mod tests;
