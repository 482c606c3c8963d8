//! One call of a rotation, carried out: at the provider, at a target, or in the vault.

use std::str::FromStr;

use keyward_sync::{Means, Proof, Settings, Target};
use keyward_types::{Label, Place, Secret, Timestamp, Version};
use keyward_upstream::{Chosen, Ctx, Fault, KeyId, LastUsed, Minting, Refusal, Rotator, Tag};
use keyward_vault::{HoldingKind, RotationChange, RotationRow, Successor, TargetRecord};

use super::executor::{Error, Executor};
use super::{Answer, Call, Evidence, Failure, Holder, Making, Plan, State, Use, Which};

pub(super) struct Performing<'a> {
    pub(super) executor: &'a Executor<'a>,
    pub(super) row: &'a RotationRow,
    pub(super) plan: &'a Plan,
    pub(super) state: &'a State,
}

/// keyward tries a key when it was made, which its service counts as a use: so long after, in milliseconds,
/// none counts as somebody else's.
const OWN_TRIAL: i64 = 5 * 60 * 1000;

/// How a call ended, and what it changes of the secret.
type Ended = (Result<Answer, Failure>, RotationChange);

impl Performing<'_> {
    /// # Errors
    /// When the vault refuses: then nothing is known of the call.
    pub(super) fn perform(&self, call: &Call) -> Result<Ended, Error> {
        let unchanged = |answer| Ok((answer, RotationChange::Nothing));
        match call {
            Call::Promote => self.promote(),
            Call::Discard if self.row.rotation().candidate.is_some() => Ok((Ok(Answer::Done), RotationChange::Discard)),
            Call::Discard => unchanged(Ok(Answer::Done)),
            Call::Check(i) => unchanged(self.at(*i, |target| target.check().map(|()| Answer::Done))?),
            Call::Deploy(i) => unchanged(self.deploy(*i, self.candidate()?)?),
            Call::Recall(i) => unchanged(self.deploy(*i, self.active()?)?),
            Call::Confirm(i) => unchanged(match self.confirm(*i, self.candidate()?)? {
                Ok(Answer::Confirmed) if self.needed(*i)? == Proof::InUse => self.seen_in_use()?,
                answer => answer,
            }),
            Call::ConfirmOld(i) => unchanged(self.confirm(*i, self.active()?)?),
            Call::Look => unchanged(self.look()?),
            Call::Contract => self.contract(),
            _ => self.at_provider(call),
        }
    }

    /// What somebody stored meanwhile is not replaced by what was made before it.
    fn promote(&self) -> Result<Ended, Error> {
        let (active, rotation) = (self.active()?, self.row.rotation());
        let ours = active == rotation.old || Some(active) == rotation.candidate || self.state.contracting;
        if ours {
            return Ok((Ok(Answer::Done), RotationChange::Promote));
        }
        let why = format!("somebody made version {active} the active one meanwhile");
        Ok((Err(Failure::Refused(why)), RotationChange::Nothing))
    }

    fn at_provider(&self, call: &Call) -> Result<Ended, Error> {
        let rotator = match self.plan.making.rotator(self.executor.http) {
            Ok(rotator) => rotator,
            Err(why) => return Ok((Err(Failure::Refused(why)), RotationChange::Nothing)),
        };
        let current = self.text(self.row.rotation().old)?;
        let candidate = match self.row.rotation().candidate {
            Some(version) => Some(self.text(version)?),
            None => None,
        };
        let (replaces, admin) = (self.state.old.as_ref().map(KeyId::new), self.admin()?);
        let ctx = Ctx {
            admin: admin.as_ref(),
            current: Some(&current),
            replaces: replaces.as_ref(),
            clock: self.executor.clock,
            random: self.executor.random,
        };
        Ok(match self.asked(&*rotator, &ctx, candidate.as_ref(), call) {
            Ok((answer, change)) => (Ok(answer), change),
            Err(fault) => (Err(failure(fault, call)), RotationChange::Nothing),
        })
    }

    fn asked(
        &self,
        rotator: &dyn Rotator,
        ctx: &Ctx<'_>,
        candidate: Option<&Secret<String>>,
        call: &Call,
    ) -> Result<(Answer, RotationChange), Fault> {
        let tag = Tag::from_str(&format!("kw-{}", self.row.rotation().id))
            .map_err(|error| Fault::nonsense(error.to_string()))?;
        let old = || ctx.replaces.ok_or_else(|| Fault::refused(Refusal::Missing, "the old key has no name"));
        let unchanged = |answer| Ok((answer, RotationChange::Nothing));
        match call {
            Call::Preflight => {
                let seen = rotator.preflight(ctx)?;
                match seen.slots {
                    Some(slots) if slots.used >= slots.of => {
                        Err(Fault::refused(Refusal::Slots, format!("{} of {} keys are there", slots.used, slots.of)))
                    }
                    _ => unchanged(Answer::Ready(seen.current.map(|id| id.as_str().to_owned()))),
                }
            }
            Call::Choose => {
                let none = || Fault::refused(Refusal::Input, "there is nothing to choose");
                let chosen = rotator.choose(ctx, &tag)?.ok_or_else(none)?;
                Ok((Answer::Sealed(Some(chosen.id.as_str().to_owned())), sealing(&chosen.value, chosen.expires)))
            }
            Call::Mint => {
                let key = self.state.candidate.as_ref().and_then(|candidate| candidate.key.as_ref());
                let chosen = candidate.zip(key).map(|(value, key)| Chosen {
                    value: value.clone(),
                    id: KeyId::new(key),
                    expires: None,
                });
                let minted = rotator.mint(ctx, &tag, chosen.as_ref())?;
                let answer = Answer::Minted(Some(minted.id.as_str().to_owned()));
                match rotator.minting() {
                    Minting::Chosen => unchanged(answer),
                    _ => Ok((answer, sealing(&minted.value, minted.expires))),
                }
            }
            Call::Find => {
                let found = rotator.find(ctx, &tag)?;
                unchanged(Answer::Found(found.into_iter().map(|found| found.id.as_str().to_owned()).collect()))
            }
            Call::Adopt(id) => {
                let value = rotator.read(ctx, &KeyId::new(id))?;
                Ok((Answer::Minted(Some(id.clone())), sealing(&value, None)))
            }
            Call::Remove(id) => {
                let id = KeyId::new(id);
                // What is removed is what this rotation made, where a value of it is here still.
                let shown = candidate.filter(|_| rotator.is_ended_by_showing());
                rotator.retire(&Ctx { current: shown.or(ctx.current), ..*ctx }, &id)?;
                unchanged(Answer::Done)
            }
            Call::Probe(which) => {
                let current = ctx.current.filter(|_| *which == Which::Old);
                let none = || Fault::refused(Refusal::Missing, "there is no value to ask about");
                let verdict = rotator.probe(ctx, current.or(candidate).ok_or_else(none)?)?;
                match (verdict.verified, verdict.is_alive()) {
                    (keyward_types::Verified::ValidInsufficient, _) => unchanged(Answer::Narrow),
                    (_, true) => unchanged(Answer::Alive),
                    _ if verdict.is_dead() => unchanged(Answer::Dead),
                    _ => Err(Fault::Unreachable(verdict.why)),
                }
            }
            Call::Suspend => rotator.suspend(ctx, old()?).and_then(|()| unchanged(Answer::Done)),
            Call::Resume => rotator.resume(ctx, old()?).and_then(|()| unchanged(Answer::Done)),
            Call::Retire => rotator.retire(ctx, old()?).and_then(|()| unchanged(Answer::Done)),
            other => Err(Fault::nonsense(format!("`{}` is nothing that a provider does", other.as_str()))),
        }
    }

    fn contract(&self) -> Result<Ended, Error> {
        let rotator = self.plan.making.rotator(self.executor.http).map_err(Error::Unreadable)?;
        let value = self.text(self.candidate()?)?;
        Ok(match rotator.without_predecessors(&value) {
            Ok(Some(alone)) => (Ok(Answer::Sealed(None)), sealing(&alone, None)),
            Ok(None) => (Ok(Answer::Nothing), RotationChange::Nothing),
            Err(fault) => (Err(failure(fault, &Call::Contract)), RotationChange::Nothing),
        })
    }

    fn deploy(&self, i: usize, version: Version) -> Result<Result<Answer, Failure>, Error> {
        let place = self.row.rotation().place;
        let value = self.executor.vault.open_for_target(&self.executor.actor, &place, version)?;
        self.at(i, |target| target.deploy(&value).map(|()| Answer::Done))
    }

    fn confirm(&self, i: usize, version: Version) -> Result<Result<Answer, Failure>, Error> {
        let (expected, needed) = (self.text(version)?, self.needed(i)?);
        self.at(i, |target| {
            let found = target.read_back()?;
            let same = found.is_none_or(|found| found.expose() == expected.expose().as_bytes());
            match (same, needed >= Proof::Restarted) {
                (false, _) => Ok(Answer::Differs),
                (true, true) if !target.restarted()? => {
                    Err(keyward_sync::Fault::Passing("what uses the value does not run with it yet".into()))
                }
                (true, _) => Ok(Answer::Confirmed),
            }
        })
    }

    /// A target that somebody has removed meanwhile needs nothing any more.
    fn at(
        &self,
        i: usize,
        act: impl FnOnce(&dyn Target) -> Result<Answer, keyward_sync::Fault>,
    ) -> Result<Result<Answer, Failure>, Error> {
        let Some(record) = self.record(i)? else { return Ok(Ok(Answer::Confirmed)) };
        let failed = |fault| match fault {
            keyward_sync::Fault::Refused(why) => Failure::Refused(why),
            keyward_sync::Fault::Passing(why) => Failure::Passing(why, None),
            keyward_sync::Fault::Limited(after) => {
                let millis = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                Failure::Passing(keyward_sync::Fault::Limited(after).to_string(), Some(millis))
            }
        };
        Ok(match opened(self.executor, &record)? {
            Ok(target) => act(&*target).map_err(failed),
            Err(fault) => Err(failed(fault)),
        })
    }

    fn record(&self, i: usize) -> Result<Option<TargetRecord>, Error> {
        let records = self.executor.vault.targets(&self.row.rotation().place)?;
        let name = self.state.targets.get(i).map(|target| target.id.as_str());
        Ok(records.into_iter().find(|record| Some(record.name.as_str()) == name))
    }

    /// What has to be seen before a target counts as having a value.
    fn needed(&self, i: usize) -> Result<Proof, Error> {
        let Some(record) = self.record(i)? else { return Ok(Proof::Accepted) };
        match record.proof {
            Some(proof) => proof.parse().map_err(Error::Unreadable),
            None => Ok(serde_json::from_value::<Settings>(record.settings).map_or(Proof::ReadBack, |one| one.proves())),
        }
    }

    fn look(&self) -> Result<Result<Answer, Failure>, Error> {
        let (vault, place) = (self.executor.vault, self.row.rotation().place);
        let new = self.candidate()?;
        let held = vault.holders_but(&place, new)?;
        let old_there = held.iter().any(|holding| holding.kind == HoldingKind::Gateway);
        let at_gateway = old_there && !vault.is_at_gateway(&place, new)?;
        let calls = vault.gateway_calls_but(&place, new, self.row.rotation().begun_at)?;
        let mut holders = Vec::new();
        for holding in held.iter().filter(|holding| holding.kind != HoldingKind::Gateway) {
            let account = vault.account_of(&holding.principal)?;
            let name = account.map_or_else(|| holding.principal.to_string(), |account| account.name);
            let how = match holding.kind {
                HoldingKind::Run => "a program that runs",
                HoldingKind::Export => "an export",
                _ => "it was read",
            };
            holders
                .push(Holder { who: format!("{name} ({how}, version {}, since {})", holding.version, holding.since) });
        }
        holders.sort_by(|a, b| a.who.cmp(&b.who));
        holders.dedup();
        let (used, users) = match self.used_at_provider()? {
            Ok(used) => used,
            Err(failure) => return Ok(Err(failure)),
        };
        let over = self.old_is_over()?;
        Ok(Ok(Answer::Seen(Evidence { holders, at_gateway, calls, used, users, over })))
    }

    /// Whether the old value has come to the end that its service gave it, and the service says so too.
    fn old_is_over(&self) -> Result<bool, Error> {
        let (_, head) = self.executor.vault.head_at(&self.row.rotation().place)?;
        let end = head.version(self.row.rotation().old).and_then(|version| version.expires_at);
        if end.is_none_or(|end| self.executor.clock.now() < end) || !self.state.shape.asks {
            return Ok(false);
        }
        let (answer, _) = self.at_provider(&Call::Probe(Which::Old))?;
        Ok(matches!(answer, Ok(Answer::Dead)))
    }

    fn used_at_provider(&self) -> Result<Result<(Use, Vec<String>), Failure>, Error> {
        let Some(old) = self.state.old.as_ref().map(KeyId::new) else { return Ok(Ok((Use::Unknown, vec![]))) };
        let rotator = self.plan.making.rotator(self.executor.http).map_err(Error::Unreadable)?;
        let current = self.text(self.row.rotation().old)?;
        let (clock, random, admin) = (self.executor.clock, self.executor.random, self.admin()?);
        let ctx = Ctx { admin: admin.as_ref(), current: Some(&current), replaces: Some(&old), clock, random };
        Ok(match rotator.last_used(&ctx, &old) {
            Ok(LastUsed::Unknown) => Ok((Use::Unknown, vec![])),
            Ok(LastUsed::Never) => Ok((Use::Never, vec![])),
            Ok(LastUsed::At(at, by)) => Ok((Use::At(at), by.into_iter().collect())),
            Ok(LastUsed::Now(by)) => Ok((Use::Now, by)),
            Err(fault) => Err(failure(fault, &Call::Look)),
        })
    }

    /// Whether the service has seen the new value in use.
    fn seen_in_use(&self) -> Result<Result<Answer, Failure>, Error> {
        let rotator = self.plan.making.rotator(self.executor.http).map_err(Error::Unreadable)?;
        let key = self.state.candidate.as_ref().and_then(|candidate| candidate.key.as_ref()).map(KeyId::new);
        let Some(key) = key.filter(|_| rotator.has_provider()) else {
            let why = "nobody tells whether this value is in use: `--needs read-back` or `restarted` is the most";
            return Ok(Err(Failure::Refused(why.into())));
        };
        let (current, admin) = (self.text(self.row.rotation().old)?, self.admin()?);
        let (clock, random) = (self.executor.clock, self.executor.random);
        let ctx = Ctx { admin: admin.as_ref(), current: Some(&current), replaces: None, clock, random };
        Ok(match rotator.last_used(&ctx, &key) {
            Ok(LastUsed::At(at, _)) if self.state.minted_at.is_some_and(|made| at.0 <= made.0 + OWN_TRIAL) => {
                let made = self.state.minted_at.map_or(0, |made| made.0);
                let wait = u64::try_from(made + OWN_TRIAL - self.executor.clock.now().0).ok().filter(|wait| *wait > 0);
                Err(Failure::Passing("the new value was not seen in use yet, but by keyward itself".into(), wait))
            }
            Ok(LastUsed::At(..) | LastUsed::Now(_)) => Ok(Answer::Confirmed),
            Ok(LastUsed::Never) => Err(Failure::Passing("the new value was not seen in use yet".into(), None)),
            Ok(LastUsed::Unknown) => Err(Failure::Refused("its service does not tell when a key was used".into())),
            Err(fault) => Err(failure(fault, &Call::Look)),
        })
    }

    fn candidate(&self) -> Result<Version, Error> {
        self.row.rotation().candidate.ok_or_else(|| Error::Unreadable("it has no successor yet".into()))
    }

    /// The version that readers get: while a rotation is undone, the old one.
    fn active(&self) -> Result<Version, Error> {
        let (_, head) = self.executor.vault.head_at(&self.row.rotation().place)?;
        head.labels
            .get(&Label::active())
            .copied()
            .ok_or_else(|| Error::Unreadable("the secret has no active value".into()))
    }

    fn admin(&self) -> Result<Option<Secret<String>>, Error> {
        admin(self.executor, &self.plan.making)
    }

    fn text(&self, version: Version) -> Result<Secret<String>, Error> {
        text_at(self.executor, self.row.rotation().place, version)
    }
}

