//! What was seen of a history, sealed in files beside the vault. A cache: it may be deleted, and
//! what cannot be read or written only costs time.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use keyward_client::{Failure, Home, Result, SystemRandom};
use keyward_scan::SeenBlobs;
use keyward_vault::ScanCache;

/// One file a repository.
pub(crate) struct SeenFiles {
    folder: PathBuf,
    cache: ScanCache,
}

impl SeenFiles {
    pub(crate) fn new(home: &Home, key: &[u8]) -> Result<Self> {
        let cache = ScanCache::new(key).ok_or_else(|| Failure::internal("the key of the scan cache is none"))?;
        Ok(Self { folder: home.folder.join("scan"), cache })
    }

    fn path(&self, repository: &str) -> PathBuf {
        self.folder.join(self.cache.name(repository))
    }

    fn write(&self, repository: &str, bytes: &[u8]) -> std::io::Result<()> {
        let sealed = self.cache.seal(repository, bytes, &SystemRandom).map_err(std::io::Error::other)?;
        fs::create_dir_all(&self.folder)?;
        let path = self.path(repository);
        let new = path.with_extension(format!("{}.new", std::process::id()));
        let mut file = private(&new)?;
        file.write_all(&sealed)?;
        fs::rename(&new, &path)
    }
}

impl SeenBlobs for SeenFiles {
    fn load(&self, repository: &str) -> Option<Vec<u8>> {
        let sealed = fs::read(self.path(repository)).ok()?;
        self.cache.open(repository, &sealed).map(|bytes| bytes.to_vec())
    }

    fn store(&self, repository: &str, bytes: &[u8]) {
        // It was scanned all the same; the next scan reads everything again.
        let _ = self.write(repository, bytes);
    }
}

/// A new file that only its owner may read.
fn private(path: &std::path::Path) -> std::io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
