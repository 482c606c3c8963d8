//! A value that a person made at a service's console.

use keyward_lifecycle::rotation::{State, Wish};
use keyward_types::{Secret, SecretName, Write};
use keyward_vault::Scope;

use super::{Rotations, executor, failed, system};
use crate::rotation_wire::RotationInfo;
use crate::{Bytes, Code, Failure, Result};

impl Rotations<'_> {
    /// Takes the value that a rotation waits for: the service is asked about it at once, and it is kept
    /// unless the service says that it does not work. Then the rotation goes on.
    pub(crate) fn bring(&self, scope: &Scope, name: &SecretName, value: &Bytes) -> Result<RotationInfo> {
        let head = self.vault.permit_secret::<Write>(self.actor, scope, name)?;
        let row = self.vault.live_rotation(&head)?.ok_or_else(|| {
            Failure::new(Code::Conflict, format!("no rotation of `{name}` is under way"))
                .hint(format!("`keyward rotate {name}` begins"))
        })?;
        let state = State::of(row.rotation()).map_err(failed)?;
        if !state.actions().contains(&Wish::Brought) {
            let message = format!("the rotation of `{name}` is {}: no value is awaited", state.word());
            return Err(Failure::new(Code::Conflict, message));
        }
        let text = std::str::from_utf8(value.expose()).map(str::trim).unwrap_or_default();
        if text.is_empty() {
            return Err(Failure::usage("a key is text, and this is none"));
        }
        let value = Secret::new("a value that was brought", text.to_owned());
        if self.vault.has_had(&head, text.as_bytes()) {
            return Err(Failure::usage(format!("this is a value that `{name}` has had: a new key is needed")));
        }
        let executor = executor(self.vault, system(&self.actor.agent));
        // Where nobody answers it is kept all the same: it is asked again before anything gets it.
        if let Ok(verdict) = executor.ask_about(&row, &value).map_err(failed)?
            && verdict.is_dead()
        {
            let message = format!("the service says that this key does not work ({}); nothing was kept", verdict.why);
            return Err(Failure::usage(message).hint("copy the whole key, of the same account, and bring it again"));
        }
        let row = executor.bring(self.actor, row.rotation().id, &value).map_err(failed)?;
        self.go_on(row)
    }
}