/// A target, with what it is signed in to with as that is at this moment.
///
/// # Errors
/// When the vault refuses, or its record cannot be read.
pub fn opened<'a>(
    executor: &Executor<'a>,
    record: &TargetRecord,
) -> Result<Result<Box<dyn Target + 'a>, keyward_sync::Fault>, Error> {
    let Ok(settings) = serde_json::from_value::<Settings>(record.settings.clone()) else {
        return Ok(Err(keyward_sync::Fault::Refused("a newer keyward wrote its settings".into())));
    };
    let credential = match &record.credential {
        Some(place) => Some(active_at(executor, place)?),
        None => None,
    };
    Ok(settings.target(Means {
        http: executor.http.clone(),
        clock: executor.clock,
        random: executor.random,
        credential,
        mark: record.place.secret.to_string(),
    }))
}

/// The active value of a secret that something is signed in to with.
fn active_at(executor: &Executor<'_>, place: &Place) -> Result<Secret<String>, Error> {
    let (_, head) = executor.vault.head_at(place)?;
    let gone = || Error::Unreadable(format!("`{}`, which manages it, has no active value", head.name));
    let version = head.active().map(|active| active.version).ok_or_else(gone)?;
    text_at(executor, *place, version)
}

/// The credential that manages the key, as it is at this moment.
pub(super) fn admin(executor: &Executor<'_>, making: &Making) -> Result<Option<Secret<String>>, Error> {
    making.admin().map(|place| active_at(executor, place)).transpose()
}

