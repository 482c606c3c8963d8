//! What calls about findings take and give.

use keyward_types::{KnownSecret, Timestamp};
use keyward_vault::{FindingReport, FindingState, ReportedFinding};
use serde::{Deserialize, Serialize};

/// What a scan reported, and what became of it; never the value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FindingInfo {
    /// Names it.
    pub id: String,
    /// The repository or folder that was scanned.
    pub source: String,
    /// The finding's lasting name.
    pub fingerprint: String,
    /// The rule that found it.
    pub rule: String,
    /// The path in the source.
    pub path: String,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The commit, where history was scanned.
    pub commit: Option<String>,
    /// The stored secret that it is.
    pub secret: Option<KnownSecret>,
    /// What became of it.
    pub state: FindingState,
    /// Who reported it first.
    pub reported_by: String,
    /// When it was first reported.
    pub first_seen: Timestamp,
    /// When it was last reported.
    pub last_seen: Timestamp,
    /// Who decided on it.
    pub resolved_by: Option<String>,
    /// When.
    pub resolved_at: Option<Timestamp>,
    /// Why, in his words.
    pub note: Option<String>,
}

impl From<ReportedFinding> for FindingInfo {
    fn from(known: ReportedFinding) -> Self {
        let FindingReport { source, fingerprint, rule, path, line, commit, secret } = known.report;
        Self {
            id: known.id,
            source,
            fingerprint: fingerprint.0,
            rule,
            path,
            line,
            commit,
            secret,
            state: known.state,
            reported_by: known.reported_by.to_string(),
            first_seen: known.first_seen,
            last_seen: known.last_seen,
            resolved_by: known.resolved_by.map(|who| who.to_string()),
            resolved_at: known.resolved_at,
            note: known.note,
        }
    }
}
