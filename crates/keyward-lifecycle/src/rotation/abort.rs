//! Undoing a rotation, as long as the old value is the active one and works.

use super::next::{Machine, Want};
use super::{Call, Phase, TargetState};

impl Machine<'_> {
    /// It may have become too late meanwhile.
    pub(super) fn begin_to_abort(&mut self) {
        if !self.state.can_abort() {
            self.state.abort = false;
            return;
        }
        self.state.phase = Phase::Aborting;
        (self.state.stuck, self.state.not_before, self.state.tries, self.state.swept) = (None, None, 0, false);
        for target in &mut self.state.targets {
            // Whoever may have been given the new value has to get the old one back.
            target.state = if target.touched { TargetState::Sent } else { TargetState::Restored };
            (target.tries, target.not_before) = (0, None);
        }
    }

    /// Targets first: the new key ends when nobody was left with it.
    pub(super) fn aborting(&mut self) -> Want {
        match self.due(|state| matches!(state, TargetState::Sent | TargetState::Recalled)) {
            Some(Ok(i)) if self.state.targets[i].state == TargetState::Recalled => {
                return Want::Call(Call::ConfirmOld(i));
            }
            Some(Ok(i)) => return Want::Call(Call::Recall(i)),
            Some(Err(until)) => return Want::Wait(until),
            None => {}
        }
        // Of what is made and used here alone nobody has a key to end.
        if self.state.minted_at.is_some() && self.state.shape.asks {
            let key = self.state.candidate.as_mut().and_then(|candidate| candidate.key.take());
            self.state.orphans.extend(key.filter(|key| Some(key) != self.state.old.as_ref()));
        }
        if let Some(orphan) = self.state.orphans.first() {
            return Want::Call(Call::Remove(orphan.clone()));
        }
        if self.state.sweeps() {
            return match self.settled() {
                Ok(()) => Want::Call(Call::Find),
                Err(until) => Want::Wait(until),
            };
        }
        match self.state.candidate {
            Some(_) => Want::Call(Call::Discard),
            None => Want::Move(Phase::RolledBack),
        }
    }
}
