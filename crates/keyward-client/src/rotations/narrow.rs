//! A successor that may less: what was seen of a secret's use, and who uses it unseen.

use keyward_lifecycle::rotation::{Making, SeenCall, TooWide, narrowed};
use keyward_types::{Head, Timestamp};
use keyward_upstream::{KeyId, LastUsed};
use keyward_vault::HoldingKind;

use super::Rotations;
use crate::rotation_wire::RotateAsk;
use crate::{Code, Failure, Result};

/// For how many days uses are looked back at: what is done once a month is among them.
const DAYS: u32 = 35;

/// What a narrower successor is allowed.
pub(super) struct Narrowing {
    /// In words: what it may, and what was seen.
    pub(super) told: Vec<String>,
    /// Whether the next successors are told so, too.
    pub(super) is_remembered: bool,
}

impl Rotations<'_> {
    /// The same way, to a key that may only what this one was seen to do, where that is asked for.
    pub(super) fn narrowed(&self, head: &Head, ask: &RotateAsk, making: Making) -> Result<(Making, Option<Narrowing>)> {
        if !ask.narrow {
            return Ok((making, None));
        }
        if ask.revoke || ask.emergency {
            return Err(Failure::usage("a key that leaked is replaced or ended first, and narrowed another time"));
        }
        let uses = self.vault.endpoints_of(&head.place, DAYS)?;
        let seen: Vec<SeenCall> = uses
            .iter()
            .map(|one| SeenCall { provider: one.provider.clone(), endpoint: one.endpoint.clone() })
            .collect();
        let found = narrowed(&making, &seen).map_err(|why| refused(head, &why))?;
        self.refuse_unseen(head)?;
        self.refuse_later(head, ask, &making, uses.iter().map(|one| one.last).max())?;
        let mut told: Vec<String> = found.may.iter().map(|may| format!("the new key may: {may}")).collect();
        told.extend(uses.iter().map(|one| format!("seen in use: {} (last on {})", one.endpoint, day(one.last))));
        let Making::Service { admin, .. } = making else {
            return Err(Failure::internal("what is no service was narrowed"));
        };
        let narrowing = Narrowing { told, is_remembered: found.is_remembered };
        Ok((Making::Service { service: found.service, admin }, Some(narrowing)))
    }

    /// What programs do with the key itself nobody sees: a narrower one could stop them.
    fn refuse_unseen(&self, head: &Head) -> Result<()> {
        let targets = self.vault.targets(&head.place)?;
        let mut who: Vec<String> = targets.iter().map(|target| format!("the target `{}`", target.name)).collect();
        for holding in self.vault.holdings(head.place.secret)? {
            let by_program = matches!(holding.kind, HoldingKind::Run | HoldingKind::Export);
            if by_program && holding.until.is_none() {
                let account = self.vault.account_of(&holding.principal)?;
                let name = account.map_or_else(|| holding.principal.to_string(), |account| account.name);
                who.push(format!("{name} (version {}, {})", holding.version, word(holding.kind)));
            }
        }
        who.dedup();
        if who.is_empty() {
            return Ok(());
        }
        let message = format!("`{}` is used where no gateway sees it, so that what it needs is not known", head.name);
        Err(Failure::new(Code::Conflict, message).hint(format!(
            "{}: give these a virtual key (`keyward virtual-key create`), or rotate without `--narrow`",
            who.join(", ")
        )))
    }

    /// What its service saw after the gateway was something else.
    fn refuse_later(&self, head: &Head, ask: &RotateAsk, making: &Making, seen: Option<Timestamp>) -> Result<()> {
        let version = super::replaced(head, ask)?.version;
        let key = self.said_key(head, ask)?.map(KeyId::new);
        let executor = super::executor(self.vault, super::system(&self.actor.agent));
        let used = executor.last_used(head.place, version, making, key.as_ref()).map_err(super::failed)?;
        let used = used.map_err(|fault| {
            let message = format!("no narrower key of `{}` is made: its service does not tell of its use", head.name);
            Failure::new(Code::Conflict, message).hint(fault.to_string())
        })?;
        match used {
            LastUsed::At(at, by) if seen.is_none_or(|seen| at.day_start() > seen) => {
                let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
                let message = format!(
                    "no narrower key of `{}` is made: its service saw it used on {}{by}, and the gateway did not",
                    head.name,
                    day(at)
                );
                Err(Failure::new(Code::Conflict, message)
                    .hint("whoever that is needs a virtual key first: `keyward show` says who has the secret"))
            }
            _ => Ok(()),
        }
    }
}

fn day(at: Timestamp) -> String {
    at.to_string().split('T').next().unwrap_or_default().to_owned()
}

const fn word(kind: HoldingKind) -> &'static str {
    match kind {
        HoldingKind::Export => "exported",
        _ => "in a running program",
    }
}

fn refused(head: &Head, why: &TooWide) -> Failure {
    let message = format!("no narrower key of `{}` is made: {why}", head.name);
    let hint = match why {
        TooWide::Unseen => {
            "its use through the gateway is what counts: `keyward virtual-key create` gives its users a key"
        }
        TooWide::Unknown(_) => {
            "where you know what it takes, say it: `--account scopes=…` of OpenAI, `--account access=…` of a Qdrant"
        }
        _ => "without `--narrow` the new key may what the old one may",
    };
    Failure::new(Code::Conflict, message).hint(hint)
}
