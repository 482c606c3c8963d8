//! Who stands behind a token.

use std::net::IpAddr;

use keyward_access::Caller;
use keyward_client::Failure;
use keyward_types::token::PlainToken;
use keyward_vault::Vault;

/// Turns what a request presents into a caller with present rights.
pub trait Authenticate: Send + Sync + 'static {
    /// The caller behind a token that came from this address; `None` for a token that identifies
    /// nobody, whatever is wrong with it.
    ///
    /// # Errors
    /// When the vault cannot be asked.
    fn caller(&self, vault: &Vault, token: &PlainToken, from: Option<IpAddr>) -> Result<Option<Caller>, Failure>;

    /// The same where that takes no waiting: `None` says nothing about the token.
    fn caller_at_once(&self, _vault: &Vault, _token: &PlainToken, _from: Option<IpAddr>) -> Option<Caller> {
        None
    }
}

/// Tokens of people and programs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tokens;

impl Authenticate for Tokens {
    fn caller(&self, vault: &Vault, token: &PlainToken, from: Option<IpAddr>) -> Result<Option<Caller>, Failure> {
        match vault.caller_of_token(token, from) {
            Ok(caller) => Ok(Some(caller)),
            Err(keyward_vault::Error::NotIdentified) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn caller_at_once(&self, vault: &Vault, token: &PlainToken, from: Option<IpAddr>) -> Option<Caller> {
        vault.caller_at_once(token, from).ok().flatten()
    }
}
