//! Entity tags: `If-Match` and `If-None-Match` (RFC 9110, 13.1) as what a caller expects.

use axum::http::{HeaderMap, HeaderValue, Method, header};
use keyward_client::Expected;

use crate::problem::{Problem, Result};

/// What a change expects of the secret that it is about. Reads expect nothing.
pub(crate) fn expected(method: &Method, headers: &HeaderMap) -> Result<Expected> {
    if method.is_safe() {
        return Ok(Expected::Anything);
    }
    let (matching, none) = (tags(headers, header::IF_MATCH)?, tags(headers, header::IF_NONE_MATCH)?);
    match (matching, none) {
        (None, None) => Ok(Expected::Anything),
        (Some(Tags::Any), None) => Ok(Expected::Present),
        (Some(Tags::These(tags)), None) => Ok(Expected::Tagged(tags)),
        (None, Some(Tags::Any)) => Ok(Expected::Absent),
        (None, Some(Tags::These(_))) => Err(Problem::wrong("`If-None-Match` on a change takes `*` alone")),
        (Some(_), Some(_)) => Err(Problem::wrong("`If-Match` and `If-None-Match` exclude each other")),
    }
}

/// Whether the caller of a read has this state already.
pub(crate) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    match tags(headers, header::IF_NONE_MATCH) {
        Ok(Some(Tags::Any)) => true,
        Ok(Some(Tags::These(tags))) => tags.iter().any(|known| known == tag),
        _ => false,
    }
}

/// The header for a state.
pub(crate) fn header_of(tag: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{tag}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

enum Tags {
    Any,
    These(Vec<String>),
}

/// Strong tags only: a weak one says nothing about the state that a change replaces.
fn tags(headers: &HeaderMap, name: header::HeaderName) -> Result<Option<Tags>> {
    let wrong = || Problem::wrong(format!("`{name}` takes `*` or tags in quotation marks"));
    let mut these = Vec::new();
    let mut given = false;
    for line in headers.get_all(&name) {
        given = true;
        let line = line.to_str().map_err(|_| wrong())?;
        if line.trim() == "*" {
            return Ok(Some(Tags::Any));
        }
        for one in line.split(',').map(str::trim) {
            let (weak, quoted) = one.strip_prefix("W/").map_or((false, one), |rest| (true, rest));
            let tag = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(wrong)?;
            if !weak {
                these.push(tag.to_owned());
            }
        }
    }
    Ok(given.then_some(Tags::These(these)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expect(lines: &[(header::HeaderName, &'static str)]) -> Result<Expected> {
        let headers = lines.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        expected(&Method::PUT, &headers)
    }

    #[test]
    fn headers_become_expectations() {
        use header::{IF_MATCH, IF_NONE_MATCH};
        assert_eq!(expect(&[]).unwrap(), Expected::Anything);
        assert_eq!(expect(&[(IF_MATCH, "*")]).unwrap(), Expected::Present);
        assert_eq!(expect(&[(IF_NONE_MATCH, "*")]).unwrap(), Expected::Absent);
        let two = Expected::Tagged(vec!["a".into(), "b".into()]);
        assert_eq!(expect(&[(IF_MATCH, "\"a\", \"b\", W/\"c\"")]).unwrap(), two);
        for wrong in [
            &[(IF_MATCH, "a")][..],
            &[(IF_MATCH, "")],
            &[(IF_NONE_MATCH, "\"a\"")],
            &[(IF_MATCH, "*"), (IF_NONE_MATCH, "*")],
        ] {
            assert!(expect(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_weak_tag_never_lets_a_change_through() {
        assert_eq!(expect(&[(header::IF_MATCH, "W/\"a\"")]).unwrap(), Expected::Tagged(vec![]));
    }
}
