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
}

/// Tokens of the vault's owner.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnerTokens;

impl Authenticate for OwnerTokens {
    fn caller(&self, vault: &Vault, token: &PlainToken, _from: Option<IpAddr>) -> Result<Option<Caller>, Failure> {
        Ok(vault.owner_of_token(token)?)
    }
}
