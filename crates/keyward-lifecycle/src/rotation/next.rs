//! From one state to the next.

use keyward_types::Timestamp;

use super::{
    Call, Event, Minting, OldKey, Overlap, Phase, Policy, Reason, State, Stuck, TargetState, What, Which, Wish,
};

/// What is to be done, once the state that came with it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// This, and then the answer is to be brought.
    Call(Call),
    /// Nothing until then.
    Wait(Timestamp),
    /// A person should know: what, why, and how often anything has failed.
    Alert(Reason, String, u32),
    /// Nothing ever again.
    Ended,
}

/// The next state, and what is to be done in it. At most one call is under way.
pub fn next(state: State, event: &Event, policy: &Policy) -> (State, Vec<Effect>) {
    let mut machine = Machine { state, at: event.at, roll: event.roll, policy, effects: Vec::new() };
    match &event.what {
        What::Tick => {}
        What::Taken => machine.taken(),
        What::Answer(answer) => machine.answered(answer),
        What::Wish(wish) => machine.wished(*wish),
    }
    machine.go_on();
    (machine.state, machine.effects)
}

/// The state after a person's decision; nothing is begun with it. Whoever runs the rotation goes on.
pub fn decided(state: State, wish: Wish, at: Timestamp, policy: &Policy) -> State {
    let mut machine = Machine { state, at, roll: 0, policy, effects: Vec::new() };
    machine.wished(wish);
    machine.state
}

pub(super) struct Machine<'a> {
    pub(super) state: State,
    pub(super) at: Timestamp,
    pub(super) roll: u32,
    pub(super) policy: &'a Policy,
    pub(super) effects: Vec<Effect>,
}

/// What a state asks for.
pub(super) enum Want {
    Call(Call),
    Move(Phase),
    Wait(Timestamp),
    Stuck(Reason, String),
    End,
}

/// No wait is longer, whatever a clock or a provider says, but the policy's own.
const LONGEST: i64 = 3_600_000;

