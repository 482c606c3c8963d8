//! What somebody may read or could have read, and by what, as far as it is on record.

use std::sync::Arc;

use keyward_access::{
    About, Caller, Facts, Identity, Object, RoleBinding, SecretFacts, Standing, Subject, TokenRecord, VirtualKey,
};
use keyward_types::{GroupId, Operation, PrincipalId, SecretId, Timestamp};

use crate::actor::Actor;
use crate::records;
use crate::roster::Roster;
use crate::team::{Stored, plain};
use crate::team_history::{EndedBinding, EndedMembership, membership_prefix};
use crate::{Error, Vault};

/// A secret that somebody has or had the right to read.
#[derive(Clone, Debug, PartialEq)]
pub struct Readable {
    /// Which.
    pub secret: SecretId,
    /// By what.
    pub source: Source,
    /// From when on, at the earliest.
    pub since: Timestamp,
    /// Until when; `None`: still.
    pub until: Option<Timestamp>,
}

/// What gave a right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A role of his own, or a policy.
    Own,
    /// A group, by its name.
    Group(String),
    /// A token of somebody else's that he made and knows, by its public id.
    Token(String),
}

/// A way in which somebody had rights for some time.
struct Way {
    source: Source,
    caller: Caller,
    /// What limits it to a part of the vault; the policies are asked within that alone.
    within: Option<RoleBinding>,
    since: Timestamp,
    until: Option<Timestamp>,
}

/// A group that somebody is or was in.
struct Membership {
    id: GroupId,
    name: String,
    since: Timestamp,
    until: Option<Timestamp>,
}

impl Vault {
    /// The secrets that somebody may read or could have read, with what gave him the right. Past
    /// roles and memberships are asked under the present policies; when he joined a group is not
    /// kept, so that he counts as in it since it exists.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is no such account; [`Error::Denied`] for a caller who may not
    /// list the vault.
    pub fn readable(&self, actor: &Actor, person: &PrincipalId) -> Result<Vec<Readable>, Error> {
        self.permit_list_vault(actor)?;
        let roster = self.roster()?;
        let missing = || Error::Missing { noun: "account", name: person.to_string() };
        let account = roster.identity(person).ok_or_else(missing)?;
        let ways = self.ways(&roster, account)?;
        let mut readable = Vec::new();
        for stored in self.inventory()? {
            let mut at_present = false;
            for way in &ways {
                // What all his roles give together is asked where none gives it alone.
                let together = way.within.is_none() && way.source == Source::Own;
                if together && at_present || !way.reads(&stored) {
                    continue;
                }
                at_present |= way.until == account.disabled_at;
                let Way { source, since, until, .. } = way;
                let secret = stored.head.place.secret;
                readable.push(Readable { secret, source: source.clone(), since: *since, until: *until });
            }
        }
        Ok(readable)
    }

    fn ways(&self, roster: &Roster, account: &Identity) -> Result<Vec<Way>, Error> {
        let person = &account.principal;
        let end = account.disabled_at;
        let mut ways = Vec::new();
        for (binding, ended) in self.bindings_ever(roster, &Subject::Principal(person.clone()))? {
            ways.extend(self.way(roster, account, Source::Own, binding, None, earlier(end, ended)));
        }
        for group in self.memberships_ever(roster, person)? {
            for (binding, ended) in self.bindings_ever(roster, &Subject::Group(group.id))? {
                let until = earlier(earlier(end, ended), group.until);
                let source = Source::Group(group.name.clone());
                ways.extend(self.way(roster, account, source, binding, Some(group.since), until));
            }
        }
        let whole = Arc::new(roster.standing_under(account, Arc::clone(roster.policies())));
        let caller = Caller::member(whole, self.tools.clock.now());
        ways.push(Way { source: Source::Own, caller, within: None, since: account.created_at, until: end });
        ways.extend(self.known_tokens(roster, person)?);
        Ok(ways)
    }

