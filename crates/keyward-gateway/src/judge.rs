//! Whether a grant allows a request: pure, and in the order in which it may be told. Who is not from
//! here learns nothing of calls and models.

use std::net::IpAddr;

use hyper::Method;
use keyward_types::Timestamp;

use crate::ask::Asked;
use crate::glob::Glob;
use crate::grant::{Call, Grant, Route};
use crate::refusal::Reason;

/// What is looked at of a request before its body.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The provider, as the path's first segment names it.
    pub provider: &'a str,
    /// The path below it, beginning with a slash.
    pub path: &'a str,
    /// Where it comes from.
    pub peer: IpAddr,
    /// The page that it comes from, where a browser says so.
    pub origin: Option<&'a str>,
}

/// The route that a request takes, or why it takes none.
pub type Verdict<'g> = Result<&'g Route, Reason>;

/// Judges all but the body.
///
/// # Errors
/// The first reason against it.
pub fn judge<'g>(grant: &'g Grant, head: &RequestHead<'_>, now: Timestamp) -> Verdict<'g> {
    if grant.canary {
        return Err(Reason::Canary);
    }
    if grant.expires.is_some_and(|end| end <= now) {
        return Err(Reason::ExpiredKey);
    }
    let peer = head.peer.to_canonical();
    if !grant.networks.is_empty() && !grant.networks.iter().any(|network| network.contains(&peer)) {
        return Err(Reason::Network);
    }
    if !origin_fits(grant, head.origin) {
        return Err(Reason::Origin);
    }
    if grant.uses_left == Some(0) {
        return Err(Reason::Uses);
    }
    let route = grant.route(head.provider).ok_or(Reason::NotGranted)?;
    let granted = route.calls.is_empty() || is_one_of(&route.calls, head.method, head.path);
    if granted { Ok(route) } else { Err(Reason::Call) }
}

/// Whether a request is one of these calls.
pub(crate) fn is_one_of(calls: &[Call], method: &Method, path: &str) -> bool {
    calls.iter().any(|call| (call.methods.is_empty() || call.methods.contains(method)) && call.path.matches(path))
}

/// Whether what is asked is one of these models. Where path and body both name one, both have to fit: which
/// the upstream takes is not ours to know.
pub(crate) fn model_fits(models: &[Glob], asked: &Asked, in_path: Option<&str>) -> bool {
    let fits = |model: &str| models.iter().any(|allowed| allowed.matches(model));
    let named = [in_path, asked.model.as_deref()];
    named.iter().flatten().next().is_some() && named.iter().flatten().all(|model| fits(model))
}

/// A page's key is used by its pages alone; a key that no page has is not a page's.
fn origin_fits(grant: &Grant, origin: Option<&str>) -> bool {
    match origin {
        Some(origin) => grant.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)),
        None => grant.origins.is_empty(),
    }
}

/// Judges what the body asks for. `model` is that of the path where the interface has it there.
///
/// # Errors
/// The first reason against it.
pub fn judge_body(route: &Route, asked: &Asked, model: Option<&str>, output_due: bool) -> Result<(), Reason> {
    if !route.models.is_empty() && !model_fits(&route.models, asked, model) {
        return Err(Reason::Model);
    }
    if asked.beyond(&route.maxima, output_due).is_some() {
        return Err(Reason::Field);
    }
    Ok(())
}

/// The model in a path: Gemini's `/v1beta/models/NAME:generateContent`, and what has `/models/NAME`
/// or `/engines/NAME` or `/deployments/NAME` in it.
pub fn model_in_path(path: &str) -> Option<&str> {
    let mut segments = path.split('/');
    segments.find(|segment| matches!(*segment, "models" | "engines" | "deployments" | "tunedModels"))?;
    let name = segments.next()?.split(':').next()?;
    (!name.is_empty()).then_some(name)
}

/// Whether a path has one reading: no empty or dot segments, nothing encoded that would be one.
pub fn is_plain(path: &str) -> bool {
    let bytes = path.as_bytes();
    let mut segment = 0;
    for (i, byte) in bytes.iter().enumerate() {
        match byte {
            b'/' => {
                if i > 0 && (i == segment || is_dots(&bytes[segment..i])) {
                    return false;
                }
                segment = i + 1;
            }
            b'\\' | 0..=b' ' | 0x7f.. => return false,
            b'%' => {
                let code = bytes.get(i + 1..i + 3).map(|code| [code[0], code[1].to_ascii_lowercase()]);
                let hex = code.is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit));
                if !hex || matches!(&code, Some([b'2', b'f' | b'e'] | [b'5', b'c'] | [b'0' | b'1', _])) {
                    return false;
                }
            }
            _ => {}
        }
    }
    bytes.first() == Some(&b'/') && !is_dots(&bytes[segment..])
}

fn is_dots(segment: &[u8]) -> bool {
    matches!(segment, b"." | b"..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_reading() {
        for plain in ["/", "/openai/v1/chat/completions", "/a/b%20c", "/a/b.c/..d", "/v1beta/models/g:generateContent"]
        {
            assert!(is_plain(plain), "{plain}");
        }
        for odd in [
            "",
            "a",
            "//",
            "/a//b",
            "/a/./b",
            "/a/../b",
            "/a/..",
            "/a%2Fb",
            "/a%2fb",
            "/%2e%2e/a",
            "/a%5Cb",
            "/a\\b",
            "/a%00",
            "/a%0d%0a",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a/\u{e9}",
        ] {
            assert!(!is_plain(odd), "{odd}");
        }
    }

    #[test]
    fn models_stand_in_paths_too() {
        assert_eq!(model_in_path("/v1beta/models/gemini-2:generateContent"), Some("gemini-2"));
        assert_eq!(model_in_path("/openai/deployments/d1/chat/completions"), Some("d1"));
        assert_eq!(model_in_path("/v1/models"), None);
        assert_eq!(model_in_path("/v1/chat/completions"), None);
    }
}
