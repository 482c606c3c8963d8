//! AWS's stores read, as moto has them: pages, stages, what is no text, and what may not be read.

use keyward_sync::{Asking, Fault, Found, Source, SourceKind};
use keyward_testing::doubles::{Double, Relay};
use keyward_testing::moto::Moto;
use keyward_testing::rotators::{Chance, Now};
use keyward_types::Secret;
use keyward_upstream::{Hosts, Http};
use serde_json::{Value, json};

/// A moto of its own: what is listed is all of a region.
struct Store {
    moto: Moto,
    kind: SourceKind,
    key: String,
}

impl Store {
    fn new(kind: SourceKind) -> Self {
        let moto = Moto::start();
        let key = moto.user("mover", "*");
        Self { moto, kind, key }
    }

    fn service(&self) -> (&'static str, &'static str) {
        match self.kind {
            SourceKind::AwsSm => ("secretsmanager", "secretsmanager"),
            _ => ("ssm", "AmazonSSM"),
        }
    }

    /// What an administrator does there.
    fn does(&self, action: &str, body: &Value) -> Value {
        self.moto.call(&self.key, "eu-central-1", self.service(), (action, body))
    }

    fn read(&self, key: &str, address: &str) -> Result<Vec<Found>, Fault> {
        self.read_at(&self.moto.url(), key, address)
    }

    fn read_at(&self, url: &str, key: &str, address: &str) -> Result<Vec<Found>, Fault> {
        let (service, _) = self.service();
        let host = format!("{service}.eu-central-1.amazonaws.com");
        let asking = Asking {
            http: Http::with_hosts(Hosts::default().with(&host, url).unwrap()),
            clock: &Now,
            random: &Chance,
            credential: Secret::new("an access key", key.to_owned()),
            ca: None,
            namespace: None,
        };
        Source::parse(self.kind, address).unwrap().take(asking)
    }

    fn all(&self) -> Vec<Found> {
        self.read(&self.key, "eu-central-1").unwrap()
    }
}

fn text<'a>(found: &'a [Found], from: &str) -> Option<&'a str> {
    let one = found.iter().find(|one| one.from == from).unwrap_or_else(|| panic!("no {from}"));
    one.value.as_ref().map(|value| value.expose().as_str())
}

#[test]
fn secrets_manager_is_read_in_pages_and_by_its_current_stage() {
    let store = Store::new(SourceKind::AwsSm);
    for n in 0..205 {
        store.does("CreateSecret", &json!({ "Name": format!("shop/KEY_{n}"), "SecretString": format!("value {n}") }));
    }
    // The newest is current; what is only pending is nobody's value yet.
    store.does("PutSecretValue", &json!({ "SecretId": "shop/KEY_7", "SecretString": "the next one" }));
    let pending = json!({ "SecretId": "shop/KEY_8", "SecretString": "not yet", "VersionStages": ["AWSPENDING"] });
    store.does("PutSecretValue", &pending);
    store.does("CreateSecret", &json!({ "Name": "shop/BYTES", "SecretBinary": "AAH/gA==" }));
    store.does("CreateSecret", &json!({ "Name": "other/KEY_1", "SecretString": "of somebody else" }));
    store.does("DeleteSecret", &json!({ "SecretId": "shop/KEY_9" }));
    let found = store.all();
    assert_eq!(found.len(), 206, "205 and two more, less the one that is being deleted");
    assert_eq!((text(&found, "shop/KEY_0"), text(&found, "shop/KEY_204")), (Some("value 0"), Some("value 204")));
    assert_eq!((text(&found, "shop/KEY_7"), text(&found, "shop/KEY_8")), (Some("the next one"), Some("value 8")));
    let bytes = found.iter().find(|one| one.name == "BYTES").unwrap();
    assert!(bytes.value.is_none() && !bytes.denied, "what is no text is told, and is none that was denied");
    // Two of one last name keep their whole ones.
    assert!(found.iter().any(|one| one.name == "other/KEY_1") && found.iter().any(|one| one.name == "shop/KEY_1"));
    assert_eq!(store.read(&store.key, "eu-central-1/shop/").unwrap().len(), 205);
}

