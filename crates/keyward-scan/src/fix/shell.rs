//! Values in shell scripts: which quotes are open where one stands.

use std::ops::Range;

use super::Refusal;
use super::lexer::is_word;

/// How a value stands in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    /// In a word without quotes.
    None,
    /// `"…"`, a here-document whose body is expanded.
    Double,
    /// `'…'`.
    Single,
    /// `$'…'`.
    Ansi,
    /// A comment, a here-document that is taken as it is, arithmetic.
    Elsewhere(&'static str),
}

/// The replacement of a value for what the variable holds.
pub(super) fn render(quoting: &Quoting, name: &str) -> Result<String, Refusal> {
    Ok(match quoting {
        Quoting::None => format!("\"${{{name}}}\""),
        Quoting::Double => format!("${{{name}}}"),
        Quoting::Single => format!("'\"${{{name}}}\"'"),
        Quoting::Ansi => format!("'\"${{{name}}}\"$'"),
        Quoting::Elsewhere(reason) => return Err(Refusal::new(reason, "replace it by hand")),
    })
}

/// What is open at a place of a script.
enum Mode {
    Single,
    Ansi,
    Double,
    /// `$( … )`, `( … )`: commands until a parenthesis closes.
    Commands,
    /// `${ … }`.
    Parameter,
    Backquote,
    Arithmetic,
}

/// The quoting of each of the ranges, which are in order.
pub(super) fn quotings(text: &str, ranges: &[Range<usize>]) -> Vec<Quoting> {
    let mut scan = Scan { text: text.as_bytes(), at: 0, modes: Vec::new(), documents: Vec::new(), bodies: Vec::new() };
    let quoting = |range: &Range<usize>| {
        scan.until(range.start);
        scan.quoting(range)
    };
    ranges.iter().map(quoting).collect()
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    modes: Vec<Mode>,
    documents: Vec<Document>,
    /// Bodies of here-documents that were stepped over, and whether they are expanded.
    bodies: Vec<(Range<usize>, bool)>,
}

struct Document {
    name: Vec<u8>,
    tabs: bool,
    expanded: bool,
}

/// Nesting beyond this is taken for text.
const DEEPEST: usize = 64;

