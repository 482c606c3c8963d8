//! When secrets are to be rotated, as people set it: for an environment, for a kind in it, for one
//! secret. What the rules say is the matter of `keyward-lifecycle`; here they are opaque.

use keyward_access::{Object, SystemTask, authorize};
use keyward_audit::Action as ActionName;
use keyward_types::{
    EnvironmentId, Head, Kind, PrincipalId, ProjectId, Record, SecretId, SecretName, Timestamp, Write,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::lead::Lead;
use crate::read::Scope;
use crate::records::{self, Row};
use crate::write::raced;
use crate::{Error, Vault};

/// A rule of when secrets of an environment are rotated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleRecord {
    /// In which project.
    pub project: ProjectId,
    /// In which environment.
    pub environment: EnvironmentId,
    /// Of which secret; `None`: of all, or of all of a kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretId>,
    /// Of which kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// What was set. Opaque here.
    pub rule: Value,
    /// When.
    pub set_at: Timestamp,
    /// By whom.
    pub set_by: PrincipalId,
}

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScheduleOf {
    /// Every secret of the environment.
    Environment,
    /// Every secret of this kind.
    Kind(Kind),
    /// One secret.
    Secret(SecretName),
}

/// A new value that is overdue.
#[derive(Clone, Debug, PartialEq)]
pub struct Overdue {
    /// The environment.
    pub scope: Scope,
    /// The secret.
    pub head: Head,
    /// Since when.
    pub due: Timestamp,
}

/// Up to when it was looked for what is overdue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OverdueLook {
    looked: Timestamp,
}

impl Record for OverdueLook {
    const COLLECTION: &'static str = "overdue_look";

    fn key(&self) -> Vec<u8> {
        LOOK.to_vec()
    }
}

const LOOK: &[u8] = b"last";
/// The longest rule.
const LONGEST: usize = 4096;
/// So many are told of in one go; the rest in the next.
const MOST: usize = 200;

impl Record for ScheduleRecord {
    const COLLECTION: &'static str = "schedule";

    fn key(&self) -> Vec<u8> {
        let environment = [&self.project.as_bytes()[..], self.environment.as_bytes()].concat();
        match (self.secret, self.kind) {
            (Some(secret), _) => [&environment[..], b"s", secret.as_bytes()].concat(),
            (None, Some(kind)) => [&environment[..], b"k", kind.to_string().as_bytes()].concat(),
            (None, None) => [&environment[..], b"e"].concat(),
        }
    }
}

impl ScheduleRecord {
    /// How narrow it is: of what applies, the narrowest counts.
    pub const fn narrowness(&self) -> u8 {
        match (self.secret.is_some(), self.kind.is_some()) {
            (true, _) => 2,
            (false, true) => 1,
            (false, false) => 0,
        }
    }

    /// Whether it is about this secret. A rule of a whole environment is not about configuration, which nobody
    /// replaces because it is old.
    pub fn is_about(&self, head: &Head) -> bool {
        let here = self.project == head.place.project && self.environment == head.place.environment;
        let wide = self.secret.is_none() && self.kind.is_none();
        here && (head.is_secret() || !wide)
            && self.secret.is_none_or(|secret| secret == head.place.secret)
            && self.kind.is_none_or(|kind| kind == head.kind)
    }
}

