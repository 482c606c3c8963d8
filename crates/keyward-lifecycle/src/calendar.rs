//! What is due when: new values, ends of values, answers to reviews; on a terminal and as a feed that
//! a calendar program subscribes to (RFC 5545).

use std::fmt::Write as _;

use keyward_types::{Head, Kind, Timestamp};
use serde::{Deserialize, Serialize};

use crate::schedule::Rule;

/// How often a secret is rotated where nobody says anything else: the more is behind it, the oftener.
///
/// 90 days in production, and for what leads to a database; 180 elsewhere. Configuration is no secret
/// and has no end, and what was issued with an end of its own is due before that.
pub fn default_days(environment: &str, kind: Kind) -> Option<u32> {
    match kind {
        Kind::Config | Kind::Document => None,
        Kind::ConnectionString => Some(90),
        _ if environment == "production" => Some(90),
        _ => Some(180),
    }
}

/// Within how many days a value is due of which nobody knows how old it is.
pub const UNKNOWN_AGE_DAYS: u32 = 14;

/// Something that is due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: Due,
    /// Of which secret, as `project/environment/NAME`, or of which review.
    pub about: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Whether it is due this soon because nobody knows how old the value is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub age_unknown: bool,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Due {
    /// A new value.
    Rotation,
    /// The value stops working.
    Expiry,
    /// Answers to an access review.
    Review,
}

impl Due {
    /// The word in lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rotation => "rotation",
            Self::Expiry => "expiry",
            Self::Review => "review",
        }
    }
}

/// What is due of a secret, by the rule that counts for it.
pub fn of_secret(head: &Head, project: &str, environment: &str, rule: &Rule) -> Vec<Entry> {
    let age_unknown = head.active().is_some_and(|active| active.age_unknown);
    let entry = |at, what| Entry {
        at,
        what,
        about: format!("{project}/{environment}/{}", head.name),
        owner: head.owner.clone(),
        age_unknown: age_unknown && what == Due::Rotation,
    };
    let ends = head.active().and(head.expires_at).map(|at| entry(at, Due::Expiry));
    rule.due(head, environment).map(|at| entry(at, Due::Rotation)).into_iter().chain(ends).collect()
}

/// The feed: one event of a whole day an entry, by ids that stay when the day moves.
pub fn feed(entries: &[Entry], now: Timestamp) -> String {
    let mut text = String::from("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//keyward//calendar//EN\r\n");
    text.push_str("X-WR-CALNAME:keyward\r\nREFRESH-INTERVAL;VALUE=DURATION:PT1H\r\n");
    for entry in entries {
        let title = match entry.what {
            Due::Rotation => format!("Rotate {}", entry.about),
            Due::Expiry => format!("{} stops working", entry.about),
            Due::Review => format!("Answer the access review {}", entry.about),
        };
        let mut line = |name: &str, value: &str| folded(&mut text, &format!("{name}:{value}"));
        line("BEGIN", "VEVENT");
        line("UID", &format!("{}-{}@keyward", entry.what.as_str(), escaped(&entry.about.replace(['/', ' '], "-"))));
        line("DTSTAMP", &stamp(now));
        line("DTSTART;VALUE=DATE", &stamp(entry.at)[..8]);
        line("SUMMARY", &escaped(&title));
        let owner = entry.owner.as_ref().map(|owner| format!("Owner: {owner}"));
        let age = entry.age_unknown.then(|| "It was brought here, and nobody knows how old it is.".to_owned());
        let told: Vec<String> = owner.into_iter().chain(age).collect();
        if !told.is_empty() {
            line("DESCRIPTION", &escaped(&told.join("\n")));
        }
        line("TRANSP", "TRANSPARENT");
        line("END", "VEVENT");
    }
    text.push_str("END:VCALENDAR\r\n");
    text
}

/// `20261126T120000Z`.
fn stamp(at: Timestamp) -> String {
    let text = at.to_string();
    let seconds = text.split('.').next().unwrap_or_default();
    let digits: String = seconds.chars().filter(|c| c.is_ascii_digit() || *c == 'T').collect();
    format!("{}Z", digits.trim_end_matches('Z'))
}

/// RFC 5545, 3.3.11.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => {
                let _ = write!(escaped, "\\{c}");
            }
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// RFC 5545, 3.1: at most 75 bytes a line, never within a character.
fn folded(text: &mut String, line: &str) {
    let mut width = 0;
    for c in line.chars() {
        if width + c.len_utf8() > 73 {
            text.push_str("\r\n ");
            width = 1;
        }
        text.push(c);
        width += c.len_utf8();
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_and_databases_are_due_sooner_and_configuration_never() {
        assert_eq!(default_days("production", Kind::ApiKey), Some(90));
        assert_eq!(default_days("development", Kind::ConnectionString), Some(90));
        assert_eq!(default_days("staging", Kind::SigningKey), Some(180));
        assert_eq!(default_days("production", Kind::Config), None);
    }

    #[test]
    fn a_feed_has_whole_days_and_folded_lines() {
        let about = format!("shop/production/{}", "A_LONG_NAME_".repeat(8));
        let owner = Some("ann; bob, the\nteam".into());
        let entries =
            [Entry { at: Timestamp(1_795_000_000_000), what: Due::Rotation, about, owner, age_unknown: true }];
        let feed = feed(&entries, Timestamp(1_794_000_000_000));
        assert!(feed.contains("DTSTART;VALUE=DATE:20261118\r\n"), "{feed}");
        assert!(feed.contains("DTSTAMP:20261106T212000Z\r\n"), "{feed}");
        assert!(feed.contains("Owner: ann\\; bob\\, the\\nteam\\nIt was brought"), "{feed}");
        assert!(feed.split("\r\n").all(|line| line.len() <= 75), "{feed}");
        assert!(feed.starts_with("BEGIN:VCALENDAR\r\n") && feed.ends_with("END:VCALENDAR\r\n"));
    }
}
