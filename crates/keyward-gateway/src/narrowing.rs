//! What the holder of a key added to it: conditions beside those of the key's own grant. Each has to hold,
//! and the grant is judged as it was, so that nothing that stands here widens anything.

use ipnet::IpNet;
use keyward_types::Timestamp;

use crate::ask::Asked;
use crate::glob::Glob;
use crate::grant::Call;
use crate::judge::{RequestHead, is_one_of, model_fits};
use crate::refusal::Reason;
use crate::usage::Short;

/// What a holder added, and what that use is counted under.
#[derive(Clone, Debug, Default)]
pub struct Narrowing {
    /// The conditions, all of which have to hold.
    pub conditions: Box<[Condition]>,
    /// The most that numbers in the body may be.
    pub maxima: Box<[(Box<str>, u64)]>,
    /// Whose use it is, in the holder's words.
    pub tag: Short<32>,
}

/// One condition: one of the things that are listed.
#[derive(Clone, Debug)]
pub enum Condition {
    /// Before this moment.
    Until(Timestamp),
    /// At these providers.
    Providers(Box<[Box<str>]>),
    /// These calls.
    Calls(Box<[Call]>),
    /// These models.
    Models(Box<[Glob]>),
    /// From these networks.
    Networks(Box<[IpNet]>),
    /// By these pages.
    Origins(Box<[Box<str>]>),
}

impl Narrowing {
    /// Judges all but the body.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn judge(&self, head: &RequestHead<'_>, now: Timestamp) -> Result<(), Reason> {
        self.conditions.iter().try_for_each(|condition| condition.judge(head, now))
    }

    /// Whether the body has to be read before it can be judged.
    pub fn reads_body(&self) -> bool {
        !self.maxima.is_empty() || self.conditions.iter().any(|one| matches!(one, Condition::Models(_)))
    }

    /// Judges what the body asks for. `model` is that of the path where the interface has it there.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn judge_body(&self, asked: &Asked, model: Option<&str>, output_due: bool) -> Result<(), Reason> {
        for condition in &self.conditions {
            if let Condition::Models(models) = condition
                && !model_fits(models, asked, model)
            {
                return Err(Reason::Model);
            }
        }
        match asked.beyond(&self.maxima, output_due) {
            Some(_) => Err(Reason::Field),
            None => Ok(()),
        }
    }
}

impl Condition {
    fn judge(&self, head: &RequestHead<'_>, now: Timestamp) -> Result<(), Reason> {
        let (holds, reason) = match self {
            Self::Until(end) => (now < *end, Reason::ExpiredKey),
            Self::Providers(ids) => (ids.iter().any(|id| **id == *head.provider), Reason::NotGranted),
            Self::Calls(calls) => (is_one_of(calls, head.method, head.path), Reason::Call),
            Self::Networks(networks) => {
                let peer = head.peer.to_canonical();
                (networks.iter().any(|network| network.contains(&peer)), Reason::Network)
            }
            Self::Origins(origins) => {
                let ours = |origin: &str| origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin));
                (head.origin.is_some_and(ours), Reason::Origin)
            }
            // What the body asks for is judged when it is read; where the path alone names a model, too.
            Self::Models(_) => (true, Reason::Model),
        };
        if holds { Ok(()) } else { Err(reason) }
    }
}

#[cfg(test)]
mod tests;
