//! Values of YAML that stand below their key: block scalars, folded lines, items of a list.

use std::ops::Range;

/// Lines that are blank or a comment before the value.
const BLANKS: usize = 8;
/// Where a line is longer, it is no single value.
const LONGEST: usize = 4096;

/// Items of a list that are looked at.
const ITEMS: usize = 64;

/// The values below a key: `|`, `>-`, `[` or nothing stands at `at`, behind the colon, and the value alone on the next
/// line, further to the right than `key`, where the key begins. Of a list all items that are one word, up to the first
/// that is none. `None` where there is no such value, or where it goes on.
pub(super) fn below(text: &[u8], key: usize, at: usize) -> Option<Vec<Range<usize>>> {
    let mut at = at;
    let block = matches!(text.get(at), Some(b'|' | b'>'));
    if block {
        at += 1;
        at += run(text, at, |byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-'));
    }
    at += run(text, at, |byte| matches!(byte, b' ' | b'\t' | b'\r'));
    if !matches!(text.get(at)?, b'\n') {
        return flow(text, at).filter(|_| !block);
    }
    let column = column(text, key)?;
    let mut lines = Lines { text, at: at + 1 };
    let (indent, line) = (0..BLANKS).find_map(|_| lines.next())?;
    if !block && let Some(first) = item(text, &line) {
        return (indent >= column).then(|| items(text, first, indent, lines)).filter(|items| !items.is_empty());
    }
    let (next, _) = lines.next().unwrap_or((0, 0..0));
    (indent > column && next <= column && is_word(&text[line.clone()])).then(|| vec![line])
}

/// What stands behind `- `.
fn item(text: &[u8], line: &Range<usize>) -> Option<Range<usize>> {
    let value = line.start + 2;
    text[line.clone()].starts_with(b"- ").then(|| value + run(text, value, |byte| byte == b' ')..line.end)
}

/// The items of a list whose dashes stand `column` to the right.
fn items(text: &[u8], first: Range<usize>, column: usize, mut lines: Lines<'_>) -> Vec<Range<usize>> {
    let mut next = Some(first);
    std::iter::from_fn(|| {
        let value = next.take().filter(|value| is_word(&text[value.clone()]))?;
        next = lines.next().filter(|(indent, _)| *indent == column).and_then(|(_, line)| item(text, &line));
        Some(value)
    })
    .take(ITEMS)
    .collect()
}

/// `[a, "b"]`, over several lines too.
fn flow(text: &[u8], at: usize) -> Option<Vec<Range<usize>>> {
    if text.get(at) != Some(&b'[') {
        return None;
    }
    let (mut at, mut items) = (at, Vec::new());
    while matches!(text.get(at), Some(b'[' | b',')) && items.len() < ITEMS {
        let start = at + 1 + run(text, at + 1, |byte| byte.is_ascii_whitespace());
        let quoted = text.get(start).filter(|byte| matches!(byte, b'"' | b'\'')).map_or(0, |quote| {
            let length = run(text, start + 1, |byte| byte != *quote && byte != b'\n');
            length + 1
        });
        let end = start + quoted + run(text, start + quoted, |byte| !matches!(byte, b',' | b']' | b'\n' | b'\r'));
        let value = start..start + text[start..end].trim_ascii_end().len();
        at = end + run(text, end, |byte| byte.is_ascii_whitespace());
        if !matches!(text.get(at), Some(b',' | b']')) || !is_word(&text[value.clone()]) {
            break;
        }
        items.push(value);
    }
    (!items.is_empty()).then_some(items)
}

/// How far to the right `at` stands; `- ` before a key counts.
fn column(text: &[u8], at: usize) -> Option<usize> {
    let low = at.saturating_sub(200);
    let start = memchr::memrchr(b'\n', &text[low..at]).map_or(low, |found| low + found + 1);
    let plain = text[start..at].iter().all(|byte| matches!(byte, b' ' | b'-' | b'"' | b'\''));
    plain.then_some(at - start)
}

/// One word, which is no key of a map and no reference.
fn is_word(value: &[u8]) -> bool {
    let last = value.last();
    !value.is_empty()
        && value.len() < LONGEST
        && !value.iter().any(u8::is_ascii_whitespace)
        && last != Some(&b':')
        && !matches!(value[0], b'*' | b'&' | b'!' | b'{' | b'[' | b'|' | b'>')
}

/// Lines with something on them: their indentation and what they say.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
}

impl Lines<'_> {
    fn next(&mut self) -> Option<(usize, Range<usize>)> {
        for _ in 0..BLANKS {
            let rest =
                self.text.get(self.at..self.text.len().min(self.at + LONGEST)).filter(|rest| !rest.is_empty())?;
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let (start, line) = (self.at, &rest[..length]);
            self.at += length + 1;
            let indent = line.iter().take_while(|byte| **byte == b' ').count();
            let content = line[indent..].trim_ascii_end();
            if !content.is_empty() && !content.starts_with(b"#") {
                return Some((indent, start + indent..start + indent + content.len()));
            }
        }
        None
    }
}

fn run(text: &[u8], at: usize, fits: impl Fn(u8) -> bool) -> usize {
    text.get(at..).unwrap_or_default().iter().take(LONGEST).take_while(|byte| fits(**byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Option<Vec<&str>> {
        let key = text.find("key")?;
        let colon = key + text[key..].find(':')?;
        let start = colon + 1 + run(text.as_bytes(), colon + 1, |byte| byte == b' ');
        below(text.as_bytes(), key, start).map(|all| all.into_iter().map(|range| &text[range]).collect())
    }

    #[test]
    fn a_value_stands_below_its_key() {
        for text in [
            "key: |\n  value",
            "key: >-\n  value\n",
            "a:\n  key: |2+\r\n    value\r\n  b: c",
            "key:\n  value\n",
            "key:\n\n  # why\n  value\nb: c",
            "key:\n- value\n- other",
            "  key:\n    - value\n",
            "- key: |\n    value\n",
            "key: [value, other]",
            "key: [ value ]",
        ] {
            assert_eq!(values(text).and_then(|all| all.first().copied()), Some("value"), "{text}");
        }
        for text in [
            "key:\nvalue",
            "key: |\n  value\n  other\n",
            "key:\n  value: x\n",
            "key:\n  value:\n",
            "key:\n  two words\n",
            "key:\n",
            "key: [value",
            "key: [{a: b}]",
            "key:\n  - a: b\n",
            "f(key:\n  value)",
        ] {
            assert_eq!(values(text), None, "{text}");
        }
    }

    #[test]
    fn a_list_has_all_its_items() {
        for text in [
            "key:\n  - one\n  # why\n  - two\n  - three\nb:\n  - four\n",
            "key:\n- one\n- two\n- three\n- a: b\n- five\n",
            "key: [one, two ,three]",
            "key: [\n  one,\n  two,\n  three,\n]\n",
        ] {
            assert_eq!(values(text), Some(vec!["one", "two", "three"]), "{text}");
        }
        assert_eq!(values("key: ['a,b', \"c]\"]"), Some(vec!["'a,b'", "\"c]\""]));
        let many = "key:\n".to_owned() + &"  - x\n".repeat(2 * ITEMS);
        assert_eq!(values(&many).map(|all| all.len()), Some(ITEMS));
    }
}
