//! That somebody's leaving was begun. An account ends first, and what is to be done about it is put
//! on record after that: where the second was broken off, this is what is missing.

use keyward_access::Identity;
use keyward_types::{PrincipalId, Record, Timestamp};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::change::Change;
use crate::records;
use crate::{Error, Vault};

/// The end of an account of which the tasks are on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Offboarding {
    leaver: PrincipalId,
    /// When the account ended: who comes back and leaves again leaves anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
}

impl Record for Offboarding {
    const COLLECTION: &'static str = "offboarding";

    fn key(&self) -> Vec<u8> {
        self.leaver.as_str().as_bytes().to_vec()
    }
}

impl Vault {
    /// Whether the tasks that come of this account's end are on record, were they none.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list the vault.
    pub fn offboarding_is_begun(&self, actor: &Actor, account: &Identity) -> Result<bool, Error> {
        self.permit_list_vault(actor)?;
        let begun = records::load::<Offboarding>(&self.store, account.principal.as_str().as_bytes())?;
        Ok(begun.is_some_and(|row| !account.is_enabled() && row.record.ended_at == account.disabled_at))
    }

    /// Puts on record within the change that an offboarding is begun.
    pub(crate) fn remember_begun(&self, change: &mut Change<'_>, leaver: &PrincipalId) -> Result<(), Error> {
        let ended_at = self.roster()?.identity(leaver).and_then(|account| account.disabled_at);
        let offboarding = Offboarding { leaver: leaver.clone(), ended_at };
        match records::load::<Offboarding>(&self.store, leaver.as_str().as_bytes())? {
            Some(row) if row.record == offboarding => return Ok(()),
            Some(row) => change.expect(records::unchanged(&row)),
            None => change.expect(records::absent(&offboarding)),
        }
        change.put(&offboarding);
        Ok(())
    }
}
