//! Lengths of time as they are typed and said: `45m`, `8h`, `1h30m`.

use std::time::Duration;

/// A number and a unit, as often as needed.
pub(super) fn time(text: &str, longest: Duration) -> Result<Duration, String> {
    let wrong = || "write 45m, 8h, 1d or 1h30m".to_owned();
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..end].parse().map_err(|_| wrong())?;
        let mut after = rest[end..].chars();
        let unit = match after.next() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 86400,
            _ => return Err(wrong()),
        };
        let part = number.checked_mul(unit).ok_or_else(wrong)?;
        total = total.checked_add(Duration::from_secs(part)).ok_or_else(wrong)?;
        rest = after.as_str();
    }
    if total.is_zero() || total > longest {
        return Err(format!("between one second and {}", spoken(longest)));
    }
    Ok(total)
}

/// `1d 2h 3m 4s`, without what is zero.
pub(super) fn spoken(time: Duration) -> String {
    let seconds = time.as_secs();
    let parts = [("d", seconds / 86400), ("h", seconds / 3600 % 24), ("m", seconds / 60 % 60), ("s", seconds % 60)];
    let parts: Vec<String> =
        parts.iter().filter(|(_, number)| *number > 0).map(|(unit, number)| format!("{number}{unit}")).collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_said() {
        let longest = Duration::from_secs(31 * 86400);
        assert_eq!(time("8h", longest).unwrap(), Duration::from_secs(8 * 3600));
        assert_eq!(time("1h30m", longest).unwrap(), Duration::from_secs(5400));
        assert_eq!(spoken(time("1d2h3m4s", longest).unwrap()), "1d 2h 3m 4s");
        for wrong in ["", "8", "h", "0s", "8 hours", "-1h", "32d", "99999999999999999999d"] {
            assert!(time(wrong, longest).is_err(), "`{wrong}` was taken");
        }
    }
}
