//! The edits of a file.

use std::collections::BTreeMap;
use std::ops::Range;

use zeroize::Zeroizing;

use super::context::contexts;
use super::file::{File, Spot, refused};
use super::lexer::{Literal, Token};
use super::render::{Part, Target, render};
use super::{Edit, FilePlan, Refusal, Store, import, lines, shell};
use crate::engine::Hint;
use crate::misuse::Language;

/// Values of at least this length are replaced wherever they stand in a file, not only where they were found.
const ANYWHERE: usize = 12;

impl File<'_> {
    pub(super) fn plan(mut self, values: &[(Zeroizing<Vec<u8>>, String)]) -> FilePlan {
        if self.language != Language::DotEnv && !self.spots.is_empty() {
            self.find_others(values);
        }
        let mut spots = std::mem::take(&mut self.spots);
        spots.sort_by_key(|spot| (spot.range.start, std::cmp::Reverse(spot.range.end)));
        // A value within a value goes with it.
        let mut end = 0;
        spots.retain(|spot| {
            let own = spot.range.start >= end;
            end = end.max(spot.range.end);
            own
        });
        match self.language {
            Language::DotEnv => self.remove_lines(&spots),
            Language::Shell => self.replace_in_shell(&spots),
            Language::Yaml => self.replace_in_yaml(&spots),
            _ => self.replace_in_code(&spots),
        }
        self.plan.refused.sort_by(|a, b| (a.line, &a.rule).cmp(&(b.line, &b.rule)));
        self.plan.refused.dedup();
        self.plan
    }

    /// Adds the places at which known values stand too.
    fn find_others(&mut self, values: &[(Zeroizing<Vec<u8>>, String)]) {
        let mut others = Vec::new();
        for (value, name) in values.iter().filter(|(value, _)| value.len() >= ANYWHERE && !value.contains(&b'\\')) {
            for at in memchr::memmem::find_iter(&self.bytes, value.as_slice()) {
                let range = at..at + value.len();
                let inside = |at: usize| self.bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
                let apart = !at.checked_sub(1).is_some_and(inside) && !inside(range.end);
                if apart && self.spots.iter().all(|spot| spot.range.end <= at || range.end <= spot.range.start) {
                    others.push((range, value.clone(), name.clone()));
                }
            }
        }
        for (range, value, name) in others {
            let line = u32::try_from(self.line(range.start)).unwrap_or(u32::MAX);
            self.spots.push(Spot { range, value, name, line, rule: "the same value".to_owned() });
        }
    }

    fn remove_lines(&mut self, spots: &[Spot]) {
        let mut end = 0;
        for spot in spots {
            let Ok(assignment) = lines::assignment(self.text(), spot.range.start) else { continue };
            if assignment.range.start < end {
                continue;
            }
            end = assignment.range.end;
            self.plan.hidden.push(assignment.value.clone());
            self.plan.edits.push(Edit { range: assignment.range, replacement: assignment.rest });
            self.store(spot);
        }
    }

    fn replace_in_shell(&mut self, spots: &[Spot]) {
        let ranges: Vec<Range<usize>> = spots.iter().map(|spot| spot.range.clone()).collect();
        let quotings = shell::quotings(self.text(), &ranges);
        for (spot, quoting) in spots.iter().zip(quotings) {
            let rendered = shell::render(&quoting, &spot.name);
            self.apply(spot, spot.range.clone(), rendered);
        }
    }

    fn replace_in_yaml(&mut self, spots: &[Spot]) {
        let filler = lines::Filler::of(self.path);
        for spot in spots {
            let rendered = lines::yaml(self.text(), &spot.range, filler, &spot.name);
            self.apply(spot, spot.range.clone(), rendered);
        }
    }

    fn apply(&mut self, spot: &Spot, range: Range<usize>, rendered: Result<String, Refusal>) {
        match rendered {
            Ok(replacement) => {
                self.plan.edits.push(Edit { range, replacement });
                self.store(spot);
            }
            Err(refusal) => self.plan.refused.push(refused(spot.line, &spot.rule, &refusal)),
        }
    }

    fn replace_in_code(&mut self, spots: &[Spot]) {
        let mut by_literal: BTreeMap<usize, Vec<&Spot>> = BTreeMap::new();
        for spot in spots {
            match self.literal(spot.range.start).and_then(|literal| inside(self.text(), &literal, &spot.range)) {
                Ok(()) => {
                    let index = self.tokens.partition_point(|token| token.range().end <= spot.range.start);
                    by_literal.entry(index).or_default().push(spot);
                }
                Err(refusal) => self.plan.refused.push(refused(spot.line, &spot.rule, &refusal)),
            }
        }
        let wanted: Vec<usize> = by_literal.keys().copied().collect();
        let by_line = self.language == Language::Go;
        let contexts = contexts(self.text(), &self.tokens, &wanted, by_line);
        let mut done: Vec<(Edit, Vec<&Spot>)> = Vec::new();
        for (index, spots) in by_literal {
            let (Token::Literal(literal), Some(context)) = (&self.tokens[index], contexts.get(&index)) else {
                continue;
            };
            let parts = parts(self.text(), literal, &spots);
            let components = matches!(Hint { path: self.path, depth: 0 }.extension().as_str(), "jsx" | "tsx" | "js");
            let target =
                Target { text: self.text(), language: self.language, components, literal, context, parts: &parts };
            match render(&target) {
                Ok(replacement) => done.push((Edit { range: literal.outer.clone(), replacement }, spots)),
                Err(refusal) => {
                    let all = spots.iter().map(|spot| refused(spot.line, &spot.rule, &refusal));
                    self.plan.refused.extend(all);
                }
            }
        }
        self.finish(done);
    }

    /// Takes the edits over, with the import that they need.
    fn finish(&mut self, done: Vec<(Edit, Vec<&Spot>)>) {
        let Some(first) = done.first().map(|(edit, _)| edit.range.start) else { return };
        match import::import(self.text(), &self.tokens, self.language, first) {
            Ok(import) => {
                for (edit, spots) in done {
                    self.plan.edits.push(edit);
                    spots.into_iter().for_each(|spot| self.store(spot));
                }
                self.plan.edits.extend(import);
                self.plan.edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
            }
            Err(reason) => {
                let refusal = Refusal::new(reason, "replace the value by hand");
                let all = done.iter().flat_map(|(_, spots)| spots).map(|spot| refused(spot.line, &spot.rule, &refusal));
                self.plan.refused.extend(all);
            }
        }
    }

    fn store(&mut self, spot: &Spot) {
        let store = Store { name: spot.name.clone(), value: spot.value.clone() };
        if !self.plan.stores.contains(&store) {
            self.plan.stores.push(store);
        }
    }
}

