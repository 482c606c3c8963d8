//! Values in files that are read line by line: `.env` files and YAML.

use std::ops::Range;

use zeroize::Zeroizing;

use super::Refusal;
use super::escape::unescape;
use super::naming::is_variable;

/// An assignment of a `.env` file.
pub(super) struct Assignment {
    pub(super) name: String,
    /// The whole value, as programs read it.
    pub(super) value: Zeroizing<Vec<u8>>,
    /// What goes: the lines, their break included.
    pub(super) range: Range<usize>,
    /// What stays of them: a comment behind the value.
    pub(super) rest: String,
}

const REFERS: &str = "the value refers to other variables";

/// The assignment in which `at` stands.
pub(super) fn assignment(text: &str, at: usize) -> Result<Assignment, Refusal> {
    let mut start = 0;
    // Values in quotes span lines, so that lines are read from the first.
    while start < text.len() {
        let parsed = parse(text, start);
        let end = parsed.as_ref().map_or_else(|_| line_end(text, start), |one| one.range.end);
        if at < end {
            return parsed;
        }
        start = end.max(start + 1);
    }
    Err(Refusal::new("the value is not in an assignment", "move it by hand"))
}

fn parse(text: &str, start: usize) -> Result<Assignment, Refusal> {
    let unreadable = || Refusal::new("the line is not an assignment", "`keyward import` reads whole files");
    let end = line_end(text, start);
    let line = text[start..end].trim_end_matches(['\n', '\r']);
    let bare = line.trim_start();
    if bare.starts_with('#') {
        return Err(Refusal::new(
            "the value is in a comment",
            "delete the comment: the value is in the history of the file",
        ));
    }
    let bare = bare.strip_prefix("export ").map_or(bare, str::trim_start);
    let (name, value) = bare.split_once('=').ok_or_else(unreadable)?;
    let name = name.trim();
    if !is_variable(name) {
        return Err(Refusal::new("the variable's name is not one that keyward gives to programs", "rename it"));
    }
    let value_start = end - (text[start..end].len() - line.len()) - value.len();
    let value_start = value_start + (value.len() - value.trim_start_matches([' ', '\t']).len());
    let (value, value_end) = value_of(text, value_start, end)?;
    let range_end = line_end(text, value_end);
    let rest = text[value_end..range_end].trim();
    if !rest.is_empty() && !rest.starts_with('#') {
        return Err(unreadable());
    }
    let newline = &text[range_end
        - (text[value_end..range_end].len() - text[value_end..range_end].trim_end_matches(['\r', '\n']).len())
        ..range_end];
    let rest = if rest.is_empty() { String::new() } else { format!("{rest}{newline}") };
    // The byte order mark stays.
    let start = if text[start..].starts_with('\u{feff}') { start + 3 } else { start };
    Ok(Assignment { name: name.to_owned(), value, range: start..range_end, rest })
}

/// The value that begins at `start` on a line, and where it ends.
fn value_of(text: &str, start: usize, line_end: usize) -> Result<(Zeroizing<Vec<u8>>, usize), Refusal> {
    let rest = &text[start..];
    let unclosed = || Refusal::new("a quote is not closed", "close it");
    match rest.chars().next() {
        Some('\'') => {
            let end = rest[1..].find('\'').ok_or_else(unclosed)? + 1;
            Ok((Zeroizing::new(rest.as_bytes()[1..end].to_vec()), start + end + 1))
        }
        Some('"') => {
            let mut end = 1;
            while end < rest.len() && rest.as_bytes()[end] != b'"' {
                end += 1 + usize::from(rest.as_bytes()[end] == b'\\');
            }
            if end >= rest.len() {
                return Err(unclosed());
            }
            let inner = &rest[1..end];
            if inner.contains('$') {
                return Err(Refusal::new(REFERS, "write it out, or move it by hand"));
            }
            let value =
                unescape(inner).ok_or_else(|| Refusal::new("the value has an unknown escape", "move it by hand"))?;
            Ok((value, start + end + 1))
        }
        _ => {
            let line = text[start..line_end].trim_end_matches(['\n', '\r']);
            let end = line.find(" #").or_else(|| line.find("\t#")).unwrap_or(line.len());
            let value = line[..end].trim_end();
            if value.contains('$') {
                return Err(Refusal::new(REFERS, "write it out, or move it by hand"));
            }
            Ok((Zeroizing::new(value.as_bytes().to_vec()), start + value.len()))
        }
    }
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |end| at + end + 1)
}

