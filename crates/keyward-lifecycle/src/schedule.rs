//! When a secret gets a new value by itself: how often, in which hours, in which order. Pure: nothing
//! here looks at a clock or begins anything.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use keyward_types::{Head, SecretName, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::calendar::{UNKNOWN_AGE_DAYS, default_days};

/// How long before it ends by itself a value is due at most, in milliseconds: two weeks.
const AHEAD: i64 = 14 * 24 * 3_600_000;

/// What somebody set for secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// Days from one value to the next; 0: never. `None`: as it is usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_days: Option<u32>,
    /// When a rotation may begin by itself; `None`: at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// The time zone of windows and days without rotations, as IANA calls it; `None`: UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Days on which none begins by itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blackouts: Vec<Blackout>,
    /// Secrets that turn together, one after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Which of them is first.
    #[serde(skip_serializing_if = "is_zero")]
    pub order: u32,
    /// Whether keyward begins what is due. Without it, what is due is only told.
    #[serde(skip_serializing_if = "is_false")]
    pub acts: bool,
    /// Whether nothing begins until somebody says so.
    #[serde(skip_serializing_if = "is_false")]
    pub paused: bool,
}

/// Hours of days of the week: `mon-fri 02:00-05:00`. What ends before it begins ends on the next day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Window {
    /// Monday first.
    days: [bool; 7],
    /// Minutes of the day.
    from: u16,
    to: u16,
}

/// Days, both counted: `2026-12-20..2027-01-02`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Blackout {
    from: jiff::civil::Date,
    to: jiff::civil::Date,
}

/// Something in a rule that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct RuleError(String);

/// A secret of a group, as far as its turn is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Which.
    pub name: SecretName,
    /// Of which group, and as which of it.
    pub group: Option<(String, u32)>,
    /// Whether its rotation is due.
    pub due: bool,
    /// Whether one is under way.
    pub under_way: bool,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY: u16 = 24 * 60;

impl Rule {
    /// Whether it can be meant.
    ///
    /// # Errors
    /// [`RuleError`].
    pub fn judge(&self) -> Result<(), RuleError> {
        if let Some(zone) = &self.zone {
            TimeZone::get(zone).map_err(|_| {
                RuleError(format!("`{}` is no time zone; they are named as in `Europe/Berlin`", zone.escape_debug()))
            })?;
        }
        match &self.group {
            Some(group) if group.is_empty() || group.len() > 64 || group.contains(char::is_control) => {
                Err(RuleError("a group has a name of at most 64 bytes".into()))
            }
            None if self.order != 0 => Err(RuleError("an order is one within a group".into())),
            _ if self.every_days.is_some_and(|days| days > 3650) => Err(RuleError("at most 3650 days".into())),
            _ => Ok(()),
        }
    }

    /// When a new value of a secret is due; `None`: never. What is written with the secret itself
    /// counts before what is usual. A value of unknown age is due within [`UNKNOWN_AGE_DAYS`], and one that
    /// ends by itself while a quarter of its life is left, or two weeks, unless none is ever.
    pub fn due(&self, head: &Head, environment: &str) -> Option<Timestamp> {
        let active = head.active()?;
        let usual = if head.is_secret() { default_days(environment, head.kind) } else { None };
        let days = head.rotate_every_days.or(self.every_days);
        if days == Some(0) {
            return None;
        }
        let days = days.or(usual).map(|days| if active.age_unknown { days.min(UNKNOWN_AGE_DAYS) } else { days });
        let of_age = days.map(|days| active.created_at.plus_days(i64::from(days)));
        let of_end = head.expires_at.filter(|_| head.is_secret()).map(|end| {
            let left = (end.0.saturating_sub(active.created_at.0) / 4).clamp(0, AHEAD);
            Timestamp(end.0.saturating_sub(left))
        });
        of_age.into_iter().chain(of_end).min()
    }