impl Scan<'_> {
    fn quoting(&self, range: &Range<usize>) -> Quoting {
        if self.at > range.start {
            // Something that holds it was stepped over: a comment, a document.
            return self.inside(range.start);
        }
        match self.modes.last() {
            None | Some(Mode::Commands) if self.is_pattern(range) => {
                Quoting::Elsewhere("the value is a name or a pattern")
            }
            None | Some(Mode::Commands) => Quoting::None,
            Some(Mode::Double) => Quoting::Double,
            Some(Mode::Single) => Quoting::Single,
            Some(Mode::Ansi) => Quoting::Ansi,
            Some(Mode::Parameter) => Quoting::Elsewhere("the value is inside an expansion"),
            Some(Mode::Backquote) => Quoting::Elsewhere("the value is inside backquotes"),
            Some(Mode::Arithmetic) => Quoting::Elsewhere("the value is inside arithmetic"),
        }
    }

    /// A name on the left of `=`, a function's name, a word with an escape in it.
    fn is_pattern(&self, range: &Range<usize>) -> bool {
        let next = self.text[range.end..].trim_ascii_start();
        let before = range.start.checked_sub(1).map(|at| self.text[at]);
        let begins = !before.is_some_and(is_word);
        let line = memchr::memrchr(b'\n', &self.text[..range.start]).map_or(0, |found| found + 1);
        let first = self.text[line..range.start].trim_ascii();
        let named = next.starts_with(b"(") || next.starts_with(b"=") && self.text.get(range.end) == Some(&b'=');
        begins && named || before == Some(b'\\') || first == b"function" || first == b"alias"
    }

    /// What a place is in that was stepped over as a whole.
    fn inside(&self, at: usize) -> Quoting {
        let Some((_, expanded)) = self.bodies.iter().rev().find(|(body, _)| body.contains(&at)) else {
            return Quoting::Elsewhere("the value is in a comment, or ends a here-document");
        };
        let line = memchr::memrchr(b'\n', &self.text[..at]).map_or(0, |found| found + 1);
        let line = &self.text[line..at];
        let nested = line.contains(&b'`') || line.ends_with(b"\\") || memchr::memmem::find(line, b"$(").is_some();
        match (expanded, nested) {
            (true, false) => Quoting::Double,
            (true, true) => Quoting::Elsewhere("the value is inside an expansion"),
            (false, _) => Quoting::Elsewhere("the value is in a here-document that is not expanded"),
        }
    }

    fn until(&mut self, end: usize) {
        while self.at < end.min(self.text.len()) {
            self.step();
        }
    }

    fn step(&mut self) {
        let byte = self.text[self.at];
        let next = self.text.get(self.at + 1).copied();
        match self.modes.last() {
            Some(Mode::Single) => self.pop_at(byte == b'\''),
            Some(Mode::Ansi) if byte == b'\\' => self.at += 2,
            Some(Mode::Ansi) => self.pop_at(byte == b'\''),
            _ if byte == b'\\' => self.at += 2,
            Some(Mode::Double) => match (byte, next) {
                (b'"', _) => self.pop_at(true),
                _ => self.expansion(byte, next),
            },
            Some(Mode::Arithmetic) if byte == b')' && next == Some(b')') => {
                self.modes.pop();
                self.at += 2;
            }
            Some(Mode::Parameter) if byte == b'}' => self.pop_at(true),
            Some(Mode::Commands) if byte == b')' => self.pop_at(true),
            Some(Mode::Backquote) if byte == b'`' => self.pop_at(true),
            _ => self.code(byte, next),
        }
    }

    fn code(&mut self, byte: u8, next: Option<u8>) {
        let before = self.at.checked_sub(1).map(|at| self.text[at]);
        let starts_word = before.is_none_or(|before| before.is_ascii_whitespace() || b";&|()".contains(&before));
        let in_parameter = matches!(self.modes.last(), Some(Mode::Parameter | Mode::Arithmetic));
        match (byte, next) {
            (b'#', _) if starts_word && !in_parameter => {
                self.at = memchr::memchr(b'\n', &self.text[self.at..]).map_or(self.text.len(), |end| self.at + end);
            }
            (b'\'', _) if !in_parameter => self.push(Mode::Single, 1),
            (b'"', _) => self.push(Mode::Double, 1),
            (b'$', Some(b'\'')) => self.push(Mode::Ansi, 2),
            (b'<', Some(b'<')) if self.text.get(self.at + 2) != Some(&b'<') && !in_parameter => self.document(),
            (b'<', Some(b'<')) => self.at += 3,
            (b'\n', _) if !self.documents.is_empty() => self.step_over_bodies(),
            // `case … in x)` closes nothing.
            (b'(', _) if !in_parameter => self.push(Mode::Commands, 1),
            _ => self.expansion(byte, next),
        }
    }

    /// `$(`, `${`, `` ` `` and `$((`.
    fn expansion(&mut self, byte: u8, next: Option<u8>) {
        match (byte, next) {
            (b'$', Some(b'(')) if self.text.get(self.at + 2) == Some(&b'(') => self.push(Mode::Arithmetic, 3),
            (b'$', Some(b'(')) => self.push(Mode::Commands, 2),
            (b'$', Some(b'{')) => self.push(Mode::Parameter, 2),
            (b'`', _) => self.push(Mode::Backquote, 1),
            _ => self.at += 1,
        }
    }

    fn push(&mut self, mode: Mode, width: usize) {
        if self.modes.len() < DEEPEST {
            self.modes.push(mode);
        }
        self.at += width;
    }

    fn pop_at(&mut self, closes: bool) {
        if closes {
            self.modes.pop();
        }
        self.at += 1;
    }

    /// `<<NAME`, `<<-'NAME'`.
    fn document(&mut self) {
        let mut at = self.at + 2;
        let tabs = self.text.get(at) == Some(&b'-');
        at += usize::from(tabs);
        at += self.text[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let word = &self.text[at..];
        let length = word.iter().take_while(|byte| !byte.is_ascii_whitespace() && !b";&|<>()".contains(byte)).count();
        let word = &word[..length];
        let name: Vec<u8> = word.iter().copied().filter(|byte| !b"'\"\\".contains(byte)).collect();
        if !name.is_empty() && !name[0].is_ascii_digit() {
            self.documents.push(Document { expanded: name.len() == word.len(), name, tabs });
        }
        self.at = at + length;
    }

    /// Steps over the bodies of documents, which begin on the next line.
    fn step_over_bodies(&mut self) {
        let mut at = self.at + 1;
        for document in std::mem::take(&mut self.documents) {
            let start = at;
            while at < self.text.len() {
                let end = memchr::memchr(b'\n', &self.text[at..]).map_or(self.text.len(), |end| at + end);
                let line = self.text[at..end].strip_suffix(b"\r").unwrap_or(&self.text[at..end]);
                let line =
                    if document.tabs { &line[line.iter().take_while(|byte| **byte == b'\t').count()..] } else { line };
                if line == document.name {
                    self.bodies.push((start..at, document.expanded));
                    at = end + 1;
                    break;
                }
                at = end + 1;
            }
        }
        self.at = at.min(self.text.len()).max(self.at + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The script with every `KEY` replaced; those that cannot be stay.
    fn replaced(script: &str) -> String {
        let ranges: Vec<Range<usize>> = script.match_indices("KEY").map(|(at, key)| at..at + key.len()).collect();
        let mut out = String::new();
        let mut end = 0;
        for (range, quoting) in ranges.iter().zip(quotings(script, &ranges)) {
            out.push_str(&script[end..range.start]);
            out.push_str(&render(&quoting, "N").unwrap_or_else(|_| script[range.clone()].to_owned()));
            end = range.end;
        }
        out + &script[end..]
    }

    #[test]
    fn a_value_is_replaced_as_its_quotes_ask() {
        for (script, expected) in [
            ("A=KEY", "A=\"${N}\""),
            ("A=\"x KEY\"", "A=\"x ${N}\""),
            ("A='x KEY y'", "A='x '\"${N}\"' y'"),
            ("A=$'x\\'KEY'", "A=$'x\\''\"${N}\"$''"),
            ("f \"$(g KEY \"KEY\")KEY\" KEY", "f \"$(g \"${N}\" \"${N}\")${N}\" \"${N}\""),
            ("# it's\nA=KEY", "# it's\nA=\"${N}\""),
            ("A=1 # KEY", "A=1 # KEY"),
            ("cat <<X\nit's KEY\nX\nA=KEY", "cat <<X\nit's ${N}\nX\nA=\"${N}\""),
            ("cat <<'X'\nKEY\nX\nA=KEY", "cat <<'X'\nKEY\nX\nA=\"${N}\""),
            ("A=${B:-KEY}", "A=${B:-KEY}"),
            ("KEY() { f KEY; }\nKEY=1", "KEY() { f \"${N}\"; }\nKEY=1"),
            ("cat <<KEY\nKEY x\nKEY\nA=KEY", "cat <<KEY\n${N} x\nKEY\nA=\"${N}\""),
            ("A=\\'KEY", "A=\\'\"${N}\""),
            ("case $x in\n  a) f KEY;;\nesac\nA='KEY'", "case $x in\n  a) f \"${N}\";;\nesac\nA=''\"${N}\"''"),
        ] {
            assert_eq!(replaced(script), expected, "{script}");
        }
    }
}