#[test]
fn the_parameter_store_is_read_in_pages_and_to_its_largest_values() {
    let store = Store::new(SourceKind::AwsSsm);
    let put = |name: &str, kind: &str, value: &str, tier: &str| {
        store.does("PutParameter", &json!({ "Name": name, "Value": value, "Type": kind, "Tier": tier }));
    };
    for n in 0..120 {
        put(&format!("/shop/KEY_{n}"), "SecureString", &format!("value {n}"), "Standard");
    }
    let (standard, advanced) = ("s".repeat(4096), "a".repeat(8192));
    put("/shop/STANDARD", "SecureString", &standard, "Standard");
    put("/shop/ADVANCED", "SecureString", &advanced, "Advanced");
    put("/shop/PLAIN", "String", "in the clear", "Standard");
    put("/shop/LIST", "StringList", "a,b,c", "Standard");
    let found = store.all();
    assert_eq!(found.len(), 124);
    assert_eq!((text(&found, "/shop/KEY_0"), text(&found, "/shop/KEY_119")), (Some("value 0"), Some("value 119")));
    assert_eq!(text(&found, "/shop/STANDARD"), Some(standard.as_str()));
    assert_eq!(text(&found, "/shop/ADVANCED"), Some(advanced.as_str()));
    assert_eq!((text(&found, "/shop/PLAIN"), text(&found, "/shop/LIST")), (Some("in the clear"), Some("a,b,c")));
    assert_eq!(store.read(&store.key, "eu-central-1/other").unwrap().len(), 0);
}

#[test]
fn who_may_list_and_not_read_is_told_and_who_may_nothing_is_refused() {
    for (kind, list, make) in [
        (SourceKind::AwsSm, "secretsmanager:ListSecrets", ("CreateSecret", "SecretString")),
        (SourceKind::AwsSsm, "ssm:DescribeParameters", ("PutParameter", "Value")),
    ] {
        let store = Store::new(kind);
        let mut body = json!({ "Name": "KEY", "Type": "SecureString" });
        body[make.1] = json!("a value");
        store.does(make.0, &body);
        let (lists, stranger) = (store.moto.user("lists", list), store.moto.user("stranger", "s3:ListBuckets"));
        for key in [lists, stranger] {
            let refused = store.read(&key, "eu-central-1").unwrap_err();
            assert!(
                matches!(&refused, Fault::Refused(why) if why.contains("permission missing")),
                "{kind:?}: {refused}"
            );
        }
        let (id, _) = store.key.split_once(':').unwrap();
        let forged = store.read(&format!("{id}:nobody-has-this-one-0000"), "eu-central-1").unwrap_err();
        assert!(matches!(forged, Fault::Refused(_)), "{kind:?}: {forged}");
    }
}

#[test]
fn what_may_be_listed_and_not_read_is_named_beside_what_was_read() {
    for (kind, action, make, part) in [
        (SourceKind::AwsSm, "GetSecretValue", ("CreateSecret", "SecretString"), "eu-central-1//blog"),
        (SourceKind::AwsSsm, "GetParameter", ("PutParameter", "Value"), "eu-central-1/blog"),
    ] {
        let store = Store::new(kind);
        for name in ["/shop/OPEN", "/shop/CLOSED", "/blog/CLOSED"] {
            let mut body = json!({ "Name": name, "Type": "SecureString" });
            body[make.1] = json!(format!("value of {name}"));
            store.does(make.0, &body);
        }
        let relay = Double::start(Relay::to(&store.moto.url()));
        relay.service().refuse(action, "/shop/CLOSED", "AccessDeniedException");
        relay.service().refuse(action, "/blog/CLOSED", "AccessDeniedException");
        let found = store.read_at(&relay.url(), &store.key, "eu-central-1").unwrap();
        assert_eq!(found.len(), 3, "{kind:?}");
        assert_eq!(text(&found, "/shop/OPEN"), Some("value of /shop/OPEN"));
        let denied: Vec<&Found> = found.iter().filter(|one| one.denied).collect();
        let mut names: Vec<&str> = denied.iter().map(|one| one.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["blog/CLOSED", "shop/CLOSED"], "{kind:?}");
        assert!(denied.iter().all(|one| one.value.is_none()), "{kind:?}");
        // Where it is all that was meant, that nothing may be read is told.
        let refused = store.read_at(&relay.url(), &store.key, part).unwrap_err();
        assert!(matches!(&refused, Fault::Refused(why) if why.contains("permission missing")), "{kind:?}: {refused}");
    }
}
