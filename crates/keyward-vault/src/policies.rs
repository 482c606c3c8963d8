//! One's own policies: written, read, deleted, and asked what they would say.

use std::sync::Arc;

use keyward_access::{
    About, Caller, Deciding, Facts, Login, Object, Policies, PolicyRecord, SecretFacts, Standing, Verdict,
};
use keyward_audit::Action as ActionName;
use keyward_types::{Operation, PrincipalId, Record, SecretName};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::records;
use crate::roles::Reach;
use crate::write::raced;
use crate::{Error, Scope, Vault};

/// What a policy is asked about.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who would do it.
    pub principal: PrincipalId,
    /// What.
    pub operation: Operation,
    /// Where.
    pub reach: Reach,
    /// With which secret of the environment, which need not exist.
    pub secret: Option<SecretName>,
}

impl Vault {
    /// Writes a policy; it counts from the next decision on. Answers what its author should know.
    ///
    /// # Errors
    /// [`Error::Policy`] when it does not fit the schema; [`Error::Refused`] when the author could
    /// not take it back afterwards; [`Error::Denied`].
    pub fn put_policy(&self, actor: &Actor, name: &Login, text: &str, enabled: bool) -> Result<Vec<String>, Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::PolicyPut);
        let state = if enabled { "enabled" } else { "disabled" };
        let names = Names::default().with("policy", name.as_str()).with("state", state);
        let permit = self.permit_administer(actor, object, action, &names)?;
        self.refuse_narrowed(actor)?;
        let warnings = Policies::check(name, text)?;
        let (changed_at, changed_by) = (self.tools.clock.now(), actor.principal().clone());
        let policy = PolicyRecord { name: name.clone(), text: text.to_owned(), enabled, changed_at, changed_by };
        let draft = self.policies_with(&policy)?;
        self.refuse_lock_out(actor, draft)?;
        let row = records::load::<PolicyRecord>(&self.store, &policy.key())?;
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        change.expect(match &row {
            Some(row) => records::unchanged(row),
            None => records::absent(&policy),
        });
        change.put(&policy);
        change.commit().map_err(|error| raced(error, name.as_str()))?;
        Ok(warnings)
    }

    /// Deletes a policy.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Denied`].
    pub fn delete_policy(&self, actor: &Actor, name: &Login) -> Result<PolicyRecord, Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::PolicyDelete);
        let names = Names::default().with("policy", name.as_str());
        let permit = self.permit_administer(actor, object, action, &names)?;
        self.refuse_narrowed(actor)?;
        let missing = || Error::Missing { noun: "policy", name: name.to_string() };
        let row = records::load::<PolicyRecord>(&self.store, name.as_str().as_bytes())?.ok_or_else(missing)?;
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        change.expect(records::unchanged(&row));
        change.delete::<PolicyRecord>(row.record.key());
        change.commit().map_err(|error| raced(error, name.as_str()))?;
        Ok(row.record)
    }

    /// One's own policies, in the order of names.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list the vault.
    pub fn policies(&self, actor: &Actor) -> Result<Vec<PolicyRecord>, Error> {
        self.permit_list_vault(actor)?;
        self.own_policies()
    }

    /// What the roles and policies say to a question, and which of them decide; with `draft` as if
    /// that policy were written already. Nothing is done.
    ///
    /// # Errors
    /// [`Error::Policy`] for a draft that is none; [`Error::Missing`] for an account that is not
    /// there; [`Error::Denied`] for a caller who may not list the vault.
    pub fn test_policy(
        &self,
        actor: &Actor,
        question: &Question,
        draft: Option<(&Login, &str)>,
    ) -> Result<Verdict, Error> {
        self.permit_list_vault(actor)?;
        let roster = self.roster()?;
        let policies = match draft {
            None => Arc::clone(roster.policies()),
            Some((name, text)) => {
                Policies::check(name, text)?;
                let (changed_at, changed_by) = (self.tools.clock.now(), actor.principal().clone());
                let (name, text) = (name.clone(), text.to_owned());
                self.policies_with(&PolicyRecord { name, text, enabled: true, changed_at, changed_by })?
            }
        };
        let missing = || Error::Missing { noun: "account", name: question.principal.to_string() };
        let account = roster.identity(&question.principal).ok_or_else(missing)?;
        if !account.is_enabled() {
            let deciding = vec![Deciding { name: "the account is disabled".into(), of_role: false, forbids: true }];
            return Ok(Verdict { allowed: false, deciding, roles: Vec::new() });
        }
        let caller = self.member(roster.standing_under(account, policies));
        self.ask(&caller, question)
    }

    fn ask(&self, caller: &Caller, question: &Question) -> Result<Verdict, Error> {
        let Reach { project, environment } = &question.reach;
        let mut head = None;
        if let (Some(project), Some(environment), Some(name)) = (project, environment, &question.secret) {
            let scope = Scope { project: project.clone(), environment: environment.clone() };
            head = self.head_row(&scope, name)?.map(|row| row.record);
        }
        let secret = match (&head, &question.secret) {
            (Some(head), _) => Some(SecretFacts::from(head)),
            (None, name) => name.as_ref().map(SecretFacts::new_name),
        };
        let object = match &head {
            Some(head) => Object::Secret(head.place, None),
            None => question.reach.object(self.id()),
        };
        let facts = Facts {
            project: project.as_ref().map(|project| &project.name),
            environment: environment.as_ref().map(|environment| &environment.name),
            secret,
            account: None,
        };
        let verdict = caller.explain(question.operation, &About { object, facts });
        verdict.ok_or(Error::Damaged("a member is under policies"))
    }

    fn member(&self, standing: Standing) -> Caller {
        Caller::member(Arc::new(standing), self.tools.clock.now())
    }

    fn own_policies(&self) -> Result<Vec<PolicyRecord>, Error> {
        Ok(records::scan::<PolicyRecord>(&self.store, &[])?.into_iter().map(|row| row.record).collect())
    }

    fn policies_with(&self, policy: &PolicyRecord) -> Result<Arc<Policies>, Error> {
        let mut own = self.own_policies()?;
        own.retain(|other| other.name != policy.name);
        own.push(policy.clone());
        Ok(Policies::with(&own)?)
    }

    /// Whoever writes a policy under which he may not write policies could not take it back.
    fn refuse_lock_out(&self, actor: &Actor, draft: Arc<Policies>) -> Result<(), Error> {
        let roster = self.roster()?;
        let Some(account) = roster.identity(actor.principal()) else { return Ok(()) };
        let caller = self.member(roster.standing_under(account, draft));
        let about = Object::Vault(self.id());
        match caller.explain(Operation::Administer, &about).is_some_and(|verdict| verdict.allowed) {
            true => Ok(()),
            false => Err(Error::Refused("under this policy you could not change policies any more".into())),
        }
    }

    /// A token with a part of the rights gives none away and writes no policy.
    pub(crate) fn refuse_narrowed(&self, actor: &Actor) -> Result<(), Error> {
        match actor.caller.restriction().is_some_and(keyward_access::Restriction::narrows) {
            true => {
                Err(Error::Refused("a token with a part of its owner's rights cannot change what rights are".into()))
            }
            false => Ok(()),
        }
    }
}
