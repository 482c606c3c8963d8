//! What the answers change.

use keyward_types::Timestamp;

use super::next::{Effect, Machine};
use super::{Answer, Call, Candidate, Evidence, Failure, Minting, OldKey, Phase, Policy, Reason, TargetState, Which};

/// What a provider may ask us to wait at most, in milliseconds.
const PATIENCE: u64 = 3_600_000;
/// In an emergency a person is told when gateways have gone on with the old value for so long: their leases
/// have ended twice by then.
const GATEWAYS: i64 = 120_000;

impl Machine<'_> {
    /// Somebody else had it: what he had begun may have been done.
    pub(super) fn taken(&mut self) {
        if let Some((Call::Mint, _)) = self.state.doing.take() {
            self.doubt();
        }
        // Everything else can be done again.
    }

    pub(super) fn answered(&mut self, answer: &Result<Answer, Failure>) {
        let Some((call, _)) = self.state.doing.take() else { return };
        match answer {
            Ok(answer) => {
                if call.target().is_none() && !matches!(answer, Answer::Dead) && call != Call::Probe(Which::Old) {
                    self.state.tries = 0;
                }
                if call != Call::Look {
                    self.state.stuck = None;
                }
                self.ended_well(&call, answer);
            }
            Err(failure) => self.failed(&call, failure),
        }
    }

    fn ended_well(&mut self, call: &Call, answer: &Answer) {
        let state = &mut self.state;
        match (call, answer) {
            (Call::Preflight, Answer::Ready(old)) => {
                state.old.clone_from(old);
                state.phase = Phase::Preflight;
            }
            (Call::Choose, Answer::Sealed(key)) => {
                state.candidate = Some(Candidate { key: key.clone(), sealed: true, minted: false });
                state.candidates += 1;
            }
            (Call::Mint | Call::Adopt(_), Answer::Minted(key)) => {
                if state.candidate.is_none() {
                    state.candidates += 1;
                }
                state.candidate = Some(Candidate { key: key.clone(), sealed: true, minted: true });
                state.phase = Phase::Minted;
            }
            (Call::Find, Answer::Found(keys)) => self.found(keys),
            (Call::Remove(key), _) => {
                state.orphans.retain(|orphan| orphan != key);
                if matches!(state.phase, Phase::Retired | Phase::Aborting) {
                    // A list may lag behind what was removed.
                    self.state.not_before = Some(self.wait_of(2, None));
                }
            }
            (Call::Probe(Which::New), Answer::Alive) => match state.phase {
                Phase::Minted => state.phase = Phase::Tested,
                _ => state.healthy = true,
            },
            (Call::Probe(Which::New), Answer::Narrow) => match state.phase {
                Phase::Minted => {
                    self.stick(Reason::NewIsNarrow, "the new key works and may do less than was asked".into())
                }
                _ => state.healthy = true,
            },
            (Call::Probe(Which::New), _) => self.new_is_dead(),
            (Call::Probe(Which::Old), Answer::Dead) => (state.proven, state.tries) = (true, 0),
            (Call::Probe(Which::Old), _) => {
                self.again(Reason::OldLives, "the old value works although its key was ended")
            }
            (Call::Promote, _) => {
                state.promoted = true;
                if state.phase == Phase::Confirmed {
                    state.phase = Phase::Promoted;
                }
            }
            (Call::Look, Answer::Seen(seen)) => self.seen(seen),
            (Call::Suspend, _) => {
                state.old_is = OldKey::Suspended;
                if state.phase == Phase::Observing {
                    state.phase = Phase::Suspended;
                    (state.soak.over, state.soak.stopped) = (false, super::Lull::default());
                }
            }
            (Call::Resume, _) if state.revokes => {
                (state.old_is, state.ending, state.phase) = (OldKey::Alive, false, Phase::RolledBack);
            }
            (Call::Resume, _) => {
                (state.old_is, state.ending, state.phase) = (OldKey::Alive, false, Phase::Observing);
                (state.soak.missed, state.soak.over, state.soak.quiet.counted) = (false, false, 0);
            }
            (Call::Retire, _) => {
                state.old_is = OldKey::Ended;
                if state.phase != Phase::Preflight {
                    state.phase = Phase::Retired;
                }
            }
            (Call::Contract, Answer::Sealed(_)) => {
                (state.contracting, state.promoted, state.phase) = (true, false, Phase::Staged);
                state.targets.iter_mut().filter(|target| target.state != TargetState::GivenUp).for_each(|target| {
                    target.state = TargetState::Ready;
                });
            }
            (Call::Contract, _) => state.phase = Phase::Retired,
            (Call::Discard, _) => {
                (state.discards, state.candidate) = (false, None);
                if state.phase == Phase::Minted {
                    state.phase = Phase::Intent;
                }
            }
            (call, answer) => match call.target() {
                Some(i) => self.target_answered(i, call, answer),
                None => self.again(Reason::NotReached, "an answer that does not fit the question"),
            },
        }
    }

    fn target_answered(&mut self, i: usize, call: &Call, answer: &Answer) {
        let rechecks = self.state.phase == Phase::Observing;
        let target = &mut self.state.targets[i];
        let reached = match (call, answer) {
            (Call::Check(_), _) => TargetState::Ready,
            (Call::Deploy(_), _) => TargetState::Sent,
            (Call::Confirm(_), Answer::Confirmed) if rechecks => TargetState::Rechecked,
            (Call::Confirm(_), Answer::Confirmed) => TargetState::Confirmed,
            (Call::Recall(_), _) => TargetState::Recalled,
            (Call::ConfirmOld(_), Answer::Confirmed) => TargetState::Restored,
            (Call::ConfirmOld(_), _) => return self.target_again(i, TargetState::Sent, "it has another value"),
            _ => return self.lost_by(i, "it has another value"),
        };
        if matches!(reached, TargetState::Confirmed | TargetState::Rechecked | TargetState::Restored) {
            target.tries = 0;
        }
        (target.state, target.not_before, target.fault) = (reached, None, None);
        let sent = |state| !matches!(state, TargetState::Ready | TargetState::Unchecked);
        if self.state.phase == Phase::Staged && self.state.targets.iter().all(|target| sent(target.state)) {
            self.state.phase = Phase::Deployed;
        }
    }

    /// A target that had it, or was given it, has something else: it is given it again, and the old
    /// value is watched anew meanwhile.
    fn lost_by(&mut self, i: usize, why: &str) {
        self.target_again(i, TargetState::Ready, why);
        self.state.soak.over = false;
        if self.state.targets[i].state == TargetState::Ready {
            self.state.phase = Phase::Staged;
        }
    }

    fn target_again(&mut self, i: usize, state: TargetState, why: &str) {
        let (wait, patience) = (self.wait_of(self.state.targets[i].tries + 1, None), self.policy.patience);
        let aborting = self.state.phase == Phase::Aborting;
        self.state.failures = self.state.failures.saturating_add(1);
        let target = &mut self.state.targets[i];
        target.tries = target.tries.saturating_add(1);
        (target.state, target.not_before, target.fault) = (state, Some(wait), Some(why.to_owned()));
        if target.tries >= patience && !target.required && !aborting {
            target.state = TargetState::GivenUp;
        }
        if target.tries == patience {
            let why = format!("the target `{}`: {why}", target.id);
            self.effects.push(Effect::Alert(Reason::NotReached, why, self.state.failures));
        }
    }

    fn found(&mut self, keys: &[String]) {
        let state = &mut self.state;
        let mine = state.candidate.as_ref().filter(|_| state.phase != Phase::Aborting).and_then(|c| c.key.clone());
        let is_ours = |key: &&String| Some(*key) != mine.as_ref() && Some(*key) != state.old.as_ref();
        let mut others: Vec<String> = keys.iter().filter(is_ours).cloned().collect();
        match state.phase {
            Phase::Ambiguous => {
                state.phase = Phase::Intent;
                if state.shape.minting == Minting::Readable && !others.is_empty() {
                    let call = Call::Adopt(others.remove(0));
                    state.doing = Some((call.clone(), self.at));
                    self.effects.push(Effect::Call(call));
                }
            }
            _ => state.swept = others.is_empty(),
        }
        let state = &mut self.state;
        for key in others {
            if !state.orphans.contains(&key) {
                state.orphans.push(key);
            }
        }
    }

    /// It may have been made. Where making it twice would make two, it is looked for.
    fn doubt(&mut self) {
        if self.state.lists() {
            (self.state.phase, self.state.doubted) = (Phase::Ambiguous, true);
        }
    }

    fn new_is_dead(&mut self) {
        let chosen = self.state.shape.minting == Minting::Chosen;
        if self.state.phase != Phase::Minted {
            // It worked before. What we chose can be set again; of anything else a person has to know.
            self.state.soak.over = false;
            if chosen && self.state.tries < Policy::PROBES {
                self.set_again();
                return self.again(Reason::NewIsDead, "the new value works no more");
            }
            return self.stick(Reason::NewIsDead, "the new key worked and works no more".into());
        }
        // A new key may not be known everywhere yet.
        let settled = self.settled().is_ok();
        if !settled || self.state.tries + 1 < Policy::PROBES {
            return self.again(Reason::NewIsDead, "the new key does not work");
        }
        if self.state.candidates >= Policy::CANDIDATES {
            return self.stick(Reason::NewIsDead, "no new key works".into());
        }
        self.state.tries = 0;
        self.state.failures = self.state.failures.saturating_add(1);
        if self.state.in_place() {
            self.state.candidates += 1;
            return self.set_again();
        }
        let key = self.state.candidate.as_ref().and_then(|candidate| candidate.key.clone());
        self.state.orphans.extend(key.filter(|key| Some(key) != self.state.old.as_ref()));
        self.state.discards = true;
    }

    fn set_again(&mut self) {
        if let Some(candidate) = &mut self.state.candidate {
            candidate.minted = false;
        }
        self.state.phase = Phase::Intent;
    }

    fn seen(&mut self, seen: &Evidence) {
        let (at, policy) = (self.at, self.policy);
        let state = &mut self.state;
        let needed = state.soak.look(seen, at, policy);
        state.healthy = false;
        state.targets.iter_mut().filter(|target| target.state == TargetState::Rechecked).for_each(|target| {
            target.state = TargetState::Confirmed;
        });
        if state.phase == Phase::Suspended {
            // Whoever let it end did not know of this.
            (state.soak.missed, state.soak.over, state.approved) = (needed, !needed, state.approved && !needed);
            return;
        }
        state.soak.over |= state.approved;
        let since = state.soak.first.map_or(0, |first| at.0.saturating_sub(first.0));
        // An emergency passes by whoever holds it, and has only to see that gateways take the successor,
        // which they do by themselves.
        let at_once = policy.soak == 0 && !policy.passes_holders && !seen.holders.is_empty();
        let longest = if policy.passes_holders { policy.observes.min(GATEWAYS) } else { policy.observes };
        if state.soak.over || !(at_once || since >= longest && !state.soak.holders.is_empty()) {
            state.stuck = None;
        } else {
            let why = format!("the old value is needed still: {}", state.soak.holders.join(", "));
            state.not_before = Some(Timestamp(at.0.saturating_add((policy.soak / 8).max(policy.longest_wait))));
            self.stick(Reason::StillUsed, why);
        }
    }

    fn failed(&mut self, call: &Call, failure: &Failure) {
        if *call == Call::Mint && matches!(failure, Failure::Ambiguous(_)) {
            self.doubt();
        }
        match (call, failure) {
            (Call::Remove(key), Failure::Missing(_)) => self.state.orphans.retain(|orphan| orphan != key),
            (Call::Retire, Failure::Missing(_)) => self.ended_well(&Call::Retire, &Answer::Done),
            // What could not be read is not there: it is looked again.
            (Call::Adopt(_), Failure::Missing(_)) => self.state.phase = Phase::Ambiguous,
            // Our own key may stand in the way, unseen still.
            (Call::Mint, Failure::NoRoom(why)) if self.state.doubted => {
                self.state.phase = Phase::Ambiguous;
                self.again(Reason::Refused, why);
            }
            (Call::Mint, Failure::ByHand(why)) => self.stick(Reason::Bring, why.clone()),
            (Call::Retire | Call::Remove(_), Failure::ByHand(why)) => {
                self.state.not_before = Some(Timestamp(self.at.0.saturating_add(self.policy.longest_wait)));
                self.stick(Reason::End, why.clone());
            }
            (Call::Adopt(_), Failure::Passing(why, _) | Failure::Ambiguous(why)) => {
                self.state.phase = Phase::Ambiguous;
                self.again(Reason::NotReached, why);
            }
            (_, Failure::Passing(why, after)) => self.later(call, why, *after),
            (_, Failure::Ambiguous(why)) => self.later(call, why, None),
            (_, other) => match call.target() {
                Some(i) if !self.state.targets[i].required && self.state.phase != Phase::Aborting => {
                    let target = &mut self.state.targets[i];
                    (target.state, target.fault) = (TargetState::GivenUp, Some(other.why().to_owned()));
                }
                Some(i) => {
                    let why = format!("the target `{}`: {}", self.state.targets[i].id, other.why());
                    self.state.soak.over = false;
                    self.stick(Reason::Refused, why);
                }
                None => self.stick(Reason::Refused, other.why().to_owned()),
            },
        }
    }

    fn later(&mut self, call: &Call, why: &str, after: Option<u64>) {
        if matches!(self.state.phase, Phase::Observing) {
            // What was seen is too old by the time that this is over.
            self.state.soak.over = false;
        }
        match (call.target(), call) {
            (Some(i), Call::Confirm(_)) => self.target_again(i, TargetState::Sent, why),
            (Some(i), _) => {
                let state = self.state.targets[i].state;
                self.target_again(i, state, why);
            }
            (None, _) => {
                self.again(Reason::NotReached, why);
                if let Some(after) = after {
                    let until = self.wait_of(self.state.tries, Some(after));
                    self.state.not_before = self.state.not_before.max(Some(until));
                }
            }
        }
    }

    /// Later once more; a person is told when that has been so for long.
    fn again(&mut self, reason: Reason, why: &str) {
        self.state.tries = self.state.tries.saturating_add(1);
        self.state.failures = self.state.failures.saturating_add(1);
        self.state.not_before = Some(self.wait_of(self.state.tries, None));
        // A key that does not work yet has a count of its own.
        if self.state.tries >= self.policy.patience && reason != Reason::NewIsDead {
            self.stick(reason, why.to_owned());
        }
    }

    fn wait_of(&self, failures: u32, after: Option<u64>) -> Timestamp {
        let wait = match after {
            Some(after) => i64::try_from(after.min(PATIENCE)).unwrap_or_default(),
            None => self.policy.wait(failures, self.roll),
        };
        Timestamp(self.at.0.saturating_add(wait))
    }
}
