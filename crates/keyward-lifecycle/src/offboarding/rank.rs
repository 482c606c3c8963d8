//! What to replace first.

use std::cmp::Reverse;

use keyward_types::{Access, Kind, Timestamp};

use super::line::{Evidence, Line, Subject};

/// Sorts the worst first: production before the rest; then what the key allows and what it is;
/// copies that are still out; how lately and how often it was read; how many others have it.
pub(super) fn sort(lines: &mut [Line], now: Timestamp) {
    lines.sort_by_cached_key(|line| {
        let Evidence { open_copies, times, last, .. } = &line.evidence;
        let age = Reverse(last.map(|last| season(now.days_since(last))));
        let worst = (standing(&line.subject), *open_copies > 0, age, *times, *last, line.others);
        (Reverse(worst), line.subject.to_string(), line.subject.version)
    });
}

/// What can be said of a value without asking who has read it.
pub(super) fn standing(subject: &Subject) -> (super::Tier, u8, u8) {
    (subject.tier, power(subject.access), weight(subject.kind))
}

fn power(access: Option<Access>) -> u8 {
    match access {
        Some(Access::Admin) => 3,
        // Nobody has said what it allows: as much as such keys mostly do.
        Some(Access::ReadWrite) | None => 2,
        Some(Access::ReadOnly) => 1,
        Some(Access::Public) => 0,
    }
}

fn weight(kind: Kind) -> u8 {
    match kind {
        Kind::ServiceAccountKey | Kind::SigningKey => 3,
        Kind::ApiKey | Kind::ConnectionString | Kind::Password => 2,
        Kind::BearerToken | Kind::Certificate | Kind::Document => 1,
        Kind::Config => 0,
    }
}

/// Within a week, a month, a quarter, a year, or longer ago: a day more or less does not outweigh
/// how often somebody read a value.
fn season(days: i64) -> u8 {
    [7, 30, 91, 366].iter().map(|limit| u8::from(days > *limit)).sum()
}
