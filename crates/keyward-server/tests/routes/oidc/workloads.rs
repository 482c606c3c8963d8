//! Workloads: what a build or a pod shows, and what it gets for that.

use keyward_testing::oidc::{Provider, Signer, hs256, unsigned};
use serde_json::{Value, json};

use super::{NOW, last_names, served};
use crate::kit::{Answer, Served, in_development};

const AUDIENCE: &str = "https://keyward.example";

/// An issuer, and a program `shop-ci` that reads development of `shop` and trusts one repository.
fn trusting(served: &Served, more: Value) -> (Provider, Signer, String) {
    let key = Signer::es256("first");
    let issuer = Provider::start(&[&key]);
    served.ask("POST", "/service-accounts", Some(json!({ "login": "shop-ci", "name": "" }))).is(201);
    let role = json!({ "account": "shop-ci", "role": "ci", "project": "shop", "environment": "development" });
    served.ask("POST", "/role-bindings", Some(role)).is(201);
    let mut trust = json!({
        "issuer": issuer.issuer(), "audience": AUDIENCE, "allow_private": true,
        "claims": ["repository=acme/shop", "ref=refs/heads/main"],
    });
    trust.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = served.ask("POST", "/service-accounts/shop-ci/trusts", Some(trust)).is(201);
    (issuer, key, made["id"].as_str().unwrap().to_owned())
}

/// What the issuer says of a run, each time under another name.
fn run(issuer: &Provider, jti: &str) -> Value {
    json!({
        "iss": issuer.issuer(), "aud": AUDIENCE, "sub": "repo:acme/shop:ref:refs/heads/main", "jti": jti,
        "repository": "acme/shop", "ref": "refs/heads/main", "iat": NOW, "nbf": NOW - 5, "exp": NOW + 300,
    })
}

fn show(served: &Served, account: &str, token: &str) -> Answer {
    show_from(served, "198.51.100.7", account, token)
}

fn show_from(served: &Served, address: &str, account: &str, token: &str) -> Answer {
    let body = json!({ "service_account": account, "token": token }).to_string();
    let headers = [("content-type", "application/json"), ("x-forwarded-for", address)];
    served.raw("POST", "/api/v1/auth/workload", &headers, body.as_bytes())
}

/// What the holder of a token is answered.
fn with(served: &Served, token: &str, method: &str, path: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    served.raw(method, &format!("/api/v1{path}"), &[("authorization", &bearer)], b"")
}

#[test]
fn a_build_gets_a_token_for_some_minutes_and_within_its_trust() {
    let (served, clock) = served();
    served.ask("PUT", &in_development("secrets/DB_URL"), Some(json!({ "value": "postgres://db" }))).is(201);
    served.ask("PUT", &in_development("secrets/OTHER"), Some(json!({ "value": "of nobody" }))).is(201);
    let (issuer, key, id) = trusting(&served, json!({ "scopes": ["read:shop/development/DB_URL"] }));
    let given = show(&served, "shop-ci", &key.sign(&run(&issuer, "one"))).is(200);
    assert_eq!(
        (&given["token_type"], &given["expires_in"], &given["account"]),
        (&json!("Bearer"), &json!(900), &json!("shop-ci"))
    );
    assert_eq!(given["scopes"], json!(["read:shop/development/DB_URL"]));
    assert_eq!(served.last_entry(), ("token.create".into(), "allowed".into()));
    let names = last_names(&served);
    assert_eq!((names["sub"].as_str(), names["jti"].as_str()), ("repo:acme/shop:ref:refs/heads/main", "one"));
    assert_eq!((names["trust"].as_str(), names["account"].as_str()), (id.as_str(), "shop-ci"));
    let token = given["access_token"].as_str().unwrap();
    assert_eq!(with(&served, token, "GET", &in_development("values/DB_URL")).is(200)["value"], "postgres://db");
    assert_eq!(with(&served, token, "GET", &in_development("values/OTHER")).status, 403);
    assert_eq!(with(&served, token, "GET", "/projects/shop/environments/production/values/DB_URL").status, 403);
    clock.advance(15 * 60 * 1000);
    assert_eq!(with(&served, token, "GET", &in_development("values/DB_URL")).problem(401), "unauthenticated");
}

