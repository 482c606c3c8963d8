//! Rights for a while: asked for and given by a second person, or taken in an emergency, with a
//! reason and an alarm. Both end by themselves.

use keyward_access::{Cause, Denial, Elevation, ElevationState, Object, Role, RoleBinding, Subject};
use keyward_audit::Action as ActionName;
use keyward_types::{BindingId, ElevationId, Operation, PrincipalId, Timestamp};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::people::of_account;
use crate::records::{self, Row};
use crate::roles::Reach;
use crate::write::raced;
use crate::{Error, Vault};

/// So many requests of one person can be open.
const MAX_OPEN: usize = 5;
/// So long a broken glass lasts at most.
const LONGEST_EMERGENCY: u32 = 4 * 60 * 60;
/// Longest reason, in bytes.
const MAX_REASON: usize = 1000;

impl Vault {
    /// Asks for a role for some time.
    ///
    /// # Errors
    /// [`Error::Refused`] for a role nobody gives for a while, too long a time, too many open
    /// requests or a missing reason; [`Error::Denied`].
    pub fn request_elevation(
        &self,
        actor: &Actor,
        role: Role,
        reach: &Reach,
        seconds: u32,
        reason: &str,
    ) -> Result<Elevation, Error> {
        if matches!(role, Role::Owner | Role::Emergency) {
            return Err(Error::Refused(format!("the role {role} is not given for a while")));
        }
        check(seconds, Elevation::LONGEST, reason)?;
        let now = self.tools.clock.now();
        let mine = records::find::<Elevation>(&self.store, "principal", actor.principal().as_str().as_bytes())?;
        if mine.iter().filter(|row| row.record.is_open(now)).count() >= MAX_OPEN {
            return Err(Error::Refused(format!("{MAX_OPEN} of your requests are open; wait for a decision")));
        }
        let asked = self.elevation(actor.principal(), role, reach, seconds, reason, ElevationState::Open)?;
        self.write_elevation(actor, ActionName::ElevateRequest, reach, &asked, None)?;
        Ok(asked)
    }

