//! The vault of a process that can be sealed: it is there while the process is open.

use std::sync::{Arc, PoisonError, RwLock};

use keyward_vault::Vault;
use serde::{Deserialize, Serialize};

use crate::{Bytes, Code, Failure, Occasion, Result};

/// A place for a vault, shared by all who answer for it. Whoever takes the vault out of it drops the
/// last lasting hold on its keys; calls that are under way end first.
#[derive(Default)]
pub struct Held(RwLock<Option<Arc<Vault>>>);

/// Whether a server is sealed, and how far its unsealing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealInfo {
    /// Nothing is answered but what unseals it.
    pub sealed: bool,
    /// Shares given so far: of those who belong to the last one.
    pub given: u32,
    /// How many are needed; none where no slot of the vault is made of shares, or it is not known.
    pub threshold: Option<u8>,
}

/// A server as the commands of its own user reach it.
pub trait Sealable: Send + Sync {
    /// How it stands.
    ///
    /// # Errors
    /// When the store cannot be asked.
    fn seal_state(&self) -> Result<SealInfo>;

    /// Takes a share.
    ///
    /// # Errors
    /// When it is none, when it completes a set that does not open the vault, or the server is open.
    fn give_share(&self, share: &Bytes, occasion: &Occasion) -> Result<SealInfo>;

    /// Opens the vault with the slot that the server's configuration names, where that needs nobody.
    ///
    /// # Errors
    /// When there is no such slot, it does not open the vault now, or the server is open.
    fn open_alone(&self, occasion: &Occasion) -> Result<SealInfo>;

    /// Gives up every key.
    ///
    /// # Errors
    /// When that cannot be put on record: then the server stays open.
    fn seal(&self, occasion: &Occasion) -> Result<SealInfo>;
}

impl Held {
    /// With a vault in it.
    #[must_use]
    pub fn with(vault: Arc<Vault>) -> Self {
        Self(RwLock::new(Some(vault)))
    }

    /// The vault.
    ///
    /// # Errors
    /// [`Code::Locked`] while the process is sealed.
    pub fn vault(&self) -> Result<Arc<Vault>> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.clone().ok_or_else(sealed)
    }

    /// It is open from now on.
    pub fn put(&self, vault: Arc<Vault>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(vault);
    }

    /// It is sealed from now on.
    pub fn take(&self) -> Option<Arc<Vault>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What every call of a sealed process gets.
pub(crate) fn sealed() -> Failure {
    Failure::new(Code::Locked, "the server is sealed: it has no key and answers nothing")
        .hint("`keyward unseal` takes the shares that open it")
}
