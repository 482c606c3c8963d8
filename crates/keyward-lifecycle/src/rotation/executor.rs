//! Carries out what the machine says, and writes down each step before and after.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use keyward_types::{Clock, Place, Random, RotationId, Secret, Timestamp, Version};
use keyward_upstream::{Ctx, Fault, Http, KeyId, LastUsed, Preflight, Verdict};
use keyward_vault::{Actor, RotationChange, RotationRow, RotationStep, Vault};
use thiserror::Error;

use super::perform::{Performing, admin, text_at};
use super::{Answer, Breaker, Call, Effect, Event, Failure, Making, Phase, Plan, State, What, Wish, decided, next};

/// Goes on with rotations, as one process.
pub struct Executor<'a> {
    /// Where they are on record.
    pub vault: &'a Vault,
    /// keyward itself at this task: `system:rotation`.
    pub actor: Actor,
    /// Unlike the name of every other process.
    pub holder: String,
    /// Tells the time.
    pub clock: &'a dyn Clock,
    /// Chance, for waits and for values.
    pub random: &'a dyn Random,
    /// The way to services.
    pub http: &'a Http,
    /// Accounts that fail, and are left alone for a while.
    pub breakers: &'a Mutex<HashMap<String, Breaker>>,
}

/// Why a rotation could not be gone on with. It stands where it stood.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The vault refused.
    #[error(transparent)]
    Vault(#[from] keyward_vault::Error),
    /// Another process runs it.
    #[error("another process goes on with this rotation")]
    Replaced,
    /// A record that this keyward cannot read.
    #[error("the record of a rotation was written by a newer keyward, or by none: {0}")]
    Unreadable(String),
}

/// How often a write is tried when somebody came between.
const ATTEMPTS: usize = 8;
/// Beyond what a call may take, until another process takes its rotation over; in milliseconds.
const MARGIN: i64 = 5_000;