/// A value, for keyward's own use: that is on record before it is opened.
pub(super) fn text_at(executor: &Executor<'_>, place: Place, version: Version) -> Result<Secret<String>, Error> {
    let lease = executor.vault.lease_for_rotation(&executor.actor, &place, version)?;
    let now: Timestamp = executor.clock.now();
    let text = lease.apply(now, |bytes| String::from_utf8(bytes.to_vec()).ok());
    let text = text.flatten().ok_or_else(|| Error::Unreadable("the value is no text, or its lease is over".into()))?;
    Ok(Secret::new(format!("version {version} of a rotating secret"), text))
}

/// A new value, with its entropy as the scanner reckons it, and when its service ends it.
pub(super) fn sealing(value: &Secret<String>, expires_at: Option<Timestamp>) -> RotationChange {
    let bits = keyward_providers::strength::bits(value.expose()).clamp(0.0, f64::from(u16::MAX)) as u16;
    let value = Secret::new("a successor", value.expose().clone().into_bytes());
    RotationChange::Seal(Successor { value, bits, expires_at })
}

fn failure(fault: Fault, call: &Call) -> Failure {
    let why = fault.to_string();
    match fault {
        Fault::Refused(Refusal::Slots, _) => Failure::NoRoom(why),
        Fault::Refused(Refusal::Missing, _) => Failure::Missing(why),
        Fault::Refused(Refusal::ByHand, _) => Failure::ByHand(why),
        Fault::Refused(Refusal::Busy, _) | Fault::Unreachable(_) => Failure::Passing(why, None),
        Fault::Refused(..) => Failure::Refused(why),
        Fault::Limited(after) => {
            Failure::Passing(why, after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)))
        }
        // What changes nothing has not changed anything.
        _ if matches!(call, Call::Preflight | Call::Find | Call::Probe(_) | Call::Look) => Failure::Passing(why, None),
        _ => Failure::Ambiguous(why),
    }
}
