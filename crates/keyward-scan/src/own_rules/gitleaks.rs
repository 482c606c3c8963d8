//! Rules of gitleaks: its TOML as of version 8.

use keyward_types::Confidence;
use serde::Deserialize;

use super::allow::{Allow, Parts, Target};
use super::go_regex::translate;
use super::search::{Group, PathTest, Rule};
use super::{Error, RuleSet, pattern};
use crate::engine::{Literal, RuleInfo};

/// Keys that are not here are for gitleaks' own reports, or noted below.
#[derive(Default, Deserialize)]
#[serde(default)]
struct File {
    extend: Extend,
    rules: Vec<Entry>,
    allowlist: Option<List>,
    allowlists: Vec<List>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Extend {
    use_default: bool,
    path: String,
    url: String,
    disabled_rules: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Entry {
    id: String,
    description: String,
    regex: String,
    secret_group: usize,
    entropy: f64,
    keywords: Vec<String>,
    path: String,
    skip_report: bool,
    required: Vec<toml::Table>,
    allowlist: Option<List>,
    allowlists: Vec<List>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct List {
    condition: String,
    regex_target: String,
    regexes: Vec<String>,
    paths: Vec<String>,
    stopwords: Vec<String>,
    commits: Vec<String>,
    target_rules: Vec<String>,
}

/// Above generic assignments, below what we know of formats and structures: ours say more.
const RANK: u8 = 15;

pub(crate) fn read(text: &str) -> Result<RuleSet, Error> {
    let file: File = toml::from_str(text).map_err(|error| Error::Shape(crate::quiet::toml(text, &error)))?;
    let mut set = RuleSet {
        rules: Vec::new(),
        allow: Vec::new(),
        disabled: file.extend.disabled_rules.clone(),
        builtin: file.extend.use_default,
        notes: Vec::new(),
    };
    for (key, value) in [("path", &file.extend.path), ("url", &file.extend.url)] {
        if !value.is_empty() {
            set.notes.push(format!("rules: `extend.{key}` is not followed; give that file as rules of its own"));
        }
    }
    for (index, list) in file.allowlist.iter().chain(&file.allowlists).enumerate() {
        let place = ("allow lists for all rules".to_owned(), format!("allowlists[{index}]"));
        set.allow.push(allow(list, list.target_rules.clone(), &place, &mut set.notes)?);
    }
    for (index, entry) in file.rules.iter().enumerate() {
        add(entry, index, &file.extend, &mut set)?;
    }
    Ok(set)
}

fn add(entry: &Entry, index: usize, extend: &Extend, set: &mut RuleSet) -> Result<(), Error> {
    let name = if entry.id.is_empty() { format!("number {}", index + 1) } else { entry.id.clone() };
    let error = |key: &str, problem: String| Error::Rule { rule: name.clone(), key: key.to_owned(), problem };
    if entry.id.is_empty() {
        return Err(error("id", "it is missing".to_owned()));
    }
    if extend.disabled_rules.contains(&entry.id) {
        return Ok(());
    }
    let lists = || entry.allowlist.iter().chain(&entry.allowlists).enumerate();
    let place = |index: usize| (name.clone(), format!("allowlists[{index}]"));
    if entry.regex.is_empty() && entry.path.is_empty() {
        if !extend.use_default {
            return Err(error("regex", "a rule needs `regex` or `path`".to_owned()));
        }
        // It changes a rule of gitleaks' own; where ours has that id, its allow lists hold for ours.
        for (index, list) in lists() {
            set.allow.push(allow(list, vec![entry.id.clone()], &place(index), &mut set.notes)?);
        }
        return Ok(());
    }
    if entry.skip_report {
        set.notes.push(format!("rules: rule `{name}` reports nothing by itself (`skipReport`) and is left out"));
        return Ok(());
    }
    if !entry.required.is_empty() {
        set.notes.push(format!("rules: rule `{name}`: `required` is not looked at; it finds more than in gitleaks"));
    }
    let mut allows = Vec::new();
    for (index, list) in lists() {
        allows.push(allow(list, Vec::new(), &place(index), &mut set.notes)?);
    }
    let rule = rule(entry, allows, &error)?;
    // A later rule replaces one with the same id, as there.
    set.rules.retain(|other| other.info.id != rule.info.id);
    set.rules.push(rule);
    Ok(())
}

fn rule(entry: &Entry, allow: Vec<Allow>, error: &dyn Fn(&str, String) -> Error) -> Result<Rule, Error> {
    let expression = translate(&entry.regex);
    let regex = (!entry.regex.is_empty()).then(|| pattern::compile(&expression)).transpose();
    let regex = regex.map_err(|problem| error("regex", problem))?;
    if let Some(regex) = &regex
        && entry.secret_group >= regex.captures_len()
    {
        let problem = format!("the expression has no group {}", entry.secret_group);
        return Err(error("secretGroup", problem));
    }
    let path = match entry.path.as_str() {
        "" => PathTest::Any,
        path => PathTest::Regex(pattern::compile(&translate(path)).map_err(|problem| error("path", problem))?),
    };
    let short = entry.keywords.iter().any(|word| word.len() < 3);
    let keywords = match (&regex, entry.keywords.is_empty() || short) {
        (None, _) => Vec::new(),
        (Some(_), true) => pattern::literals(&expression),
        (Some(_), false) => entry.keywords.iter().map(|word| Literal::word(word)).collect(),
    };
    let description = if entry.description.is_empty() { entry.id.clone() } else { entry.description.clone() };
    Ok(Rule {
        info: RuleInfo {
            id: entry.id.clone(),
            provider: None,
            description: description.trim_end_matches('.').to_owned(),
            advice: None,
            rank: RANK,
            misuse: regex.is_none(),
        },
        confidence: Confidence::Medium,
        regex,
        group: if entry.secret_group == 0 { Group::First } else { Group::Number(entry.secret_group) },
        entropy: entry.entropy,
        path,
        keywords,
        allow,
    })
}

fn allow(
    list: &List,
    rules: Vec<String>,
    (rule, place): &(String, String),
    notes: &mut Vec<String>,
) -> Result<Allow, Error> {
    let error = |key: &str, problem: String| Error::Rule { rule: rule.clone(), key: format!("{place}.{key}"), problem };
    let all = match list.condition.to_ascii_uppercase().as_str() {
        "" | "OR" | "||" => false,
        "AND" | "&&" => true,
        other => return Err(error("condition", format!("`{other}` is neither AND nor OR"))),
    };
    let target = match list.regex_target.as_str() {
        "" | "secret" => Target::Value,
        "match" => Target::Match,
        "line" => Target::Line,
        other => return Err(error("regexTarget", format!("`{other}` is none of secret, match, line"))),
    };
    if !list.commits.is_empty() {
        notes.push(format!("rules: {rule}: `{place}.commits` is not looked at"));
    }
    let translated = |patterns: &[String]| patterns.iter().map(|pattern| translate(pattern)).collect();
    let parts = Parts {
        all,
        rules,
        paths: translated(&list.paths),
        globs: Vec::new(),
        values: translated(&list.regexes),
        target,
        words: list.stopwords.clone(),
        commits: !list.commits.is_empty(),
    };
    Allow::new(&parts).map_err(|(key, problem)| error(key, problem))
}
