//! What every rule of the catalogue does at the edges of its format: another beginning, one character more or less, a
//! character outside its set, a checksum that is off by one; and that a rule that never fires is noticed.
#![allow(clippy::cast_possible_truncation, reason = "chance is cut to bytes")]
#![allow(dead_code, reason = "the generator is shared with the accuracy corpus")]

#[path = "../benches/accuracy/mod.rs"]
mod accuracy;

use keyward_providers::Charset;
use keyward_scan::engine::{RuleInfo, Text};
use keyward_scan::{Candidate, Engine, Hint};
use keyward_types::Confidence;

use crate::accuracy::catalogue::{Rule, rules};
use crate::accuracy::draw::Draw;

/// The rank of rules that go by a name alone is this at most.
const GENERIC: u8 = 12;

/// Where a value stands, with what its rule wants near it.
fn file(rule: &Rule, value: &str) -> String {
    format!("{}: {}\n{} = '{value}'\n", rule.service, rule.detector.context.first().unwrap_or(&""), rule.variable)
}

/// What a rule reports of a value in its place.
fn reported(engine: &Engine, rule: &Rule, value: &str) -> Vec<Candidate> {
    let text = file(rule, value);
    let text = Text { bytes: text.as_bytes(), hint: Hint { path: "src/a.py", depth: 0 } };
    engine.scan(&text).into_iter().filter(|one| engine.rule(one.rule).id == rule.detector.id).collect()
}

/// Runs a check with a few values of every rule; the failures are listed together.
fn each(check: impl Fn(&Engine, &Rule, &str, &mut Draw) -> Option<String>) {
    let engine = Engine::new(Vec::new());
    let mut failures = Vec::new();
    for rule in rules() {
        for (template, seed) in rule.samples.iter().zip(1..4) {
            let mut draw = Draw::new(seed);
            let value = draw.expand(template, rule.detector.checksum);
            if let Some(failure) = check(&engine, &rule, &value, &mut draw) {
                failures.push(format!("{} `{template}`: {failure}", rule.detector.id));
            }
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// Whether the whole value is what was found.
fn is_whole(one: &Candidate, value: &str) -> bool {
    one.value.as_slice() == value.as_bytes()
}

#[test]
fn another_beginning_is_another_value() {
    each(|engine, rule, value, _| {
        let prefixes = rule.detector.prefixes;
        let prefix = prefixes.iter().filter(|prefix| value.starts_with(**prefix)).max_by_key(|prefix| prefix.len())?;
        let changed = format!("{}{}", if prefix.starts_with('Q') { "Z" } else { "Q" }, &value[1..]);
        let other = prefixes.iter().any(|prefix| changed.contains(prefix)) || rule.detector.matches(&changed);
        let found = reported(engine, rule, &changed);
        (!other && found.iter().any(|one| is_whole(one, &changed))).then(|| "found without its beginning".to_owned())
    });
}

#[test]
fn one_character_more_or_less_is_another_length() {
    each(|engine, rule, value, _| {
        let detector = rule.detector;
        let last = if detector.charset == Charset::Digits { '7' } else { 'c' };
        let shorter = &value[..value.len() - 1];
        let longer = format!("{value}{last}");
        let wrong = |changed: &str| {
            !detector.matches(changed)
                && reported(engine, rule, changed)
                    .iter()
                    .any(|one| is_whole(one, changed) || changed == longer && is_whole(one, value))
        };
        if wrong(shorter) {
            return Some("found with one character less".to_owned());
        }
        wrong(&longer).then(|| "found with one character more".to_owned())
    });
}

#[test]
fn a_character_outside_the_set_ends_a_value() {
    each(|engine, rule, value, _| {
        // The last of the body's characters, of which most formats have the most.
        let body = value.len() - value.len() / 4;
        let middle = value[..body].rfind(|c: char| c.is_ascii_alphanumeric())?;
        let outside = outside(rule.detector.charset);
        let changed = format!("{}{outside}{}", &value[..middle], &value[middle + 1..]);
        let found = reported(engine, rule, &changed);
        found.iter().any(|one| is_whole(one, &changed)).then(|| format!("`{outside}` is taken for a part of it"))
    });
}

/// The nearest character that a set does not have.
const fn outside(charset: Charset) -> char {
    match charset {
        Charset::Digits => 'a',
        Charset::Hex => 'g',
        Charset::LowerAlnum => 'Q',
        Charset::UpperAlnum => 'q',
        Charset::Alnum => '_',
        Charset::Base64 => '~',
        Charset::Base64url => '+',
        Charset::Graphic => ' ',
    }
}

#[test]
fn a_checksum_off_by_one_is_less_sure() {
    let mut seen = 0;
    for rule in rules().iter().filter(|rule| rule.detector.checksum.is_some()) {
        let engine = Engine::new(Vec::new());
        let value = Draw::new(5).expand(&rule.samples[0], rule.detector.checksum);
        let good = reported(&engine, rule, &value);
        assert!(good.iter().any(|one| one.confidence == Confidence::High), "{}", rule.detector.id);
        let last = if value.ends_with('a') { 'b' } else { 'a' };
        let changed = format!("{}{last}", &value[..value.len() - 1]);
        let bad = reported(&engine, rule, &changed);
        assert!(!bad.is_empty(), "{}: it still looks like one", rule.detector.id);
        assert!(bad.iter().all(|one| one.confidence == Confidence::Low), "{}", rule.detector.id);
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn every_rule_finds_its_own_samples_or_a_surer_one_does() {
    let engine = Engine::new(Vec::new());
    let mut failures = Vec::new();
    for rule in rules() {
        let own = engine.rules().iter().find(|own| own.id == rule.detector.id).expect("it is in the engine");
        for template in &rule.samples {
            let mut draw = Draw::new(1);
            // A few draws: by chance one may look like a word or a placeholder.
            let values: Vec<String> = (0..DRAWS).map(|_| draw.expand(template, rule.detector.checksum)).collect();
            let by: Vec<Vec<&RuleInfo>> = values.iter().map(|value| found_by(&engine, &rule, value)).collect();
            // What any random text would have been found by, by the name alone, does not count.
            let surer = |found: &&RuleInfo| found.id == own.id || found.rank > GENERIC && found.rank >= own.rank;
            let found = by.iter().zip(&values).filter(|(all, value)| all.iter().any(surer) || is_spelled_out(value));
            if found.count() < DRAWS - 1 {
                let by: Vec<&str> = by.iter().flatten().map(|found| found.id.as_str()).collect();
                failures.push(format!("{} `{template}`: found by {by:?}", own.id));
            }
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

const DRAWS: usize = 4;

/// Samples that spell the alphabet out look like placeholders, and are none of chance.
fn is_spelled_out(value: &str) -> bool {
    ["abcdef", "cdefgh", "ghijkl", "123456", "ABCDEF", "zyxwvu"].iter().any(|run| value.contains(run))
}

/// The rules that report something of a value in its place.
fn found_by<'e>(engine: &'e Engine, rule: &Rule, value: &str) -> Vec<&'e RuleInfo> {
    let text = file(rule, value);
    let text = Text { bytes: text.as_bytes(), hint: Hint { path: "src/a.txt", depth: 0 } };
    let at = text.bytes.len() - value.len() - 2;
    let found = engine.scan(&text).into_iter().filter(|one| !one.weak);
    let found = found.filter(|one| one.range.start < at + value.len() && one.range.end > at);
    found.map(|one| engine.rule(one.rule)).collect()
}
