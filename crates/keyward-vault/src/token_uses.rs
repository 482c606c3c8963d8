//! Uses of tokens that are being written down just now.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_access::TokenRecord;

/// When an unlimited token was last used is written once an hour. Of the many who show it at that moment
/// one writes it down, and nobody else waits for that: it says the same of all of them.
#[derive(Default)]
pub(crate) struct TokenUses(Mutex<HashSet<String>>);

/// The token's use is being written down until this is dropped.
pub(crate) struct WritingUse<'a> {
    uses: &'a TokenUses,
    id: String,
}

impl TokenUses {
    /// `None` where somebody writes it down already.
    pub(crate) fn begin(&self, record: &TokenRecord) -> Option<WritingUse<'_>> {
        let id = record.id.clone();
        let new = self.ids().insert(id.clone());
        new.then(|| WritingUse { uses: self, id })
    }

    /// Whether a use of this token needs no more than what somebody else is writing down.
    pub(crate) fn covers(&self, record: &TokenRecord) -> bool {
        record.uses_left.is_none() && self.ids().contains(&record.id)
    }

    fn ids(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for WritingUse<'_> {
    fn drop(&mut self) {
        self.uses.ids().remove(&self.id);
    }
}
