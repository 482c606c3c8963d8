//! What a virtual key is good for, apart from whose it is and which secrets it stands for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Allow, BrowserOrigin, Budget, BudgetUnit, BudgetWindow, ModelGlob, RuleError};
use crate::Network;

/// The rules of a key. What is empty or absent limits nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeyRules {
    /// Requests that may be made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Allow>,
    /// Models that may be asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelGlob>,
    /// The most that a number at the top of a JSON body may be: `max_tokens` → 1000.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub max_fields: BTreeMap<String, u64>,
    /// From where it may be used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
    /// Whose pages may use it in a browser; none: no page.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<BrowserOrigin>,
    /// Most requests in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpm: Option<u64>,
    /// Most tokens in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tpm: Option<u64>,
    /// Most requests at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel: Option<u64>,
    /// What it may cost.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<Budget>,
    /// Whether a node reserves what one request may cost before each, so that several of them
    /// together overspend nothing; otherwise each reserves ahead for many.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
    /// How often it may be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses: Option<u64>,
    /// For how many seconds a node that hears nothing of the store goes on serving it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_stale: Option<u32>,
    /// Words to find it by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether it is a trap: it serves nobody, and whoever shows it raises an alarm.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub canary: bool,
}

/// Most items of a list, and the longest word.
const MOST: usize = 64;
const LONGEST: usize = 64;
/// Longest that a node serves a key without hearing of the store, in seconds.
const LONGEST_STALE: u32 = 60 * 60;

impl KeyRules {
    /// For how many seconds a node that hears nothing goes on, where nothing else is said.
    pub const MAX_STALE: u32 = 30;

    /// Every cap that is counted: the budgets, and the uses as one of requests for ever.
    pub fn caps(&self) -> impl Iterator<Item = Budget> + '_ {
        let uses = |amount| Budget { amount, unit: BudgetUnit::Requests, window: BudgetWindow::Total };
        self.budgets.iter().copied().chain(self.uses.map(uses))
    }

    /// Whether they are rules at all: no list is endless, no limit is nothing.
    ///
    /// # Errors
    /// What is wrong, and with what.
    pub fn check(&self) -> Result<(), RuleError> {
        let fail = |what, text: &str, why| Err(RuleError::new(what, text, why));
        let lengths = [
            ("allow", self.allow.len()),
            ("models", self.models.len()),
            ("max_fields", self.max_fields.len()),
            ("networks", self.networks.len()),
            ("origins", self.origins.len()),
            ("budgets", self.budgets.len()),
            ("tags", self.tags.len()),
        ];
        if let Some((what, _)) = lengths.into_iter().find(|(_, length)| *length > MOST) {
            return fail(what, "…", "it has at most 64 items");
        }
        let numbers = [("rpm", self.rpm), ("tpm", self.tpm), ("parallel", self.parallel), ("uses", self.uses)];
        if let Some((what, _)) = numbers.into_iter().find(|(_, number)| *number == Some(0)) {
            return fail(what, "0", "a key that may do nothing serves nobody");
        }
        if self.max_stale.is_some_and(|seconds| seconds == 0 || seconds > LONGEST_STALE) {
            return fail("max_stale", "…", "it is a second to an hour");
        }
        let is_field = |name: &str| {
            (1..=LONGEST).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        if let Some(name) = self.max_fields.keys().find(|name| !is_field(name)) {
            return fail("field", name, "it is a name at the top of the body: letters, digits and `_`");
        }
        if let Some(tag) = self.tags.iter().find(|tag| tag.is_empty() || tag.len() > LONGEST || !plain(tag)) {
            return fail("tag", tag, "it has 1 to 64 visible characters");
        }
        let mut windows: Vec<_> = self.caps().map(|budget| (budget.unit, budget.window)).collect();
        windows.sort_unstable();
        match windows.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(_) => fail("budgets", "…", "there is one of each unit in each time"),
            None => Ok(()),
        }
    }

    /// The same for a child: what it says nothing of is as with its parent.
    #[must_use]
    pub fn inheriting(mut self, parent: &Self) -> Self {
        inherit(&mut self.allow, &parent.allow);
        inherit(&mut self.models, &parent.models);
        inherit(&mut self.networks, &parent.networks);
        inherit(&mut self.origins, &parent.origins);
        for (name, most) in &parent.max_fields {
            self.max_fields.entry(name.clone()).or_insert(*most);
        }
        self.rpm = self.rpm.or(parent.rpm);
        self.tpm = self.tpm.or(parent.tpm);
        self.parallel = self.parallel.or(parent.parallel);
        self.max_stale = self.max_stale.or(parent.max_stale);
        self.strict |= parent.strict;
        self
    }

    /// Whether all that `other` leaves is left by these rules. What is counted over time, budgets and
    /// uses, is not compared: a child spends its parent's along with its own.
    ///
    /// # Errors
    /// The first rule in which it is wider.
    pub fn includes(&self, other: &Self) -> Result<(), &'static str> {
        let covered = |mine: &[Allow], theirs: &[Allow]| narrower(mine, theirs, Allow::includes);
        let at_most = |mine: Option<u64>, theirs: Option<u64>| {
            mine.is_none_or(|most| theirs.is_some_and(|theirs| theirs <= most))
        };
        let fields =
            self.max_fields.iter().all(|(name, most)| other.max_fields.get(name).is_some_and(|own| own <= most));
        let stale = |rules: &Self| rules.max_stale.unwrap_or(Self::MAX_STALE);
        // No origin is no page, so that here less is narrower.
        let origins = other.origins.iter().all(|origin| self.origins.contains(origin));
        [
            ("allow", covered(&self.allow, &other.allow)),
            ("models", narrower(&self.models, &other.models, ModelGlob::includes)),
            ("max_fields", fields),
            ("networks", narrower(&self.networks, &other.networks, Network::includes)),
            ("origins", origins),
            ("rpm", at_most(self.rpm, other.rpm)),
            ("tpm", at_most(self.tpm, other.tpm)),
            ("parallel", at_most(self.parallel, other.parallel)),
            ("max_stale", stale(other) <= stale(self)),
            ("canary", self.canary == other.canary),
        ]
        .into_iter()
        .find(|(_, within)| !within)
        .map_or(Ok(()), |(rule, _)| Err(rule))
    }
}

