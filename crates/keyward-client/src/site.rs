//! A vault that a server serves: where it lies, and which slot opens it. Its process has a lock and a
//! socket of its own in its home folder, wherever the store is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyward_store::Engine;
use keyward_store_sqlite::lock::{Error as LockError, Lock};
use keyward_types::Secret;
use keyward_upstream::AccessKey;
use keyward_vault::{Credential, Header, KeyFile, Protection, Share, Vault};

use crate::home::{Others, WAIT, open_with_text, private_folder, readable_by_others};
use crate::kms;
use crate::{Ask, Code, Failure, Held, Home, Owned, Result, Running, StoreAddress, tools};

/// A store and the way into its vault.
#[derive(Clone, Debug)]
pub struct Site {
    home: Home,
    address: StoreAddress,
    slot: SlotChoice,
}

/// With what a server opens its vault when it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SlotChoice {
    /// With whatever opens a local vault.
    #[default]
    Usual,
    /// With this key file.
    KeyFile(PathBuf),
    /// With the passphrase, recovery code or identity in this file.
    File(PathBuf),
    /// With the operating system's keyring.
    Keyring,
    /// With a key of AWS KMS.
    Kms,
    /// With nothing: it starts sealed and waits for shares.
    Shares,
}

impl Site {
    /// A vault in a store; without an address in the home's own database.
    #[must_use]
    pub fn new(home: Home, address: Option<StoreAddress>, slot: SlotChoice) -> Self {
        let address = address.unwrap_or_else(|| StoreAddress::File(home.database()));
        Self { home, address, slot }
    }

    /// Makes this process the one that answers for the vault here, and opens it. Where nothing opens
    /// it, it is owned all the same, and sealed: the second answer says why.
    ///
    /// # Errors
    /// [`Code::Locked`] when another process answers here; when the store cannot be reached or holds
    /// no vault.
    pub fn own(&self, ask: &dyn Ask) -> Result<(Owned, Option<Failure>)> {
        private_folder(&self.home.folder)?;
        let lock = Lock::acquire(&self.home.folder, WAIT).map_err(|error| match error {
            LockError::Held { owner } => {
                let named = Running::of(owner).map(|running| running.in_the_way());
                let failure = named.unwrap_or_else(|| Failure::new(Code::Locked, "another process uses the vault"));
                let remedy = failure.hint.clone().unwrap_or_else(|| "wait for it to end".into());
                failure.hint(format!("{remedy}; a second node on one machine needs a `KEYWARD_HOME` of its own"))
            }
            error => Failure::internal(error.to_string()),
        })?;
        let (held, why) = match self.open(ask) {
            Ok(vault) => (Held::with(Arc::new(vault)), None),
            Err(failure) if failure.code == Code::Locked && self.header().is_ok() => (Held::default(), Some(failure)),
            Err(failure) => return Err(failure),
        };
        let mut owned = Owned::keep(Arc::new(held), self.home.clone(), self.address.clone(), lock);
        owned.warnings.extend(self.warning());
        Ok((owned, why))
    }

    /// What can be known of the vault before it is open.
    ///
    /// # Errors
    /// When the store cannot be reached or holds none.
    pub fn header(&self) -> Result<Header> {
        let store = self.address.open().map_err(|error| self.address.explain(error))?;
        Vault::peek(&*store).map_err(|error| match error {
            keyward_vault::Error::Store(error) => self.address.explain(error),
            error => error.into(),
        })
    }

    /// How many shares open it: of its slots the one that needs the fewest.
    ///
    /// # Errors
    /// When the store cannot be reached.
    pub fn threshold(&self) -> Result<Option<u8>> {
        let needed = |slot: &keyward_vault::Slot| match slot.protection {
            Protection::Shamir { threshold, .. } => Some(threshold),
            _ => None,
        };
        Ok(self.header()?.slots.iter().filter_map(needed).min())
    }

