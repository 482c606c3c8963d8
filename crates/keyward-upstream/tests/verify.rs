//! Asking services about keys: what is concluded from what they answer, and what they are sent.

use std::time::Duration;

use keyward_providers::provider;
use keyward_testing::doubles::{self, Double, Reply, Request, Service, Trouble};
use keyward_testing::rotators::Chance;
use keyward_types::{Secret, Verified};
use keyward_upstream::{Account, Http, Verdict, Verifier};

fn verifier(hosts: &str) -> Verifier {
    let http = Http::with_hosts(hosts.parse().expect("these are hosts")).within(Duration::from_secs(1));
    Verifier::new(http, Box::new(Chance))
}

fn secret(value: &str) -> Secret<String> {
    Secret::new("a key", value.to_owned())
}

fn asked(verifier: &Verifier, id: &str, value: &str) -> Verdict {
    verifier.verify(provider(id).expect("it is in the catalogue"), &secret(value), &Account::default())
}

fn openai() -> (Double<doubles::OpenAi>, String) {
    let (service, _, key) = doubles::OpenAi::new();
    (Double::start(service), key)
}

#[test]
fn a_key_lives_where_a_made_up_one_is_refused() {
    let (double, key) = openai();
    let verifier = verifier(&double.hosts());
    assert_eq!(asked(&verifier, "openai", &key).verified, Verified::Valid);
    let seen = double.seen();
    assert_eq!(seen.len(), 2, "the key, and one that was made up");
    let fake = seen[1].bearer().unwrap();
    assert!(fake.starts_with("sk-svcacct-") && fake.contains("T3BlbkFJ") && fake != key && fake.len() == key.len());
    asked(&verifier, "openai", &key);
    assert_eq!(double.seen().len(), 3, "the control is asked once");
}

#[test]
fn a_dead_key_is_dead_by_its_code_alone() {
    let (double, key) = openai();
    let verifier = verifier(&double.hosts());
    let dead = format!("{}{}", &key[..key.len() - 2], if key.ends_with("00") { "11" } else { "00" });
    let verdict = asked(&verifier, "openai", &dead);
    assert_eq!((verdict.verified, verdict.why.as_str()), (Verified::Invalid, "401 `invalid_api_key`"));
}

/// Answers everything the same.
struct Same(u16, &'static str);

impl Service for Same {
    const HOSTS: &'static [&'static str] = &["api.openai.com", "slack.com", "generativelanguage.googleapis.com"];
    fn answer(&mut self, _: &Request) -> Reply {
        Reply::text(self.0, self.1)
    }
}

#[test]
fn a_host_that_takes_anything_says_nothing() {
    let (_, key) = openai();
    for (status, body) in [(200, "{\"data\":[]}"), (403, "{}")] {
        let double = Double::start(Same(status, body));
        let verdict = asked(&verifier(&double.hosts()), "openai", &key);
        assert_eq!(verdict.verified, Verified::Indeterminate, "{verdict:?}");
        assert!(verdict.why.contains("made up"), "{verdict:?}");
    }
}

#[test]
fn what_is_not_documented_says_nothing() {
    let (_, key) = openai();
    // A captive portal's, a proxy's, a status that no document has.
    for (status, body) in [(401, "<html>please sign in</html>"), (401, "{}"), (404, "{}"), (418, ""), (400, "{}")] {
        let double = Double::start(Same(status, body));
        let verdict = asked(&verifier(&double.hosts()), "openai", &key);
        assert_eq!(verdict.verified, Verified::Indeterminate, "{status} {body}: {verdict:?}");
    }
}

#[test]
fn no_answer_says_nothing() {
    let troubles = [
        (Trouble::NeverArrives, Verified::Indeterminate),
        (Trouble::Slow(Duration::from_secs(3)), Verified::Indeterminate),
        (Trouble::Fails(500), Verified::Indeterminate),
        (Trouble::Redirects, Verified::Indeterminate),
        (Trouble::Limited(600), Verified::RateLimited),
    ];
    for (trouble, expected) in troubles {
        let (double, key) = openai();
        double.trouble("/v1/models", trouble);
        let verifier = verifier(&double.hosts());
        let verdict = asked(&verifier, "openai", &key);
        assert_eq!(verdict.verified, expected, "{trouble:?}: {verdict:?}");
        assert!(!verdict.why.contains(&key));
        if expected == Verified::RateLimited {
            assert_eq!(asked(&verifier, "openai", &key).verified, expected, "it is left alone");
            assert_eq!(double.seen().len(), 1);
        }
    }
    let nobody = verifier("api.openai.com=http://127.0.0.1:9");
    assert_eq!(asked(&nobody, "openai", &openai().1).verified, Verified::Indeterminate);
}

