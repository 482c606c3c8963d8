//! Values of YAML that stand below their key: block scalars, folded lines, items of a list.

use std::ops::Range;

/// Lines that are blank or a comment before the value.
const BLANKS: usize = 8;
/// Where a line is longer, it is no single value.
const LONGEST: usize = 4096;

/// The only value below a key: `|`, `>-` or nothing stands at `at`, behind the colon, and the value alone on the next
/// line, further to the right than `key`, where the key begins. Of a list the first item. `None` where there is more
/// than one word, or where the value goes on.
pub(super) fn below(text: &[u8], key: usize, at: usize) -> Option<Range<usize>> {
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
    let (next, _) = lines.next().unwrap_or((0, 0..0));
    let item = !block && text[line.clone()].starts_with(b"- ");
    let deep = indent > column || (item && indent == column);
    let value = if item { line.start + 2 + run(text, line.start + 2, |byte| byte == b' ')..line.end } else { line };
    // A second line of a list is another item.
    (deep && (item || next <= column) && is_word(&text[value.clone()])).then_some(value)
}

/// `[a, b]`: the first.
fn flow(text: &[u8], at: usize) -> Option<Range<usize>> {
    if text.get(at) != Some(&b'[') {
        return None;
    }
    let start = at + 1 + run(text, at + 1, |byte| byte == b' ');
    let end = start + run(text, start, |byte| !matches!(byte, b',' | b']' | b'\n' | b'\r'));
    let value = start..start + text[start..end].trim_ascii_end().len();
    (matches!(text.get(end), Some(b',' | b']')) && is_word(&text[value.clone()])).then_some(value)
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

    fn value(text: &str) -> Option<&str> {
        let key = text.find("key")?;
        let colon = key + text[key..].find(':')?;
        let start = colon + 1 + run(text.as_bytes(), colon + 1, |byte| byte == b' ');
        below(text.as_bytes(), key, start).map(|range| &text[range])
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
            assert_eq!(value(text), Some("value"), "{text}");
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
            assert_eq!(value(text), None, "{text}");
        }
    }
}
