//! Paths of attributes, as filters and patches write them: `name.givenName`,
//! `emails[type eq "work"].value`, `urn:…:User:department`.

use crate::scim::fault::{Fault, Result};
use crate::scim::filter::{self, Filter};
use crate::scim::{ENTERPRISE, GROUP, USER};

/// Which part of a resource is meant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    /// The attributes from outside in; the first may be the name of an extension.
    pub(super) names: Vec<String>,
    /// Which elements of it.
    pub(super) filter: Option<Filter>,
    /// Which part of these.
    pub(super) sub: Option<String>,
}

impl Path {
    /// Reads a path of a patch.
    ///
    /// # Errors
    /// `invalidPath` for what is none.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let wrong = || Fault::wrong("invalidPath", "the path cannot be read");
        let (head, rest) = match text.split_once('[') {
            None => (text, None),
            Some((head, rest)) => {
                let end = rest.rfind(']').ok_or_else(wrong)?;
                (head, Some((&rest[..end], &rest[end + 1..])))
            }
        };
        let names = names(head).ok_or_else(wrong)?;
        let Some((filter, sub)) = rest else { return Ok(Self { names, filter: None, sub: None }) };
        let filter = filter::parse(filter).map_err(|_| wrong())?;
        let sub = match sub.strip_prefix('.') {
            Some(sub) if is_name(sub) => Some(sub.to_owned()),
            None if sub.is_empty() => None,
            _ => return Err(wrong()),
        };
        Ok(Self { names, filter: Some(filter), sub })
    }
}

/// The names of an attribute from outside in. The schemas of the resources themselves are left out.
pub(super) fn names(text: &str) -> Option<Vec<String>> {
    let lower = text.to_ascii_lowercase();
    for own in [USER, GROUP] {
        if lower.starts_with(&format!("{}:", own.to_ascii_lowercase())) {
            return split(&text[own.len() + 1..]);
        }
    }
    if lower.starts_with(&ENTERPRISE.to_ascii_lowercase()) {
        let mut names = vec![ENTERPRISE.to_owned()];
        match text[ENTERPRISE.len()..].strip_prefix(':') {
            Some(rest) => names.extend(split(rest)?),
            None if text.len() == ENTERPRISE.len() => {}
            None => return None,
        }
        return Some(names);
    }
    split(text)
}

fn split(text: &str) -> Option<Vec<String>> {
    let names: Vec<String> = text.split('.').map(str::to_owned).collect();
    (names.len() <= 3 && names.iter().all(|name| is_name(name))).then_some(names)
}

/// RFC 7643, 2.1, and `$ref`.
fn is_name(text: &str) -> bool {
    let rest = text.strip_prefix('$').unwrap_or(text);
    rest.starts_with(|c: char| c.is_ascii_alphabetic())
        && rest.len() <= 64
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_the_protocol_writes_them() {
        let names = |text: &str| Path::parse(text).unwrap().names;
        assert_eq!(names("active"), ["active"]);
        assert_eq!(names("name.givenName"), ["name", "givenName"]);
        assert_eq!(names("urn:ietf:params:scim:schemas:core:2.0:User:userName"), ["userName"]);
        assert_eq!(names(&format!("{ENTERPRISE}:department")), [ENTERPRISE, "department"]);
        assert_eq!(names(&format!("{ENTERPRISE}:manager.value")), [ENTERPRISE, "manager", "value"]);
        let path = Path::parse("emails[type eq \"work\"].value").unwrap();
        assert_eq!((path.names, path.sub.as_deref()), (vec!["emails".to_owned()], Some("value")));
        assert!(path.filter.is_some());
        assert!(Path::parse("members[value eq \"a\"]").unwrap().filter.is_some());
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in
            ["", ".", "a.", "a..b", "a b", "a[", "a[b eq", "a[b eq 1]c", "1a", "a/b", "a.b.c.d", "a[b eq 1].c.d"]
        {
            assert_eq!(Path::parse(text).unwrap_err().kind(), Some("invalidPath"), "{text}");
        }
    }
}