#[test]
fn a_value_goes_to_its_own_service_alone() {
    let double = Double::start(Same(200, "{}"));
    let verifier = verifier(&double.hosts());
    let (_, key) = openai();
    // Another service's key; a key that may not be asked about; a signing secret; nothing at all.
    let slack = format!("{}{}", "xoxe-1-", "a".repeat(100));
    let admin = format!("{}{}T3BlbkFJ{}", "sk-admin-", "a1".repeat(29), "b2".repeat(29));
    for (id, value) in
        [("slack", key.as_str()), ("gemini", &key), ("openai", &slack), ("openai", &admin), ("openai", "x")]
    {
        let verdict = asked(&verifier, id, value);
        assert_eq!(verdict.verified, Verified::Indeterminate, "{id}: {verdict:?}");
    }
    assert!(double.seen().is_empty(), "nobody was asked");
}

#[test]
fn a_code_tells_a_restriction_from_a_dead_key() {
    let blocked =
        r#"{"error":{"code":403,"status":"PERMISSION_DENIED","details":[{"reason":"API_KEY_IP_ADDRESS_BLOCKED"}]}}"#;
    let double = Double::start(Same(403, blocked));
    let key = format!("{}{}", "AIza", "aB3dE-7_x".repeat(4).get(..35).unwrap());
    let verdict = asked(&verifier(&double.hosts()), "gemini", &key);
    assert_eq!((verdict.verified, verdict.why.as_str()), (Verified::Blocked, "403 `API_KEY_IP_ADDRESS_BLOCKED`"));
}

#[test]
fn slack_says_all_with_200() {
    let key = format!("{}-{}-{}-{}", "xoxb", "123456789012", "1234567890123", "aB3dE7xYz0aB3dE7xYz0aB3d");
    for (body, expected) in [
        ("{\"ok\": false, \"error\": \"invalid_auth\"}", Verified::Invalid),
        ("{\"ok\": false, \"error\": \"not_authed\"}", Verified::Indeterminate),
        ("{\"ok\": true}", Verified::Indeterminate),
    ] {
        let double = Double::start(Same(200, body));
        let verdict = asked(&verifier(&double.hosts()), "slack", &key);
        assert_eq!(verdict.verified, expected, "{body}: {verdict:?}");
    }
}

#[test]
fn an_account_fills_in_what_an_address_lacks_and_no_more() {
    let (service, _, key) = doubles::Qdrant::new();
    let double = Double::start(service);
    let verifier = verifier(&double.hosts());
    let qdrant = provider("qdrant").unwrap();
    let with = |cluster: &str| verifier.verify(qdrant, &secret(&key), &Account::default().with("cluster", cluster));
    assert!(verifier.verify(qdrant, &secret(&key), &Account::default()).why.contains("`cluster` is needed"));
    for evil in ["evil.example/x", "evil.example#", "evil.example?", "a@evil.example", ""] {
        assert_eq!(with(evil).verified, Verified::Indeterminate, "{evil}");
    }
    assert!(double.seen().is_empty());
    let verdict = with(doubles::Qdrant::CLUSTER);
    assert_eq!(verdict.verified, Verified::Valid, "{verdict:?}");
}

#[test]
fn everything_in_the_catalogue_can_be_asked() {
    // Each request is one that can be sent, once its account's parts are there; and it stays with
    // the service.
    let nobody = verifier("");
    let mut checked = 0;
    for one in keyward_providers::providers().iter().filter(|one| one.verify.is_some()) {
        nobody.check(one).unwrap_or_else(|why| panic!("{}: {why}", one.id));
        checked += 1;
    }
    assert!(checked > 350, "{checked}");
}
