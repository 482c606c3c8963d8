//! What a virtual key may cost.

use std::fmt;

use keyward_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::RuleError;

/// A cap: `5usd/day`, `0.25usd/total`, `100000tokens/month`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Budget {
    /// How much, in the smallest parts of the unit: millionths of a dollar, tokens, requests.
    pub amount: u64,
    /// Of what.
    pub unit: BudgetUnit,
    /// In which time.
    pub window: BudgetWindow,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BudgetUnit {
    /// Millionths of a US dollar.
    MicroUsd,
    /// Tokens, in and out together.
    Tokens,
    /// Requests: how often a key may be used.
    Requests,
}

/// In which time a budget is spent. Days and months begin at midnight UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BudgetWindow {
    /// A day.
    Day,
    /// A calendar month.
    Month,
    /// Ever.
    Total,
}

/// Millionths in one dollar.
const MICRO: u64 = 1_000_000;
/// Largest budget: a billion dollars, or as many millionths of anything else.
const LARGEST: u64 = 1_000_000_000 * MICRO;

impl Budget {
    /// The beginning of the window that this moment lies in; 0 for a budget that is never renewed.
    pub fn window_start(&self, now: Timestamp) -> Timestamp {
        match self.window {
            BudgetWindow::Day => now.day_start(),
            BudgetWindow::Month => now.month_start(),
            BudgetWindow::Total => Timestamp(0),
        }
    }
}

impl Budget {
    /// When the window ends that this moment lies in; `None` for a budget that is never renewed.
    pub fn window_end(&self, now: Timestamp) -> Option<Timestamp> {
        match self.window {
            BudgetWindow::Day => Some(now.day_start().plus_days(1)),
            // 32 days after its first a month is over.
            BudgetWindow::Month => Some(now.month_start().plus_days(32).month_start()),
            BudgetWindow::Total => None,
        }
    }
}

impl BudgetUnit {
    /// The word in the text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MicroUsd => "usd",
            Self::Tokens => "tokens",
            Self::Requests => "requests",
        }
    }
}

impl BudgetWindow {
    /// The word in the text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
            Self::Total => "total",
        }
    }
}

impl TryFrom<String> for Budget {
    type Error = RuleError;
    fn try_from(text: String) -> Result<Self, RuleError> {
        let fail = |why| RuleError::new("budget", &text, why);
        let shape = "write it like 5usd/day, 100000tokens/month or 20usd/total";
        let (much, window) = text.split_once('/').ok_or_else(|| fail(shape))?;
        let window = [BudgetWindow::Day, BudgetWindow::Month, BudgetWindow::Total]
            .into_iter()
            .find(|one| one.as_str() == window)
            .ok_or_else(|| fail("it is per `day`, `month` or `total`"))?;
        let digits = much.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(|| fail(shape))?;
        let (number, unit) = much.split_at(digits);
        let unit = [BudgetUnit::MicroUsd, BudgetUnit::Tokens, BudgetUnit::Requests]
            .into_iter()
            .find(|one| one.as_str() == unit)
            .ok_or_else(|| fail("it is of `usd`, `tokens` or `requests`"))?;
        let amount = match unit {
            BudgetUnit::MicroUsd => micro(number),
            BudgetUnit::Tokens | BudgetUnit::Requests => whole(number),
        };
        match amount {
            Some(amount) if (1..=LARGEST).contains(&amount) => Ok(Self { amount, unit, window }),
            Some(_) => Err(fail("it is more than nothing and at most a billion")),
            None => Err(fail("its number is a plain one: 5, 0.25, at most six places of a dollar, no others")),
        }
    }
}

/// A number without sign, exponent or leading zeros, so that there is one way to write it.
fn whole(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

fn micro(text: &str) -> Option<u64> {
    let (units, places) = match text.split_once('.') {
        None => (whole(text)?, 0),
        Some((units, places)) => {
            let fits = (1..=6).contains(&places.len()) && places.bytes().all(|b| b.is_ascii_digit());
            let scaled = fits.then(|| format!("{places:0<6}").parse().ok()).flatten()?;
            (whole(units)?, scaled)
        }
    };
    units.checked_mul(MICRO)?.checked_add(places)
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            BudgetUnit::MicroUsd => {
                let places = format!("{:06}", self.amount % MICRO);
                let places = places.trim_end_matches('0');
                let point = if places.is_empty() { "" } else { "." };
                write!(f, "{}{point}{places}", self.amount / MICRO)?;
            }
            BudgetUnit::Tokens | BudgetUnit::Requests => write!(f, "{}", self.amount)?,
        }
        write!(f, "{}/{}", self.unit.as_str(), self.window.as_str())
    }
}

super::as_text!(Budget);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_read_and_written_in_one_way() {
        for (text, amount) in [
            ("5usd/day", 5_000_000),
            ("0.25usd/total", 250_000),
            ("0.000001usd/month", 1),
            ("100000tokens/month", 100_000),
            ("3requests/total", 3),
        ] {
            let budget: Budget = text.parse().unwrap();
            assert_eq!((budget.amount, budget.to_string().as_str()), (amount, text));
        }
        assert_eq!("5.50usd/day".parse::<Budget>().unwrap().to_string(), "5.5usd/day");
    }

    #[test]
    fn what_is_no_budget_is_refused() {
        for text in [
            "",
            "5usd",
            "5/day",
            "5 usd/day",
            "+5usd/day",
            "-5usd/day",
            "05usd/day",
            "5.usd/day",
            ".5usd/day",
            "1.0000001usd/day",
            "1e3usd/day",
            "0usd/day",
            "5eur/day",
            "5USD/day",
            "5usd/week",
            "1.5tokens/day",
            "99999999999999999999usd/day",
            "18446744073709551615tokens/day",
            "5usd/day/day",
        ] {
            assert!(text.parse::<Budget>().is_err(), "{text}");
        }
    }

    #[test]
    fn windows_begin_at_midnight_utc() {
        let now: Timestamp = "2026-11-26T08:30:04Z".parse().unwrap();
        let start = |text: &str| text.parse::<Budget>().unwrap().window_start(now).to_string();
        assert_eq!(start("1usd/day"), "2026-11-26T00:00:00.000Z");
        assert_eq!(start("1usd/month"), "2026-11-01T00:00:00.000Z");
        assert_eq!(start("1usd/total"), "1970-01-01T00:00:00.000Z");
        let end = |text: &str| text.parse::<Budget>().unwrap().window_end(now).map(|end| end.to_string());
        assert_eq!(end("1usd/day").as_deref(), Some("2026-11-27T00:00:00.000Z"));
        assert_eq!(end("1usd/month").as_deref(), Some("2026-12-01T00:00:00.000Z"));
        assert_eq!(end("1usd/total"), None);
    }
}
