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
    /// It was to be looked at and could not be read: missing, damaged. What is left out on purpose is not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unreadable: bool,
}

impl Skipped {
    /// `path` was skipped because of `reason`.
    pub fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into(), unreadable: false }
    }

    /// `path` could not be read because of `reason`.
    pub fn unreadable(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { unreadable: true, ..Self::new(path, reason) }
    }
}

impl Summary {
    /// What was to be looked at and could not be read.
    pub fn unreadable(&self) -> impl Iterator<Item = &Skipped> {
        self.skipped.iter().filter(|skipped| skipped.unreadable)
    }

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