impl Executor<'_> {
    /// Goes on with a rotation until it waits for longer than `patience` in all, for a person, or has
    /// ended.
    ///
    /// # Errors
    /// [`enum@Error`]; whoever comes next goes on.
    pub fn run(&self, row: RotationRow, patience: Duration) -> Result<RotationRow, Error> {
        let plan = plan(&row)?;
        let Some((mut row, first)) = self.claimed(row, &plan)? else { return Err(Error::Replaced) };
        let end = Instant::now() + patience;
        let mut taken = Taken { what: first, told: String::new(), change: RotationChange::Nothing };
        loop {
            let (written, effects) = self.write(&row, &plan, &taken)?;
            row = written;
            let call = effects.iter().find_map(|effect| match effect {
                Effect::Call(call) => Some(call.clone()),
                _ => None,
            });
            taken = match (call, effects.last()) {
                (Some(call), _) => self.perform(&row, &plan, &call)?,
                (None, Some(Effect::Wait(until))) => {
                    let wait = u64::try_from(until.0 - self.clock.now().0).unwrap_or_default().max(1);
                    let wait = Duration::from_millis(wait);
                    if Instant::now() + wait > end {
                        break;
                    }
                    if !self.waited(wait) {
                        break;
                    }
                    Taken { what: What::Tick, told: String::new(), change: RotationChange::Nothing }
                }
                _ => break,
            };
        }
        if row.rotation().over {
            let (_, head) = self.vault.head_at(&row.rotation().place)?;
            if let Some(active) = head.active() {
                self.vault.close_target_holdings(&self.actor, &head.place, active.version)?;
            }
        }
        Ok(row)
    }

    /// Whether the time has come: a clock that stands still, as a test's does, never comes to it.
    fn waited(&self, wait: Duration) -> bool {
        let (before, first) = (self.clock.now(), wait.min(Duration::from_millis(5)));
        std::thread::sleep(first);
        let moves = self.clock.now() != before || wait == first;
        if moves {
            std::thread::sleep(wait - first);
        }
        moves
    }

    /// What a rotation of this version would meet: nothing is changed anywhere.
    ///
    /// # Errors
    /// [`enum@Error`].
    pub fn preflight(
        &self,
        place: Place,
        old: Version,
        making: &Making,
        said: Option<&KeyId>,
    ) -> Result<Result<Preflight, Fault>, Error> {
        let rotator = making.rotator(self.http).map_err(Error::Unreadable)?;
        let (current, admin) = (text_at(self, place, old)?, admin(self, making)?);
        let (clock, random) = (self.clock, self.random);
        let ctx = Ctx { admin: admin.as_ref(), current: Some(&current), replaces: said, clock, random };
        Ok(rotator.preflight(&ctx))
    }

    /// When the service saw this version used last, where it tells; nothing is changed anywhere.
    ///
    /// # Errors
    /// [`enum@Error`].
    pub fn last_used(
        &self,
        place: Place,
        version: Version,
        making: &Making,
        said: Option<&KeyId>,
    ) -> Result<Result<LastUsed, Fault>, Error> {
        let rotator = making.rotator(self.http).map_err(Error::Unreadable)?;
        let (current, admin) = (text_at(self, place, version)?, admin(self, making)?);
        let (clock, random) = (self.clock, self.random);
        let ctx = Ctx { admin: admin.as_ref(), current: Some(&current), replaces: said, clock, random };
        let id = match said {
            Some(id) => Ok(Some(id.clone())),
            None => rotator.identify(&ctx, &current),
        };
        Ok(id.and_then(|id| id.map_or(Ok(LastUsed::Unknown), |id| rotator.last_used(&ctx, &id))))
    }

    /// What the service says of a value that a person brings, before it is kept.
    ///
    /// # Errors
    /// [`enum@Error`].
    pub fn ask_about(&self, row: &RotationRow, value: &Secret<String>) -> Result<Result<Verdict, Fault>, Error> {
        let plan = plan(row)?;
        let rotator = plan.making.rotator(self.http).map_err(Error::Unreadable)?;
        let (clock, random) = (self.clock, self.random);
        let ctx = Ctx { admin: None, current: None, replaces: None, clock, random };
        Ok(rotator.probe(&ctx, value))
    }

    /// Takes in the value that a person brings: it is sealed as the pending version with his decision.
    ///
    /// # Errors
    /// As [`Executor::decide`].
    pub fn bring(&self, by: &Actor, id: RotationId, value: &Secret<String>) -> Result<RotationRow, Error> {
        self.decided(by, id, Wish::Brought, || super::perform::sealing(value, None))
    }

    /// Takes in what a person wants; whoever runs the rotation finds it in the row.
    ///
    /// # Errors
    /// [`enum@Error`]; [`keyward_vault::Error::Raced`] when it went on too fast.
    pub fn decide(&self, by: &Actor, id: RotationId, wish: Wish) -> Result<RotationRow, Error> {
        self.decided(by, id, wish, || RotationChange::Nothing)
    }

    fn decided(
        &self,
        by: &Actor,
        id: RotationId,
        wish: Wish,
        change: impl Fn() -> RotationChange,
    ) -> Result<RotationRow, Error> {
        for _ in 0..ATTEMPTS {
            let row = self.row(id)?;
            let plan = plan(&row)?;
            let new = decided(state(&row)?, wish, self.clock.now(), &plan.policy);
            let step = self.step(&new, &[], String::new(), change());
            match self.vault.decide_rotation(by, &row, wish.as_str(), step) {
                Err(keyward_vault::Error::Raced(_)) => {}
                done => return Ok(done?),
            }
        }
        Err(keyward_vault::Error::Raced("the rotation".into()).into())
    }

    /// Takes the rotation over where another process had it. Not while one of his calls may be under way.
    fn claimed(&self, row: RotationRow, plan: &Plan) -> Result<Option<(RotationRow, What)>, Error> {
        let rotation = row.rotation();
        let mine = rotation.holder == self.holder;
        let what = if rotation.doing.is_some() { What::Taken } else { What::Tick };
        if mine {
            return Ok(Some((row, what)));
        }
        let begun = state(&row)?.doing.map(|(_, at)| at);
        let since = begun.map(|at| self.clock.now().0.saturating_sub(at.0));
        if since.is_some_and(|since| (0..plan.policy.call + MARGIN).contains(&since)) {
            return Ok(None);
        }
        match self.vault.claim_rotation(&self.actor, &row, &self.holder) {
            Err(keyward_vault::Error::Raced(_)) => Ok(None),
            claimed => Ok(Some((claimed?, what))),
        }
    }

    /// Applies what happened and writes it down. Where a person came between, it is applied to what he
    /// left; where another process did, nothing is written.
    fn write(&self, row: &RotationRow, plan: &Plan, taken: &Taken) -> Result<(RotationRow, Vec<Effect>), Error> {
        let mut row = row.clone();
        for _ in 0..ATTEMPTS {
            let event = Event { at: self.clock.now(), roll: self.roll(), what: taken.what.clone() };
            let (state, effects) = next(state(&row)?, &event, &plan.policy);
            let change = match &taken.change {
                RotationChange::Nothing => RotationChange::Nothing,
                RotationChange::Seal(successor) => RotationChange::Seal(successor.clone()),
                RotationChange::Promote => RotationChange::Promote,
                RotationChange::Discard => RotationChange::Discard,
            };
            let step = self.step(&state, &effects, taken.told.clone(), change);
            let same = step.state == row.rotation().state && step.doing == row.rotation().doing;
            if same && step.due == row.rotation().due {
                return Ok((row, effects));
            }
            match self.vault.write_rotation(&self.actor, &row, &step) {
                Err(keyward_vault::Error::Raced(_)) => {
                    let now = self.row(row.rotation().id)?;
                    if now.rotation().epoch != row.rotation().epoch || now.rotation().doing != row.rotation().doing {
                        return Err(Error::Replaced);
                    }
                    row = now;
                }
                written => return Ok((written?, effects)),
            }
        }
        Err(keyward_vault::Error::Raced("the rotation".into()).into())
    }

    fn step(&self, state: &State, effects: &[Effect], told: String, change: RotationChange) -> RotationStep {
        let due = effects.iter().find_map(|effect| match effect {
            Effect::Wait(until) => Some(*until),
            _ => None,
        });
        let waits = state.stuck.is_some() && due.is_none() && state.doing.is_none();
        let stuck = effects.iter().find_map(|effect| match effect {
            Effect::Alert(_, why, count) if *count > 1 => Some(format!("{why} ({count} failures)")),
            Effect::Alert(_, why, _) => Some(why.clone()),
            _ => None,
        });
        let begun = state.doing.as_ref().map(|(call, _)| self.spelled(state, call));
        let told = match (&begun, told.is_empty()) {
            (Some(begun), true) => format!("{begun}: begun"),
            (Some(begun), false) => format!("{told}; {begun}: begun"),
            (None, true) => state.word().to_owned(),
            (None, false) => told,
        };
        RotationStep {
            state: serde_json::to_value(state).expect("states have string keys and no failing values"),
            word: state.word().to_owned(),
            doing: begun,
            due: if state.is_over() || waits { None } else { due.or_else(|| Some(self.clock.now())) },
            over: state.is_over(),
            told,
            stuck,
            change,
        }
    }

    fn perform(&self, row: &RotationRow, plan: &Plan, call: &Call) -> Result<Taken, Error> {
        let state = state(row)?;
        let spelled = self.spelled(&state, call);
        let at_provider =
            call.target().is_none() && !matches!(call, Call::Choose | Call::Promote | Call::Discard | Call::Contract);
        let account = serde_json::to_string(&plan.making).expect("a plan has string keys");
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        let lets = !at_provider || breakers.entry(account.clone()).or_default().lets(self.clock.now());
        drop(breakers);
        let (answer, change) = match lets {
            true => self.performed(&Performing { executor: self, row, plan, state: &state }, call)?,
            false => {
                let why = "its account is left alone for a while".into();
                (Err(Failure::Passing(why, None)), RotationChange::Nothing)
            }
        };
        if at_provider && lets {
            let well = !matches!(answer, Err(Failure::Passing(..) | Failure::Ambiguous(_)));
            let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
            breakers.entry(account).or_default().ended(well, self.clock.now());
        }
        let told = match &answer {
            Ok(Answer::Dead) => format!("{spelled}: it does not work"),
            Ok(Answer::Differs) => format!("{spelled}: it has another value"),
            Ok(_) => format!("{spelled}: done"),
            Err(failure) => format!("{spelled}: {}", failure.why()),
        };
        Ok(Taken { what: What::Answer(answer), told, change })
    }

    /// What the vault refuses for good is for a person: trying it again would do nothing else.
    fn performed(
        &self,
        performing: &Performing<'_>,
        call: &Call,
    ) -> Result<(Result<Answer, Failure>, RotationChange), Error> {
        use keyward_vault::Error as Refusal;
        match performing.perform(call) {
            Err(Error::Vault(error @ (Refusal::NoVersion { .. } | Refusal::Damaged(_) | Refusal::Denied(_)))) => {
                Ok((Err(Failure::Refused(error.to_string())), RotationChange::Nothing))
            }
            Err(Error::Unreadable(why)) => Ok((Err(Failure::Refused(why)), RotationChange::Nothing)),
            done => done,
        }
    }

    /// A call in words, with its target's name.
    fn spelled(&self, state: &State, call: &Call) -> String {
        match call.target().and_then(|i| state.targets.get(i)) {
            Some(target) => format!("{} {}", call.as_str(), target.id),
            None => call.as_str().to_owned(),
        }
    }

    fn row(&self, id: RotationId) -> Result<RotationRow, Error> {
        let missing = || keyward_vault::Error::Missing { noun: "rotation", name: id.to_string() };
        Ok(self.vault.rotation(id)?.ok_or_else(missing)?)
    }

    /// Waits need no good chance.
    fn roll(&self) -> u32 {
        let mut bytes = [0x7f; 4];
        let _ = self.random.fill(&mut bytes);
        u32::from_be_bytes(bytes)
    }
}

/// What happened and is to be written down.
struct Taken {
    what: What,
    told: String,
    change: RotationChange,
}

/// How far a rotation is.
///
/// # Errors
/// [`Error::Unreadable`].
pub(crate) fn state(row: &RotationRow) -> Result<State, Error> {
    serde_json::from_value(row.rotation().state.clone()).map_err(|error| Error::Unreadable(error.to_string()))
}

fn plan(row: &RotationRow) -> Result<Plan, Error> {
    serde_json::from_value(row.rotation().plan.clone()).map_err(|error| Error::Unreadable(error.to_string()))
}

impl State {
    /// How far a rotation on record is.
    ///
    /// # Errors
    /// [`Error::Unreadable`].
    pub fn of(rotation: &keyward_vault::Rotation) -> Result<Self, Error> {
        serde_json::from_value(rotation.state.clone()).map_err(|error| Error::Unreadable(error.to_string()))
    }

    /// Whether it ended with the successor in place.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// When it is looked at again, as of now.
    pub fn looks_again(&self, due: Option<Timestamp>) -> Option<Timestamp> {
        due.filter(|_| !self.is_over())
    }
}
