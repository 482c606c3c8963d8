//! AWS as moto has it, behind a relay that makes troubles: signatures are looked at.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use keyward_sync::{Means, Settings};
use keyward_testing::doubles::{Double, Relay, Trouble};
use keyward_testing::moto::Moto;
use keyward_testing::rotators::{Chance, Now};
use keyward_testing::targets::{TargetWorld, target_conformance};
use keyward_types::Secret;
use keyward_upstream::{Hosts, Http};

/// One moto, and an access key of a user who may do everything.
pub(super) fn aws() -> &'static (Moto, String) {
    static AWS: OnceLock<(Moto, String)> = OnceLock::new();
    AWS.get_or_init(|| {
        let moto = Moto::start();
        let key = moto.user("deployer", "*");
        (moto, key)
    })
}

struct Region {
    relay: Double<Relay>,
    name: String,
    settings: fn(&str, bool) -> Settings,
    writes: &'static str,
}

impl Region {
    fn new(settings: fn(&str, bool) -> Settings, writes: &'static str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("/shop/{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let world = Self { relay: Double::start(Relay::to(&aws().0.url())), name, settings, writes };
        world.put(&format!("{}-beside", world.name), "beside it");
        world
    }

    fn way(&self, url: &str) -> Http {
        let hosts = ["secretsmanager.eu-central-1.amazonaws.com", "ssm.eu-central-1.amazonaws.com"];
        Http::with_hosts(hosts.iter().fold(Hosts::default(), |hosts, host| hosts.with(host, url).unwrap()))
    }

    /// Somebody else, past the relay.
    fn other(&self) -> Means<'static> {
        let credential = self.credential();
        Means { http: self.way(&aws().0.url()), clock: &Now, random: &Chance, credential, mark: "somebody".into() }
    }

    fn put(&self, name: &str, value: &str) {
        let target = (self.settings)(name, true);
        let value = Secret::new("a value", value.as_bytes().to_vec());
        target.target(self.other()).unwrap().deploy(&value).unwrap();
    }

    fn get(&self, name: &str) -> Option<String> {
        let found = (self.settings)(name, true).target(self.other()).unwrap().read_back().unwrap().unwrap();
        let text = String::from_utf8(found.expose().clone()).unwrap();
        (!text.is_empty()).then_some(text)
    }
}

impl TargetWorld for Region {
    fn settings(&self, adopt: bool) -> Settings {
        (self.settings)(&self.name, adopt)
    }

    fn http(&self) -> Http {
        self.way(&self.relay.url())
    }

    fn credential(&self) -> Option<Secret<String>> {
        Some(Secret::new("an access key", aws().1.clone()))
    }

    /// The same key's id with another secret: the signature is wrong.
    fn wrong_credential(&self) -> Option<Secret<String>> {
        let (id, _) = aws().1.split_once(':').unwrap();
        Some(Secret::new("wrong", format!("{id}:nobody-has-this-one-0000")))
    }

    fn holds(&self) -> Option<String> {
        self.get(&self.name)
    }

    fn foreign(&self, value: &str) -> bool {
        self.put(&self.name, value);
        true
    }

    fn beside(&self) -> String {
        format!("{:?}", self.get(&format!("{}-beside", self.name)))
    }

    fn trouble(&self, trouble: Trouble) -> bool {
        self.relay.trouble(self.writes, trouble);
        true
    }
}

#[test]
fn secrets_manager_keeps_what_is_asked() {
    let settings: fn(&str, bool) -> Settings =
        |name, adopt| Settings::AwsSm { region: "eu-central-1".into(), name: name.into(), adopt };
    assert_eq!(target_conformance(|| Region::new(settings, "SecretString")).len(), 11);
}

#[test]
fn the_parameter_store_keeps_what_is_asked() {
    let settings: fn(&str, bool) -> Settings =
        |name, adopt| Settings::AwsSsm { region: "eu-central-1".into(), name: name.into(), adopt };
    assert_eq!(target_conformance(|| Region::new(settings, "SecureString")).len(), 11);
}
