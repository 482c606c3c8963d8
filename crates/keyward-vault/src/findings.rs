//! What scans reported: where something that should be secret stands in the open. The value is never
//! in it; where the scanner recognised a stored secret, its name is.

use std::cmp::Reverse;

use keyward_access::Object;
use keyward_audit::Action as ActionName;
use keyward_types::{Fingerprint, KnownSecret, PrincipalId, Record, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::records::{self, Row};
use crate::value::hex;
use crate::write::raced;
use crate::{Error, Vault};

/// A finding as the store keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportedFinding {
    /// Names it: one for a fingerprint at a path of a source.
    pub id: String,
    /// What was reported.
    pub report: FindingReport,
    /// What became of it.
    pub state: FindingState,
    /// Who reported it first.
    pub reported_by: PrincipalId,
    /// When it was first reported.
    pub first_seen: Timestamp,
    /// When it was last reported.
    pub last_seen: Timestamp,
    /// Who decided on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<PrincipalId>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// Why, in his words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a scan says of one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindingReport {
    /// The repository or folder that was scanned, as its scanner calls it.
    pub source: String,
    /// The finding's lasting name; no oracle for the value.
    pub fingerprint: Fingerprint,
    /// The rule that found it.
    pub rule: String,
    /// The path in the source.
    pub path: String,
    /// The line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The commit, where history was scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The stored secret that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<KnownSecret>,
}

/// What became of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingState {
    /// Nobody has decided.
    Open,
    /// It was taken out; found again, it is open again.
    Fixed,
    /// The key was revoked, so that it may stand there.
    Revoked,
    /// It is no secret.
    FalsePositive,
    /// It is known and stays.
    Accepted,
}

/// Longest text of one field, in bytes, and most findings of one report.
const MAX_TEXT: usize = 1024;
const MAX_REPORT: usize = 1000;

impl Record for ReportedFinding {
    const COLLECTION: &'static str = "finding";

    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }
}

impl FindingReport {
    fn id(&self) -> String {
        let parts = [self.source.as_str(), self.fingerprint.0.as_str(), self.path.as_str()];
        let hash = parts
            .iter()
            .fold(Sha256::new(), |hash, part| hash.chain_update((part.len() as u64).to_be_bytes()).chain_update(part));
        hex(&hash.finalize()[..12])
    }

    fn check(&self) -> Result<(), Error> {
        let commit = self.commit.as_deref().unwrap_or_default();
        let texts = [&*self.source, &*self.fingerprint.0, &*self.rule, &*self.path, commit];
        if texts.iter().any(|text| text.len() > MAX_TEXT) {
            return Err(Error::Refused(format!("a finding's texts have at most {MAX_TEXT} bytes each")));
        }
        // A scanner that sent a value in the fingerprint's place would have it stored.
        let digits = self.fingerprint.0.strip_prefix("kwf1:").unwrap_or_default();
        if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(Error::Refused("a fingerprint is `kwf1:` and 32 hexadecimal digits".into()));
        }
        Ok(())
    }
}

/// The stored secrets among them, as far as they are to be spelled.
fn leaked(reports: &[FindingReport]) -> String {
    let mut known: Vec<String> = reports
        .iter()
        .filter_map(|report| report.secret.as_ref())
        .map(|one| format!("{}/{}/{} version {}", one.project, one.environment, one.name, one.version))
        .collect();
    known.sort();
    known.dedup();
    let more = known.len().saturating_sub(SPELLED);
    known.truncate(SPELLED);
    let text = known.join(", ");
    if more > 0 { format!("{text} and {more} more") } else { text }
}

/// So many secrets are spelled in an entry.
const SPELLED: usize = 10;

