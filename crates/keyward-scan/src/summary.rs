//! What a scan read, and what it left out.

use serde::Serialize;

/// Counts of one scan: the `summary` of the JSON report.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Files read.
    pub files: u64,
    /// Bytes looked at, those of decoded texts and archives included.
    pub bytes: u64,
    /// Git objects read.
    pub blobs: u64,
    /// Commits whose content was covered.
    pub commits: u64,
    /// Findings that a baseline, a comment or the configuration silences.
    pub silenced: u64,
    /// What was not looked at.
    pub skipped: Vec<Skipped>,
    /// Seconds of wall time.
    pub seconds: f64,
}

/// Something that was not looked at, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Skipped {
    /// What.
    pub path: String,
    /// Why, in a few words: `binary`, `too large`, `unreadable`, `dependencies`.
    pub reason: String,
}

impl Skipped {
    /// `path` was skipped because of `reason`.
    pub fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }
}

impl Summary {
    /// Adds what another part of the same scan counted.
    pub fn merge(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.blobs += other.blobs;
        self.commits += other.commits;
        self.silenced += other.silenced;
        self.skipped.extend(other.skipped);
    }
}
