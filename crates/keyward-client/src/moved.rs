//! Where a home's vault went: a note that moving it leaves, so that nobody who looks for it here is told
//! to make a second one.

use std::fs;
use std::path::PathBuf;

use crate::signed::write;
use crate::{Code, Failure, Home, Result, StoreAddress};

impl Home {
    /// Where the vault that was here has been moved to, without user and password; `None` where there
    /// is one, or never was.
    #[must_use]
    pub fn moved_to(&self) -> Option<String> {
        if self.exists() {
            return None;
        }
        let text = fs::read_to_string(self.moved_note()).ok()?;
        let line = text.lines().next().unwrap_or_default().trim();
        (!line.is_empty()).then(|| line.chars().filter(|c| !c.is_control()).collect())
    }

    /// Refuses where the vault has been moved away: a second one in its place would be taken for it.
    ///
    /// # Errors
    /// [`Code::Locked`], with where it is.
    pub fn not_moved(&self) -> Result<()> {
        let Some(to) = self.moved_to() else { return Ok(()) };
        let (folder, back) = (self.folder.display(), self.database());
        Err(Failure::new(Code::Locked, format!("the vault of `{folder}` was moved to `{to}`")).hint(format!(
            "`keyward serve` with that `address` in its `[store]` serves it; `keyward store migrate --from ADDRESS --to '{}'` brings it back; without `{}` a new vault can be made here",
            back.display(),
            self.moved_note().display(),
        )))
    }

    /// Leaves the note.
    pub(crate) fn note_moved(&self, to: &StoreAddress) -> Result<()> {
        write(&self.moved_note(), format!("{to}\n").as_bytes())
    }

    /// There is a vault here again.
    pub(crate) fn forget_moved(&self) {
        // With a vault beside it, it is not looked at.
        let _ = fs::remove_file(self.moved_note());
    }

    fn moved_note(&self) -> PathBuf {
        self.folder.join("moved-to")
    }
}
