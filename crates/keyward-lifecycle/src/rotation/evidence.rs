//! Whether the old value is needed still.

use std::collections::BTreeMap;

use keyward_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Policy, Soak};

/// What is seen of the old value at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Who has it outside keyward, targets that got the new one apart.
    pub holders: Vec<Holder>,
    /// Whether a gateway has it and has not taken its successor yet.
    pub at_gateway: bool,
    /// How often gateways have applied it, by virtual key.
    pub calls: BTreeMap<String, u64>,
    /// What the provider says of its use.
    pub used: Use,
    /// Who uses it, where the provider tells.
    pub users: Vec<String>,
    /// Whether it has ended by itself: nobody can need it.
    pub over: bool,
}

/// Somebody who has a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Who and how, for people.
    pub who: String,
}

/// When a key was used, as its provider tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    /// It does not tell.
    #[default]
    Unknown,
    /// Never.
    Never,
    /// At this moment, by the provider's clock.
    At(Timestamp),
    /// It is in use.
    Now,
}

impl Soak {
    /// Takes in what is seen now. The provider's moments are compared with each other and never with
    /// our clock, so that neither can end the soak by a jump. Answers whether somebody needs it.
    pub(super) fn look(&mut self, seen: &Evidence, at: Timestamp, policy: &Policy) -> bool {
        let used_since = match (self.used, seen.used) {
            (_, Use::Now) => true,
            (Some(before), now) => before != now && now != Use::Unknown,
            (None, _) => false,
        };
        // A gateway keeps it as a spare, for services that know the new one late: that is no use.
        let before = self.calls.as_ref();
        let more = |(key, n): &(&String, &u64)| before.is_some_and(|before| before.get(*key) != Some(*n));
        let callers: Vec<String> =
            seen.calls.iter().filter(more).map(|(key, _)| format!("the virtual key {key} (at the gateway)")).collect();
        let called = !callers.is_empty();
        self.quiet.pass(at, policy.soak);
        if used_since || called || seen.at_gateway {
            self.quiet.counted = 0;
        }
        self.holders = seen.holders.iter().map(|holder| holder.who.clone()).collect();
        if used_since && seen.users.is_empty() {
            self.holders.push("somebody who uses it at the provider".into());
        } else if used_since {
            self.holders.extend(seen.users.iter().map(|user| format!("{user} (at the provider)")));
        }
        if seen.at_gateway {
            self.holders.push("the gateway".into());
        }
        self.holders.extend(callers);
        self.first = self.first.or(Some(at));
        (self.used, self.calls) = (Some(seen.used), Some(seen.calls.clone()));
        if seen.over {
            (self.holders, self.over) = (Vec::new(), true);
            return false;
        }
        let held = (!seen.holders.is_empty() || used_since || called) && !policy.passes_holders;
        let needed = seen.at_gateway || held;
        self.over = !needed && self.quiet.is_over(policy.soak);
        needed
    }
}
