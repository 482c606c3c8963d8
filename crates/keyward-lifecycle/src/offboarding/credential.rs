//! What somebody signs in and works with.

use std::cmp::Reverse;

use keyward_types::{PrincipalId, Timestamp};
use serde::{Deserialize, Serialize};

/// A token, a session or a virtual key, without anything secret of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Credential {
    /// Its public id.
    pub id: String,
    /// What it is.
    pub sort: CredentialSort,
    /// What its maker calls it.
    pub name: String,
    /// In whose name it acts.
    pub owner: PrincipalId,
    /// Who made it, and therefore has seen it.
    pub made_by: PrincipalId,
    /// Since when it exists.
    pub created_at: Timestamp,
    /// When it was last used, as far as that is kept.
    pub last_used: Option<Timestamp>,
    /// When it dies by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Sorts of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialSort {
    /// For programs.
    Token,
    /// Of a browser or a command line.
    Session,
    /// For the gateway.
    VirtualKey,
}

/// A credential that lives, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CredentialLine {
    /// Which one.
    #[serde(flatten)]
    pub credential: Credential,
    /// What becomes of it.
    pub fate: CredentialFate,
}

/// What becomes of a credential when its holder leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialFate {
    /// It is his and dies with his account.
    Dies,
    /// It dies with his account, and something has used it in the last week: whatever that is
    /// should get a service account of its own first.
    DiesInUse,
    /// It is a service's and outlives him, but he made it and knows it: replace it.
    Replace,
}

/// What lives of these and is his or known to him, the most recently used first.
pub(super) fn lines(credentials: &[Credential], leaver: &PrincipalId, now: Timestamp) -> Vec<CredentialLine> {
    let living = credentials.iter().filter(|credential| credential.lives(now));
    let mut lines: Vec<CredentialLine> = living
        .filter_map(|credential| {
            let fate = credential.fate(leaver, now)?;
            Some(CredentialLine { credential: credential.clone(), fate })
        })
        .collect();
    lines.sort_by(|a, b| {
        (Reverse(a.credential.last_used), &a.credential.id).cmp(&(Reverse(b.credential.last_used), &b.credential.id))
    });
    lines
}

impl Credential {
    fn lives(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    fn fate(&self, leaver: &PrincipalId, now: Timestamp) -> Option<CredentialFate> {
        if self.owner != *leaver {
            return (self.made_by == *leaver).then_some(CredentialFate::Replace);
        }
        let lately = |used: Timestamp| now.days_since(used) < RECENT_DAYS;
        // Whoever runs something unattended does it with a token; a session ends with the person.
        let unattended = self.sort != CredentialSort::Session && self.last_used.is_some_and(lately);
        Some(if unattended { CredentialFate::DiesInUse } else { CredentialFate::Dies })
    }
}

const RECENT_DAYS: i64 = 7;
