//! A backup takes the place of the vault: checked and unlocked first, and beside the old one, never
//! over it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyward_store_sqlite::lock::{Error as LockError, Lock};
use keyward_store_sqlite::set_aside;
use keyward_types::VaultId;

use crate::home::{Reign, WAIT, private_folder};
use crate::{Ask, Code, Failure, Home, LocalDesk, Occasion, Result, Running};

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The vault that is there now.
    pub vault: VaultId,
    /// Entries in its log.
    pub log_size: u64,
    /// Where the vault lies that was there before.
    pub aside: Option<PathBuf>,
}

impl Home {
    /// Puts a backup in the place of the vault. It is unlocked first: until then, and when that
    /// fails, everything is as it was. What was there before is set aside, and only with `force`.
    /// The restored vault begins a new life and is in safe mode.
    ///
    /// # Errors
    /// [`Code::Usage`] when there is a vault and no `force`; [`Code::Locked`] when nothing opens
    /// the backup or another process owns the vault; what is wrong with the file.
    pub fn restore(&self, backup: &Path, force: bool, ask: &dyn Ask, occasion: &Occasion) -> Result<Restored> {
        fs::metadata(backup).map_err(|error| Failure::file("read", backup, &error))?;
        private_folder(&self.folder)?;
        let _lock = Lock::acquire(&self.folder, WAIT).map_err(|error| match error {
            LockError::Held { ref owner } => match Running::of(owner.clone()) {
                Some(running) => running.in_the_way(),
                None => Failure::new(Code::Locked, error.to_string()).hint("wait for it to end"),
            },
            _ => Failure::internal(error.to_string()),
        })?;
        if self.exists() && !force {
            return Err(Failure::usage(format!("there is a vault in `{}` already", self.folder.display()))
                .hint("`--force` sets it aside"));
        }
        let draft = Self { folder: self.folder.join("restoring"), keys: self.keys.clone() };
        remove(&draft.folder)?;
        let begun = draft.begin(backup, ask, occasion);
        let restored = begun.and_then(|restored| Ok(Restored { aside: self.replace_by(&draft)?, ..restored }));
        if restored.is_ok() {
            self.forget_moved();
        }
        let removed = remove(&draft.folder);
        restored.and_then(|restored| removed.map(|()| restored))
    }

    /// In a folder of its own: the copy is checked, opened, and told that it is a copy.
    fn begin(&self, backup: &Path, ask: &dyn Ask, occasion: &Occasion) -> Result<Restored> {
        keyward_store_sqlite::restore(backup, &self.database())?;
        let vault = Arc::new(self.try_slots(&self.peek()?, ask, Reign::Lasting)?);
        LocalDesk::new(Arc::clone(&vault), occasion.clone())?.begin_restored()?;
        Ok(Restored { vault: vault.id(), log_size: vault.log_size()?, aside: None })
    }

    fn replace_by(&self, draft: &Self) -> Result<Option<PathBuf>> {
        let (from, to) = (draft.database(), self.database());
        let aside = self.exists().then(|| set_aside(&to)).transpose()?;
        // The log of recent commits first: without it the database would be an older one.
        for suffix in ["-wal", ""] {
            let with = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
            match fs::rename(with(&from), with(&to)) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && !suffix.is_empty() => {}
                done => done.map_err(|error| Failure::file("restore", &to, &error))?,
            }
        }
        let synced = fs::File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| Failure::file("flush", &self.folder, &error))?;
        Ok(aside)
    }
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::file("remove", folder, &error)),
        _ => Ok(()),
    }
}
