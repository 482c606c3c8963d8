//! The posture of a project: rules of good key hygiene, each tested against facts that were
//! collected beforehand. A rule is one entry of [`RULES`]: what it means, how to mend it, which
//! rows of the guide it answers, and a pure function.

mod facts;
mod rules;

use serde::Serialize;

pub(crate) use self::facts::{Facts, Files, Stored};
pub(crate) use self::rules::RULES;

/// One rule.
pub(crate) struct Rule {
    /// `KW101` and so on; never given a new meaning.
    pub(crate) id: &'static str,
    /// What holds when it is kept.
    pub(crate) title: &'static str,
    /// Why it matters.
    pub(crate) why: &'static str,
    /// How to mend it.
    pub(crate) mend: &'static str,
    /// Rows of docs/guide.md.
    pub(crate) guide: &'static [&'static str],
    test: Test,
}

/// What breaks a rule, one sentence each, and what is looked at for it.
enum Test {
    Files(fn(&Files) -> Vec<String>),
    Stored(fn(&Stored) -> Vec<String>),
}

/// What a rule found.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Outcome {
    /// The rule's id.
    pub(crate) id: &'static str,
    /// What holds when it is kept.
    pub(crate) title: &'static str,
    /// Whether it is kept.
    pub(crate) ok: bool,
    /// What breaks it.
    pub(crate) findings: Vec<String>,
    /// Why it matters.
    pub(crate) why: &'static str,
    /// How to mend it.
    pub(crate) mend: &'static str,
    /// Rows of docs/guide.md.
    pub(crate) guide: &'static [&'static str],
}

/// Tests every rule that there are facts for.
pub(crate) fn all(facts: &Facts) -> Vec<Outcome> {
    let outcome = |rule: &Rule| {
        let findings = match rule.test {
            Test::Files(test) => test(&facts.files),
            Test::Stored(test) => test(facts.stored.as_ref()?),
        };
        let Rule { id, title, why, mend, guide, .. } = *rule;
        Some(Outcome { id, title, ok: findings.is_empty(), findings, why, mend, guide })
    };
    RULES.iter().filter_map(outcome).collect()
}
