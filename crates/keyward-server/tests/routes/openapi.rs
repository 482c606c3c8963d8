use std::path::Path;

use serde_json::Value;

use crate::kit::Served;

/// Set to write the document anew: `KEYWARD_WRITE_OPENAPI=1 cargo test -p keyward-server openapi`.
const WRITE: &str = "KEYWARD_WRITE_OPENAPI";

#[test]
#[expect(clippy::disallowed_methods, reason = "a developer says so by a variable")]
fn the_document_in_the_tree_is_the_one_that_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let mut made = serde_json::to_string_pretty(&keyward_server::openapi()).unwrap();
    made.push('\n');
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "the API changed: `{WRITE}=1 cargo test -p keyward-server openapi` writes docs/openapi.json");
    let served: Value = Served::start().raw("GET", "/api/v1/openapi.json", &[], b"").is(200);
    assert_eq!(served, keyward_server::openapi());
}

/// What somebody calls who is nobody yet.
const OPEN: [&str; 15] = [
    "POST /auth/device/authorization",
    "POST /auth/device/token",
    "POST /auth/links/look",
    "POST /auth/links/use",
    "GET /auth/oidc",
    "POST /auth/oidc-code",
    "GET /auth/oidc/provider/callback",
    "POST /auth/oidc/provider/link",
    "GET /auth/oidc/provider/start",
    "POST /auth/passkeys/sign-in",
    "POST /auth/passkeys/sign-in/begin",
    "POST /auth/sign-in",
    "POST /auth/workload",
    "GET /seal",
    "POST /unseal",
];

#[test]
fn every_call_of_the_document_refuses_who_has_no_token() {
    let served = Served::start();
    let before = served.log_size();
    let document = keyward_server::openapi();
    let (mut calls, mut open) = (0, Vec::new());
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path
            .replace("{project}", "shop")
            .replace("{environment}", "development")
            .replace("{name}", "A")
            .replace("{index}", "0")
            .replace("{number}", "0")
            .replace("/search", "/search?name=a")
            .replace("/usage", "/usage?from=2026-11-01T00:00:00Z&to=2026-11-30T00:00:00Z")
            .replace(['{', '}'], "");
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_ascii_uppercase();
            if operation["security"] == serde_json::json!([{}]) {
                open.push(format!("{method} {path}"));
                continue;
            }
            let path = format!("/api/v1{path}");
            let answer = served.raw(&method, &path, &[("content-type", "application/json")], b"{}");
            assert_eq!(answer.problem(401), "unauthenticated", "{method} {path}");
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
            // One that is well formed and stands for nobody.
            let random = keyward_testing::vault::SystemRandom;
            let kind = keyward_types::token::TokenKind::Personal;
            let token = keyward_types::token::PlainToken::generate(kind, &random).unwrap();
            let bearer = format!("Bearer {}", token.expose());
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
            assert_eq!(served.raw(&method, &path, &headers, b"{}").problem(401), "unauthenticated", "{method} {path}");
            calls += 1;
        }
    }
    assert!(calls >= 25, "{calls}");
    assert_eq!(open, OPEN, "a call that is open to everybody stands in this list");
    assert_eq!(served.log_size(), before, "nobody who is nobody changes anything");
}

#[test]
fn every_call_has_its_own_name_and_tells_of_problems() {
    let document = keyward_server::openapi();
    let mut names = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{path}");
            assert_eq!(operation["responses"]["default"]["$ref"], "#/components/responses/Problem", "{path}");
            for status in ["400", "401", "403", "404", "503"] {
                assert!(operation["responses"][status].is_object(), "{path} {status}");
            }
            assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{path}");
        }
    }
    assert!(document["openapi"] == "3.1.0" && document["components"]["schemas"]["Problem"].is_object());
}

/// Of two forms with one name the document would have one, and the other call would be described
/// by it.
#[test]
fn every_form_has_a_name_of_its_own() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut names = std::collections::BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for form in text.split("#[derive(").skip(1).filter(|form| form.lines().next().unwrap().contains("ToSchema"))
            {
                let renamed = form.lines().skip(1).take_while(|line| line.starts_with("#["));
                let renamed = renamed.filter_map(|line| line.split("schema(as = ").nth(1)).next();
                let own = form.lines().find_map(|line| line.split("struct ").nth(1).or(line.split("enum ").nth(1)));
                let name = renamed.or(own).unwrap();
                let name: String = name.chars().take_while(|c| c.is_alphanumeric()).collect();
                let before = names.insert(name.clone(), path.clone());
                assert!(before.is_none(), "`{name}` in {before:?} and {path:?}: one takes `#[schema(as = …)]`");
            }
        }
    }
    assert!(names.len() > 60, "{}", names.len());
}
