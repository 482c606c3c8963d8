//! Carrying out what a review answers, within the change that puts the answer on record: there is
//! no moment at which the one is done and the other is not.

use std::collections::{HashMap, HashSet};

use keyward_access::{Caller, Group, Permit, Role, RoleBinding, Subject};
use keyward_types::{Administer, BindingId, GroupId, PrincipalId};

use crate::actor::Actor;
use crate::change::{Change, Telling};
use crate::records;
use crate::team_history::{self, EndedBinding};
use crate::team_review::{Answer, Review, Right};
use crate::{Error, Reach, Vault};

/// What one change gives and takes. Several lines may speak of one group, so that groups are kept
/// as the change has left them so far.
pub(crate) struct Carrying<'a> {
    vault: &'a Vault,
    actor: &'a Actor,
    /// Whose rights decide what may be taken away; `None`: the house's own, which owners are above.
    taker: Option<Caller>,
    groups: HashMap<GroupId, Group>,
    moves: Vec<Move>,
}

/// Somebody comes into a group or goes from it.
struct Move {
    group: GroupId,
    leaver: Option<PrincipalId>,
    permit: Permit<Administer>,
    telling: Telling,
}

impl Vault {
    /// Carries out what `actor` answers.
    pub(crate) fn carrying<'a>(&'a self, actor: &'a Actor) -> Carrying<'a> {
        self.carrying_for(actor, Some(actor.caller.clone()))
    }

    /// Carries out what a review's deadline takes away: what whoever began the review could have
    /// taken away, so that a review reaches no further than he does. When he is gone, all but
    /// owners' rights.
    pub(crate) fn carrying_deadline<'a>(&'a self, actor: &'a Actor, review: &Review) -> Result<Carrying<'a>, Error> {
        let taker = self.roster()?.standing(&review.started_by);
        let taker = taker.map(|standing| Caller::member(standing, self.tools.clock.now()));
        Ok(self.carrying_for(actor, taker))
    }

    fn carrying_for<'a>(&'a self, actor: &'a Actor, taker: Option<Caller>) -> Carrying<'a> {
        Carrying { vault: self, actor, taker, groups: HashMap::new(), moves: Vec::new() }
    }
}

