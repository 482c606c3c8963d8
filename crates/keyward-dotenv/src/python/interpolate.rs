//! python-dotenv's references, `${NAME}` and `${NAME:-default}`. A name is any text without `}` and
//! `:`, a default any text without `}`.

use crate::Environment;
use crate::budget::{Budget, Exhausted};
use crate::entries::Entries;

/// Replaces each `${NAME}` and `${NAME:-default}` by the value read so far, else the environment's,
/// else the default, else nothing. A name that was read without a value counts as empty.
pub(super) fn interpolate(
    value: &str,
    entries: &Entries,
    env: Environment<'_>,
    budget: &mut Budget,
) -> Result<String, Exhausted> {
    let mut out = String::new();
    let mut rest = value;
    // Where the two ends of a name and of a default come next; both only move forward.
    let mut name_end = Next::of(b"}:");
    let mut default_end = Next::of(b"}");
    let mut from = 0;
    while let Some(at) = value[from..].find("${").map(|at| from + at) {
        let start = at + 2;
        let Some(reference) = reference(value, start, &mut name_end, &mut default_end) else {
            from = at + 1;
            continue;
        };
        out.push_str(&rest[..at - (value.len() - rest.len())]);
        let replacement = match entries.get(reference.name) {
            Some(entry) => entry.value.clone().unwrap_or_default(),
            None => env(reference.name).unwrap_or_else(|| reference.default.to_owned()),
        };
        budget.spend(replacement.len())?;
        out.push_str(&replacement);
        from = reference.end;
        rest = &value[from..];
    }
    out.push_str(rest);
    Ok(out)
}

struct Reference<'v> {
    name: &'v str,
    default: &'v str,
    end: usize,
}

fn reference<'v>(value: &'v str, start: usize, name_end: &mut Next, default_end: &mut Next) -> Option<Reference<'v>> {
    let end = name_end.from(value, start)?;
    let name = &value[start..end];
    if value.as_bytes()[end] == b'}' {
        return Some(Reference { name, default: "", end: end + 1 });
    }
    if !value[end..].starts_with(":-") {
        return None;
    }
    let close = default_end.from(value, end + 2)?;
    Some(Reference { name, default: &value[end + 2..close], end: close + 1 })
}

/// Finds the next of some bytes from places that only move forward, reading each byte once.
struct Next {
    bytes: &'static [u8],
    found: Option<usize>,
    read_to: usize,
}

impl Next {
    fn of(bytes: &'static [u8]) -> Self {
        Self { bytes, found: None, read_to: 0 }
    }

    fn from(&mut self, value: &str, start: usize) -> Option<usize> {
        if self.found.is_none_or(|found| found < start) {
            let start = start.max(self.read_to);
            let found = value.as_bytes()[start..].iter().position(|byte| self.bytes.contains(byte));
            self.found = found.map(|at| start + at);
            self.read_to = self.found.map_or(value.len(), |found| found + 1);
        }
        self.found
    }
}
