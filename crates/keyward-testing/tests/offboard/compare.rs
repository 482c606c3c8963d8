//! Holds a plan against the truth.

use std::collections::{BTreeMap, BTreeSet};

use keyward_lifecycle::offboarding::{Plan, Through, Tier};
use keyward_types::{Access, Version};

use super::company::{Company, number};
use super::truth::{Known, Truth};

/// Fails where the plan says anything else than what happened; gives the number of lines that say
/// the same.
pub(crate) fn plan(plan: &Plan, truth: &Truth, person: usize, company: &Company) -> usize {
    let expected: BTreeMap<String, (Version, Known, u64)> = truth
        .to_replace(person)
        .into_iter()
        .map(|(secret, (version, known, others))| (company.spelled(secret), (number(version), known, others)))
        .collect();
    let found: BTreeMap<String, (Version, Known, u64)> = plan
        .rotate
        .iter()
        .map(|line| {
            let evidence = &line.evidence;
            let known = Known {
                times: evidence.times,
                last: evidence.last.unwrap().0,
                open: evidence.open_copies,
                ways: evidence.ways.iter().map(|way| way.as_str()).collect(),
            };
            (line.subject.to_string(), (line.subject.version, known, line.others))
        })
        .collect();
    let mut lines = same("has to be replaced", person, &expected, &found);
    assert_eq!(plan.rotate.len(), found.len(), "a secret stands there twice");

    let expected: BTreeMap<(String, Version), ()> = truth
        .past(person)
        .into_iter()
        .map(|(secret, version)| ((company.spelled(secret), number(version)), ()))
        .collect();
    let found: BTreeMap<(String, Version), ()> =
        plan.past.iter().map(|past| ((past.name.clone().unwrap(), past.version), ())).collect();
    lines += same("was read and is past", person, &expected, &found);

    let expected: BTreeMap<String, BTreeSet<String>> =
        truth.could_have_read(person).into_iter().map(|(secret, through)| (company.spelled(secret), through)).collect();
    let found: BTreeMap<String, BTreeSet<String>> = plan
        .reachable
        .iter()
        .map(|line| (line.subject.to_string(), line.through.iter().map(spelled).collect()))
        .collect();
    lines += same("could have been read", person, &expected, &found);
    assert_eq!(plan.not_secret, truth.not_secret(person), "what person {person} read that is not secret");
    ranked(plan);
    lines
}

/// Names the differences and not two thousand lines that are the same.
fn same<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    what: &str,
    person: usize,
    expected: &BTreeMap<K, V>,
    found: &BTreeMap<K, V>,
) -> usize {
    let keys: BTreeSet<&K> = expected.keys().chain(found.keys()).collect();
    let wrong: Vec<_> = keys
        .into_iter()
        .filter(|key| expected.get(key) != found.get(key))
        .map(|key| (key, expected.get(key), found.get(key)))
        .take(5)
        .collect();
    assert!(wrong.is_empty(), "what {what}, for person {person}, as (which, truth, plan): {wrong:#?}");
    expected.len()
}

fn spelled(through: &Through) -> String {
    match through {
        Through::Own => "own".to_owned(),
        Through::Group(name) => name.clone(),
        Through::Token(id) => unreachable!("there are no tokens in this year: {id}"),
    }
}

/// Production stands before staging, staging before development; and in each, keys that may do
/// everything before those that may only read.
fn ranked(plan: &Plan) {
    for pair in plan.rotate.windows(2) {
        let [above, below] = [&pair[0].subject, &pair[1].subject];
        assert!(above.tier >= below.tier, "{above} and {below}");
        let upside_down = above.access == Some(Access::ReadOnly) && below.access == Some(Access::Admin);
        assert!(above.tier > below.tier || !upside_down, "{above} and {below}");
    }
    assert!(
        plan.rotate
            .iter()
            .all(|line| (line.subject.environment.as_str() == "production") == (line.subject.tier == Tier::Production))
    );
}
