//! Where the dialects part: the lines of a file that a user should write differently.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use crate::{Caution, Dialect, Environment, Error, parse};

/// A line that is not read alike. Neither `Debug` nor `Display` shows a value.
#[derive(Clone, PartialEq, Eq)]
pub struct Difference {
    /// The line, from 1, of the statement.
    pub line: usize,
    /// The name that is read differently; `None` where a dialect rejects the whole text.
    pub name: Option<String>,
    /// The dialects in groups that read the same: first those that give a value, then the group
    /// without any. Of a rejection: the one that rejects, then those that do not.
    pub groups: Vec<Vec<Dialect>>,
}

/// All lines of `text` that the six dialects do not read alike, in order.
///
/// A name that is not read at all and one without a value count as the same. A command that a
/// library would execute counts as read differently from the text of the command. Dialects that
/// reject the text take no part in the comparison of names.
#[must_use]
pub fn differences(text: &str, env: Environment<'_>) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut read = Vec::new();
    for dialect in Dialect::ALL {
        match parse(text, dialect, env) {
            Ok(parsed) => read.push((dialect, parsed)),
            Err(Error::Rejected { line, .. }) => found.push(rejection(dialect, line)),
            Err(Error::UnknownDialect(_)) => unreachable!("a dialect that exists is known"),
        }
    }
    let mut names: BTreeMap<&str, Readings<'_>> = BTreeMap::new();
    for (dialect, parsed) in &read {
        let executed = parsed.warnings.iter().filter(|warning| warning.caution == Caution::Command);
        let executed: HashSet<usize> = executed.map(|warning| warning.line).collect();
        for entry in &parsed.entries {
            let executed = executed.contains(&entry.line).then_some(*dialect);
            let reading = Reading { value: entry.value.as_deref(), executed };
            names.entry(&entry.name).or_default().insert(*dialect, (reading, entry.line));
        }
    }
    let dialects: Vec<Dialect> = read.iter().map(|(dialect, _)| *dialect).collect();
    found.extend(names.into_iter().filter_map(|(name, readings)| compared(name, &readings, &dialects)));
    found.sort_by_key(|difference| difference.line);
    found
}

/// What one dialect makes of a name; nothing by default.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Reading<'p> {
    value: Option<&'p str>,
    /// The dialect, where its library would execute a command: such a reading equals no other.
    executed: Option<Dialect>,
}

/// The readings of a name, and their lines.
type Readings<'p> = BTreeMap<Dialect, (Reading<'p>, usize)>;

fn compared(name: &str, readings: &Readings<'_>, dialects: &[Dialect]) -> Option<Difference> {
    let mut groups: Vec<(Reading<'_>, Vec<Dialect>)> = Vec::new();
    for &dialect in dialects {
        let reading = readings.get(&dialect).map(|&(reading, _)| reading).unwrap_or_default();
        match groups.iter_mut().find(|(known, _)| *known == reading) {
            Some((_, group)) => group.push(dialect),
            None => groups.push((reading, vec![dialect])),
        }
    }
    if groups.len() < 2 {
        return None;
    }
    groups.sort_by_key(|(reading, _)| reading.value.is_none());
    let line = readings.values().map(|&(_, line)| line).min()?;
    let groups = groups.into_iter().map(|(_, group)| group).collect();
    Some(Difference { line, name: Some(name.to_owned()), groups })
}

fn rejection(dialect: Dialect, line: usize) -> Difference {
    let others = Dialect::ALL.into_iter().filter(|&other| other != dialect).collect();
    Difference { line, name: None, groups: vec![vec![dialect], others] }
}

impl Difference {
    /// The name, where it looks like one. Where a quote is left open, a dialect can take lines of a
    /// secret for names; such a name is not shown.
    fn shown_name(&self) -> Option<&str> {
        let plain = |name: &&str| {
            name.len() <= 48
                && !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
        };
        self.name.as_deref().filter(plain)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = |group: &Vec<Dialect>| group.iter().map(|dialect| dialect.name()).collect::<Vec<_>>().join(", ");
        match (&self.name, self.shown_name()) {
            (None, _) => return write!(f, "line {}: rejected by {}", self.line, group(&self.groups[0])),
            (Some(_), Some(name)) => write!(f, "line {}: `{name}` is read differently: ", self.line)?,
            (Some(_), None) => write!(f, "line {}: read differently: ", self.line)?,
        }
        f.write_str(&self.groups.iter().map(group).collect::<Vec<_>>().join(" | "))
    }
}

impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_ref().map(|_| self.shown_name().unwrap_or("…"));
        f.debug_struct("Difference")
            .field("line", &self.line)
            .field("name", &name)
            .field("groups", &self.groups)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        differences(text, &|_| None).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_all_read_alike_is_not_named() {
        assert_eq!(shown("# note\nA=1\nB='two words'\nexport C=\"x\"\n"), Vec::<String>::new());
    }

    #[test]
    fn lines_and_groups_are_named_and_values_are_not() {
        let text = "A=1\nTOKEN=se#same\nC=\"$(id)\"\nonly\n";
        let expected = [
            "line 2: `TOKEN` is read differently: python, compose | node, node-builtin, dotenvx, ruby",
            "line 3: `C` is read differently: python, node, node-builtin, compose | dotenvx | ruby",
            "line 4: `only` is read differently: ruby | python, node, node-builtin, dotenvx, compose",
        ];
        assert_eq!(shown(text), expected);
        assert!(!format!("{:?}", differences(text, &|_| None)).contains("same"));
    }

    #[test]
    fn rejections_are_named() {
        assert_eq!(shown("A=1\nB=\"open")[0], "line 2: rejected by compose");
    }

    #[test]
    fn a_name_that_may_be_part_of_a_secret_is_not_shown() {
        let secret = "b64secret+b64secret";
        let text = format!("A='-----BEGIN\n{secret}==\n");
        let found = differences(&text, &|_| None);
        assert!(!found.is_empty() && !format!("{found:?} {}", shown(&text).join(" ")).contains(secret));
    }
}
