//! Who stands behind a token.

use keyward_access::Caller;
use keyward_client::Failure;
use keyward_types::token::{PlainToken, TokenKind};
use keyward_vault::{Error, Vault, Visitor};

/// Turns what a request presents into a caller with present rights.
pub trait Authenticate: Send + Sync + 'static {
    /// The caller behind a token or a session that came from there; `None` for one that identifies
    /// nobody, whatever is wrong with it.
    ///
    /// # Errors
    /// When the vault cannot be asked.
    fn caller(&self, vault: &Vault, token: &PlainToken, from: &Visitor<'_>) -> Result<Option<Caller>, Failure>;

    /// The same where that takes no waiting: `None` says nothing about the token.
    fn caller_at_once(&self, _vault: &Vault, _token: &PlainToken, _from: &Visitor<'_>) -> Option<Caller> {
        None
    }
}

/// Tokens of people and programs, and sessions of people who are signed in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tokens;

impl Authenticate for Tokens {
    fn caller(&self, vault: &Vault, token: &PlainToken, from: &Visitor<'_>) -> Result<Option<Caller>, Failure> {
        let caller = match token.kind() {
            TokenKind::Session => vault.signed_in(token, from).map(|who| who.caller().clone()),
            // It is exchanged for something else, and does nothing by itself.
            TokenKind::OneTime => return Ok(None),
            _ => vault.caller_of_token(token, from.address),
        };
        match caller {
            Ok(caller) => Ok(Some(caller)),
            Err(Error::NotIdentified) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn caller_at_once(&self, vault: &Vault, token: &PlainToken, from: &Visitor<'_>) -> Option<Caller> {
        match token.kind() {
            // Their use is written down.
            TokenKind::Session | TokenKind::OneTime => None,
            _ => vault.caller_at_once(token, from.address).ok().flatten(),
        }
    }
}