    /// Whether a rotation may begin by itself at this moment.
    pub fn opens(&self, now: Timestamp) -> bool {
        let zone = self.zone.as_deref().map_or(Ok(TimeZone::UTC), TimeZone::get);
        let (Ok(zone), Ok(moment)) = (zone, jiff::Timestamp::from_millisecond(now.0)) else { return false };
        let local = zone.to_datetime(moment);
        let dark = self.blackouts.iter().any(|blackout| (blackout.from..=blackout.to).contains(&local.date()));
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let open = self.window.as_ref().is_none_or(|window| window.is_open(local.date().weekday(), minute));
        self.acts && !self.paused && !dark && open
    }

    /// In words, for records.
    pub fn told(&self) -> String {
        let every = match self.every_days {
            None => "as usual".to_owned(),
            Some(0) => "never".to_owned(),
            Some(days) => format!("every {days} days"),
        };
        let more = [
            self.window.as_ref().map(|window| format!("in {window}")),
            self.zone.clone(),
            (!self.blackouts.is_empty()).then(|| {
                let days: Vec<String> = self.blackouts.iter().map(ToString::to_string).collect();
                format!("not in {}", days.join(", "))
            }),
            self.group.as_ref().map(|group| format!("number {} of {group}", self.order)),
            self.acts.then(|| "by itself".to_owned()),
            self.paused.then(|| "paused".to_owned()),
        ];
        std::iter::once(every).chain(more.into_iter().flatten()).collect::<Vec<_>>().join("; ")
    }
}

/// The secrets whose turn it is: of a group the first that is due, and none while another of it is
/// under way.
pub fn turns(all: &[Turn]) -> Vec<&SecretName> {
    let first = |one: &Turn| {
        let Some((group, order)) = &one.group else { return true };
        let others = all.iter().filter(|other| other.name != one.name);
        let mut same = others.filter(|other| other.group.as_ref().is_some_and(|(theirs, _)| theirs == group));
        !same.any(|other| {
            let earlier = other.group.as_ref().is_some_and(|(_, theirs)| (theirs, &other.name) < (order, &one.name));
            other.under_way || (other.due && earlier)
        })
    };
    all.iter().filter(|one| one.due && !one.under_way && first(one)).map(|one| &one.name).collect()
}

impl Window {
    fn is_open(&self, day: Weekday, minute: u16) -> bool {
        let today = usize::from(day.to_monday_zero_offset().unsigned_abs());
        let yesterday = (today + 6) % 7;
        match self.from < self.to {
            true => self.days[today] && (self.from..self.to).contains(&minute),
            // Over midnight: the evening of one day and the morning of the next.
            false => (self.days[today] && minute >= self.from) || (self.days[yesterday] && minute < self.to),
        }
    }
}

impl FromStr for Window {
    type Err = RuleError;
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let odd = || RuleError(format!("`{}` is no window; one is `mon-fri 02:00-05:00`", text.escape_debug()));
        let parts: Vec<&str> = text.split_whitespace().collect();
        let (days, hours) = match parts.as_slice() {
            [one] if one.contains(':') => ("mon-sun", *one),
            [days] => (*days, "00:00-24:00"),
            [days, hours] => (*days, *hours),
            _ => return Err(odd()),
        };
        let day = |name: &str| DAYS.iter().position(|day| day.eq_ignore_ascii_case(name)).ok_or_else(odd);
        let mut chosen = [false; 7];
        for part in days.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (mut at, last) = (day(first)?, day(last)?);
            chosen[at] = true;
            while at != last {
                at = (at + 1) % 7;
                chosen[at] = true;
            }
        }
        let minute = |text: &str| {
            let (hour, minute) = text.split_once(':').ok_or_else(odd)?;
            let (hour, minute): (u16, u16) = (hour.parse().map_err(|_| odd())?, minute.parse().map_err(|_| odd())?);
            let whole = hour * 60 + minute;
            if hour > 24 || minute > 59 || whole > DAY { Err(odd()) } else { Ok(whole) }
        };
        let (from, to) = hours.split_once('-').ok_or_else(odd)?;
        let (from, to) = (minute(from)?, minute(to)?);
        if from == to || from == DAY { Err(odd()) } else { Ok(Self { days: chosen, from, to }) }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days: Vec<&str> = DAYS.iter().zip(self.days).filter(|(_, chosen)| *chosen).map(|(day, _)| *day).collect();
        let hour = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        write!(f, "{} {}-{}", days.join(","), hour(self.from), hour(self.to))
    }
}