/// Who fills in variables of a YAML file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filler {
    /// `docker compose`: `${NAME}`.
    Compose,
    /// GitHub Actions: `${{ secrets.NAME }}`.
    Workflow,
}

impl Filler {
    /// By the file's path.
    pub(super) fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or_default();
        if format!("/{path}").contains("/.github/workflows/") {
            Some(Self::Workflow)
        } else if name.starts_with("docker-compose") || name.starts_with("compose.") || name.starts_with("compose-") {
            Some(Self::Compose)
        } else {
            None
        }
    }
}

/// The replacement of a value in YAML.
pub(super) fn yaml(text: &str, range: &Range<usize>, filler: Option<Filler>, name: &str) -> Result<String, Refusal> {
    let Some(filler) = filler else {
        return Err(Refusal::new(
            "nothing fills in variables in this YAML file",
            "have it made from a template, or mount the secret",
        ));
    };
    let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let head = &text[start..range.start];
    if head.trim_start().starts_with('#') || head.contains(" #") {
        return Err(Refusal::new("the value is in a comment", "delete the comment"));
    }
    if text[range.clone()].contains('\n') {
        return Err(Refusal::new("the value spans several lines", "mount it as a file"));
    }
    let quoted = head.matches('"').count() % 2 == 1 || head.matches('\'').count() % 2 == 1;
    let flow = head.contains(['{', '[']);
    let key = text[range.end..].starts_with(':') && head.trim_matches([' ', '-', '"', '\'']).is_empty();
    let anchor = head.trim_end().ends_with(['&', '*', '!']);
    if flow && !quoted || key || anchor {
        return Err(Refusal::new("a variable cannot stand here", "put the value between quotes"));
    }
    match filler {
        Filler::Compose => Ok(format!("${{{name}}}")),
        Filler::Workflow if head.trim_start().trim_start_matches("- ").starts_with("if:") => {
            Err(Refusal::new("conditions cannot read secrets", "give it to `env` and compare that"))
        }
        // GitHub keeps names that begin so to itself.
        Filler::Workflow if name.starts_with("GITHUB_") => {
            Ok(format!("${{{{ secrets.GH_{} }}}}", &name["GITHUB_".len()..]))
        }
        Filler::Workflow => Ok(format!("${{{{ secrets.{name} }}}}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_with_its_quotes_and_comment() {
        let text = "# top\nA=1\nexport B=\"x\ny\\n\" # why\r\nC='a b'\nD=$A\n1E=2\nF = z";
        let at = |part: &str| assignment(text, text.find(part).expect("it is there"));
        let b = at("export").expect("B is an assignment");
        assert_eq!((b.name.as_str(), b.value.as_slice(), b.rest.as_str()), ("B", &b"x\ny\n"[..], "# why\r\n"));
        assert_eq!(&text[b.range.clone()], "export B=\"x\ny\\n\" # why\r\n");
        assert_eq!(at("y\\n").expect("inside its quotes").name, "B");
        assert_eq!(at("a b").expect("C").value.as_slice(), b"a b");
        assert_eq!(at("z").expect("F").value.as_slice(), b"z");
        for refused in ["top", "$A", "1E"] {
            assert!(at(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn yaml_is_changed_where_somebody_fills_it_in() {
        let fill = |path: &str, text: &str| {
            let at = text.find("KEY").expect("it is there");
            yaml(text, &(at..at + 3), Filler::of(path), "N").ok()
        };
        assert_eq!(fill("docker-compose.yml", "a: KEY").as_deref(), Some("${N}"));
        assert_eq!(fill("x/.github/workflows/ci.yml", "a: \"KEY\"").as_deref(), Some("${{ secrets.N }}"));
        assert_eq!(fill("compose.yaml", "a: [\"KEY\"]").as_deref(), Some("${N}"));
        for (path, text) in [
            ("values.yaml", "a: KEY"),
            ("compose.yaml", "a: [KEY]"),
            ("compose.yaml", "# a: KEY"),
            ("compose.yaml", "KEY: a"),
            (".github/workflows/a.yml", "if: x == 'KEY'"),
        ] {
            assert_eq!(fill(path, text), None, "{text}");
        }
    }
}