fn plain(text: &str) -> bool {
    keyward_types::is_plain(text, false)
}

fn inherit<T: Clone>(mine: &mut Vec<T>, parents: &[T]) {
    if mine.is_empty() {
        mine.extend_from_slice(parents);
    }
}

/// Whether each of `theirs` is within one of `mine`, where none at all is everything.
fn narrower<T>(mine: &[T], theirs: &[T], includes: impl Fn(&T, &T) -> bool) -> bool {
    mine.is_empty() || !theirs.is_empty() && theirs.iter().all(|their| mine.iter().any(|my| includes(my, their)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(json: &str) -> KeyRules {
        serde_json::from_str(json).unwrap()
    }

    const PARENT: &str = r#"{"allow":["POST /v1/**"],"models":["gpt-*"],"max_fields":{"max_tokens":1000},
        "networks":["10.0.0.0/8"],"origins":["https://shop.example"],"rpm":60,"parallel":4,"budgets":["5usd/day"]}"#;

    #[test]
    fn a_child_inherits_what_it_does_not_name_and_is_within() {
        let parent = rules(PARENT);
        let child = rules(r#"{"models":["gpt-4o-mini"],"rpm":6}"#).inheriting(&parent);
        assert_eq!(parent.includes(&child), Ok(()));
        assert_eq!((child.rpm, child.parallel, child.max_fields["max_tokens"]), (Some(6), Some(4), 1000));
        assert!(child.budgets.is_empty(), "it spends its parent's");
    }

    #[test]
    fn each_rule_in_which_a_child_is_wider_is_named() {
        let parent = rules(PARENT);
        for (rule, json) in [
            ("allow", r#"{"allow":["/v1/models"]}"#),
            ("models", r#"{"models":["*"]}"#),
            ("max_fields", r#"{"max_fields":{"max_tokens":1001}}"#),
            ("networks", r#"{"networks":["0.0.0.0/0"]}"#),
            ("origins", r#"{"origins":["https://other.example"]}"#),
            ("rpm", r#"{"rpm":61}"#),
            ("parallel", r#"{"parallel":5}"#),
            ("max_stale", r#"{"max_stale":31}"#),
            ("canary", r#"{"canary":true}"#),
        ] {
            assert_eq!(parent.includes(&rules(json).inheriting(&parent)), Err(rule), "{json}");
        }
        assert_eq!(parent.includes(&KeyRules::default()), Err("allow"), "what is not limited is wider");
    }

    #[test]
    fn rules_that_are_none_are_refused() {
        for json in [
            r#"{"rpm":0}"#,
            r#"{"uses":0}"#,
            r#"{"max_stale":0}"#,
            r#"{"max_stale":3601}"#,
            r#"{"max_fields":{"a.b":1}}"#,
            r#"{"tags":[""]}"#,
            r#"{"budgets":["5usd/day","6usd/day"]}"#,
        ] {
            assert!(rules(json).check().is_err(), "{json}");
        }
        assert_eq!(rules(PARENT).check(), Ok(()));
        assert!(serde_json::from_str::<KeyRules>(r#"{"rpn":1}"#).is_err(), "a misspelt rule limits nothing");
    }
}