impl FromStr for Blackout {
    type Err = RuleError;
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let odd = || RuleError(format!("`{}` is none; days are `2026-12-20..2027-01-02`", text.escape_debug()));
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let (from, to) = (from.parse().map_err(|_| odd())?, to.parse().map_err(|_| odd())?);
        if from > to { Err(odd()) } else { Ok(Self { from, to }) }
    }
}

impl fmt::Display for Blackout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.from, self.to)
    }
}

impl TryFrom<String> for Window {
    type Error = RuleError;
    fn try_from(text: String) -> Result<Self, RuleError> {
        text.parse()
    }
}

impl From<Window> for String {
    fn from(window: Window) -> Self {
        window.to_string()
    }
}

impl TryFrom<String> for Blackout {
    type Error = RuleError;
    fn try_from(text: String) -> Result<Self, RuleError> {
        text.parse()
    }
}

impl From<Blackout> for String {
    fn from(blackout: Blackout) -> Self {
        blackout.to_string()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_false(truth: &bool) -> bool {
    !*truth
}

#[cfg(test)]
mod tests {
    use keyward_types::{EnvironmentId, Place, ProjectId, SecretId, VaultId};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn acting() -> Rule {
        Rule { acts: true, ..Rule::default() }
    }

    #[test]
    fn a_window_is_open_in_its_hours_of_its_days() {
        let rule = Rule { window: Some("mon-fri 02:00-05:00".parse().unwrap()), ..acting() };
        // 2026-11-26 is a Thursday.
        for (moment, open) in [
            ("2026-11-26T02:00:00Z", true),
            ("2026-11-26T04:59:00Z", true),
            ("2026-11-26T05:00:00Z", false),
            ("2026-11-28T03:00:00Z", false),
        ] {
            assert_eq!(rule.opens(at(moment)), open, "{moment}");
        }
        let night = Rule { window: Some("fri 22:00-04:00".parse().unwrap()), ..acting() };
        assert!(night.opens(at("2026-11-27T23:00:00Z")) && night.opens(at("2026-11-28T03:00:00Z")));
        assert!(!night.opens(at("2026-11-27T03:00:00Z")) && !night.opens(at("2026-11-28T23:00:00Z")));
    }

    #[test]
    fn hours_are_of_the_zone_and_summer_time_counts() {
        let zone = Some("Europe/Berlin".to_owned());
        let rule = Rule { window: Some("02:00-05:00".parse().unwrap()), zone, ..acting() };
        rule.judge().unwrap();
        assert!(rule.opens(at("2026-11-26T01:30:00Z")) && !rule.opens(at("2026-11-26T04:30:00Z")));
        assert!(rule.opens(at("2026-07-01T00:30:00Z")) && !rule.opens(at("2026-07-01T03:30:00Z")));
        assert!(Rule { zone: Some("Mars/Base".into()), ..acting() }.judge().is_err());
    }

    #[test]
    fn nothing_begins_in_a_blackout_or_paused_or_where_nobody_said_so() {
        let rule = Rule { blackouts: vec!["2026-12-20..2027-01-02".parse().unwrap()], ..acting() };
        assert!(rule.opens(at("2026-12-19T23:59:00Z")) && rule.opens(at("2027-01-03T00:00:00Z")));
        assert!(!rule.opens(at("2026-12-20T00:00:00Z")) && !rule.opens(at("2027-01-02T23:59:00Z")));
        assert!(!Rule { paused: true, ..acting() }.opens(at("2026-01-01T00:00:00Z")));
        assert!(!Rule::default().opens(at("2026-01-01T00:00:00Z")));
    }

    #[test]
    fn what_ends_by_itself_is_due_before_that() {
        let head = |expires: serde_json::Value, days: serde_json::Value| -> Head {
            let place = Place {
                vault: VaultId::from_bytes([1; 16]),
                project: ProjectId::from_bytes([1; 16]),
                environment: EnvironmentId::from_bytes([1; 16]),
                secret: SecretId::from_bytes([1; 16]),
            };
            serde_json::from_value(serde_json::json!({
                "place": place,
                "name": "TOKEN", "kind": "api-key", "labels": {"active": 1}, "created_at": 0,
                "versions": [{"version": 1, "state": "live", "created_at": 0, "created_by": "system:test", "size": 1,
                    "bits": 128, "fingerprint": ""}],
                "expires_at": expires, "rotate_every_days": days,
            }))
            .unwrap()
        };
        const DAY: i64 = 24 * 3_600_000;
        let due = |expires: i64, days: Option<u32>| {
            Rule::default().due(&head(expires.into(), days.into()), "production").map(|due| due.0)
        };
        assert_eq!(due(3_600_000, None), Some(45 * 60_000), "an hour: a quarter of it is left");
        assert_eq!(due(365 * DAY, Some(360)), Some(351 * DAY), "a year: two weeks are");
        assert_eq!(due(365 * DAY, Some(30)), Some(30 * DAY), "what was set comes first");
        assert_eq!(due(365 * DAY, Some(0)), None, "never is never");
        assert_eq!(due(0, None), Some(0), "over already");
    }

    #[test]
    fn a_group_turns_one_after_the_other() {
        let turn = |name: &str, order: u32, due: bool, under_way: bool| Turn {
            name: name.parse().unwrap(),
            group: Some(("db".into(), order)),
            due,
            under_way,
        };
        let alone = Turn { group: None, ..turn("ALONE", 0, true, false) };
        let names = |all: &[Turn]| turns(all).into_iter().map(ToString::to_string).collect::<Vec<_>>();
        let all = [turn("B", 2, true, false), turn("A", 1, true, false), alone.clone()];
        assert_eq!(names(&all), ["A", "ALONE"]);
        assert_eq!(names(&[turn("B", 2, true, false), turn("A", 1, true, true), alone]), ["ALONE"]);
        assert_eq!(names(&[turn("B", 2, true, false), turn("A", 1, false, false)]), ["B"]);
        assert_eq!(names(&[turn("B", 1, true, false), turn("A", 1, true, false)]), ["A"], "by name where all is equal");
    }

    #[test]
    fn rules_come_back_from_a_record_and_odd_ones_are_refused() {
        let rule = Rule {
            every_days: Some(30),
            window: Some("sat,sun 22:00-24:00".parse().unwrap()),
            blackouts: vec!["2026-12-24".parse().unwrap()],
            group: Some("db".into()),
            order: 2,
            ..acting()
        };
        let text = serde_json::to_string(&rule).unwrap();
        assert_eq!(serde_json::from_str::<Rule>(&text).unwrap(), rule, "{text}");
        for odd in ["02:00", "mon", "x 02:00-03:00", "mon 25:00-26:00", "mon 02:00-02:00", "mon 24:00-02:00", ""] {
            assert!(odd == "mon" || odd.parse::<Window>().is_err(), "{odd}");
        }
        assert!("2026-12-24..2026-12-20".parse::<Blackout>().is_err() && "christmas".parse::<Blackout>().is_err());
        assert!(Rule { order: 3, ..Rule::default() }.judge().is_err());
    }
}