    /// Opens the vault with shares, and compares it with what this machine last saw of it.
    ///
    /// # Errors
    /// [`Code::Locked`] when they do not open it; when the store cannot be reached.
    pub fn open_with_shares(&self, shares: &[Share]) -> Result<Arc<Vault>> {
        let vault = Arc::new(self.unlock(&Credential::Shares(shares))?);
        self.home.compare_with_anchor(&vault)?;
        Ok(vault)
    }

    /// Opens the vault with the slot that was named, where that needs nobody who could be asked, and
    /// compares it with what this machine last saw of it. `None` where it needs somebody.
    ///
    /// # Errors
    /// [`Code::Locked`] when the slot does not open it now; when the store cannot be reached.
    pub fn open_alone(&self, aws: Option<&AccessKey>) -> Result<Option<Arc<Vault>>> {
        if !self.opens_alone() {
            return Ok(None);
        }
        let vault = Arc::new(self.open_by_kms(aws)?);
        self.home.compare_with_anchor(&vault)?;
        Ok(Some(vault))
    }

    /// Whether the slot that was named opens the vault whenever it is asked to.
    #[must_use]
    pub fn opens_alone(&self) -> bool {
        self.slot == SlotChoice::Kms
    }

    /// Where the store is, without user and password.
    #[must_use]
    pub fn address(&self) -> &StoreAddress {
        &self.address
    }

    fn open(&self, ask: &dyn Ask) -> Result<Vault> {
        let locked = |why: String| Failure::new(Code::Locked, why);
        match &self.slot {
            SlotChoice::Shares => Err(locked("the configuration says that shares open it".into())),
            SlotChoice::KeyFile(path) => self.unlock(&Credential::KeyFile(&KeyFile::parse(text(path)?.expose())?)),
            SlotChoice::File(path) => open_with_text(&text(path)?, |credential| self.unlock_raw(credential)),
            SlotChoice::Keyring => {
                let entry = ask.keyring(self.header()?.vault);
                let entry = entry.ok_or_else(|| locked("the keyring has no entry for this vault".into()))?;
                self.unlock(&Credential::Keyring(&KeyFile::parse(entry.expose())?))
            }
            SlotChoice::Kms => self.open_by_kms(ask.aws().as_ref()),
            SlotChoice::Usual => self.home.try_slots_of(&self.header()?, ask, &|| self.engine()),
        }
    }

    fn open_by_kms(&self, aws: Option<&AccessKey>) -> Result<Vault> {
        kms::open(&self.header()?, aws, |credential| self.unlock_raw(credential))
    }

    fn unlock(&self, credential: &Credential<'_>) -> Result<Vault> {
        Ok(self.unlock_raw(credential)?)
    }

    fn unlock_raw(&self, credential: &Credential<'_>) -> Result<Vault, keyward_vault::Error> {
        Vault::unlock(self.engine()?, credential, tools())
    }

    fn engine(&self) -> Result<Box<dyn Engine>, keyward_store::Error> {
        self.address.open()
    }

    fn warning(&self) -> Option<String> {
        match &self.slot {
            SlotChoice::KeyFile(path) | SlotChoice::File(path) => readable_by_others(path, Others::OutsideTheGroup),
            SlotChoice::Usual => readable_by_others(&self.home.key_file(self.header().ok()?.vault), Others::Anybody),
            SlotChoice::Keyring | SlotChoice::Kms | SlotChoice::Shares => None,
        }
    }
}

/// What a file says that opens the vault, without its final line break. A file that is not there
/// leaves the vault locked, as its key may be brought later.
fn text(path: &Path) -> Result<Secret<String>> {
    let read = std::fs::read_to_string(path);
    let mut text = read.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::new(Code::Locked, format!("`{}`, which is to open it, is not there", path.display()))
        }
        _ => Failure::file("read", path, &error),
    })?;
    text.truncate(text.trim_end_matches(['\n', '\r']).len());
    Ok(Secret::new("what opens the vault", text))
}
