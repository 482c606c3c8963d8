//! What a server refuses, as a local vault would refuse it.

use serde::Deserialize;

use crate::{Code, Failure, ServerUrl};

/// `application/problem+json`, as far as it is read.
#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
    #[serde(default)]
    hint: Option<String>,
}

/// The failure that an answer tells of.
pub(super) fn of(address: &ServerUrl, status: u16, body: &[u8]) -> Failure {
    if (300..400).contains(&status) {
        return Failure::internal(format!("`{address}` answered with a redirect, and none is followed"))
            .hint("name the address where the server itself answers");
    }
    let Ok(problem) = serde_json::from_slice::<Problem>(body) else {
        return Failure::internal(format!("`{address}` answered {status}, and not as keyward does"))
            .hint("is it a keyward server, and does nothing stand between?");
    };
    let hint = problem.hint.as_deref().map(harmless);
    let failure = Failure { code: code(status, &problem.code), message: harmless(&problem.detail), hint };
    match problem.code.as_str() {
        "unauthenticated" => Failure::new(Code::Denied, format!("`{address}` does not know you: {}", failure.message))
            .hint(format!(
                "`keyward login {address}` signs you in anew; programs set `KEYWARD_TOKEN`: a revoked or expired one stays dead"
            )),
        "no_route" | "method" => Failure::internal(format!("`{address}` has no such call"))
            .hint("the server may be another version of keyward than this command"),
        _ => failure,
    }
}

/// Text of a server, fit for a terminal: it moves no cursor and paints nothing over.
fn harmless(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n').take(LONGEST).collect()
}

/// Characters of a message; what policies are refused for is the longest.
const LONGEST: usize = 4000;

/// The code of a problem, where it is one.
pub(super) fn code_of(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<Problem>(body).ok().map(|problem| problem.code)
}

/// By the problem's own code, and where that says nothing, by the status.
fn code(status: u16, code: &str) -> Code {
    match (status, code) {
        (_, "raced" | "under_way") => Code::Raced,
        (_, "locked" | "sealed") => Code::Locked,
        (401 | 403 | 429, _) => Code::Denied,
        (404, _) => Code::NotFound,
        (409, _) => Code::Conflict,
        (412, _) => Code::Stale,
        (413, _) => Code::TooLarge,
        (408, "timeout") => Code::TimedOut,
        (408 | 502..=504, _) => Code::Unavailable,
        (400..=499, _) => Code::Usage,
        _ => Code::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, body: &str) -> Failure {
        of(&"https://kw.example".parse().unwrap(), status, body.as_bytes())
    }

    #[test]
    fn exit_codes_are_those_of_a_local_vault() {
        for (status, code, exit) in [
            (400, "bad_request", 2),
            (401, "unauthenticated", 3),
            (403, "denied", 3),
            (404, "not_found", 4),
            (409, "conflict", 2),
            (409, "raced", 70),
            (412, "stale", 2),
            (413, "too_large", 2),
            (422, "wrong_form", 2),
            (429, "attempts", 3),
            (500, "internal", 70),
            (503, "locked", 5),
            (503, "unavailable", 70),
        ] {
            let body = format!(r#"{{"code":"{code}","detail":"what happened","hint":null}}"#);
            assert_eq!(failure(status, &body).code.exit(), exit, "{status} {code}");
        }
    }

    #[test]
    fn what_a_server_says_does_nothing_to_a_terminal() {
        let body = r#"{"code":"denied","detail":"no\u001b]0;owned\u0007\u009b2J way\nat all","hint":"\u001b[8mask\r"}"#;
        let failure = failure(403, body);
        assert_eq!(failure.message, "no]0;owned2J way\nat all");
        assert_eq!(failure.hint.as_deref(), Some("[8mask"));
        let long = format!(r#"{{"code":"denied","detail":"{}"}}"#, "x".repeat(9000));
        assert_eq!(of(&"https://kw.example".parse().unwrap(), 403, long.as_bytes()).message.len(), LONGEST);
    }

    #[test]
    fn whatever_else_answers_is_not_repeated() {
        for body in ["<html>secret page</html>", "", "{}", "[1]"] {
            let failure = failure(502, body);
            assert!(failure.message.contains("not as keyward does"), "{failure}");
            assert!(!failure.message.contains("secret"), "{failure}");
        }
        assert!(failure(302, "").message.contains("redirect"));
    }
}
