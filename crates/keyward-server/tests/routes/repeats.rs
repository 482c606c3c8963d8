use serde_json::json;

use crate::kit::{Served, in_development};

#[test]
fn a_change_with_a_key_is_carried_out_once() {
    let served = Served::start();
    let headers = [("idempotency-key", "4711")];
    let make = || served.ask_with("POST", "/projects", &headers, Some(json!({ "name": "blog" })));
    let first = make();
    let before = served.log_size();
    let again = make();
    assert_eq!(first.is(201), again.is(201));
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
    assert_ne!(first.header("x-request-id"), again.header("x-request-id"));
    assert_eq!(served.log_size(), before);
    let other = served.ask_with("POST", "/projects", &headers, Some(json!({ "name": "other" })));
    assert_eq!(other.problem(422), "key_reused");
}

#[test]
fn an_answer_is_not_given_to_somebody_else() {
    let served = Served::start();
    let headers = [("idempotency-key", "4711"), ("content-type", "application/json")];
    let path = format!("/api/v1{}", in_development("secrets/A"));
    let body = json!({ "value": "v" });
    served.ask_with("PUT", &in_development("secrets/A"), &headers[..1], Some(body.clone())).is(201);
    let answer = served.raw("PUT", &path, &headers, body.to_string().as_bytes());
    assert_eq!(answer.problem(401), "unauthenticated");
}

#[test]
fn what_failed_may_be_tried_again() {
    let served = Served::start();
    let headers = [("idempotency-key", "a-key")];
    let rename = || served.ask_with("PATCH", "/projects/blog", &headers, Some(json!({ "name": "journal" })));
    assert_eq!(rename().problem(404), "not_found");
    served.ask("POST", "/projects", Some(json!({ "name": "blog" }))).is(201);
    rename().is(200);
    assert_eq!(rename().is(200)["name"], "journal", "and then is not carried out twice");
}

#[test]
fn keys_have_a_form() {
    let served = Served::start();
    for key in ["", "with space", &"x".repeat(129)] {
        let answer = served.ask_with("POST", "/projects", &[("idempotency-key", key)], Some(json!({ "name": "b" })));
        assert_eq!(answer.problem(400), "bad_request", "{key}");
    }
}

#[test]
fn a_key_holds_over_a_restart() {
    let served = Served::start();
    let headers = [("idempotency-key", "4711")];
    let path = in_development("secrets/A");
    let put =
        |served: &Served| served.ask_with("PUT", &path, &headers, Some(json!({ "value": "marker-of-the-value" })));
    let first = put(&served);
    let again = served.anew();
    let before = served.log_size();
    let second = put(&again);
    assert_eq!((first.is(201), first.header("etag")), (second.is(201), second.header("etag")));
    assert_eq!((second.header("idempotency-replayed"), served.log_size()), ("true", before));
    let other = again.ask_with("PUT", &path, &headers, Some(json!({ "value": "another" })));
    assert_eq!(other.problem(422), "key_reused");
    assert!(served.vault.verify(None).unwrap().faults.is_empty());
}

#[test]
fn what_is_shown_once_is_not_kept_and_not_done_twice() {
    let served = Served::start();
    let headers = [("idempotency-key", "make-a-token")];
    let make = |served: &Served| served.ask_with("POST", "/tokens", &headers, Some(json!({ "name": "once" })));
    let first = make(&served).is(201);
    assert_eq!(make(&served).is(201), first, "its maker's connection may have broken");
    let again = served.anew();
    assert_eq!(make(&again).problem(409), "carried_out");
    let tokens = again.get("/tokens").is(200)["tokens"].as_array().unwrap().clone();
    assert_eq!(tokens.iter().filter(|token| token["name"] == "once").count(), 1);
}

#[test]
fn a_mark_without_an_answer_is_enough() {
    // The process ended between the work and the answer: what is left is the mark of the change.
    let served = Served::start();
    let (vault, key) = (&served.vault, "broken-off");
    let (_, owner) = vault.owner().unwrap();
    let body = json!({ "name": "blog" }).to_string();
    let parts = ["POST".as_bytes(), b"/projects", body.as_bytes()];
    let digest = parts.iter().fold(sha2::Sha256::default(), |hash, part| {
        use sha2::Digest;
        hash.chain_update((part.len() as u64).to_be_bytes()).chain_update(part)
    });
    let once = vault.once(owner.principal(), key, sha2::Digest::finalize(digest).into()).unwrap();
    let mut actor = keyward_vault::Actor::new(owner, "test");
    actor.once = Some(once);
    vault.create_project(&actor, &"blog".parse().unwrap(), &[]).unwrap();
    let headers = [("idempotency-key", key)];
    let ask = || served.ask_with("POST", "/projects", &headers, Some(json!({ "name": "blog" })));
    assert_eq!(ask().problem(409), "carried_out", "and not: there is one already");
    let keyless = served.ask("POST", "/projects", Some(json!({ "name": "blog" })));
    assert_eq!(keyless.problem(409), "conflict");
}

/// An answer to a change that holds something secret is not kept: the document says which do.
#[test]
fn the_store_keeps_no_answer_that_shows_something_once() {
    let document = keyward_server::openapi();
    let named = |schema: &serde_json::Value| -> Vec<String> {
        let name = schema["$ref"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        let properties = document["components"]["schemas"][name]["properties"].as_object();
        properties.into_iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    let secret = ["text", "secret", "signing_secret", "value", "value_base64", "link", "uri", "codes", "password"];
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(method, _)| *method != "get") {
            for (_, response) in operation["responses"].as_object().unwrap() {
                let names = named(&response["content"]["application/json"]["schema"]);
                if names.iter().any(|name| secret.contains(&name.as_str())) {
                    found.push(format!("{method} {path}"));
                }
            }
        }
    }
    // What is called so and holds nothing secret: the text of a policy, the name of a secret.
    found.retain(|call| !["/policies", "/findings", "/targets", "/schedules"].iter().any(|at| call.contains(at)));
    let kept: Vec<_> = found
        .iter()
        .filter(|call| {
            !["/tokens", "/virtual-keys", "/alert-sinks", "/auth", "/values", "/unseal"]
                .iter()
                .any(|at| call.contains(at))
        })
        .collect();
    assert!(kept.is_empty(), "{kept:?}: name their paths in `shows_once`");
    assert!(found.contains(&"post /tokens".to_owned()), "{found:?}");
}