#[test]
fn what_the_issuer_did_not_sign_for_us_of_this_workload_now_is_worth_nothing() {
    let (served, _) = served();
    let (issuer, key, _) = trusting(&served, json!({}));
    let other = Signer::es256("somebody else's").called("first");
    let unknown = Signer::es256("unknown");
    let changed = |name: &str, value: Value| {
        let mut claims = run(&issuer, name);
        claims[name] = value;
        key.sign(&claims)
    };
    let hs = json!({ "alg": "HS256", "typ": "JWT", "kid": "first" });
    let foreign = Provider::start(&[&key]);
    for (n, (why, token)) in [
        ("no trust", changed("iss", json!(foreign.issuer()))),
        ("no trust", "a.b.c".to_owned()),
        ("no trust", String::new()),
        ("audience", changed("aud", json!("https://another.example"))),
        ("audience", changed("aud", json!([AUDIENCE, "https://another.example"]))),
        ("conditions", changed("repository", json!("acme/shop-evil"))),
        ("conditions", changed("repository", json!("evil/acme/shop"))),
        ("conditions", changed("ref", json!("refs/heads/main2"))),
        ("conditions", changed("ref", Value::Null)),
        ("expired", changed("exp", json!(NOW))),
        ("not valid yet", changed("nbf", json!(NOW + 120))),
        ("not valid yet", changed("iat", json!(NOW + 120))),
        ("subject", changed("sub", json!(""))),
        ("algorithm", unsigned(&run(&issuer, "none"))),
        ("algorithm", hs256(&hs, &run(&issuer, "hs"), key.jwk()["x"].as_str().unwrap().as_bytes())),
        ("signature", other.sign(&run(&issuer, "other"))),
        ("unknown key", unknown.sign(&run(&issuer, "unknown"))),
        // The algorithm of another key than the one that is named.
        ("unknown key", key.sign_under(&json!({ "alg": "EdDSA", "typ": "JWT", "kid": "first" }), &run(&issuer, "ed"))),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = show_from(&served, &format!("198.51.{n}.7"), "shop-ci", &token);
        assert_eq!(answer.problem(401), "not_trusted", "{why}");
        assert_eq!(served.last_entry(), ("sign-in".into(), "denied".into()), "{why}");
        assert_eq!(last_names(&served)["why"], why, "{token}");
    }
    assert!(foreign.asked("/.well-known/openid-configuration").is_empty(), "an issuer of nobody's trust is not asked");
    let right = key.sign(&run(&issuer, "right"));
    for account in ["nobody", "test", "ada", "Not A Login", ""] {
        assert_eq!(show_from(&served, "203.0.113.9", account, &right).problem(401), "not_trusted", "{account}");
    }
    show(&served, "shop-ci", &right).is(200);
}

#[test]
fn a_token_serves_once_on_every_node_unless_its_trust_says_otherwise() {
    let (served, _) = served();
    let (issuer, key, id) = trusting(&served, json!({}));
    let token = key.sign(&run(&issuer, "once"));
    show(&served, "shop-ci", &token).is(200);
    assert_eq!(show(&served, "shop-ci", &token).problem(401), "not_trusted");
    assert_eq!(last_names(&served)["why"], "shown before");
    let node = served.anew();
    assert_eq!(show(&node, "shop-ci", &token).problem(401), "not_trusted");
    served.ask("DELETE", &format!("/service-accounts/shop-ci/trusts/{id}"), None).is(200);
    let pods = json!({
        "issuer": issuer.issuer(), "audience": AUDIENCE, "allow_private": true, "reusable": true, "seconds": 60,
        "claims": ["sub=system:serviceaccount:shop:*"],
    });
    served.ask("POST", "/service-accounts/shop-ci/trusts", Some(pods)).is(201);
    let mut pod = run(&issuer, "a pod's");
    pod["sub"] = json!("system:serviceaccount:shop:web");
    let token = key.sign(&pod);
    let (first, second) = (show(&served, "shop-ci", &token).is(200), show(&served, "shop-ci", &token).is(200));
    assert!(first["access_token"] != second["access_token"] && first["expires_in"] == 60);
    pod["sub"] = json!("system:serviceaccount:shop-evil:web");
    assert_eq!(show(&served, "shop-ci", &key.sign(&pod)).problem(401), "not_trusted");
}

#[test]
fn the_end_of_a_trust_or_of_the_account_is_the_end_of_what_was_given() {
    let (served, _) = served();
    served.ask("PUT", &in_development("secrets/A"), Some(json!({ "value": "a value" }))).is(201);
    let (issuer, key, id) = trusting(&served, json!({}));
    let given = |jti: &str| show(&served, "shop-ci", &key.sign(&run(&issuer, jti)));
    let read = |token: &Value| {
        with(&served, token["access_token"].as_str().unwrap(), "GET", &in_development("values/A")).status
    };
    let one = given("one").is(200);
    assert_eq!(read(&one), 200);
    served.ask("DELETE", &format!("/service-accounts/shop-ci/trusts/{id}"), None).is(200);
    assert_eq!((read(&one), given("two").status), (401, 401));
    let trust = json!({
        "issuer": issuer.issuer(), "audience": AUDIENCE, "allow_private": true, "claims": ["repository=acme/*"],
    });
    served.ask("POST", "/service-accounts/shop-ci/trusts", Some(trust)).is(201);
    let three = given("three").is(200);
    served.ask("POST", "/accounts/shop-ci/disable", None).is(200);
    assert_eq!((read(&three), given("four").status), (401, 401));
}

