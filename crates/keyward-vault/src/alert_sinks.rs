//! Where alerts go. What may be seen of a sink is kept as it is; what it is signed in to with is
//! sealed here and opened for two purposes: to try it, by who administers the vault, and to send
//! alerts, by keyward itself. Both are on record before anything is opened.
//!
//! What the settings and the credentials say is the matter of `keyward-monitor`; here they are
//! opaque.

use keyward_access::{Login, Object, SystemTask, authorize};
use keyward_audit::Action as ActionName;
use keyward_types::{AlertSinkId, Keys, PrincipalId, Purpose, Record, Secret, Timestamp, Use};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::actor::Actor;
use crate::alert_places::AlertPlace;
use crate::change::{Change, Names, Telling};
use crate::crypto::context;
use crate::records::{self, Row};
use crate::write::raced;
use crate::{Error, Lead, Vault};

/// A place that alerts go to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertSink {
    /// Names it for ever.
    pub id: AlertSinkId,
    /// What people call it.
    pub name: Login,
    /// What may be seen of it.
    pub settings: Value,
    /// What it is signed in to with, sealed, in base64.
    sealed: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Who added it.
    pub created_by: PrincipalId,
}

/// A sink with what it is signed in to with, opened.
pub type OpenedAlertSink = (AlertSink, Secret<Vec<u8>>);

/// Most sinks of a vault, and the longest settings and credentials.
const MOST: usize = 32;
const LONGEST: usize = 16 * 1024;

impl Record for AlertSink {
    const COLLECTION: &'static str = "alert_sink";

    fn key(&self) -> Vec<u8> {
        self.name.as_str().as_bytes().to_vec()
    }
}

impl Vault {
    /// Adds a sink. `kind` is a word for the log.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Refused`] when there are too many or it is too large,
    /// [`Error::Denied`].
    pub fn add_alert_sink(
        &self,
        actor: &Actor,
        name: &Login,
        kind: &str,
        settings: Value,
        credentials: &Secret<Vec<u8>>,
    ) -> Result<AlertSink, Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::AlertAdd);
        let names = of_sink(name).with("kind", kind);
        let permit = self.permit_administer(actor, object, action, &names)?;
        self.refuse_narrowed(actor)?;
        if settings.to_string().len() > LONGEST || credentials.expose().len() > LONGEST {
            return Err(Error::Refused(format!("an alert sink has at most {LONGEST} bytes of settings")));
        }
        if records::scan::<AlertSink>(&self.store, &[])?.len() >= MOST {
            return Err(Error::Refused(format!("there are {MOST} alert sinks already")));
        }
        let id = AlertSinkId::random(&*self.tools.random)?;
        let sealed = self.ring.seal(&Purpose::Alert, &self.place_of(id), credentials.expose())?;
        let sink = AlertSink {
            id,
            name: name.clone(),
            settings,
            sealed: data_encoding::BASE64.encode(&sealed),
            created_at: self.tools.clock.now(),
            created_by: actor.principal().clone(),
        };
        if records::load::<AlertSink>(&self.store, &sink.key())?.is_some() {
            return Err(Error::Exists { noun: "alert sink", name: name.to_string() });
        }
        let place = AlertPlace { sink: id, next: self.log_size()? };
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        change.expect(records::absent(&sink));
        change.put(&sink);
        // It is told of what happens from now on, whenever somebody begins to send.
        change.put(&place);
        change.commit().map_err(|error| raced(error, name.as_str()))?;
        Ok(sink)
    }

    /// Every sink, in the order of names.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list the vault.
    pub fn alert_sinks(&self, actor: &Actor) -> Result<Vec<AlertSink>, Error> {
        self.permit_list_vault(actor)?;
        Ok(records::scan::<AlertSink>(&self.store, &[])?.into_iter().map(|row| row.record).collect())
    }

    /// Ends a sink.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Denied`].
    pub fn remove_alert_sink(&self, actor: &Actor, name: &Login) -> Result<AlertSink, Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::AlertRemove);
        let names = of_sink(name);
        let permit = self.permit_administer(actor, object, action, &names)?;
        self.refuse_narrowed(actor)?;
        let row = self.alert_sink(name)?;
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        change.expect(records::unchanged(&row));
        change.delete::<AlertSink>(row.record.key());
        change.delete::<AlertPlace>(row.record.id.as_bytes().to_vec());
        change.commit().map_err(|error| raced(error, name.as_str()))?;
        Ok(row.record)
    }

    /// What a sink is signed in to with, to try it once.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Denied`].
    pub fn open_alert_sink(&self, actor: &Actor, name: &Login) -> Result<OpenedAlertSink, Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::AlertTest);
        let names = of_sink(name);
        let permit = self.permit_administer(actor, object, action, &names)?;
        let sink = self.alert_sink(name)?.record;
        Change::permitted(self, actor, permit, Telling::new(action, object).names(names)).commit()?;
        let opened = self.unsealed(&sink)?;
        Ok((sink, opened))
    }

    /// What every sink is signed in to with, for keyward itself to send alerts: one entry for all.
    /// `agent` is the program that sends them. Where there is no sink, there is no entry.
    ///
    /// # Errors
    /// [`Error::Replaced`] when another process leads; when the store refuses or a record was
    /// altered.
    pub fn open_alert_sinks(&self, lead: &Lead, agent: &str) -> Result<Vec<OpenedAlertSink>, Error> {
        let rows = records::scan::<AlertSink>(&self.store, &[])?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let actor = Actor::task(SystemTask::Alert, lead, agent);
        let (object, action) = (Object::Vault(self.id()), ActionName::AlertUse);
        let permit = authorize::<Use>(&actor.caller, &object)?;
        let telling = Telling::new(action, object).count(rows.len() as u64);
        Change::permitted(self, &actor, permit, telling).commit()?;
        rows.into_iter().map(|row| self.unsealed(&row.record).map(|opened| (row.record, opened))).collect()
    }

    fn alert_sink(&self, name: &Login) -> Result<Row<AlertSink>, Error> {
        let missing = || Error::Missing { noun: "alert sink", name: name.to_string() };
        records::load::<AlertSink>(&self.store, name.as_str().as_bytes())?.ok_or_else(missing)
    }

    fn unsealed(&self, sink: &AlertSink) -> Result<Secret<Vec<u8>>, Error> {
        let damaged = || Error::Damaged("the credentials of an alert sink are not what was sealed");
        let sealed = data_encoding::BASE64.decode(sink.sealed.as_bytes()).map_err(|_| damaged())?;
        let opened = self.ring.unseal(&Purpose::Alert, &self.place_of(sink.id), &sealed).map_err(|_| damaged())?;
        Ok(Secret::new(format!("credentials of the alert sink {}", sink.name), opened))
    }

    /// Where a sink's credentials belong.
    fn place_of(&self, sink: AlertSinkId) -> Vec<u8> {
        context("keyward/alert-sink/1", &[self.id().as_bytes(), sink.as_bytes()])
    }
}

fn of_sink(name: &Login) -> Names {
    Names::default().with("alert_sink", name.as_str())
}
