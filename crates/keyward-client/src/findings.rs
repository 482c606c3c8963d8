//! What calls about findings take and give.

use keyward_types::{KnownSecret, Operation, Timestamp};
use keyward_vault::{Actor, FindingReport, FindingState, HoldingKind, ReportedFinding, Vault};
use serde::{Deserialize, Serialize};

use crate::rotations::Rotations;

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
    /// What a leak of that secret is about, for whoever may see who is who.
    #[serde(default)]
    pub exposure: Option<Exposure>,
}

/// Who is concerned by a leak, and what replaces the value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// Who answers for the secret.
    pub owner: Option<String>,
    /// Whether the leaked version is the active one, so that it works, as far as is known.
    pub active: bool,
    /// Who has that version outside keyward at this moment.
    pub holders: Vec<String>,
    /// Where new values go.
    pub targets: Vec<String>,
    /// The command that replaces it.
    pub command: String,
    /// What has to be put in that command first, and where it is looked up.
    #[serde(default)]
    pub needs: Option<String>,
}

impl Exposure {
    /// What is known of a leaked secret; `None` where it is gone, or this caller may not see it.
    pub(crate) fn of(vault: &Vault, actor: &Actor, known: &KnownSecret) -> Option<Self> {
        let scope = vault.enter(actor, &known.project, &known.environment, Operation::List).ok()?;
        let head = vault.head(actor, &scope, &known.name).ok()?;
        let now = vault.clock().now();
        let held = vault.holdings(head.place.secret).ok()?.into_iter().filter(|holding| {
            let open = holding.until.is_none_or(|until| until > now);
            open && holding.version == known.version && holding.kind != HoldingKind::Target
        });
        let mut holders: Vec<String> = held
            .map(|holding| {
                let account = vault.account_of(&holding.principal).ok().flatten();
                let name = account.map_or_else(|| holding.principal.to_string(), |account| account.name);
                let how = match holding.kind {
                    HoldingKind::Run => "a program that runs",
                    HoldingKind::Export => "an export",
                    HoldingKind::Gateway => "the gateway",
                    _ => "it was read",
                };
                format!("{name} ({how})")
            })
            .collect();
        holders.sort();
        holders.dedup();
        let targets = vault.targets(&head.place).ok()?.into_iter().map(|target| target.name.to_string());
        let (command, needs) = Rotations { vault, actor }.command(&scope, &head);
        Some(Self {
            owner: head.owner.clone(),
            active: head.active().is_some_and(|active| active.version == known.version),
            holders,
            targets: targets.collect(),
            command,
            needs,
        })
    }
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
            exposure: None,
        }
    }
}
