//! compose-go's references: `$NAME`, `${NAME}`, and with `:-`, `-`, `:+`, `+`, `:?`, `?` and a text
//! that is itself a template. `$$` is a dollar sign; `${` that begins none of these is an error.

use crate::Reason;
use crate::budget::Budget;

/// How deep a reference may stand in the text of another.
const DEPTH: usize = 256;

type Lookup<'l> = &'l dyn Fn(&str) -> Option<String>;

pub(super) fn substitute(template: &str, lookup: Lookup<'_>, budget: &mut Budget) -> Result<String, Reason> {
    let mut out = String::new();
    Substitution { lookup, budget, out: &mut out }.template(template, DEPTH)?;
    Ok(out)
}

struct Substitution<'s> {
    lookup: Lookup<'s>,
    budget: &'s mut Budget,
    out: &'s mut String,
}

impl Substitution<'_> {
    fn template(&mut self, template: &str, depth: usize) -> Result<(), Reason> {
        self.budget.spend(template.len()).map_err(|_| Reason::Endless)?;
        let mut last_brace = LastBrace { line_end: 0, at: None };
        let mut rest = template;
        while let Some(at) = rest.find('$') {
            self.out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            if let Some(braced) = after.strip_prefix('{') {
                let from = template.len() - braced.len();
                let last = last_brace.in_line(template, from).map(|last| last - from);
                let reference = Reference::braced(braced, last).ok_or(Reason::Reference)?;
                self.reference(&reference, depth)?;
                rest = &braced[reference.end..];
            } else if let Some(left) = after.strip_prefix('$') {
                self.out.push('$');
                rest = left;
            } else {
                let name = &after[..name_length(after)];
                if name.is_empty() {
                    self.out.push('$');
                } else {
                    self.put(&(self.lookup)(name).unwrap_or_default())?;
                }
                rest = &after[name.len()..];
            }
        }
        self.out.push_str(rest);
        Ok(())
    }

    fn reference(&mut self, reference: &Reference<'_>, depth: usize) -> Result<(), Reason> {
        let value = (self.lookup)(reference.name);
        let Some((operator, text)) = reference.operator else {
            return self.put(&value.unwrap_or_default());
        };
        let counts = value.as_ref().is_some_and(|value| !operator.empty_is_unset || !value.is_empty());
        match operator.kind {
            Kind::Default | Kind::Required if counts => self.put(&value.unwrap_or_default()),
            Kind::Alternative if !counts => self.put(&value.unwrap_or_default()),
            Kind::Default | Kind::Alternative => self.template(text, depth.checked_sub(1).ok_or(Reason::Nested)?),
            Kind::Required => Err(Reason::Required),
        }
    }

    fn put(&mut self, value: &str) -> Result<(), Reason> {
        self.budget.spend(value.len()).map_err(|_| Reason::Endless)?;
        self.out.push_str(value);
        Ok(())
    }
}

struct Reference<'t> {
    name: &'t str,
    operator: Option<(Operator, &'t str)>,
    /// Behind the closing brace.
    end: usize,
}

#[derive(Clone, Copy)]
struct Operator {
    kind: Kind,
    /// With a colon.
    empty_is_unset: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Default,
    Alternative,
    Required,
}

impl<'t> Reference<'t> {
    /// From behind `${`; `last` is the last closing brace of the line, up to which the library takes
    /// the text of an operator before it looks for the brace that balances.
    fn braced(braced: &'t str, last: Option<usize>) -> Option<Self> {
        let length = name_length(braced);
        let name = &braced[..length];
        if name.is_empty() {
            return None;
        }
        if braced[length..].starts_with('}') {
            return Some(Self { name, operator: None, end: length + 1 });
        }
        let (empty_is_unset, after) = match braced[length..].strip_prefix(':') {
            Some(after) => (true, after),
            None => (false, &braced[length..]),
        };
        let kind = match after.chars().next()? {
            '-' => Kind::Default,
            '+' => Kind::Alternative,
            '?' => Kind::Required,
            _ => return None,
        };
        let text = braced.len() - after.len() + 1;
        let last = last.filter(|&last| last >= text)?;
        let close = balanced(&braced[..=last]).unwrap_or(last);
        Some(Self { name, operator: Some((Operator { kind, empty_is_unset }, &braced[text..close])), end: close + 1 })
    }
}

/// The brace that closes the one before `braced`. As in the library, the character after an opening
/// brace is not looked at.
fn balanced(braced: &str) -> Option<usize> {
    let bytes = braced.as_bytes();
    let mut open = 1;
    // The first character is the one after the opening brace of the reference itself.
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'}' => {
                open -= 1;
                if open == 0 {
                    return Some(at);
                }
            }
            b'{' => {
                open += 1;
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The last closing brace of a line, found once a line.
struct LastBrace {
    line_end: usize,
    at: Option<usize>,
}

impl LastBrace {
    fn in_line(&mut self, template: &str, from: usize) -> Option<usize> {
        if from >= self.line_end {
            self.line_end = template[from..].find('\n').map_or(template.len(), |end| from + end) + 1;
            self.at = template[from..self.line_end.min(template.len())].rfind('}').map(|at| from + at);
        }
        self.at.filter(|&at| at >= from)
    }
}

/// `[_a-z][_a-z0-9]*` without case, which in Unicode takes in the long s and the kelvin sign.
fn name_length(text: &str) -> usize {
    let is_letter = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '\u{17f}' | '\u{212a}');
    if !text.starts_with(is_letter) {
        return 0;
    }
    text.find(|c| !is_letter(c) && !c.is_ascii_digit()).unwrap_or(text.len())
}