impl Vault {
    /// Keeps what a scan found; what is known is seen again. Whoever may match may report.
    ///
    /// # Errors
    /// [`Error::Refused`] for reports that are too large or hold something else; [`Error::Denied`].
    pub fn report_findings(&self, actor: &Actor, reports: Vec<FindingReport>) -> Result<Vec<ReportedFinding>, Error> {
        if reports.len() > MAX_REPORT {
            return Err(Error::Refused(format!("a report has at most {MAX_REPORT} findings")));
        }
        reports.iter().try_for_each(FindingReport::check)?;
        let (object, permit) = self.permit_matching(actor)?;
        if reports.is_empty() {
            return Ok(Vec::new());
        }
        let names = Names::default().with("source", &*reports[0].source);
        let names = match leaked(&reports) {
            known if known.is_empty() => names,
            known => names.with("secrets", known),
        };
        let telling = Telling::new(ActionName::FindingReport, object).count(reports.len() as u64).names(names);
        let mut change = Change::permitted(self, actor, permit, telling);
        let mut kept: Vec<ReportedFinding> = Vec::with_capacity(reports.len());
        for report in reports {
            let id = report.id();
            if kept.iter().any(|known| known.id == id) {
                continue;
            }
            let row = records::load::<ReportedFinding>(&self.store, id.as_bytes())?;
            let finding = self.seen_again(actor, id, report, row.as_ref());
            match &row {
                Some(row) => change.expect(records::unchanged(row)),
                None => change.expect(records::absent(&finding)),
            }
            change.put(&finding);
            kept.push(finding);
        }
        change.commit().map_err(|error| raced(error, "a finding"))?;
        Ok(kept)
    }

    fn seen_again(
        &self,
        actor: &Actor,
        id: String,
        report: FindingReport,
        row: Option<&Row<ReportedFinding>>,
    ) -> ReportedFinding {
        let now = self.tools.clock.now();
        match row.map(|row| row.record.clone()) {
            None => ReportedFinding {
                id,
                report,
                state: FindingState::Open,
                reported_by: actor.principal().clone(),
                first_seen: now,
                last_seen: now,
                resolved_by: None,
                resolved_at: None,
                note: None,
            },
            Some(known) if known.state == FindingState::Fixed => {
                ReportedFinding { report, state: FindingState::Open, last_seen: now, ..known }
            }
            Some(known) => ReportedFinding { report, last_seen: now, ..known },
        }
    }

    /// Every finding, the last seen first; those of one report by their place. Whoever may list the vault sees them.
    ///
    /// # Errors
    /// [`Error::Denied`].
    pub fn findings(&self, actor: &Actor) -> Result<Vec<ReportedFinding>, Error> {
        self.permit_list_vault(actor)?;
        let rows = records::scan::<ReportedFinding>(&self.store, &[])?;
        let mut findings: Vec<ReportedFinding> = rows.into_iter().map(|row| row.record).collect();
        // Ids made within one millisecond are in no order, so the place decides before them.
        findings.sort_by(|a, b| (Reverse(a.last_seen), place(a)).cmp(&(Reverse(b.last_seen), place(b))));
        Ok(findings)
    }

    /// Decides on a finding.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Denied`], [`Error::Raced`].
    pub fn resolve_finding(
        &self,
        actor: &Actor,
        id: &str,
        state: FindingState,
        note: Option<String>,
    ) -> Result<ReportedFinding, Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::FindingResolve);
        if note.as_ref().is_some_and(|note| note.len() > MAX_TEXT) {
            return Err(Error::Refused(format!("a note has at most {MAX_TEXT} bytes")));
        }
        let shown: String = id.chars().take(60).flat_map(char::escape_debug).collect();
        let names = Names::default().with("finding", shown.as_str());
        let permit = self.permit_administer(actor, object, action, &names)?;
        let row = records::load::<ReportedFinding>(&self.store, id.as_bytes())?
            .ok_or(Error::Missing { noun: "finding", name: shown })?;
        let finding = ReportedFinding {
            state,
            // Why it was decided so stays, until somebody gives another reason.
            note: note.or_else(|| row.record.note.clone()),
            resolved_by: Some(actor.principal().clone()),
            resolved_at: Some(self.tools.clock.now()),
            ..row.record.clone()
        };
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        change.expect(records::unchanged(&row));
        change.put(&finding);
        change.commit().map_err(|error| raced(error, "the finding"))?;
        Ok(finding)
    }
}

fn place(finding: &ReportedFinding) -> (&str, &str, Option<u32>, &str) {
    (&finding.report.source, &finding.report.path, finding.report.line, &finding.id)
}
