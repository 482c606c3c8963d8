//! Leave to end a leaked key first.

use keyward_types::SecretName;
use keyward_vault::{KillFirst, Scope};

use super::Rotations;
use crate::Result;
use crate::rotation_wire::KillFirstInfo;

impl Rotations<'_> {
    /// Gives or takes the leave.
    pub(crate) fn allow_kill_first(&self, scope: &Scope, name: &SecretName, allowed: bool) -> Result<KillFirstInfo> {
        let row = self.vault.set_kill_first(self.actor, scope, name, allowed)?;
        Ok(info(name, Some(row)))
    }

    /// Whether it is given.
    pub(crate) fn kill_first(&self, scope: &Scope, name: &SecretName) -> Result<KillFirstInfo> {
        let head = self.vault.head(self.actor, scope, name)?;
        Ok(info(name, self.vault.kill_first(&head)?))
    }
}

fn info(name: &SecretName, row: Option<KillFirst>) -> KillFirstInfo {
    KillFirstInfo {
        name: name.clone(),
        kill_first: row.as_ref().is_some_and(|row| row.allowed),
        set_by: row.as_ref().map(|row| row.set_by.to_string()),
        set_at: row.as_ref().map(|row| row.set_at),
    }
}