impl Carrying<'_> {
    /// Adds to the change what these answers do. First what they do to groups, which are as large as
    /// all who are in them: each is put once, and then an entry for each who comes or goes.
    pub(crate) fn out(mut self, change: &mut Change<'_>, answers: &[(&Right, &Answer)]) -> Result<(), Error> {
        for (right, answer) in answers.iter().filter(|(right, _)| right.group.is_some()) {
            match answer {
                Answer::Open | Answer::Kept { .. } => {}
                Answer::Removed { .. } | Answer::Narrowed { .. } => self.take_out(change, right)?,
                Answer::Restored { .. } => self.take_in(change, right)?,
            }
        }
        self.put_groups(change);
        for (right, answer) in answers {
            if let Answer::Narrowed { to, .. } = answer {
                self.give(change, right, to)?;
            }
            match (&right.group, answer) {
                (None, Answer::Removed { .. } | Answer::Narrowed { .. }) => self.take_away(change, right)?,
                (None, Answer::Restored { .. }) => self.give(change, right, &right.role)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether the right may be taken away, as far as it is there. The vault may have been handed
    /// over since the review began: in whose name it is opened by now keeps that right.
    pub(crate) fn may_take(&self, right: &Right) -> Result<bool, Error> {
        // What a group gives ends with the membership, which takes no role of whoever ends it.
        let Some(binding) = self.binding(right)? else { return Ok(true) };
        Ok(right.group.is_some() || self.takes(&binding) && !self.vault.is_of_the_first_owner(&binding))
    }

    fn takes(&self, binding: &RoleBinding) -> bool {
        match &self.taker {
            Some(taker) => {
                binding.role == Role::Emergency || taker.gives(binding.role, binding.project, binding.environment)
            }
            None => binding.role != Role::Owner,
        }
    }

    /// Somebody may have been faster: then there is nothing to take.
    fn take_away(&self, change: &mut Change<'_>, right: &Right) -> Result<(), Error> {
        let Some(binding) = self.binding(right)? else { return Ok(()) };
        if !self.takes(&binding) {
            return Err(Error::Refused(format!("the role {} is not yours to take away there", binding.role)));
        }
        let (permit, telling) = self.vault.revocation(self.actor, &binding)?;
        change.also_permitted(permit, telling);
        self.vault.revoke_in(change, &binding)
    }

    fn take_out(&mut self, change: &mut Change<'_>, right: &Right) -> Result<(), Error> {
        let (vault, actor) = (self.vault, self.actor);
        let Some(group) = self.group(change, right)? else { return Ok(()) };
        if !group.members.contains(&right.holder) {
            return Ok(());
        }
        let (permit, telling) = vault.leaving(actor, group, &right.holder)?;
        let (group, leaver) = (group.id, Some(right.holder.clone()));
        self.moves.push(Move { group, leaver, permit, telling });
        Ok(())
    }

    fn take_in(&mut self, change: &mut Change<'_>, right: &Right) -> Result<(), Error> {
        let (vault, actor) = (self.vault, self.actor);
        let missing = || Error::Missing { noun: "group", name: right.group.clone().unwrap_or_default() };
        let group = self.group(change, right)?.ok_or_else(missing)?;
        if group.members.contains(&right.holder) {
            return Ok(());
        }
        let (permit, telling) = vault.joining(actor, group, &right.holder)?;
        let group = group.id;
        self.moves.push(Move { group, leaver: None, permit, telling });
        Ok(())
    }

    fn put_groups(&mut self, change: &mut Change<'_>) {
        let (moves, now) = (std::mem::take(&mut self.moves), self.vault.tools.clock.now());
        let mut put = HashSet::new();
        for group in moves.iter().filter_map(|one| self.groups.get(&one.group)) {
            if put.insert(group.id) {
                change.put(group);
            }
        }
        for Move { group, leaver, permit, telling } in moves {
            change.also_permitted(permit, telling);
            if let (Some(group), Some(leaver)) = (self.groups.get(&group), leaver) {
                team_history::remember_member(change, group, &leaver, now);
            }
        }
    }

    /// Gives a role where the right is or was; one that is there already is as good.
    fn give(&self, change: &mut Change<'_>, right: &Right, role: &str) -> Result<(), Error> {
        let role: Role = role.parse().map_err(Error::Refused)?;
        let reach = self.reach(right)?;
        let subject = Subject::Principal(right.holder.clone());
        match self.vault.granting(self.actor, &subject, role, &reach, None) {
            Ok((permit, telling, binding)) => {
                change.also_permitted(permit, telling);
                change.put(&binding);
                Ok(())
            }
            Err(Error::Exists { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The binding of a right, as long as it lasts, or the one that gave it back.
    fn binding(&self, right: &Right) -> Result<Option<RoleBinding>, Error> {
        let (roster, id) = (self.vault.roster()?, binding_id(right)?);
        if let Some(binding) = roster.bindings().into_iter().find(|binding| binding.id == id) {
            return Ok(Some(binding.clone()));
        }
        let Some(ended) = self.ended(right)? else { return Ok(None) };
        let same = |one: &&RoleBinding| {
            (one.role, one.project, one.environment) == (ended.role, ended.project, ended.environment)
        };
        Ok(roster.bindings_of(&ended.subject).iter().find(same).cloned())
    }

    /// The binding that gave a right, as it was when it ended.
    fn ended(&self, right: &Right) -> Result<Option<RoleBinding>, Error> {
        let ended = records::load::<EndedBinding>(&self.vault.store, binding_id(right)?.as_bytes())?;
        Ok(ended.map(|row| row.record.binding))
    }

    /// The binding that gives a right, or gave it.
    fn gave(&self, right: &Right) -> Result<Option<RoleBinding>, Error> {
        match self.binding(right)? {
            Some(binding) => Ok(Some(binding)),
            None => self.ended(right),
        }
    }

    /// Where a right is or was, in ids: a project may have another name by now.
    fn reach(&self, right: &Right) -> Result<Reach, Error> {
        let gone = || Error::Missing { noun: "place", name: right.at.clone() };
        let binding = self.gave(right)?.ok_or_else(gone)?;
        let reach = self.vault.reach_of_ids(binding.project, binding.environment)?;
        // A role for less than its place would be one for more.
        let whole = (reach.project_id(), reach.environment_id()) == (binding.project, binding.environment);
        whole.then_some(reach).ok_or_else(gone)
    }

    /// The group by which somebody has a right, as this change has left it; `None`: it is gone. What
    /// it was called when the review began may be another group's name by now.
    fn group(&mut self, change: &mut Change<'_>, right: &Right) -> Result<Option<&mut Group>, Error> {
        let Some(RoleBinding { subject: Subject::Group(id), .. }) = self.gave(right)? else { return Ok(None) };
        if !self.groups.contains_key(&id) {
            let Some(row) = records::load::<Group>(&self.vault.store, id.as_bytes())? else { return Ok(None) };
            change.expect(records::unchanged(&row));
            self.groups.insert(id, row.record);
        }
        Ok(self.groups.get_mut(&id))
    }
}

/// Nobody reviews himself, nor what he answers for.
pub(crate) fn refuse_himself(right: &Right, by: &PrincipalId) -> Result<(), Error> {
    if right.holder == *by || right.answers.as_ref() == Some(by) {
        return Err(Error::Refused("nobody reviews his own rights, or those of his service accounts".into()));
    }
    Ok(())
}

fn binding_id(right: &Right) -> Result<BindingId, Error> {
    right.binding.parse().map_err(|_| Error::Damaged("a review names no role binding"))
}
