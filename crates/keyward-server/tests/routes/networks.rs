//! Projects that are for some networks alone, over the API.

use keyward_server::Config;
use serde_json::json;

use crate::kit::{Answer, Served, in_development, loopback};

/// Behind a proxy that names whoever it asks for.
fn behind_a_proxy() -> Served {
    Served::with(Config { trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()], ..loopback() })
}

fn from(served: &Served, address: &str, method: &str, path: &str, body: Option<serde_json::Value>) -> Answer {
    served.ask_with(method, path, &[("x-forwarded-for", address)], body)
}

#[test]
fn a_project_answers_its_networks_alone_and_at_once() {
    let served = behind_a_proxy();
    let value = in_development("values/A");
    let (inside, outside) = ("10.0.0.9", "198.51.100.7");
    let put = |address| from(&served, address, "PUT", &in_development("secrets/A"), Some(json!({ "value": "one" })));
    put(outside).is(201);
    // Twice: what was decided and kept in memory must not outlive the list.
    from(&served, outside, "GET", &value, None).is(200);
    from(&served, outside, "GET", &value, None).is(200);
    let limit = |address, networks: &[&str], force| {
        let body = json!({ "networks": networks, "force": force });
        from(&served, address, "PATCH", "/projects/shop", Some(body))
    };
    assert_eq!(limit(outside, &["10.0.0.0/8"], false).problem(409), "conflict");
    assert_eq!(limit(inside, &["10.0.0.0/8"], false).is(200)["networks"], json!(["10.0.0.0/8"]));
    let refused = from(&served, outside, "GET", &value, None);
    assert_eq!(refused.problem(403), "denied");
    assert!(refused.json()["detail"].as_str().unwrap().contains(outside), "{}", refused.text());
    assert!(refused.json()["hint"].as_str().unwrap().contains("networks"), "{}", refused.text());
    assert_eq!(served.last_entry(), ("secret.read".into(), "denied".into()));
    assert_eq!(put(outside).problem(403), "denied");
    assert_eq!(from(&served, outside, "GET", "/projects/shop", None).problem(403), "denied");
    assert_eq!(from(&served, outside, "GET", "/projects", None).is(200)["projects"], json!([]));
    assert_eq!(from(&served, outside, "GET", "/search?name=A", None).is(200)["secrets"], json!([]));
    // Nobody is elsewhere by saying so to what is no proxy's ear.
    from(&served, inside, "GET", &value, None).is(200);
    put(inside).is(200);
    assert_eq!(from(&served, "10.0.0.9, 198.51.100.7", "GET", &value, None).problem(403), "denied");
    limit(inside, &[], false).is(200);
    from(&served, outside, "GET", &value, None).is(200);
}

#[test]
fn what_are_no_networks_is_refused() {
    let served = Served::start();
    let patch = |body| served.ask("PATCH", "/projects/shop", Some(body));
    for body in [
        json!({ "networks": ["10.0.0.5/8"] }),
        json!({ "networks": "10.0.0.0/8" }),
        json!({ "networks": ["nonsense"] }),
        json!({ "networks": [], "name": "store" }),
        json!({}),
        json!({ "force": true }),
    ] {
        let answer = patch(body.clone());
        assert!(matches!(answer.status, 400 | 422), "{body}: {}", answer.status);
    }
    let many: Vec<String> = (0..65).map(|n| format!("10.{n}.0.0/16")).collect();
    assert_eq!(patch(json!({ "networks": many, "force": true })).problem(409), "conflict");
    assert_eq!(served.get("/projects/shop").is(200)["networks"], json!([]));
}