    /// What one binding gave; nothing when it ended before it could.
    fn way(
        &self,
        roster: &Roster,
        account: &Identity,
        source: Source,
        binding: RoleBinding,
        member_since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Option<Way> {
        let since = binding.created_at.max(member_since.unwrap_or(account.created_at));
        let now = self.tools.clock.now();
        let until = earlier(until, binding.until.filter(|until| *until <= now));
        if until.is_some_and(|until| until < since) {
            return None;
        }
        let whole = roster.standing_under(account, Arc::clone(roster.policies()));
        let alone = RoleBinding { until: None, ..binding.clone() };
        let Standing { principal, login, groups, policies, .. } = whole;
        let standing = Standing::new(principal, login, groups, vec![alone], policies);
        let caller = Caller::member(Arc::new(standing), now);
        Some(Way { source, caller, within: Some(binding), since, until })
    }

    fn bindings_ever(
        &self,
        roster: &Roster,
        subject: &Subject,
    ) -> Result<Vec<(RoleBinding, Option<Timestamp>)>, Error> {
        let present = roster.bindings_of(subject).iter().map(|binding| (binding.clone(), None));
        let ended = plain(records::find::<EndedBinding>(&self.store, "subject", &subject.index())?);
        Ok(present.chain(ended.into_iter().map(|ended| (ended.binding, Some(ended.ended_at)))).collect())
    }

    fn memberships_ever(&self, roster: &Roster, person: &PrincipalId) -> Result<Vec<Membership>, Error> {
        let present = roster.groups().iter().filter(|group| group.members.contains(person)).map(|group| Membership {
            id: group.id,
            name: group.name.to_string(),
            since: group.created_at,
            until: None,
        });
        let ended = plain(records::scan::<EndedMembership>(&self.store, &membership_prefix(person))?);
        let ended = ended.into_iter().map(|ended| Membership {
            id: ended.group,
            name: ended.name,
            since: Timestamp(0),
            until: Some(ended.ended_at),
        });
        Ok(present.chain(ended).collect())
    }

    /// Living tokens of others that he made, with what they allow at present.
    fn known_tokens(&self, roster: &Roster, person: &PrincipalId) -> Result<Vec<Way>, Error> {
        let now = self.tools.clock.now();
        let tokens = plain(records::scan::<TokenRecord>(&self.store, &[])?).into_iter();
        let known = tokens.filter(|token| token.created_by == *person && token.owner != *person);
        let living = known.filter(|token| {
            token.revoked_at.is_none() && token.expires_at.is_none_or(|end| now < end) && token.uses_left != Some(0)
        });
        Ok(living
            .filter_map(|token| {
                let caller = Caller::member(roster.standing(&token.owner)?, now).restricted(token.restriction());
                let source = Source::Token(token.id.clone());
                Some(Way { source, caller, within: None, since: token.created_at, until: None })
            })
            .collect())
    }

    /// Tokens that are his or that he made, dead ones too.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list the vault.
    pub fn tokens_known_to(&self, actor: &Actor, person: &PrincipalId) -> Result<Vec<TokenRecord>, Error> {
        self.permit_list_vault(actor)?;
        let mut tokens = plain(records::scan::<TokenRecord>(&self.store, &[])?);
        tokens.retain(|token| token.owner == *person || token.created_by == *person);
        Ok(tokens)
    }

    /// The same of virtual keys. Children are left out: they die within a day.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list the vault; when the store refuses.
    pub fn virtual_keys_known_to(&self, actor: &Actor, person: &PrincipalId) -> Result<Vec<VirtualKey>, Error> {
        self.permit_list_vault(actor)?;
        let mut keys = plain(records::scan::<VirtualKey>(&self.store, &[])?);
        keys.retain(|key| key.parent.is_none() && (key.owner == *person || key.created_by == *person));
        Ok(keys)
    }
}

impl Way {
    fn reads(&self, stored: &Stored) -> bool {
        let object = Object::Secret(stored.head.place, None);
        if self.within.as_ref().is_some_and(|binding| !binding.covers(&object)) {
            return false;
        }
        let secret = SecretFacts::from(&stored.head);
        let about = About { object, facts: Facts::secret(&stored.project, &stored.environment, secret) };
        self.caller.explain(Operation::Read, &about).is_some_and(|verdict| verdict.allowed)
    }
}

fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    [a, b].into_iter().flatten().min()
}
