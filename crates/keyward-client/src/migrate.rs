//! A vault moves to another engine: verified before, copied whole, opened and verified after. Only
//! then is the old store set aside.

use std::path::PathBuf;
use std::sync::Arc;

use keyward_store::{Engine, Reads};
use keyward_store_sqlite::lock::Lock;
use keyward_store_sqlite::{Sqlite, set_aside};
use keyward_types::VaultId;
use keyward_vault::Vault;

use crate::engines::StoreAddress;
use crate::home::{Owned, WAIT, clock};
use crate::{Ask, Code, Failure, Home, LocalDesk, Occasion, Result};

/// What a migration did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The vault.
    pub vault: VaultId,
    /// Entries in its log, on both sides.
    pub entries: u64,
    /// Records, on both sides.
    pub records: u64,
    /// Where a local store lies now.
    pub aside: Option<PathBuf>,
}

impl Home {
    /// Moves the vault from `from` (the local one when it is not given) to the empty store `to`. A
    /// local store is set aside afterwards, so that nobody goes on writing to it.
    ///
    /// # Errors
    /// [`Code::Usage`] when `to` is not empty; [`Code::Locked`] when nothing opens the vault;
    /// [`Code::No`] when either side does not verify. Then the vault is where it was.
    pub fn migrate(
        &self,
        from: Option<&StoreAddress>,
        to: &StoreAddress,
        ask: &dyn Ask,
        occasion: &Occasion,
    ) -> Result<Migrated> {
        let source = match from {
            None => Source::Local(Box::new(self.open(ask)?)),
            Some(address) => Source::Other(Arc::new(self.unlock_at(address, ask)?)),
        };
        let vault = &source.vault()?;
        verified(vault, None, "the vault is not moved")?;
        let target = empty(to)?;
        let desk = LocalDesk::new(Arc::clone(vault), occasion.clone())?;
        desk.migrate(&*target, &to.to_string())?;
        drop(target);
        let (entries, records) = self.compare(vault, to, ask)?;
        let moved = Migrated { vault: vault.id(), entries, records, aside: None };
        drop(desk);
        match source {
            Source::Local(owned) => {
                drop(owned);
                self.note_moved(to)?;
                Ok(Migrated { aside: Some(self.set_aside(moved.entries)?), ..moved })
            }
            Source::Other(_) => {
                if self.exists() {
                    self.forget_moved();
                }
                Ok(moved)
            }
        }
    }

    /// The database was closed for it: somebody may have been quicker than we are now.
    fn set_aside(&self, entries: u64) -> Result<PathBuf> {
        let _lock = Lock::acquire(&self.folder, WAIT).map_err(|error| Failure::new(Code::Locked, error.to_string()))?;
        if Sqlite::open(&self.database(), clock)?.log_head()?.size != entries {
            return Err(Failure::internal("the old store was changed while the vault was moved")
                .hint("both stores are whole; decide for one of them"));
        }
        Ok(set_aside(&self.database())?)
    }

    /// Opens the vault of any store, with what opens the local one.
    ///
    /// # Errors
    /// [`Code::Locked`] when nothing opens it; when the store cannot be reached.
    pub fn unlock_at(&self, address: &StoreAddress, ask: &dyn Ask) -> Result<Vault> {
        let header = Vault::peek(&*address.open().map_err(|error| address.explain(error))?)?;
        self.try_slots_of(&header, ask, &|| address.open())
    }

    fn compare(&self, vault: &Vault, to: &StoreAddress, ask: &dyn Ask) -> Result<(u64, u64)> {
        let why = format!("the copy in `{to}` is not to be used; the vault is where it was");
        let moved = self.unlock_at(to, ask)?;
        let checkpoint = vault.checkpoint()?;
        let there = verified(&moved, Some(&checkpoint), &why)?;
        let here = verified(vault, None, &why)?;
        if here != there || moved.checkpoint()? != checkpoint {
            let message = format!("{} entries and {} records became {} and {}", here.0, here.1, there.0, there.1);
            return Err(Failure::new(Code::No, message).hint(why));
        }
        Ok(there)
    }
}

enum Source {
    Local(Box<Owned>),
    Other(Arc<Vault>),
}

impl Source {
    fn vault(&self) -> Result<Arc<Vault>> {
        match self {
            Self::Local(owned) => owned.vault(),
            Self::Other(vault) => Ok(Arc::clone(vault)),
        }
    }
}

/// Entries and records of a vault in which nothing is wrong.
fn verified(vault: &Vault, against: Option<&str>, otherwise: &str) -> Result<(u64, u64)> {
    let found = vault.verify(against)?;
    match found.faults.first() {
        None => Ok((found.entries, found.records)),
        Some(fault) => Err(Failure::new(Code::No, format!("`keyward audit verify` finds: {fault}")).hint(otherwise)),
    }
}

/// A store that was made now, or one that was made and never used.
fn empty(to: &StoreAddress) -> Result<Box<dyn Engine>> {
    let target = match to.create() {
        // Tables that an earlier attempt made.
        Err(keyward_store::Error::Exists { .. }) if matches!(to, StoreAddress::Postgres(_)) => to.open()?,
        made => made.map_err(|error| to.explain(error))?,
    };
    if target.header()?.is_some() || target.log_head()?.size > 0 {
        return Err(Failure::usage(format!("`{to}` is not empty")).hint("name a new file, or another `schema=`"));
    }
    Ok(target)
}
