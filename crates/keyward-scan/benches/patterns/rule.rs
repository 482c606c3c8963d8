//! Rules of another scanner, in the form of gitleaks.

use std::fs;
use std::io::{Error, ErrorKind};
use std::ops::Range;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::draw::Draw;
use crate::go_regex::translate;
use crate::grow;

/// What was read.
pub(crate) struct Rules {
    pub(crate) rules: Vec<Rule>,
}

/// A pattern with a value in it.
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) keywords: Vec<String>,
    /// As its author wrote it, without the switch that makes letters of both cases alike: what is drawn is in that case.
    grown: Option<grow::Pattern>,
    regex: Option<Regex>,
    group: usize,
    entropy: f64,
    allowed: Vec<Regex>,
}

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Service,
    Generic,
    Public,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct File {
    allowlist: List,
    rules: Vec<Entry>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Entry {
    id: String,
    regex: String,
    /// Where it is not the first group: gitleaks' word, and betterleaks'.
    #[serde(alias = "valueGroup")]
    secret_group: usize,
    /// Finds the parts that other rules need.
    skip_report: bool,
    entropy: f64,
    keywords: Vec<String>,
    allowlists: Vec<List>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct List {
    regex_target: String,
    regexes: Vec<String>,
}

impl Rules {
    /// Reads a configuration of gitleaks, or of betterleaks, which goes on from it; of the latter only what the former
    /// does not have is wanted.
    pub(crate) fn read(file: &str, without: Option<&str>) -> Result<Self, Error> {
        let mut file = File::read(file)?;
        let known = without.map(File::read).transpose()?.unwrap_or_default().rules;
        file.rules.retain(|rule| !rule.skip_report && known.iter().all(|other| other.id != rule.id));
        Ok(Self { rules: file.rules.iter().map(|entry| Rule::of(entry, &file.allowlist)).collect() })
    }
}

impl File {
    fn read(file: &str) -> Result<Self, Error> {
        toml::from_str(&fs::read_to_string(file)?).map_err(|error| Error::new(ErrorKind::InvalidData, error))
    }
}

impl Rule {
    fn of(entry: &Entry, all: &List) -> Self {
        let pattern = translate(&entry.regex);
        let lists = entry.allowlists.iter().chain([all]).filter(|list| list.regex_target.is_empty());
        let allowed = lists.flat_map(|list| &list.regexes).filter_map(|regex| Regex::new(&translate(regex)).ok());
        Self {
            id: entry.id.clone(),
            keywords: entry.keywords.clone(),
            grown: grow::Pattern::read(&pattern.replace("(?i)", "").replace("(?i:", "(?:")),
            // Some repeat all that Unicode calls a letter some hundred times.
            regex: RegexBuilder::new(&pattern).size_limit(1 << 28).build().ok().filter(|_| !pattern.is_empty()),
            group: entry.secret_group,
            entropy: entry.entropy,
            allowed: allowed.collect(),
        }
    }

    /// By what its id says: nothing was looked at to say so.
    pub(crate) fn kind(&self) -> Kind {
        let words: Vec<&str> = self.id.split('-').collect();
        if GENERIC.iter().any(|start| self.id.starts_with(start)) {
            Kind::Generic
        } else if words.contains(&"public") || words.contains(&"pub") || words.last() == Some(&"id") {
            Kind::Public
        } else {
            Kind::Service
        }
    }

    /// A value by itself.
    pub(crate) fn value(&self, draw: &mut Draw) -> Option<String> {
        Some(self.grown.as_ref()?.value(draw))
    }

    /// All that the pattern covers, the value within it.
    pub(crate) fn whole(&self, draw: &mut Draw) -> Option<String> {
        Some(self.grown.as_ref()?.whole(draw))
    }

    /// The value that the other scanner would report in a text.
    pub(crate) fn find(&self, text: &str) -> Option<Range<usize>> {
        let captures = self.regex.as_ref()?.captures(text)?;
        let groups = captures.iter().skip(1).flatten();
        let value = match self.group {
            0 => groups.into_iter().find(|group| !group.is_empty()).or_else(|| captures.get(0))?,
            group => captures.get(group)?,
        };
        let allowed = self.allowed.iter().any(|regex| regex.is_match(value.as_str()));
        (!allowed && entropy(value.as_str()) >= self.entropy).then(|| value.range())
    }
}

/// Rules without a service, by the beginning of their ids.
const GENERIC: [&str; 8] =
    ["generic-", "curl-", "jwt", "private-key", "kubernetes-secret", "pkcs12", "hashicorp-tf-password", "nuget-config"];

/// Shannon's, in bits a character.
fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    text.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let share = |count: u32| f64::from(count) / text.len() as f64;
    counts.into_iter().filter(|count| *count > 0).map(share).map(|share| -share * share.log2()).sum()
}