/// Whether a value stands in a literal's text, not in the code inside it.
fn inside(text: &str, literal: &Literal, range: &Range<usize>) -> Result<(), Refusal> {
    if range.start < literal.inner.start || literal.inner.end < range.end {
        return Err(Refusal::new("the value spans several literals", "replace it by hand"));
    }
    // `\` and the value's first letter are one escape: apart, the `\` would escape what comes in its place.
    let before = text[literal.inner.start..range.start].bytes().rev().take_while(|byte| *byte == b'\\').count();
    let verbatim = literal.prefix.contains(['r', 'R']);
    if before % 2 == 1 && !verbatim {
        return Err(Refusal::new("the value begins inside an escape", "replace it by hand"));
    }
    if literal.holes.iter().any(|hole| hole.start < range.end && range.start < hole.end) {
        return Err(Refusal::new("the value is in code inside a text", "replace it by hand"));
    }
    Ok(())
}

fn parts<'t>(text: &'t str, literal: &Literal, spots: &[&'t Spot]) -> Vec<Part<'t>> {
    let mut parts = Vec::new();
    let mut at = literal.inner.start;
    for spot in spots {
        if at < spot.range.start {
            parts.push(Part::Text(&text[at..spot.range.start]));
        }
        parts.push(Part::Name(&spot.name));
        at = spot.range.end;
    }
    if at < literal.inner.end {
        parts.push(Part::Text(&text[at..literal.inner.end]));
    }
    parts
}
