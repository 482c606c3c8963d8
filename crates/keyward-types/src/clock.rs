use std::fmt;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

/// A moment: milliseconds since 1970-01-01T00:00:00Z. Text form: RFC 3339 in UTC with
/// milliseconds. It is written as a number and read in either form: records and sockets have
/// numbers, the API has text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// Tells the time. The only door to the wall clock.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// A source of randomness fit for keys.
pub trait Random: Send + Sync {
    /// Fills `bytes` with unpredictable bytes.
    ///
    /// # Errors
    /// When the operating system has none to give.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError>;
}

/// The operating system gave no randomness.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("the operating system gave no randomness: {0}")]
pub struct RandomError(pub String);

impl Timestamp {
    const DAY: i64 = 24 * 60 * 60 * 1000;

    /// The moment `days` later.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        Self(self.0.saturating_add(days.saturating_mul(Self::DAY)))
    }

    /// Midnight UTC before it.
    #[must_use]
    pub fn day_start(self) -> Self {
        Self(self.0.div_euclid(Self::DAY) * Self::DAY)
    }

    /// Midnight UTC before the first day of its month; of a moment beyond all calendars that of its day.
    #[must_use]
    pub fn month_start(self) -> Self {
        let day = self.day_start();
        match jiff::Timestamp::from_millisecond(day.0) {
            Ok(moment) => {
                let day_of_month = jiff::tz::TimeZone::UTC.to_datetime(moment).date().day();
                day.plus_days(1 - i64::from(day_of_month))
            }
            Err(_) => day,
        }
    }

    /// Whole days from `earlier` to this moment; negative when it is later.
    pub fn days_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).div_euclid(Self::DAY)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => write!(f, "{moment:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(|moment| Self(moment.as_millisecond()))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Moment;
        impl Visitor<'_> for Moment {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("milliseconds since 1970, or a moment as RFC 3339 writes it")
            }
            fn visit_i64<E: serde::de::Error>(self, millis: i64) -> Result<Timestamp, E> {
                Ok(Timestamp(millis))
            }
            fn visit_u64<E: serde::de::Error>(self, millis: u64) -> Result<Timestamp, E> {
                i64::try_from(millis).map(Timestamp).map_err(|_| E::custom("a moment beyond all calendars"))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(|_| E::custom("no moment as RFC 3339 writes it"))
            }
        }
        deserializer.deserialize_any(Moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let read = |text: &str| serde_json::from_str::<Timestamp>(text);
        assert_eq!(read("\"1970-01-01T00:00:01.500Z\"").unwrap(), Timestamp(1500));
        assert_eq!((read("1500").unwrap(), read("-1").unwrap()), (Timestamp(1500), Timestamp(-1)));
        assert!(read("1.5").is_err() && read("\"yesterday\"").is_err() && read("18446744073709551615").is_err());
    }

    #[test]
    fn text_is_rfc_3339_with_milliseconds() {
        let text = "2026-11-23T21:43:00.120Z";
        assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        assert_eq!(Timestamp(0).plus_days(2).days_since(Timestamp(1)), 1);
    }
}
