//! What has to be looked at of an object of which most is known: what is new in it, and around it.

use std::ops::Range;

use super::delta::Copied;

/// What a built-in rule looks at around a value is nearer than this. With rules that look further nothing is moved.
pub(super) const MARGIN: usize = 512;
/// How far a window grows along a text without blanks or line breaks: a key in armour, an encoded file.
const DENSE: usize = 64 << 10;

/// The parts of `bytes` to look at when it shares `copies` with a base of `base_len` bytes; `None`
/// where that is most of it.
pub(super) fn windows(bytes: &[u8], base_len: usize, copies: &[Copied]) -> Option<Vec<Range<usize>>> {
    let mut windows: Vec<Range<usize>> = Vec::new();
    let mut total = 0;
    for change in changes(bytes.len(), base_len, copies) {
        let start = grown_down(bytes, change.start.saturating_sub(MARGIN));
        let end = grown_up(bytes, (change.end + MARGIN).min(bytes.len()));
        match windows.last_mut() {
            Some(last) if start <= last.end => {
                total += end.saturating_sub(last.end);
                last.end = last.end.max(end);
                last.start = last.start.min(start);
            }
            _ => {
                total += end - start;
                windows.push(start..end);
            }
        }
        if total * 5 > bytes.len() * 4 {
            return None;
        }
    }
    Some(windows)
}

/// Where in the result a range of the base stands; `None` if something changed near it.
pub(super) fn moved(range: &Range<usize>, base_len: usize, len: usize, copies: &[Copied]) -> Option<Vec<Range<usize>>> {
    let (low, high) = (range.start.saturating_sub(MARGIN), (range.end + MARGIN).min(base_len));
    let overlapping = copies.iter().filter(|copy| copy.from < range.end && range.start < copy.from + copy.len);
    let place = |copy: &Copied| {
        // Where less than a margin is left of the base, its edge must be an edge of the result too.
        let starts_alike = copy.from <= low && (low > 0 || copy.to == 0);
        let ends_alike = high <= copy.from + copy.len && (high < base_len || copy.to + copy.len == len);
        let at = (range.start + copy.to).saturating_sub(copy.from);
        (starts_alike && ends_alike).then(|| at..at + range.len())
    };
    overlapping.map(place).collect()
}

/// The parts of the result that are not copied, and the seams between parts that did not stand together.
fn changes(len: usize, base_len: usize, copies: &[Copied]) -> impl Iterator<Item = Range<usize>> {
    let start = Copied { from: 0, to: 0, len: 0 };
    let end = Copied { from: base_len, to: len, len: 0 };
    let before = std::iter::once(start).chain(copies.iter().copied());
    let after = copies.iter().copied().chain(std::iter::once(end));
    before.zip(after).filter(|(a, b)| a.from + a.len != b.from || a.to + a.len != b.to).map(|(a, b)| a.to + a.len..b.to)
}

fn grown_down(bytes: &[u8], from: usize) -> usize {
    let low = from.saturating_sub(DENSE);
    let mut at = line_start(bytes, low, from);
    while at > low {
        let previous = line_start(bytes, low, at - 1);
        if !is_dense(&bytes[previous..at]) {
            break;
        }
        at = previous;
    }
    at
}

fn grown_up(bytes: &[u8], from: usize) -> usize {
    let high = bytes.len().min(from + DENSE);
    let mut at = line_end(bytes, from, high);
    while at < high {
        let next = line_end(bytes, at, high);
        if !is_dense(&bytes[at..next]) {
            break;
        }
        at = next;
    }
    at
}

fn line_start(bytes: &[u8], low: usize, at: usize) -> usize {
    memchr::memrchr(b'\n', &bytes[low..at]).map_or(low, |found| low + found + 1)
}

fn line_end(bytes: &[u8], at: usize, high: usize) -> usize {
    memchr::memchr(b'\n', &bytes[at..high]).map_or(high, |found| at + found + 1)
}

/// Whether a line belongs to something encoded, of which the beginning may be far.
fn is_dense(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.len() >= 40 && !line.contains(&b' ')
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "a list of ranges that has one")]
mod tests {
    use super::*;

    fn copy(from: usize, to: usize, len: usize) -> Copied {
        Copied { from, to, len }
    }

    #[test]
    fn new_bytes_and_seams_are_looked_at_with_what_is_around_them() {
        let line = b"some words of a text\n";
        let text = line.repeat(2000);
        let len = text.len();
        // 100 bytes are new at 20,000.
        let found = windows(&text, len - 100, &[copy(0, 0, 20_000), copy(20_000, 20_100, len - 20_100)]);
        let found = found.expect("it is little");
        assert_eq!(found.len(), 1);
        assert!(found[0].start <= 20_000 - MARGIN && found[0].end >= 20_100 + MARGIN && found[0].len() < 3000);
        // 50 bytes were cut out at 10,000.
        let found =
            windows(&text, len + 50, &[copy(0, 0, 10_000), copy(10_050, 10_000, len - 10_000)]).expect("little");
        assert!(found[0].contains(&10_000));
        assert_eq!(windows(&text, len, &[copy(0, 0, len)]), Some(vec![]), "nothing is new");
        assert_eq!(windows(&text, len, &[]), None, "everything is");
        // The base began with something more, and ended with it.
        let found = windows(&text, len + 9, &[copy(9, 0, len)]).expect("little");
        assert_eq!(found[0].start, 0);
        let found = windows(&text, len + 9, &[copy(0, 0, len)]).expect("little");
        assert_eq!(found[0].end, len);
    }

    #[test]
    fn what_is_armoured_is_looked_at_whole() {
        let mut text = b"plain text\n".repeat(1000);
        let (start, armour) = (text.len(), [b"A".repeat(64), b"\n".to_vec()].concat());
        text.extend(armour.repeat(80));
        let end = text.len();
        text.extend(b"plain text\n".repeat(1000));
        let len = text.len();
        let middle = (start + end) / 2;
        let found = windows(&text, len - 1, &[copy(0, 0, middle), copy(middle, middle + 1, len - middle - 1)]);
        let found = found.expect("little");
        assert!(found[0].start <= start && found[0].end >= end);
    }

    #[test]
    fn what_stands_far_from_changes_is_moved() {
        let copies = [copy(0, 0, 10_000), copy(10_000, 10_500, 10_000)];
        assert_eq!(moved(&(15_000..15_040), 20_000, 20_500, &copies), Some(vec![15_500..15_540]));
        assert_eq!(moved(&(10_100..10_140), 20_000, 20_500, &copies), None, "near the seam");
        assert_eq!(moved(&(100..140), 20_000, 20_500, &copies), Some(vec![100..140]), "the beginning is the same");
        assert_eq!(moved(&(100..140), 20_000, 20_005, &[copy(0, 5, 20_000)]), None, "the beginning is another");
        assert_eq!(moved(&(100..140), 9_000, 5_000, &[copy(4_000, 0, 5_000)]), Some(vec![]), "it is gone");
        let twice = [copy(0, 0, 9_000), copy(0, 9_000, 9_000)];
        assert_eq!(moved(&(4_000..4_040), 9_000, 18_000, &twice), Some(vec![4_000..4_040, 13_000..13_040]));
    }
}