    /// Gives what somebody else asked for.
    ///
    /// # Errors
    /// [`Error::Refused`] for one's own request, one that is decided or too old, and for a role that
    /// the actor could not give; [`Error::Missing`], [`Error::Denied`].
    pub fn approve_elevation(&self, actor: &Actor, id: ElevationId) -> Result<Elevation, Error> {
        let row = self.open_elevation(actor, id)?;
        let asked = &row.record;
        let reach = self.reach_asked(asked)?;
        let names = self.of_elevation(asked, &reach)?;
        let permit = self.permit_reach(actor, &reach, ActionName::ElevateApprove, &names)?;
        if !actor.caller.gives(asked.role, asked.project, asked.environment) {
            return Err(Error::Refused(format!("you could not give the role {} there", asked.role)));
        }
        let now = self.tools.clock.now();
        let until = Timestamp(now.0 + i64::from(asked.seconds) * 1000);
        let decided_by = Some(actor.principal().clone());
        let given = Elevation { state: ElevationState::Approved, decided_by, until: Some(until), ..asked.clone() };
        let binding = self.binding_until(actor, &given, until)?;
        let telling = Telling::new(ActionName::ElevateApprove, reach.object(self.id())).names(names);
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::unchanged(&row));
        change.put(&given);
        change.put(&binding);
        change.commit().map_err(|error| raced(error, "the request"))?;
        Ok(given)
    }

    /// Refuses what somebody asked for.
    ///
    /// # Errors
    /// [`Error::Refused`] for one's own request and one that is decided; [`Error::Missing`],
    /// [`Error::Denied`].
    pub fn deny_elevation(&self, actor: &Actor, id: ElevationId) -> Result<Elevation, Error> {
        let row = self.open_elevation(actor, id)?;
        let reach = self.reach_asked(&row.record)?;
        let names = self.of_elevation(&row.record, &reach)?;
        let permit = self.permit_reach(actor, &reach, ActionName::ElevateDeny, &names)?;
        let decided_by = Some(actor.principal().clone());
        let denied = Elevation { state: ElevationState::Denied, decided_by, ..row.record.clone() };
        let telling = Telling::new(ActionName::ElevateDeny, reach.object(self.id())).names(names);
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::unchanged(&row));
        change.put(&denied);
        change.commit().map_err(|error| raced(error, "the request"))?;
        Ok(denied)
    }

    /// Requests, the newest first: all for a caller who may list the vault, else one's own.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn elevations(&self, actor: &Actor) -> Result<Vec<Elevation>, Error> {
        let all = self.may_list_vault(actor);
        let rows = records::scan::<Elevation>(&self.store, &[])?.into_iter().map(|row| row.record);
        let mut seen: Vec<Elevation> = rows.filter(|one| all || one.principal == *actor.principal()).collect();
        seen.sort_by_key(|one| std::cmp::Reverse((one.created_at, one.id)));
        Ok(seen)
    }

    /// Takes emergency rights in a project, or one environment of it: reading, using and listing.
    /// For people who work there and came without a token that narrows them. What this leaves in
    /// the log is an alarm.
    ///
    /// # Errors
    /// [`Error::Refused`] without a reason, for the whole vault, for too long, or for who does not
    /// work in the project; [`Error::Denied`].
    pub fn break_glass(&self, actor: &Actor, reach: &Reach, seconds: u32, reason: &str) -> Result<Elevation, Error> {
        let Some(project) = &reach.project else {
            return Err(Error::Refused("an emergency is in a project: name it".into()));
        };
        check(seconds, LONGEST_EMERGENCY, reason)?;
        if !actor.caller.works_in(project.id) {
            // Whether there is such a project is not told either.
            let denial = self.denial(actor, Operation::Read, Object::Project(self.id(), project.id));
            return Err(self.denied(actor, denial, ActionName::BreakGlass, reach.names()));
        }
        // An emergency is none of the network's: rights that count nowhere would only raise an alarm.
        let object = Object::Project(self.id(), project.id);
        if !actor.caller.is_admitted(&object) {
            let cause = Cause::Network(Box::new(actor.caller.address()));
            let denial = Denial { cause, ..self.denial(actor, Operation::Read, object) };
            return Err(self.denied(actor, denial, ActionName::BreakGlass, reach.names()));
        }
        let asked =
            self.elevation(actor.principal(), Role::Emergency, reach, seconds, reason, ElevationState::BrokenGlass)?;
        let until = Timestamp(asked.created_at.0 + i64::from(seconds) * 1000);
        let taken = Elevation { until: Some(until), ..asked };
        let binding = self.binding_until(actor, &taken, until)?;
        self.write_elevation(actor, ActionName::BreakGlass, reach, &taken, Some(&binding))?;
        Ok(taken)
    }

    fn elevation(
        &self,
        principal: &PrincipalId,
        role: Role,
        reach: &Reach,
        seconds: u32,
        reason: &str,
        state: ElevationState,
    ) -> Result<Elevation, Error> {
        Ok(Elevation {
            id: ElevationId::random(&*self.tools.random)?,
            principal: principal.clone(),
            role,
            project: reach.project_id(),
            environment: reach.environment_id(),
            seconds,
            reason: reason.to_owned(),
            created_at: self.tools.clock.now(),
            state,
            decided_by: None,
            until: None,
        })
    }

    /// Everybody may ask for himself: that is a matter of his own account.
    fn write_elevation(
        &self,
        actor: &Actor,
        action: ActionName,
        reach: &Reach,
        asked: &Elevation,
        binding: Option<&RoleBinding>,
    ) -> Result<(), Error> {
        let account = self.account_row(actor.principal())?.record;
        let names = self.of_elevation(asked, reach)?;
        let permit = self.permit_account(actor, &account, action, &names)?;
        let telling = Telling::new(action, reach.object(self.id())).names(names);
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::absent(asked));
        change.put(asked);
        if let Some(binding) = binding {
            change.put(binding);
        }
        change.commit()?;
        Ok(())
    }

    fn binding_until(&self, actor: &Actor, given: &Elevation, until: Timestamp) -> Result<RoleBinding, Error> {
        Ok(RoleBinding {
            id: BindingId::random(&*self.tools.random)?,
            subject: Subject::Principal(given.principal.clone()),
            role: given.role,
            project: given.project,
            environment: given.environment,
            until: Some(until),
            granted_by: actor.principal().clone(),
            created_at: self.tools.clock.now(),
        })
    }

    fn open_elevation(&self, actor: &Actor, id: ElevationId) -> Result<Row<Elevation>, Error> {
        let missing = || Error::Missing { noun: "request", name: id.to_string() };
        let row = records::load::<Elevation>(&self.store, id.as_bytes())?.ok_or_else(missing)?;
        if row.record.principal == *actor.principal() {
            return Err(Error::Refused("nobody decides his own request; a second person has to".into()));
        }
        if !row.record.is_open(self.tools.clock.now()) {
            return Err(Error::Refused("the request is decided already, or older than a day".into()));
        }
        let asker = self.account_row(&row.record.principal)?.record;
        if !asker.is_enabled() {
            return Err(Error::Refused(format!("`{}` is disabled", crate::people::called(&asker))));
        }
        Ok(row)
    }

    fn of_elevation(&self, asked: &Elevation, reach: &Reach) -> Result<Names, Error> {
        let account = self.account_row(&asked.principal)?.record;
        let more = of_account(&account).with("role", asked.role.as_str()).with("request", asked.id.to_string());
        let more = more.with("asked_because", asked.reason.as_str()).with("seconds", asked.seconds.to_string());
        Ok(Names { more: more.more, ..reach.names() })
    }

    /// Where it was asked for; nothing is given where that is gone.
    fn reach_asked(&self, asked: &Elevation) -> Result<Reach, Error> {
        let reach = self.reach_of_ids(asked.project, asked.environment)?;
        match (reach.project_id(), reach.environment_id()) == (asked.project, asked.environment) {
            true => Ok(reach),
            false => Err(Error::Refused("the project or environment that it asks for is gone".into())),
        }
    }
}

fn check(seconds: u32, longest: u32, reason: &str) -> Result<(), Error> {
    if seconds == 0 || seconds > longest {
        return Err(Error::Refused(format!("it lasts at least a second and at most {} hours", longest / 3600)));
    }
    if reason.trim().is_empty() || reason.len() > MAX_REASON {
        return Err(Error::Refused(format!("it needs a reason, of at most {MAX_REASON} bytes")));
    }
    Ok(())
}
