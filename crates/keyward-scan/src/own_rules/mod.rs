//! Rules that users write, and rules that they bring from gitleaks.
//!
//! Both end as the same kind of rule: a regular expression over bytes, looked for around the
//! keywords of the rule; one without keywords gets them from its expression, or is looked for in the whole text. Time stays
//! linear: expressions have no backtracking, their size is bounded, and a text is searched in pieces.

mod allow;
mod gitleaks;
mod go_regex;
mod own;
mod pattern;
mod search;

#[cfg(test)]
mod tests;

pub use allow::Allow;

use crate::engine::Matcher;
use search::{Rule, Rules};

/// What a file of rules says.
pub struct RuleSet {
    rules: Vec<Rule>,
    /// Findings of any rule that are silenced.
    pub allow: Vec<Allow>,
    /// Built-in rules that are off.
    pub disabled: Vec<String>,
    /// Whether the built-in rules stay on. Only a file of gitleaks without `extend.useDefault` wants them off.
    pub builtin: bool,
    /// What people should be told: what gitleaks knows and we do not.
    pub notes: Vec<String>,
}

/// Why rules could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// No TOML, or not of the right shape.
    #[error("rules: {0}")]
    Shape(String),
    /// A key of a rule.
    #[error("rules: rule `{rule}`: `{key}`: {problem}")]
    Rule {
        /// The rule's id, or which it is where it has none.
        rule: String,
        /// The key.
        key: String,
        /// What is wrong.
        problem: String,
    },
}

impl RuleSet {
    /// Reads rules: ours (`[[rule]]`) or those of gitleaks (`[[rules]]`).
    pub fn read(text: &str) -> Result<Self, Error> {
        let shape = |error: toml::de::Error| Error::Shape(crate::quiet::toml(text, &error));
        let table: toml::Table = text.trim_start_matches('\u{feff}').parse().map_err(shape)?;
        let is_gitleaks = ["rules", "allowlist", "allowlists", "extend"].iter().any(|key| table.contains_key(*key));
        match (table.contains_key("rule"), is_gitleaks) {
            (true, false) => own::read(text),
            (false, true) => gitleaks::read(text),
            (true, true) => Err(Error::Shape("both `[[rule]]` (ours) and keys of gitleaks; use two files".to_owned())),
            (false, false) => Err(Error::Shape(
                "there is no rule; a rule of ours begins with `[[rule]]`, one of gitleaks with `[[rules]]`".to_owned(),
            )),
        }
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules, for [`crate::Engine::new`].
    pub fn into_matcher(self) -> Box<dyn Matcher> {
        Box::new(Rules::new(self.rules))
    }
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        let Self::Rule { key, problem, .. } = self else { return None };
        if problem.contains("look-around") || problem.contains("backreference") {
            return Some(
                "expressions run in linear time and know neither look-around nor back references; put what surrounds the value into the expression and the value into a group",
            );
        }
        if problem.contains("size") {
            return Some("make the repetitions of the expression smaller");
        }
        match key.as_str() {
            "regex" => Some("write expressions in literal strings: '''…'''"),
            "id" => Some("ids are like `acme-api-key`, and each stands once"),
            _ => None,
        }
    }
}
