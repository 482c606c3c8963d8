//! What other nodes of the same store have changed, taken over by this one.
//!
//! A node remembers three things that another one can make untrue: who may do what, the header with
//! the root under it, and keys of projects and principals. Each is read anew when the store reports
//! a change ([`keyward_store::Watch`]); nothing of it is taken on trust: a header counts under the
//! MAC of its root, and a root counts that this node's own slot opens.

use std::collections::HashMap;
use std::sync::MutexGuard;

use keyward_store::{Changes, Expect, Watch, header_hash};
use keyward_types::Record;

use crate::crypto::Key;
use crate::header::{Header, WrappedKey};
use crate::records::{self, StoredKey, stored_key_key};
use crate::roster::Known;
use crate::value::purpose;
use crate::vault::subject_purpose;
use crate::{Error, Vault};

impl Vault {
    /// A view of what all nodes change, where several share the store; `None` where one process owns
    /// it.
    ///
    /// # Errors
    /// When the store cannot be watched.
    pub fn watch(&self) -> Result<Option<Box<dyn Watch>>, Error> {
        self.store.engine().nodes().map(|nodes| nodes.watch().map_err(Error::from)).transpose()
    }

    /// Takes over what was reported as changed. What this node knew of it before counts no longer
    /// when it returns.
    ///
    /// # Errors
    /// [`Error::WrongCredential`] when the root was replaced and what opened the vault here opens it
    /// no more; [`Error::Damaged`] for a header that is no successor of ours; when the store refuses.
    pub fn catch_up(&self, changes: &Changes) -> Result<(), Error> {
        let mut collections = changes.collections.iter().map(|changed| changed.collection.as_str());
        if collections.clone().any(Known::concerns) {
            self.refresh_access();
        }
        if changes.header {
            self.take_header(self.header_lock())?;
        }
        if collections.any(|collection| collection == StoredKey::COLLECTION) {
            self.refresh_keys()?;
        }
        if self.keys.note_changes(&changes.collections) {
            self.tell_of_keys();
        }
        Ok(())
    }

    /// Reads everything anew that may be remembered: it is not known what changed.
    ///
    /// # Errors
    /// As [`Vault::catch_up`].
    pub fn catch_up_with_all(&self) -> Result<(), Error> {
        self.refresh_access();
        self.take_header(self.header_lock())?;
        self.refresh_keys()?;
        self.keys.note_all();
        self.tell_of_keys();
        Ok(())
    }

    /// Takes over the store's header, for whoever may hold it or what its holder waits for: while
    /// somebody holds it, nothing is done.
    pub(crate) fn refresh_header(&self) -> Result<(), Error> {
        self.try_header_lock().map_or(Ok(()), |current| self.take_header(current))
    }

    fn take_header(&self, mut current: MutexGuard<'_, Header>) -> Result<(), Error> {
        let bytes = self.store.header()?.ok_or(Error::Damaged("the store holds no vault"))?;
        if bytes == current.bytes() {
            return Ok(());
        }
        let found = Header::parse(&bytes)?;
        if found.vault != current.vault || found.root_generation < current.root_generation {
            return Err(Error::Damaged("the vault's header was put back to an older one, or is another vault's"));
        }
        if found.root_generation > current.root_generation {
            let root = self.root_of(&found)?;
            found.verify(&root)?;
            self.ring.replace_root(root);
        } else {
            found.verify(&self.ring.root())?;
        }
        *current = found;
        Ok(())
    }

    /// The root of a header, by what opened the vault here.
    fn root_of(&self, header: &Header) -> Result<Key, Error> {
        let opener = self.opener.as_ref().ok_or(Error::WrongCredential("process"))?;
        let opened = header.slots.iter().find_map(|slot| opener.open(slot, header.vault, header.root_generation));
        opened.ok_or(Error::WrongCredential("node's slot"))
    }

    /// Whoever was erased or deleted elsewhere is forgotten here, too.
    fn refresh_keys(&self) -> Result<(), Error> {
        // Before the store is read: what is unwrapped from now on is of now.
        let (projects, subjects) = self.ring.kept();
        let rows = records::scan::<StoredKey>(&self.store, &[])?;
        let stored: HashMap<Vec<u8>, WrappedKey> =
            rows.into_iter().map(|row| (row.record.key(), row.record.key)).collect();
        for (project, generation) in projects {
            if !stored.contains_key(&stored_key_key(&purpose(project), generation)) {
                self.ring.forget_generation(project, generation);
            }
        }
        for subject in subjects {
            match stored.get(&stored_key_key(&subject_purpose(&subject), 1)) {
                Some(wrapped) => self.ring.keep_subject(subject, self.unwrap_key(wrapped)?),
                None => self.ring.forget_subject(&subject),
            }
        }
        Ok(())
    }

    /// A key out of the store. One that does not open may be under a root that is new to us.
    pub(crate) fn unwrap_key(&self, wrapped: &WrappedKey) -> Result<Key, Error> {
        self.ring.unwrap(wrapped).or_else(|refused| {
            self.refresh_header()?;
            self.ring.unwrap(wrapped).map_err(|_| refused)
        })
    }

    /// A fresh key for the store, and what the change that puts it there has to expect: that the root
    /// it is wrapped under is the root still.
    pub(crate) fn wrap_key(&self, key: &Key, purpose: &str, generation: u32) -> Result<(StoredKey, Expect), Error> {
        let (root, under) = self.present_root();
        Ok((StoredKey { key: self.ring.wrap_under(&root, key, purpose, generation)? }, under))
    }

    /// The root, and the header that it belongs to.
    pub(crate) fn present_root(&self) -> (Key, Expect) {
        let header = self.header_lock();
        (self.ring.root(), Expect::Header { hash: header_hash(&header.bytes()) })
    }

    /// What a refused commit means: when the header was replaced elsewhere, ours is of yesterday.
    pub(crate) fn refused(&self, error: keyward_store::Error) -> Error {
        match error {
            keyward_store::Error::Conflict(expect) if matches!(*expect, Expect::Header { .. }) => {
                // Whatever comes of it is told by the watch.
                let _ = self.refresh_header();
                Error::Raced("the vault's header".to_owned())
            }
            error => crate::change::replaced(error),
        }
    }
}
