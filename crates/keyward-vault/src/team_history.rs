//! Rights that ended, kept so that a later plan can tell what somebody could have read while he
//! had them.

use keyward_access::{Group, RoleBinding, Subject};
use keyward_types::{GroupId, PrincipalId, Record, Timestamp};
use serde::{Deserialize, Serialize};

use crate::change::Change;

/// A role that was taken away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndedBinding {
    pub(crate) binding: RoleBinding,
    pub(crate) ended_at: Timestamp,
}

/// Somebody who is in a group no longer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndedMembership {
    pub(crate) member: PrincipalId,
    pub(crate) group: GroupId,
    /// What it was called.
    pub(crate) name: String,
    pub(crate) ended_at: Timestamp,
}

impl Record for EndedBinding {
    const COLLECTION: &'static str = "ended-binding";

    fn key(&self) -> Vec<u8> {
        self.binding.key()
    }

    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![("subject", self.binding.subject.index())]
    }
}

impl Record for EndedMembership {
    const COLLECTION: &'static str = "ended-membership";

    /// By member, so that one person's are one range; somebody can leave a group more than once.
    fn key(&self) -> Vec<u8> {
        let ended = self.ended_at.0.to_be_bytes();
        [&membership_prefix(&self.member)[..], self.group.as_bytes(), &ended].concat()
    }
}

pub(crate) fn membership_prefix(member: &PrincipalId) -> Vec<u8> {
    [member.as_str().as_bytes(), &[0]].concat()
}

/// Remembers a role that this change takes away.
pub(crate) fn remember_binding(change: &mut Change<'_>, binding: &RoleBinding, now: Timestamp) {
    change.put(&EndedBinding { binding: binding.clone(), ended_at: now });
}

/// Remembers that this change ends a membership.
pub(crate) fn remember_member(change: &mut Change<'_>, group: &Group, member: &PrincipalId, now: Timestamp) {
    change.put(&EndedMembership {
        member: member.clone(),
        group: group.id,
        name: group.name.to_string(),
        ended_at: now,
    });
}

/// Remembers a group that this change deletes: who was in it, and what it gave.
pub(crate) fn remember_group(change: &mut Change<'_>, group: &Group, bindings: &[RoleBinding], now: Timestamp) {
    debug_assert!(bindings.iter().all(|binding| binding.subject == Subject::Group(group.id)), "they are the group's");
    group.members.iter().for_each(|member| remember_member(change, group, member, now));
    bindings.iter().for_each(|binding| remember_binding(change, binding, now));
}
