//! Warnings of secrets that expire stand in the log, from where alerts are made of them: each is
//! written once, with the moment up to which it was looked.

use keyward_access::{Object, SystemTask};
use keyward_audit::Action as ActionName;
use keyward_types::{Record, Timestamp};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::lead::Lead;
use crate::read::Scope;
use crate::records::{self, Row};
use crate::write::raced;
use crate::{Error, Vault};

/// Secrets of an environment that expire within the same number of days.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpiryWarning {
    /// The environment.
    pub scope: Scope,
    /// Within how many days; 0: they have expired.
    pub days: i64,
    /// How many there are.
    pub count: u64,
    /// Their names, as far as they are to be spelled.
    pub names: String,
}

/// Up to when it was looked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpiryLook {
    looked: Timestamp,
}

impl Record for ExpiryLook {
    const COLLECTION: &'static str = "expiry_look";

    fn key(&self) -> Vec<u8> {
        LOOK.to_vec()
    }
}

const LOOK: &[u8] = b"last";

impl Vault {
    /// Up to when it was looked for secrets that expire; `None`: never yet.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn looked_for_expiry(&self) -> Result<Option<Timestamp>, Error> {
        Ok(self.expiry_look()?.map(|row| row.record.looked))
    }

    /// Puts warnings on record that fell due after `since`, which is what
    /// [`Vault::looked_for_expiry`] gave, and up to `now`: an entry each, and the moment with them.
    /// Without warnings nothing is written.
    ///
    /// # Errors
    /// [`Error::Replaced`] when another process leads; [`Error::Raced`] when somebody else has
    /// looked since; when the store refuses.
    pub fn warn_of_expiry(
        &self,
        lead: &Lead,
        agent: &str,
        warnings: &[ExpiryWarning],
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some((first, others)) = warnings.split_first() else { return Ok(()) };
        let actor = Actor::task(SystemTask::Expiry, lead, agent);
        let look = ExpiryLook { looked: now };
        let before = match self.expiry_look()? {
            row if row.as_ref().map(|row| row.record.looked) != since => {
                return Err(Error::Raced("the look at what expires".into()));
            }
            Some(row) => records::unchanged(&row),
            None => records::absent(&look),
        };
        let mut change = Change::told(self, &actor, self.warning(first));
        change.expect(before);
        change.put(&look);
        others.iter().for_each(|warning| change.also(self.warning(warning)));
        change.commit().map(drop).map_err(|error| raced(error, "the look at what expires"))
    }

    fn expiry_look(&self) -> Result<Option<Row<ExpiryLook>>, Error> {
        records::load::<ExpiryLook>(&self.store, LOOK)
    }

    fn warning(&self, warning: &ExpiryWarning) -> Telling {
        let Scope { project, environment } = &warning.scope;
        let names = Names {
            project: Some(project.name.clone()),
            environment: Some(environment.name.clone()),
            ..Names::default()
        };
        let names = names.with("days", warning.days.to_string()).with("secrets", warning.names.as_str());
        let object = Object::Environment(self.id(), project.id, environment.id);
        Telling::new(ActionName::SecretExpiring, object).count(warning.count).names(names)
    }
}