#[test]
fn whoever_shows_what_is_not_believed_waits_and_the_program_does_not() {
    let (served, _) = served();
    let (issuer, key, _) = trusting(&served, json!({}));
    let mut last = 0;
    for n in 0..40 {
        last = show_from(&served, "203.0.113.9", "shop-ci", &unsigned(&run(&issuer, &n.to_string()))).status;
        if last != 401 {
            assert!(n >= 20, "{n}");
            break;
        }
    }
    assert_eq!(last, 429);
    show(&served, "shop-ci", &key.sign(&run(&issuer, "from elsewhere"))).is(200);
}

#[test]
fn keys_are_fetched_anew_for_a_new_one_and_an_issuer_that_is_down_is_said_to_be() {
    let (served, _) = served();
    let (issuer, key, _) = trusting(&served, json!({}));
    show(&served, "shop-ci", &key.sign(&run(&issuer, "one"))).is(200);
    let second = Signer::ed25519("second");
    issuer.publish(&[&second]);
    show(&served, "shop-ci", &second.sign(&run(&issuer, "two"))).is(200);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let trust = json!({
        "issuer": format!("http://{nobody}"), "audience": AUDIENCE, "allow_private": true, "claims": ["sub=a"],
    });
    served.ask("POST", "/service-accounts/shop-ci/trusts", Some(trust)).is(201);
    let mut claims = run(&issuer, "three");
    claims["iss"] = json!(format!("http://{nobody}"));
    assert_eq!(show(&served, "shop-ci", &key.sign(&claims)).problem(502), "provider_unreachable");
}

#[test]
fn a_trust_says_whose_workloads_they_are_and_is_not_wider_than_who_adds_it() {
    let (served, _) = served();
    let (issuer, _, _) = trusting(&served, json!({}));
    let add = |account: &str, claims: Value, more: Value| {
        let mut trust = json!({
            "issuer": issuer.issuer(), "audience": AUDIENCE, "allow_private": true, "claims": claims,
        });
        trust.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        served.ask("POST", &format!("/service-accounts/{account}/trusts"), Some(trust))
    };
    for claims in [
        json!([]),
        json!(["ref=refs/heads/main"]),
        json!(["repository_owner=acme"]),
        json!(["repository=acme*"]),
        json!(["sub=repo:*"]),
        json!(["sub=repo:acme*"]),
        json!(["sub=system:serviceaccount:*"]),
        json!(["sub=system:serviceaccount:shop*"]),
    ] {
        assert_eq!(add("shop-ci", claims.clone(), json!({})).problem(409), "conflict", "{claims}");
    }
    for claims in [json!(["repository=*"]), json!(["sub"]), json!(["sub="]), json!(["sub=a*b"]), json!(["=a"])] {
        assert_eq!(add("shop-ci", claims.clone(), json!({})).problem(400), "bad_request", "{claims}");
    }
    assert_eq!(add("shop-ci", json!(["sub=a"]), json!({ "seconds": 3601 })).problem(409), "conflict");
    assert_eq!(add("shop-ci", json!(["sub=a"]), json!({ "scopes": ["scim"] })).problem(409), "conflict");
    served.ask("POST", "/users", Some(json!({ "login": "grace", "name": "" }))).is(201);
    assert_eq!(add("grace", json!(["sub=a"]), json!({})).problem(409), "conflict");
    for claims in [json!(["repository=acme/*"]), json!(["sub=repo:acme/*"]), json!(["repository_id=1"])] {
        add("shop-ci", claims, json!({})).is(201);
    }
    let listed = served.get("/service-accounts/shop-ci/trusts").is(200);
    assert_eq!(listed["trusts"].as_array().unwrap().len(), 4);
    // Who administers gives no token of an owner's program.
    super::person(&served, "admin");
    served.ask("POST", "/role-bindings", Some(json!({ "account": "admin", "role": "admin" }))).is(201);
    let mut admin = super::Browser::signed_in(&served, "admin");
    let trust = json!({ "issuer": issuer.issuer(), "audience": AUDIENCE, "allow_private": true, "claims": ["sub=a"] });
    admin.post("/service-accounts/shop-ci/trusts", trust).is(201);
}
