//! One variable of a `.env` text given another value, and every other byte left as it is.

use std::collections::HashMap;

use crate::{Cause, Dialect, Parsed, Unwritable, parse, write};

/// `text` with `name` set to `value`: the statement that gave it its value is written anew, and
/// nothing else. Where `name` is not there, a line is added at the end.
///
/// Every dialect that reads `text` reads the new value from the result, and of all other names what it
/// read before; but for such as refer to another name, which is what they are for.
///
/// # Errors
/// [`Unwritable`] where no way of writing does that.
pub fn replace(text: &str, name: &str, value: &str) -> Result<String, Unwritable> {
    let line = write(&[(name, value)])?;
    let before: Vec<(Dialect, Parsed)> =
        Dialect::ALL.into_iter().filter_map(|dialect| Some((dialect, parse(text, dialect, &|_| None).ok()?))).collect();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let starts = before.iter().filter_map(|(_, parsed)| Some(parsed.entry(name)?.line - 1));
    let start = starts.max().unwrap_or(lines.len());
    // A value may go over several lines; the first end that leaves the others alone is the right one.
    let ends = if start < lines.len() { start + 1..lines.len() + 1 } else { start..start + 1 };
    for end in ends.take(MOST_LINES) {
        let new = spliced(&lines, start, end, &line);
        if before.iter().all(|(dialect, before)| reads_as_before(&new, *dialect, before, name, value)) {
            return Ok(new);
        }
    }
    Err(Unwritable { name: name.to_owned(), cause: Cause::Value })
}

/// A private key in a `.env` file has about 50 lines.
const MOST_LINES: usize = 200;

fn spliced(lines: &[&str], start: usize, end: usize, line: &str) -> String {
    let old = lines.get(start).copied().unwrap_or_default();
    let indent = &old[..old.len() - old.trim_start().len()];
    let export = if old.trim_start().starts_with("export ") { "export " } else { "" };
    let windows = old.ends_with("\r\n") || old.is_empty() && lines.last().is_some_and(|last| last.ends_with("\r\n"));
    let ending = if windows { "\r\n" } else { "\n" };
    let mut new = lines[..start].concat();
    if start == lines.len() && !new.is_empty() && !new.ends_with('\n') {
        new.push_str(ending);
    }
    new.push_str(indent);
    new.push_str(export);
    new.push_str(line.strip_suffix('\n').unwrap_or(line));
    let last = &lines[start.min(lines.len())..end.min(lines.len())];
    // A file that ends without a line break goes on doing so.
    if last.last().is_none_or(|last| last.ends_with('\n')) {
        new.push_str(ending);
    }
    new.push_str(&lines[end.min(lines.len())..].concat());
    new
}

fn reads_as_before(new: &str, dialect: Dialect, before: &Parsed, name: &str, value: &str) -> bool {
    let Ok(after) = parse(new, dialect, &|_| None) else { return false };
    if after.value(name) != Some(value) || after.entry(name).is_none() {
        return false;
    }
    let lines: Vec<&str> = new.lines().collect();
    let refers = |line: usize| lines.get(line - 1).is_some_and(|text| text.contains('$'));
    let values: HashMap<&str, (Option<&str>, usize)> =
        after.entries.iter().map(|entry| (entry.name.as_str(), (entry.value.as_deref(), entry.line))).collect();
    let others = before.entries.iter().filter(|entry| entry.name != name);
    let same = others.clone().all(|entry| match values.get(entry.name.as_str()) {
        Some((after, line)) => *after == entry.value.as_deref() || refers(*line),
        None => false,
    });
    same && after.entries.len() == others.count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_line_changes_and_nothing_else() {
        let text = "# database\r\nexport DB='old'\r\n\r\nA=1 # one\r\n";
        assert_eq!(replace(text, "DB", "new#1").unwrap(), text.replace("'old'", "'new#1'"));
        assert_eq!(replace("A=1\nB=2", "B", "3").unwrap(), "A=1\nB=3");
        assert_eq!(replace("A=1", "B", "2").unwrap(), "A=1\nB=2\n");
        assert_eq!(replace("", "B", "2").unwrap(), "B=2\n");
        assert_eq!(replace("  A=1\n", "A", "2").unwrap(), "  A=2\n");
    }

    #[test]
    fn the_last_of_several_counts() {
        assert_eq!(replace("A=1\nB=2\nA=3\n", "A", "4").unwrap(), "A=1\nB=2\nA=4\n");
    }

    #[test]
    fn a_value_of_several_lines_goes_as_a_whole() {
        let text = "A=1\nKEY='-----BEGIN\nabc\n-----END'\nB=2\n";
        assert_eq!(replace(text, "KEY", "short").unwrap(), "A=1\nKEY=short\nB=2\n");
        let back = replace("A=1\nKEY=short\nB=2\n", "KEY", "one\ntwo").unwrap();
        assert_eq!(back, "A=1\nKEY='one\ntwo'\nB=2\n");
    }

    #[test]
    fn what_refers_to_it_follows_it() {
        let text = "PW=old\nURL=postgres://u:${PW}@h/d\n";
        assert_eq!(replace(text, "PW", "new").unwrap(), text.replace("old", "new"));
    }

    #[test]
    fn what_cannot_be_written_alike_for_all_is_refused() {
        assert_eq!(replace("A=1\n", "A", "${B}").unwrap_err().cause, Cause::Value);
        assert_eq!(replace("A=1\n", "A-B", "x").unwrap_err().cause, Cause::Name);
    }
}