impl Vault {
    /// The rules of an environment, the widest first.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn schedules(&self, scope: &Scope) -> Result<Vec<ScheduleRecord>, Error> {
        let prefix = [&scope.project.id.as_bytes()[..], scope.environment.id.as_bytes()].concat();
        let rows = records::scan::<ScheduleRecord>(&self.store, &prefix)?;
        let mut rules: Vec<ScheduleRecord> = rows.into_iter().map(|row| row.record).collect();
        rules.sort_by_key(ScheduleRecord::narrowness);
        Ok(rules)
    }

    /// The rules of an environment that a caller may see: those of whom he may list there.
    ///
    /// # Errors
    /// [`Error::Denied`].
    pub fn schedules_seen(&self, actor: &Actor, scope: &Scope) -> Result<(Vec<ScheduleRecord>, Vec<Head>), Error> {
        let heads = self.heads(actor, scope)?;
        let mut rules = self.schedules(scope)?;
        let seen = |secret: SecretId| heads.iter().any(|head| head.place.secret == secret);
        rules.retain(|rule| rule.secret.is_none_or(seen));
        Ok((rules, heads))
    }

    /// Sets a rule: of a secret whoever may write it, of more whoever administers the environment.
    ///
    /// # Errors
    /// [`Error::NoSecret`], [`Error::Denied`], [`Error::Refused`], [`Error::Raced`].
    pub fn set_schedule(
        &self,
        actor: &Actor,
        scope: &Scope,
        of: &ScheduleOf,
        rule: Value,
        told: &str,
    ) -> Result<ScheduleRecord, Error> {
        if rule.to_string().len() > LONGEST {
            return Err(Error::Refused(format!("a rule has at most {LONGEST} bytes")));
        }
        let (set_at, set_by) = (self.tools.clock.now(), actor.principal().clone());
        let (mut change, record) = self.schedule_change(actor, scope, of, ActionName::ScheduleSet, told)?;
        let record = ScheduleRecord { rule, set_at, set_by, ..record };
        match records::load::<ScheduleRecord>(&self.store, &record.key())? {
            Some(before) => change.expect(records::unchanged(&before)),
            None => change.expect(records::absent(&record)),
        }
        change.put(&record);
        change.commit().map_err(|error| raced(error, "the schedule"))?;
        Ok(record)
    }

    /// Takes a rule away.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::NoSecret`], [`Error::Denied`], [`Error::Raced`].
    pub fn clear_schedule(&self, actor: &Actor, scope: &Scope, of: &ScheduleOf) -> Result<ScheduleRecord, Error> {
        let (mut change, record) = self.schedule_change(actor, scope, of, ActionName::ScheduleClear, "")?;
        let row = records::load::<ScheduleRecord>(&self.store, &record.key())?
            .ok_or_else(|| Error::Missing { noun: "schedule", name: of.to_string() })?;
        change.expect(records::unchanged(&row));
        change.delete::<ScheduleRecord>(row.record.key());
        change.commit().map_err(|error| raced(error, "the schedule"))?;
        Ok(row.record)
    }

    /// A change of a rule that the caller may make, and the rule without what it says.
    fn schedule_change<'a>(
        &'a self,
        actor: &'a Actor,
        scope: &Scope,
        of: &ScheduleOf,
        action: ActionName,
        told: &str,
    ) -> Result<(Change<'a>, ScheduleRecord), Error> {
        let record = |secret, kind| ScheduleRecord {
            project: scope.project.id,
            environment: scope.environment.id,
            secret,
            kind,
            rule: Value::Null,
            set_at: Timestamp(0),
            set_by: actor.principal().clone(),
        };
        let worded = |names: Names| if told.is_empty() { names } else { names.with("rule", told) };
        match of {
            ScheduleOf::Secret(name) => {
                let row = self.existing(actor, scope, name, action)?;
                let names = worded(scope.names(Some(name)));
                let permit = authorize::<Write>(&actor.caller, &scope.about_head(&row.record))
                    .map_err(|denial| self.denied(actor, denial, action, names.clone()))?;
                let telling = Telling::new(action, Object::Secret(row.record.place, None)).names(names);
                Ok((Change::permitted(self, actor, permit, telling), record(Some(row.record.place.secret), None)))
            }
            ScheduleOf::Environment | ScheduleOf::Kind(_) => {
                let kind = if let ScheduleOf::Kind(kind) = of { Some(*kind) } else { None };
                let names = worded(scope.names(None));
                let names = match kind {
                    Some(kind) => names.with("kind", kind.to_string()),
                    None => names,
                };
                let object = scope.object(self.id());
                let permit = self.permit_administer(actor, object, action, &names)?;
                let telling = Telling::new(action, object).names(names);
                Ok((Change::permitted(self, actor, permit, telling), record(None, kind)))
            }
        }
    }

    /// Up to when it was looked for what is overdue; `None`: never yet.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn looked_for_overdue(&self) -> Result<Option<Timestamp>, Error> {
        Ok(self.overdue_look()?.map(|row| row.record.looked))
    }

    /// Puts on record what has become overdue since [`Vault::looked_for_overdue`] and up to `now`, an
    /// entry each, and the moment with them. Answers up to which moment that is: of very many those
    /// of a later one are told of the next time.
    ///
    /// # Errors
    /// [`Error::Replaced`] when another process leads; [`Error::Raced`]; when the store refuses.
    pub fn tell_overdue(&self, lead: &Lead, agent: &str, overdue: &[Overdue], now: Timestamp) -> Result<(), Error> {
        let told = &overdue[..overdue.len().min(MOST)];
        let Some((first, others)) = told.split_first() else { return Ok(()) };
        let looked = if told.len() < overdue.len() { told[told.len() - 1].due } else { now };
        let actor = Actor::task(SystemTask::Rotation, lead, agent);
        let look = OverdueLook { looked };
        let before = match self.overdue_look()? {
            Some(row) => records::unchanged(&row),
            None => records::absent(&look),
        };
        let mut change = Change::told(self, &actor, overdue_told(first));
        change.expect(before);
        change.put(&look);
        others.iter().for_each(|one| change.also(overdue_told(one)));
        change.commit().map(drop).map_err(|error| raced(error, "the look at what is overdue"))
    }

    fn overdue_look(&self) -> Result<Option<Row<OverdueLook>>, Error> {
        records::load::<OverdueLook>(&self.store, LOOK)
    }
}

fn overdue_told(overdue: &Overdue) -> Telling {
    let names = overdue.scope.names(Some(&overdue.head.name)).with("due", overdue.due.to_string());
    let names = match &overdue.head.owner {
        Some(owner) => names.with("owner", owner.as_str()),
        None => names,
    };
    Telling::new(ActionName::RotationOverdue, Object::Secret(overdue.head.place, None)).names(names)
}

impl std::fmt::Display for ScheduleOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment => f.write_str("every secret"),
            Self::Kind(kind) => write!(f, "every {kind}"),
            Self::Secret(name) => write!(f, "{name}"),
        }
    }
}
