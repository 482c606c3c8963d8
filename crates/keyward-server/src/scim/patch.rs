//! `PATCH` (RFC 7644, 3.5.2), as identity providers send it: with and without a path, operations in
//! every spelling, booleans as words, dotted names as keys.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::scim::fault::{Fault, Result};
use crate::scim::filter::{Filter, attribute};
use crate::scim::path::Path;

/// One operation.
#[derive(Debug)]
pub(super) struct Operation {
    verb: Verb,
    path: Option<Path>,
    value: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Add,
    Replace,
    Remove,
}

/// Most operations of one request.
const MOST: usize = 1000;
/// What only the server says. Where a provider repeats it among other things, that is passed over.
const READ_ONLY: [&str; 4] = ["id", "meta", "groups", "schemas"];
/// Attributes with several values.
const SEVERAL: [&str; 10] = [
    "emails",
    "phoneNumbers",
    "ims",
    "photos",
    "addresses",
    "entitlements",
    "roles",
    "x509Certificates",
    "members",
    "groups",
];

/// Reads the operations of a request.
///
/// # Errors
/// `invalidSyntax`, `invalidPath`, `noTarget` for a removal of nothing in particular.
pub(super) fn operations(sent: &Map<String, Value>) -> Result<Vec<Operation>> {
    let wrong =
        || Fault::wrong("invalidSyntax", "a patch is an object with `Operations`, a list of `op`, `path`, `value`");
    let sent = Value::Object(sent.clone());
    let operations = attribute(&sent, "Operations").and_then(Value::as_array).ok_or_else(wrong)?;
    if operations.is_empty() || operations.len() > MOST {
        return Err(Fault::wrong("invalidSyntax", format!("a patch has 1 to {MOST} operations")));
    }
    let read = |one: &Value| {
        let verb = attribute(one, "op").and_then(Value::as_str).ok_or_else(wrong)?;
        let verb = match verb.to_ascii_lowercase().as_str() {
            "add" => Verb::Add,
            "replace" => Verb::Replace,
            "remove" => Verb::Remove,
            _ => return Err(Fault::wrong("invalidSyntax", "`op` is `add`, `replace` or `remove`")),
        };
        let path = match attribute(one, "path") {
            None | Some(Value::Null) => None,
            Some(Value::String(path)) => Some(Path::parse(path)?),
            Some(_) => return Err(Fault::wrong("invalidPath", "a path is a text")),
        };
        let value = attribute(one, "value").cloned();
        match (verb, &path, &value) {
            (Verb::Remove, None, _) => Err(Fault::wrong("noTarget", "a removal says what it removes, in `path`")),
            (Verb::Add | Verb::Replace, _, None) => Err(Fault::wrong("invalidValue", "this operation needs a `value`")),
            _ => Ok(Operation { verb, path, value }),
        }
    };
    operations.iter().map(read).collect()
}

impl Operation {
    /// Carries it out on a resource.
    ///
    /// # Errors
    /// `mutability` for what only the server says, `noTarget`, `invalidValue`, `invalidPath`.
    pub(super) fn apply(self, to: &mut Map<String, Value>) -> Result<()> {
        match (self.path, self.value) {
            (Some(path), value) => at(to, self.verb, &path, value),
            (None, Some(Value::Object(values))) => {
                for (key, value) in values {
                    // Extensions come as objects under their names; everything else may be a path.
                    let path = Path::parse(&key)?;
                    let says_nothing =
                        path.names.len() == 1 && READ_ONLY.iter().any(|own| own.eq_ignore_ascii_case(&key));
                    if !says_nothing {
                        at(to, self.verb, &path, Some(value))?;
                    }
                }
                Ok(())
            }
            (None, _) => Err(Fault::wrong("invalidValue", "without a `path` the `value` is an object")),
        }
    }
}

fn at(to: &mut Map<String, Value>, verb: Verb, path: &Path, value: Option<Value>) -> Result<()> {
    let Some((last, outer)) = path.names.split_last() else {
        return Err(Fault::wrong("invalidPath", "the path is empty"));
    };
    if READ_ONLY.iter().any(|own| own.eq_ignore_ascii_case(&path.names[0])) {
        return Err(Fault::wrong("mutability", format!("`{}` is said by the server alone", path.names[0])));
    }
    let mut within = to;
    for name in outer {
        let key = spelled(within, name);
        if verb == Verb::Remove && !within.contains_key(&key) {
            return Ok(());
        }
        let next = within.entry(key).or_insert_with(|| Value::Object(Map::new()));
        within = next.as_object_mut().ok_or_else(|| Fault::wrong("invalidPath", format!("`{name}` has no parts")))?;
    }
    let key = spelled(within, last);
    match &path.filter {
        Some(filter) => among(within, key, verb, filter, path.sub.as_deref(), value),
        None => whole(within, key, verb, value),
    }
}

