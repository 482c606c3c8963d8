//! Texts that a regular expression matches, drawn by chance.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::draw::Draw;

/// An expression to draw from.
pub(crate) struct Pattern(Hir);

impl Pattern {
    /// `None` for what is no expression, or an empty one.
    pub(crate) fn read(pattern: &str) -> Option<Self> {
        let hir = ParserBuilder::new().utf8(false).build().parse(pattern).ok()?;
        hir.properties().minimum_len().is_some_and(|length| length > 0).then_some(Self(hir))
    }

    /// What stands in its first group; all of it where it has none.
    pub(crate) fn value(&self, draw: &mut Draw) -> String {
        let mut out = String::new();
        grow(group(&self.0).unwrap_or(&self.0), draw, &mut out);
        out
    }

    /// A text that it matches, but for boundaries.
    pub(crate) fn whole(&self, draw: &mut Draw) -> String {
        let mut out = String::new();
        grow(&self.0, draw, &mut out);
        out
    }
}

/// How many more than needed are drawn of what may be repeated without end.
const MORE: u32 = 16;

fn group(hir: &Hir) -> Option<&Hir> {
    match hir.kind() {
        HirKind::Capture(capture) => Some(&capture.sub),
        HirKind::Repetition(repetition) => group(&repetition.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().find_map(group),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => None,
    }
}

fn grow(hir: &Hir, draw: &mut Draw, out: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => {
            let letters = letters(class);
            out.extend(letters.get(draw.below(letters.len())).copied().map(char::from));
        }
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(u32::MAX).min(repetition.min.saturating_add(MORE));
            let count = repetition.min + draw.below((most - repetition.min + 1) as usize) as u32;
            (0..count).for_each(|_| grow(&repetition.sub, draw, out));
        }
        HirKind::Capture(capture) => grow(&capture.sub, draw, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| grow(part, draw, out)),
        HirKind::Alternation(parts) => grow(&parts[draw.below(parts.len())], draw, out),
    }
}

/// What is drawn of a class. Of one that takes nearly everything (`.`, `\S`), letters and digits; `=` only where there
/// are no letters, since among the letters of base64 it is padding, and stands at the end.
fn letters(class: &Class) -> Vec<u8> {
    let has = |byte: u8| match class {
        Class::Unicode(class) => class.iter().any(|range| (range.start()..=range.end()).contains(&char::from(byte))),
        Class::Bytes(class) => class.iter().any(|range| (range.start()..=range.end()).contains(&byte)),
    };
    let printable: Vec<u8> = (b' '..=b'~').filter(|byte| has(*byte)).collect();
    let words: Vec<u8> = printable.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    match (words.len(), printable.len()) {
        (36.., 80..) => words,
        (10.., _) => printable.into_iter().filter(|byte| *byte != b'=').collect(),
        (_, 0) => (0..128).filter(|byte| has(*byte)).collect(),
        _ => printable,
    }
}
