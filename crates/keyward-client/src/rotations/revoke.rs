//! A key that ends without a successor.

use keyward_lifecycle::rotation::{Making, Overlap, Plan, Policy, Shape, State};
use keyward_types::Head;
use keyward_vault::{NewRotation, Scope};

use super::{Rotations, holder, json, replaced};
use crate::rotation_wire::{RotateAsk, RotationInfo};
use crate::verdicts::http;
use crate::{Failure, Result};

impl Rotations<'_> {
    /// Stops the key of a version, where that can be taken back, for a day; else, and then, ends it. That
    /// it is dead is proven by asking.
    pub(super) fn revoke(&self, scope: &Scope, head: &Head, ask: &RotateAsk, making: &Making) -> Result<RotationInfo> {
        let old = replaced(head, ask)?.version;
        let rotator = making.rotator(http()).map_err(Failure::internal)?;
        let shape = Shape::of(&*rotator);
        if matches!(shape.overlap, Overlap::Keyring | Overlap::InPlace) {
            return Err(Failure::usage(format!("nobody can end `{}` but by replacing it", head.name))
                .hint(format!("`keyward rotate {} -e {} --emergency`", head.name, scope.environment.name)));
        }
        let policy = Policy { call: making.lasts(Policy::routine().call), ..Policy::routine() };
        let plan = Plan { making: making.clone(), policy, emergency: true };
        let state = State { old: self.said_key(head, ask)?, ..State::revoking(shape) };
        let word = state.word().to_owned();
        let (plan, state) = (json(&plan)?, json(&state)?);
        self.begin(scope, &head.name, NewRotation { plan, state, word, holder: holder().to_owned(), old: Some(old) })
    }
}
