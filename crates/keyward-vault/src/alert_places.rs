//! How far each place that alerts go to has been told of the log, so that who sends them goes on
//! where he or another process stopped. A place moves once what is before it has arrived, or it is told
//! how much was dropped for it: after a crash nothing is left out, and what had just arrived comes again.

use std::collections::HashMap;

use keyward_access::{Object, SystemTask};
use keyward_audit::Action as ActionName;
use keyward_types::{AlertSinkId, Record};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::alert_sinks::AlertSink;
use crate::change::{Change, Telling};
use crate::lead::Lead;
use crate::records;
use crate::write::raced;
use crate::{Error, Vault};

/// The entry of the log from which on a sink is to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlertPlace {
    pub(crate) sink: AlertSinkId,
    pub(crate) next: u64,
}

impl Record for AlertPlace {
    const COLLECTION: &'static str = "alert_place";

    fn key(&self) -> Vec<u8> {
        self.sink.as_bytes().to_vec()
    }
}

impl Vault {
    /// From which entry of the log on each sink is to be told. One without a place is older than
    /// places are.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn alert_places(&self) -> Result<HashMap<AlertSinkId, u64>, Error> {
        let places = records::scan::<AlertPlace>(&self.store, &[])?.into_iter();
        Ok(places.map(|row| (row.record.sink, row.record.next)).collect())
    }

    /// Puts on record how far sinks have been told; a place moves on only. Where none moves, there
    /// is no entry.
    ///
    /// # Errors
    /// [`Error::Replaced`] when another process leads; [`Error::Raced`]; when the store refuses.
    pub fn mark_alerts(&self, lead: &Lead, agent: &str, told: &[(AlertSinkId, u64)]) -> Result<(), Error> {
        let sinks = records::scan::<AlertSink>(&self.store, &[])?;
        let (mut expects, mut moved) = (Vec::new(), Vec::new());
        for (sink, next) in told.iter().filter(|(id, _)| sinks.iter().any(|row| row.record.id == *id)) {
            let place = AlertPlace { sink: *sink, next: *next };
            match records::load::<AlertPlace>(&self.store, &place.key())? {
                Some(row) if row.record.next >= *next => continue,
                Some(row) => expects.push(records::unchanged(&row)),
                None => expects.push(records::absent(&place)),
            }
            moved.push(place);
        }
        if moved.is_empty() {
            return Ok(());
        }
        let telling = Telling::new(ActionName::AlertMark, Object::Vault(self.id())).count(moved.len() as u64);
        let actor = Actor::task(SystemTask::Alert, lead, agent);
        let mut change = Change::told(self, &actor, telling);
        expects.into_iter().for_each(|expect| change.expect(expect));
        moved.iter().for_each(|place| change.put(place));
        change.commit().map(drop).map_err(|error| raced(error, "how far alerts were sent"))
    }
}
