//! The page at `/`: signing in and what belongs to it, what this server is, and its calls. The calls
//! are made on the server; the rest is one script of ours over the API, without a line in the page.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::app::App;
use crate::openapi;

/// Nothing but our own style sheet and script, which speaks with this server alone and makes no HTML
/// of text; no form is sent but by it, so that no password ever stands in an address; nobody frames
/// it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const STYLE: &str = include_str!("web/style.css");
const SCRIPT: &str = include_str!("web/app.js");

/// Its calls are the same for every vault; it is made when it is first asked for.
static PAGE: LazyLock<String> = LazyLock::new(|| render(&openapi::document()));

/// `/`.
pub(crate) async fn page(State(app): State<Arc<App>>) -> Response {
    let safe_mode = match app.vault.safe_mode() {
        None => String::new(),
        Some(why) => format!("<p class=\"warning\">Safe mode: {}</p>", escaped(&why)),
    };
    answer(PAGE.replace("<!-- state -->", &safe_mode), "text/html; charset=utf-8")
}

/// `/style.css`.
pub(crate) async fn style() -> Response {
    answer(STYLE.to_owned(), "text/css; charset=utf-8")
}

/// `/app.js`.
pub(crate) async fn script() -> Response {
    answer(SCRIPT.to_owned(), "text/javascript; charset=utf-8")
}

/// A refusal as a page, for whom a provider sent back.
pub(crate) fn refusal(status: StatusCode, detail: &str, hint: Option<&str>, request_id: &str) -> Response {
    let hint = hint.map(|hint| format!("<p>{}</p>\n", escaped(&sentence(hint)))).unwrap_or_default();
    let text = include_str!("web/refusal.html")
        .replace("<!-- detail -->", &escaped(&sentence(detail)))
        .replace("<!-- hint -->", &hint)
        .replace("<!-- request -->", &escaped(request_id));
    let mut response = answer(text, "text/html; charset=utf-8");
    *response.status_mut() = status;
    response
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

/// Marks an answer that is a page although it tells of a failure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page;

/// What people see at `/` while the server has no vault.
pub(crate) fn closed(title: &str, why: &str, remedy: &str) -> Response {
    let page = include_str!("web/closed.html")
        .replace("<!-- title -->", &escaped(title))
        .replace("<!-- why -->", &escaped(why))
        .replace("<!-- remedy -->", &escaped(remedy));
    let mut response = answer(page, "text/html; charset=utf-8");
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.extensions_mut().insert(Page);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

fn answer(text: String, kind: &'static str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // A page of an older server with a script of a newer one would fit nowhere.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    response
}

/// The page, from the OpenAPI document.
fn render(document: &Value) -> String {
    let mut calls = String::new();
    let paths = document["paths"].as_object();
    for (path, item) in paths.into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let said = operation["summary"].as_str().or(operation["description"].as_str()).unwrap_or_default();
            let _ = writeln!(
                calls,
                "<tr><td><code>{}</code></td><td><code>{}</code></td><td>{}</td></tr>",
                method.to_ascii_uppercase(),
                escaped(path),
                escaped(said)
            );
        }
    }
    include_str!("web/page.html").replace("<!-- calls -->", calls.trim_end())
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(escaped("<b>\"&'"), "&lt;b&gt;&quot;&amp;&#39;");
    }

    #[test]
    fn nothing_on_the_page_is_run_but_our_script() {
        let page = render(&openapi::document());
        assert_eq!(page.matches("<script").count(), 1);
        assert!(page.contains("<script type=\"module\" src=\"/app.js\"></script>"));
        for inline in [" style=", " onclick=", " onsubmit=", "javascript:", "<style", "innerHTML"] {
            assert!(!page.contains(inline), "{inline}");
        }
        for sink in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "localStorage",
            "document.cookie",
        ] {
            assert!(!SCRIPT.contains(sink), "{sink}");
        }
    }

    #[test]
    fn every_element_that_the_script_reaches_for_is_there_once() {
        let page = render(&openapi::document());
        let named: std::collections::BTreeSet<&str> =
            SCRIPT.split("at(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(named.len() > 20, "{named:?}");
        for id in named {
            assert_eq!(page.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}");
        }
        let labels = page.split("<label for=\"").skip(1).filter_map(|rest| rest.split('"').next());
        assert_eq!(
            labels.filter(|id| page.contains(&format!("<input id=\"{id}\""))).count(),
            page.matches("<input").count()
        );
    }

    #[test]
    fn every_call_is_on_the_page() {
        let document = openapi::document();
        let page = render(&document);
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.len() > 10);
        assert!(paths.keys().all(|path| page.contains(&format!(">{path}<"))));
        assert!(!page.contains("<!-- calls"));
    }
}
