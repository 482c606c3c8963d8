//! Environments whose values a client may keep for when it does not reach its server, and what it tells
//! of that afterwards. Whether one does is on record with the read; that it used what it kept is what it
//! says itself.

use keyward_access::{About, Facts, Object, authorize};
use keyward_audit::Action as ActionName;
use keyward_types::{EnvironmentName, List, ProjectName, Record as _, Timestamp};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::records::{self, Environment};
use crate::write::raced;
use crate::{Error, Scope, Vault, Via};

/// Longest that a value may be kept elsewhere, in seconds.
pub const LONGEST_OFFLINE: u32 = 30 * 24 * 60 * 60;

/// Most lines of one report.
const MOST: usize = 1000;

/// Values that a client gave out of what it kept.
#[derive(Clone, Debug)]
pub struct OfflineUse {
    /// Of which project.
    pub project: ProjectName,
    /// Of which environment.
    pub environment: EnvironmentName,
    /// What for.
    pub via: Via,
    /// How many values, each as often as it was given out.
    pub count: u64,
    /// The first time, by the client's clock.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
}

impl Vault {
    /// The clock by which everything here is told.
    pub fn now(&self) -> Timestamp {
        self.tools.clock.now()
    }

    /// Sets for how long clients may keep what they read of an environment; `None`: not at all, which
    /// holds for what is read from now on.
    ///
    /// # Errors
    /// [`Error::Refused`] for longer than [`LONGEST_OFFLINE`] or no time; [`Error::Denied`] for who may
    /// not administer the project, [`Error::Raced`].
    pub fn set_offline(&self, actor: &Actor, scope: &Scope, seconds: Option<u32>) -> Result<Environment, Error> {
        // It is the project's affair what leaves it for a while, and not one environment's.
        let object = Object::Project(self.id(), scope.project.id);
        let names = scope
            .names(None)
            .with("offline_seconds", shown(seconds))
            .with("before", shown(scope.environment.offline_seconds));
        let permit = self.permit_administer(actor, object, ActionName::EnvironmentEdit, &names)?;
        if seconds.is_some_and(|seconds| seconds == 0 || seconds > LONGEST_OFFLINE) {
            let days = LONGEST_OFFLINE / (24 * 60 * 60);
            return Err(Error::Refused(format!("values are kept offline for a second to {days} days, or not at all")));
        }
        let gone = || Error::Raced(scope.environment.name.to_string());
        let row = records::load::<Environment>(&self.store, &scope.environment.key())?.ok_or_else(gone)?;
        let environment = Environment { offline_seconds: seconds, ..row.record.clone() };
        let telling = Telling::new(ActionName::EnvironmentEdit, scope.object(self.id())).names(names);
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::unchanged(&row));
        change.put(&environment);
        change.commit().map_err(|error| raced(error, scope.environment.name.as_str()))?;
        Ok(environment)
    }

    /// Puts on record what somebody says to have used without the server. Of what he may not know, it
    /// says no more in the log's public part than that he said so.
    ///
    /// # Errors
    /// [`Error::Refused`] for too many lines at once, and for times in the wrong order.
    pub fn record_offline(&self, actor: &Actor, uses: &[OfflineUse]) -> Result<(), Error> {
        if uses.len() > MOST || uses.iter().any(|one| one.first > one.last || one.count == 0) {
            return Err(Error::Refused(format!("a report has at most {MOST} lines, each of a use and its times")));
        }
        let mut change: Option<Change<'_>> = None;
        for one in uses {
            let telling = self.told_offline(actor, one)?;
            match &mut change {
                Some(change) => change.also(telling),
                None => change = Some(Change::told(self, actor, telling)),
            }
        }
        change.map_or(Ok(()), |change| change.commit().map(drop))
    }

    fn told_offline(&self, actor: &Actor, one: &OfflineUse) -> Result<Telling, Error> {
        let known = match self.scope(&one.project, &one.environment) {
            Ok(scope) => {
                let object = scope.object(self.id());
                let facts = Facts::environment(&one.project, &one.environment);
                authorize::<List>(&actor.caller, &About { object, facts }).is_ok().then_some(object)
            }
            Err(Error::NoProject(_) | Error::NoEnvironment { .. }) => None,
            Err(error) => return Err(error),
        };
        let names = Names {
            project: Some(one.project.clone()),
            environment: Some(one.environment.clone()),
            ..Names::default()
        };
        let names = names.with("first", one.first.to_string()).with("last", one.last.to_string());
        let names = names.with("values", one.count.to_string());
        let object = known.unwrap_or(Object::Vault(self.id()));
        Ok(Telling::new(ActionName::SecretOffline, object).names(names).via(one.via.logged()).count(one.count))
    }
}

fn shown(seconds: Option<u32>) -> String {
    seconds.map_or_else(|| "not at all".into(), |seconds| seconds.to_string())
}
