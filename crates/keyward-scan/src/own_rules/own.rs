//! Rules in our own words.

use std::collections::HashSet;

use keyward_types::Confidence;
use serde::Deserialize;

use super::allow::{Allow, Parts};
use super::search::{Group, PathTest, Rule};
use super::{Error, RuleSet, pattern};
use crate::engine::{Literal, RuleInfo};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rule: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    id: String,
    description: String,
    #[serde(default)]
    advice: Option<String>,
    #[serde(default)]
    provider: Option<String>,
    regex: String,
    #[serde(default)]
    value_group: Option<ValueGroup>,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    anchors: Vec<String>,
    #[serde(default)]
    entropy: f64,
    #[serde(default)]
    confidence: Option<Confidence>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    allow: Option<AllowEntry>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ValueGroup {
    Number(usize),
    Name(String),
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AllowEntry {
    /// Expressions for values.
    values: Vec<String>,
    /// Words in values.
    words: Vec<String>,
    /// Globs.
    paths: Vec<String>,
}

/// A rule that a user wrote is about what he knows best.
const RANK: u8 = 35;

pub(crate) fn read(text: &str) -> Result<RuleSet, Error> {
    let file: File = toml::from_str(text).map_err(|error| Error::Shape(crate::quiet::toml(text, &error)))?;
    let mut ids = HashSet::new();
    let mut rules = Vec::new();
    for entry in file.rule {
        let error = |key: &str, problem: String| Error::Rule { rule: entry.id.clone(), key: key.to_owned(), problem };
        if entry.id.is_empty() || entry.id.contains(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))) {
            return Err(error("id", "letters, digits, `-`, `_` and `.` only".to_owned()));
        }
        if !ids.insert(entry.id.clone()) {
            return Err(error("id", "another rule has it".to_owned()));
        }
        rules.push(rule(&entry, &error)?);
    }
    Ok(RuleSet { rules, allow: Vec::new(), disabled: Vec::new(), builtin: true, notes: Vec::new() })
}

fn rule(entry: &Entry, error: &dyn Fn(&str, String) -> Error) -> Result<Rule, Error> {
    let regex = pattern::compile(&entry.regex).map_err(|problem| error("regex", problem))?;
    if regex.is_match(b"") {
        return Err(error("regex", "it fits an empty text, and so everything".to_owned()));
    }
    let group = group(entry, &regex).map_err(|problem| error("value-group", problem))?;
    if !(0.0..=8.0).contains(&entry.entropy) {
        return Err(error("entropy", "bits a byte are between 0 and 8".to_owned()));
    }
    let mut keywords = Vec::new();
    for (key, words, literal) in [
        ("keywords", &entry.keywords, Literal::word as fn(&str) -> Literal),
        ("anchors", &entry.anchors, Literal::exact),
    ] {
        for word in words {
            if word.len() < 3 {
                return Err(error(key, format!("`{word}` is too short: at least three bytes, or leave it out")));
            }
            keywords.push(literal(word));
        }
    }
    if keywords.is_empty() {
        keywords = pattern::literals(&entry.regex);
    }
    let globs = pattern::globs(&entry.paths).map_err(|problem| error("paths", problem))?;
    let allow = match &entry.allow {
        None => Vec::new(),
        Some(list) => {
            let (globs, values, words) = (list.paths.clone(), list.values.clone(), list.words.clone());
            let list = Allow::new(&Parts { globs, values, words, ..Parts::default() });
            let key = |key: &str| match key {
                "regexes" => "allow.values",
                "stopwords" => "allow.words",
                _ => "allow.paths",
            };
            vec![list.map_err(|(name, problem)| error(key(name), problem))?]
        }
    };
    Ok(Rule {
        info: RuleInfo {
            id: entry.id.clone(),
            provider: entry.provider.clone(),
            description: entry.description.clone(),
            advice: entry.advice.clone(),
            rank: RANK,
            misuse: false,
        },
        confidence: entry.confidence.unwrap_or(Confidence::Medium),
        regex: Some(regex),
        group,
        entropy: entry.entropy,
        path: globs.map_or(PathTest::Any, PathTest::Globs),
        keywords,
        allow,
    })
}

fn group(entry: &Entry, regex: &regex::bytes::Regex) -> Result<Group, String> {
    match &entry.value_group {
        None => Ok(Group::First),
        Some(ValueGroup::Number(number)) if *number < regex.captures_len() => Ok(Group::Number(*number)),
        Some(ValueGroup::Name(name)) if regex.capture_names().flatten().any(|one| one == name) => {
            Ok(Group::Name(name.clone()))
        }
        Some(ValueGroup::Number(number)) => {
            Err(format!("the expression has no group {number}, only {}", regex.captures_len() - 1))
        }
        Some(ValueGroup::Name(name)) => Err(format!("the expression has no group `{name}`")),
    }
}