/// A whole attribute.
fn whole(within: &mut Map<String, Value>, key: String, verb: Verb, value: Option<Value>) -> Result<()> {
    let several = SEVERAL.iter().any(|name| name.eq_ignore_ascii_case(&key));
    match (verb, value) {
        (Verb::Remove, Some(Value::Array(gone))) if several => {
            // Of a list these, as some providers take members out.
            let gone: HashSet<String> = gone.iter().map(known_by).collect();
            if let Some(Value::Array(there)) = within.get_mut(&key) {
                there.retain(|one| !gone.contains(&known_by(one)));
            }
        }
        (Verb::Remove, _) => drop(within.remove(&key)),
        (_, None | Some(Value::Null)) => drop(within.remove(&key)),
        (Verb::Add, Some(value)) if several => {
            let there = within.entry(key).or_insert_with(|| Value::Array(Vec::new()));
            let Value::Array(there) = there else {
                return Err(Fault::wrong("invalidValue", "what is there is no list"));
            };
            let mut known: HashSet<String> = there.iter().map(known_by).collect();
            there.extend(listed(value).into_iter().filter(|one| known.insert(known_by(one))));
        }
        (Verb::Replace, Some(value)) if several => drop(within.insert(key, Value::Array(listed(value)))),
        (_, Some(Value::Object(parts))) => match within.entry(key).or_insert_with(|| Value::Object(Map::new())) {
            // Parts that are not named stay.
            Value::Object(there) => {
                for (part, value) in parts {
                    let part = spelled(there, &part);
                    there.insert(part, value);
                }
            }
            other => *other = Value::Object(parts),
        },
        (_, Some(value)) => drop(within.insert(key, value)),
    }
    Ok(())
}

/// The elements of a list for which a filter holds.
fn among(
    within: &mut Map<String, Value>,
    key: String,
    verb: Verb,
    filter: &Filter,
    sub: Option<&str>,
    value: Option<Value>,
) -> Result<()> {
    let no_target = || Fault::wrong("noTarget", "nothing there is as the path says");
    let there = match within.entry(key).or_insert_with(|| Value::Array(Vec::new())) {
        Value::Array(there) => there,
        _ => return Err(no_target()),
    };
    if verb == Verb::Remove && sub.is_none() {
        there.retain(|one| !filter.holds(one));
        return Ok(());
    }
    if verb != Verb::Remove && !there.iter().any(|one| filter.holds(one)) {
        // RFC 7644, 3.5.2.3, for `replace`; an addition makes what it speaks of.
        let (name, wanted) = filter.wanted().filter(|_| verb == Verb::Add).ok_or_else(no_target)?;
        there.push(Value::Object([(name.to_owned(), wanted.clone())].into_iter().collect()));
    }
    for one in there.iter_mut().filter(|one| filter.holds(one)) {
        let parts = one.as_object_mut().ok_or_else(no_target)?;
        match (sub, &value) {
            (Some(sub), Some(value)) if verb != Verb::Remove => {
                let sub = spelled(parts, sub);
                parts.insert(sub, value.clone());
            }
            (Some(sub), _) => {
                let sub = spelled(parts, sub);
                parts.remove(&sub);
            }
            (None, Some(Value::Object(new))) => new.iter().for_each(|(part, value)| {
                let part = spelled(parts, part);
                parts.insert(part, value.clone());
            }),
            (None, _) => return Err(Fault::wrong("invalidValue", "an element of a list is an object")),
        }
    }
    Ok(())
}

/// The key as it stands there already, since names do not differ by case.
fn spelled(within: &Map<String, Value>, name: &str) -> String {
    within.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned().unwrap_or_else(|| name.to_owned())
}

fn listed(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        one => vec![one],
    }
}

/// Elements of lists are told apart by their values.
fn known_by(element: &Value) -> String {
    attribute(element, "value").unwrap_or(element).to_string()
}

#[cfg(test)]
mod tests;