impl Machine<'_> {
    fn go_on(&mut self) {
        if self.state.doing.is_some() {
            return;
        }
        if self.state.abort && self.state.phase != Phase::Aborting {
            self.begin_to_abort();
        }
        if let Some(until) = self.held_back() {
            self.effects.extend(until.map(Effect::Wait));
            return;
        }
        loop {
            match self.wanted() {
                Want::Move(phase) => self.state.phase = phase,
                Want::Call(call) => return self.begin(call),
                Want::Wait(until) => {
                    self.state.not_before = Some(until);
                    return self.effects.push(Effect::Wait(until));
                }
                Want::Stuck(reason, why) => return self.stick(reason, why),
                Want::End => return self.effects.push(Effect::Ended),
            }
        }
    }

    /// Until when nothing is tried; `Some(None)`: until a person says so.
    fn held_back(&self) -> Option<Option<Timestamp>> {
        let longest = LONGEST.max(self.policy.longest_wait).max(self.policy.soak).max(self.policy.suspended);
        // A clock that was set back keeps nothing from its time.
        let due = |until: &Timestamp| *until > self.at && until.0.saturating_sub(self.at.0) <= longest;
        let until = self.state.not_before.filter(due);
        match &self.state.stuck {
            Some(stuck) if !stuck.reason.is_looked_at_again() => Some(None),
            _ => until.map(Some),
        }
    }

    fn begin(&mut self, call: Call) {
        match &call {
            Call::Mint => {
                self.state.minted_at = Some(self.at);
                (self.state.settling, self.state.swept, self.state.healthy) = (super::Lull::default(), false, false);
            }
            Call::Suspend | Call::Retire => self.state.ending = true,
            Call::Deploy(i) | Call::Recall(i) => self.state.targets[*i].touched = true,
            _ => {}
        }
        self.state.not_before = None;
        self.state.doing = Some((call.clone(), self.at));
        self.effects.push(Effect::Call(call));
    }

    pub(super) fn stick(&mut self, reason: Reason, why: String) {
        let known = self.state.stuck.as_ref().is_some_and(|stuck| stuck.reason == reason && stuck.why == why);
        if !known {
            self.effects.push(Effect::Alert(reason, why.clone(), self.state.failures));
            self.state.stuck = Some(Stuck { reason, why, since: self.at });
        }
    }

    fn wished(&mut self, wish: Wish) {
        let state = &mut self.state;
        let stuck = state.stuck.take().map(|stuck| stuck.reason);
        (state.tries, state.not_before) = (0, None);
        for target in &mut state.targets {
            (target.tries, target.not_before) = (0, None);
        }
        match (wish, stuck) {
            (Wish::Abort, _) if state.stopped_alone() => state.soak.missed = true,
            (Wish::Abort, _) => state.abort = state.can_abort(),
            (Wish::Approve, None) if state.stopped_alone() => state.soak.over = true,
            (Wish::Approve, Some(Reason::StillUsed)) => state.approved = true,
            (Wish::Approve, Some(Reason::NewIsNarrow)) => state.phase = Phase::Tested,
            (Wish::Approve, Some(Reason::MayBeLost)) => state.may_lose = true,
            (Wish::Approve, Some(Reason::End)) if !state.orphans.is_empty() => state.orphans.clear(),
            (Wish::Approve, Some(Reason::End | Reason::OldUnknown)) => {
                state.old_is = OldKey::Ended;
                if state.phase == Phase::Suspended {
                    state.phase = Phase::Retired;
                }
            }
            (Wish::Brought, Some(Reason::Bring)) => {
                state.candidate = Some(super::Candidate { key: None, sealed: true, minted: true });
                (state.candidates, state.phase) = (state.candidates + 1, Phase::Minted);
            }
            // What a person wants that is not asked of him changes nothing.
            _ => {}
        }
    }

    fn wanted(&mut self) -> Want {
        match self.state.phase {
            Phase::Planned => self.planned(),
            Phase::Preflight => self.preflight(),
            Phase::Intent => self.intent(),
            Phase::Ambiguous => Want::Call(Call::Find),
            Phase::Minted if self.state.discards => Want::Call(Call::Discard),
            Phase::Minted if self.state.shape.asks => Want::Call(Call::Probe(Which::New)),
            Phase::Minted => Want::Move(Phase::Tested),
            // In place the old one is dead: who reads from here on gets the one that works.
            Phase::Tested if self.state.in_place() && !self.state.promoted => Want::Call(Call::Promote),
            Phase::Tested => Want::Move(Phase::Staged),
            Phase::Staged | Phase::Deployed => self.deploying(),
            Phase::Confirmed if !self.state.promoted => Want::Call(Call::Promote),
            Phase::Confirmed => Want::Move(Phase::Promoted),
            Phase::Promoted => Want::Move(Phase::Observing),
            Phase::Observing => self.observing(),
            Phase::Suspended => self.suspended(),
            Phase::Retired => self.retired(),
            Phase::Aborting => self.aborting(),
            Phase::Done | Phase::RolledBack => Want::End,
        }
    }

    /// Everything local is looked at before anything outside is.
    fn planned(&mut self) -> Want {
        match self.due(|state| state == TargetState::Unchecked) {
            Some(Ok(i)) => Want::Call(Call::Check(i)),
            Some(Err(until)) => Want::Wait(until),
            None => Want::Call(Call::Preflight),
        }
    }

    fn preflight(&mut self) -> Want {
        // In place minting ends the old one by itself, and a secret of ours has nobody to end it.
        let ends = !self.state.in_place() && !self.state.is_keyring();
        match self.state.old_is {
            OldKey::Alive if self.state.revokes => self.end_old(),
            OldKey::Suspended if self.state.revokes => Want::Move(Phase::Suspended),
            OldKey::Ended if self.state.revokes => Want::Move(Phase::Retired),
            OldKey::Alive if self.policy.kill_first && ends && self.state.old.is_some() => self.end_old(),
            _ => Want::Move(Phase::Intent),
        }
    }

    fn intent(&mut self) -> Want {
        if let Some(orphan) = self.state.orphans.first() {
            return Want::Call(Call::Remove(orphan.clone()));
        }
        let sealed = self.state.candidate.as_ref().is_some_and(|candidate| candidate.sealed);
        let once_in_place = self.state.in_place() && self.state.shape.minting != Minting::Chosen;
        match self.state.shape.minting {
            Minting::Chosen if !sealed => Want::Call(Call::Choose),
            _ if once_in_place && !self.state.may_lose => Want::Stuck(
                Reason::MayBeLost,
                "the provider replaces the key in place and shows the new one once: an answer that is lost is a key that is lost".into(),
            ),
            _ => Want::Call(Call::Mint),
        }
    }

    fn deploying(&mut self) -> Want {
        // One target after the other, so that what is wrong shows at the first.
        let next = self.due(|state| matches!(state, TargetState::Ready | TargetState::Sent | TargetState::Unchecked));
        match next {
            Some(Ok(i)) if self.state.targets[i].state == TargetState::Sent => Want::Call(Call::Confirm(i)),
            Some(Ok(i)) => Want::Call(Call::Deploy(i)),
            Some(Err(until)) => Want::Wait(until),
            None => Want::Move(Phase::Confirmed),
        }
    }

    fn observing(&mut self) -> Want {
        if !self.has_end() {
            return Want::Move(Phase::Retired);
        }
        if !self.state.soak.over {
            let quiet = self.state.soak.quiet;
            let every = (self.policy.soak / 8).max(self.policy.first_wait);
            let again = quiet.last.map(|last| Timestamp(last.0.saturating_add(every)));
            return match again.filter(|again| self.waits_for(*again)) {
                Some(again) => Want::Wait(again),
                None => Want::Call(Call::Look),
            };
        }
        if self.state.shape.asks && !self.state.healthy {
            return Want::Call(Call::Probe(Which::New));
        }
        match self.due(|state| state == TargetState::Confirmed) {
            Some(Ok(i)) => return Want::Call(Call::Confirm(i)),
            Some(Err(until)) => return Want::Wait(until),
            None => {}
        }
        match self.state.is_keyring() {
            true => Want::Call(Call::Contract),
            false => self.end_old(),
        }
    }

    fn end_old(&self) -> Want {
        if self.state.old.is_none() {
            let why = "the provider does not say which key the old one is: look it up there and end it";
            return Want::Stuck(Reason::OldUnknown, why.into());
        }
        let stops = self.state.shape.reversible
            && self.state.old_is == OldKey::Alive
            && (self.policy.suspended > 0 || self.policy.kill_first);
        Want::Call(if stops { Call::Suspend } else { Call::Retire })
    }

    /// A stopped key ends unless somebody missed it.
    fn suspended(&mut self) -> Want {
        if self.state.soak.missed {
            return Want::Call(Call::Resume);
        }
        if self.state.soak.over {
            return Want::Call(Call::Retire);
        }
        let (at, of) = (self.at, self.policy.suspended);
        self.state.soak.stopped.pass(at, of);
        match self.state.soak.stopped.is_over(of) {
            true if self.state.revokes => Want::Call(Call::Retire),
            true => Want::Call(Call::Look),
            false => Want::Wait(self.state.soak.stopped.again(of)),
        }
    }

    fn retired(&mut self) -> Want {
        if let Some(orphan) = self.state.orphans.first() {
            return Want::Call(Call::Remove(orphan.clone()));
        }
        let asks = self.state.shape.asks && !self.state.is_keyring();
        if asks && !self.state.proven {
            return Want::Call(Call::Probe(Which::Old));
        }
        let sweeps = self.state.sweeps();
        let sets = self.state.in_place() && asks && !self.state.healthy;
        if !sweeps && !sets {
            return Want::Move(Phase::Done);
        }
        match self.settled() {
            Err(until) => Want::Wait(until),
            Ok(()) if sweeps => Want::Call(Call::Find),
            Ok(()) => Want::Call(Call::Probe(Which::New)),
        }
    }

    /// Whether what was begun can come to light no more.
    pub(super) fn settled(&mut self) -> Result<(), Timestamp> {
        let of = self.policy.settles(self.state.shape.settles);
        self.state.settling.pass(self.at, of);
        match self.state.settling.is_over(of) {
            true => Ok(()),
            false => Err(self.state.settling.again(of)),
        }
    }

    /// Whether there is something to end, once nobody needs it.
    fn has_end(&self) -> bool {
        match self.state.shape.overlap {
            Overlap::InPlace => false,
            Overlap::Keyring => self.policy.contracts && !self.state.contracting,
            _ => self.state.old_is != OldKey::Ended,
        }
    }

    fn waits_for(&self, until: Timestamp) -> bool {
        until > self.at && until.0.saturating_sub(self.at.0) <= LONGEST.max(self.policy.soak)
    }

    /// The first target in such a state that may be tried now; else when the first of them may be.
    pub(super) fn due(&self, of: impl Fn(TargetState) -> bool) -> Option<Result<usize, Timestamp>> {
        let mut earliest = None;
        for (i, target) in self.state.targets.iter().enumerate().filter(|(_, target)| of(target.state)) {
            match target.not_before.filter(|until| self.waits_for(*until)) {
                None => return Some(Ok(i)),
                Some(until) => earliest = Some(earliest.map_or(until, |earlier: Timestamp| earlier.min(until))),
            }
        }
        earliest.map(Err)
    }
}
