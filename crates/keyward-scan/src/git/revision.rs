//! Single files as a revision has them.

use std::path::Path;

use super::error::Error;
use super::repository::Repository;

impl Repository {
    /// The bytes of a file in a revision; `None` where the revision has no such file. The path is the
    /// repository's own, with `/` between folders.
    ///
    /// # Errors
    /// [`Error::Revision`] where there is no such revision.
    pub fn file_at(&self, revision: &str, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let hint = if self.boundary().is_empty() { "" } else { "; the clone is shallow: fetch more of the history first" };
        let unknown = || Error::Revision { revision: revision.to_owned(), hint };
        let broken = || Error::Object { what: "the file", id: format!("{revision}:{path}"), reason: "damaged" };
        let local = self.local();
        let id = local.rev_parse_single(format!("{revision}^{{commit}}").as_str()).map_err(|_| unknown())?;
        let tree = id.object().ok().and_then(|commit| commit.peel_to_tree().ok()).ok_or_else(broken)?;
        let entry = tree.lookup_entry_by_path(path).map_err(|_| broken())?;
        let Some(entry) = entry.filter(|entry| entry.mode().is_blob()) else { return Ok(None) };
        Ok(Some(entry.object().map_err(|_| broken())?.data.clone()))
    }

    /// The path of a file in this repository, as revisions have it; `None` for one that is elsewhere.
    pub fn path_in(&self, path: &Path) -> Option<String> {
        self.inside(path)
    }
}
