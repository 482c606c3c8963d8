//! Stores by their doubles.

use keyward_sync::{Fault, Means, Settings, Target};
use keyward_testing::doubles::{
    AzureKeyVault, Double, GcpSecrets, GitHubActions, Kubernetes, Receiver, Service, Trouble, VaultKv,
};
use keyward_testing::rotators::{Chance, Now};
use keyward_testing::targets::{TargetWorld, target_conformance};
use keyward_types::Secret;
use keyward_upstream::Http;

/// A double, how it is reached, and how it is seen.
struct Told<S> {
    double: Double<S>,
    credential: String,
    settings: fn(&str, bool) -> Settings,
    holds: fn(&S) -> Option<String>,
    count: fn(&S) -> Option<usize>,
    foreign: Option<fn(&mut S, &str)>,
    beside: fn(&S) -> String,
    /// What the call that writes has in it.
    writes: &'static str,
    marks: bool,
}

impl<S: Service> TargetWorld for Told<S> {
    fn settings(&self, adopt: bool) -> Settings {
        (self.settings)(&self.double.url(), adopt)
    }

    fn http(&self) -> Http {
        Http::with_hosts(self.double.hosts().parse().unwrap())
    }

    fn credential(&self) -> Option<Secret<String>> {
        Some(Secret::new("a credential", self.credential.clone()))
    }

    fn wrong_credential(&self) -> Option<Secret<String>> {
        let wrong = match self.credential.strip_prefix("whsec_") {
            // One that has the form, and is another's.
            Some(key) => format!("whsec_{}", key.chars().rev().filter(|c| *c != '=').collect::<String>() + "="),
            None => "nobody-has-this-one".into(),
        };
        Some(Secret::new("wrong", wrong))
    }

    fn holds(&self) -> Option<String> {
        (self.holds)(&self.double.service())
    }

    fn count(&self) -> Option<usize> {
        (self.count)(&self.double.service())
    }

    fn foreign(&self, value: &str) -> bool {
        self.foreign.map(|put| put(&mut self.double.service(), value)).is_some()
    }

    fn beside(&self) -> String {
        (self.beside)(&self.double.service())
    }

    fn trouble(&self, trouble: Trouble) -> bool {
        self.double.trouble(self.writes, trouble);
        true
    }

    fn marks(&self) -> bool {
        self.marks
    }
}

fn vault() -> Told<VaultKv> {
    let (mut service, credential) = VaultKv::new();
    service.put("shop/api", "OTHER", "beside it");
    service.put("elsewhere", "A", "1");
    Told {
        double: Double::start(service),
        credential,
        settings: |address, adopt| Settings::VaultKv {
            address: address.into(),
            mount: "secret".into(),
            path: "shop/api".into(),
            field: "DATABASE_URL".into(),
            namespace: None,
            ca: None,
            adopt,
        },
        holds: |service| service.get("shop/api", "DATABASE_URL"),
        count: |service| Some(service.versions("shop/api")),
        foreign: Some(|service, value| service.put("shop/api", "DATABASE_URL", value)),
        beside: |service| format!("{:?} {:?}", service.get("shop/api", "OTHER"), service.get("elsewhere", "A")),
        writes: "/v1/secret/data/shop/api? {",
        marks: true,
    }
}

fn kubernetes() -> Told<Kubernetes> {
    let (mut service, credential) = Kubernetes::new();
    service.put("api", "OTHER", "beside it");
    Told {
        double: Double::start(service),
        credential,
        settings: |address, adopt| Settings::Kubernetes {
            address: address.into(),
            namespace: "shop".into(),
            secret: "api".into(),
            key: "DATABASE_URL".into(),
            restarts: vec!["deployment/api".parse().unwrap()],
            ca: None,
            adopt,
        },
        holds: |service| service.get("api", "DATABASE_URL"),
        count: |service| Some(usize::try_from(service.starts("api")).unwrap()),
        foreign: Some(|service, value| service.put("api", "DATABASE_URL", value)),
        beside: |service| format!("{:?}", service.get("api", "OTHER")),
        writes: "apiVersion",
        marks: true,
    }
}

fn github(environment: Option<&'static str>) -> Told<GitHubActions> {
    let (mut service, credential) = GitHubActions::new();
    service.put("OTHER", "beside it");
    let of_repository: fn(&str, bool) -> Settings = |_, adopt| Settings::GithubActions {
        repository: "shop/api".into(),
        environment: None,
        name: "DATABASE_URL".into(),
        adopt,
    };
    let of_environment: fn(&str, bool) -> Settings = |_, adopt| Settings::GithubActions {
        repository: "shop/api".into(),
        environment: Some("production".into()),
        name: "DATABASE_URL".into(),
        adopt,
    };
    let in_repository: fn(&GitHubActions) -> Option<String> = |service| service.get("DATABASE_URL");
    let in_environment: fn(&GitHubActions) -> Option<String> = |service| service.get("production/DATABASE_URL");
    let put: fn(&mut GitHubActions, &str) = |service, value| service.put("DATABASE_URL", value);
    let put_there: fn(&mut GitHubActions, &str) = |service, value| service.put("production/DATABASE_URL", value);
    Told {
        double: Double::start(service),
        credential,
        settings: if environment.is_some() { of_environment } else { of_repository },
        holds: if environment.is_some() { in_environment } else { in_repository },
        count: |_| None,
        foreign: Some(if environment.is_some() { put_there } else { put }),
        beside: |service| format!("{:?}", service.get("OTHER")),
        writes: "encrypted_value",
        marks: false,
    }
}

fn azure() -> Told<AzureKeyVault> {
    let (mut service, credential) = AzureKeyVault::new();
    service.put("OTHER", "beside it");
    Told {
        double: Double::start(service),
        credential,
        settings: |_, adopt| Settings::AzureKv { vault: "shop".into(), name: "DATABASE-URL".into(), adopt },
        holds: |service| service.get("DATABASE-URL"),
        count: |service| Some(service.versions("DATABASE-URL")),
        foreign: Some(|service, value| service.put("DATABASE-URL", value)),
        beside: |service| format!("{:?} {:?}", service.get("OTHER"), service.tag("OTHER", "team")),
        writes: "PUT /secrets/DATABASE-URL",
        marks: true,
    }
}

fn gcp() -> Told<GcpSecrets> {
    let (mut service, credential) = GcpSecrets::new();
    service.put("OTHER", "beside it");
    Told {
        double: Double::start(service),
        credential,
        settings: |_, adopt| Settings::GcpSm { project: "shop-1".into(), name: "DATABASE_URL".into(), adopt },
        holds: |service| service.get("DATABASE_URL"),
        count: |service| Some(service.versions("DATABASE_URL")),
        foreign: Some(|service, value| service.put("DATABASE_URL", value)),
        beside: |service| format!("{:?} {:?}", service.get("OTHER"), service.label("OTHER", "team")),
        writes: ":addVersion",
        marks: true,
    }
}

fn webhook() -> Told<Receiver> {
    let (service, credential) = Receiver::new();
    Told {
        double: Double::start(service),
        credential,
        settings: |url, _| Settings::Webhook { url: url.into(), name: "DATABASE_URL".into() },
        holds: |service| service.taken.last().cloned(),
        count: |_| None,
        foreign: None,
        beside: |_| String::new(),
        writes: "keyward.secret.deploy",
        marks: false,
    }
}

#[test]
fn vaults_kv_keeps_what_is_asked() {
    assert_eq!(target_conformance(vault).len(), 12);
}

#[test]
fn kubernetes_keeps_what_is_asked() {
    assert_eq!(target_conformance(kubernetes).len(), 12);
}

#[test]
fn github_actions_keep_what_is_asked() {
    let of_repository = target_conformance(|| github(None));
    assert_eq!(of_repository.len(), 10, "{of_repository:?}");
    let of_environment = target_conformance(|| github(Some("production")));
    assert_eq!(of_environment, of_repository);
}

#[test]
fn azures_key_vault_keeps_what_is_asked() {
    assert_eq!(target_conformance(azure).len(), 12);
}

#[test]
fn googles_secret_manager_keeps_what_is_asked() {
    assert_eq!(target_conformance(gcp).len(), 12);
}

#[test]
fn a_webhook_keeps_what_is_asked() {
    let ran = target_conformance(webhook);
    assert!(ran.contains(&"a lost answer is made good by doing it again"), "{ran:?}");
    assert!(ran.contains(&"a wrong credential is refused and changes nothing"), "{ran:?}");
}

/// A target in its world, past the suite.
fn with<S: Service, T>(world: &Told<S>, act: impl FnOnce(&dyn Target) -> T) -> T {
    let means = Means {
        http: world.http(),
        clock: &Now,
        random: &Chance,
        credential: world.credential(),
        mark: "mzxw6ytboi2dgmrugu3tqmjqge".into(),
    };
    act(&*world.settings(false).target(means).unwrap())
}

fn value(text: &str) -> Secret<Vec<u8>> {
    Secret::new("a value", text.as_bytes().to_vec())
}

#[test]
fn a_rollout_that_has_not_ended_is_no_restart_and_is_begun_once() {
    let world = kubernetes();
    world.double.service().slow = true;
    with(&world, |target| target.deploy(&value("one"))).unwrap();
    assert!(!with(&world, |target| target.restarted()).unwrap());
    let starts = world.double.service().starts("api");
    with(&world, |target| target.deploy(&value("one"))).unwrap();
    assert_eq!(world.double.service().starts("api"), starts, "it runs with it already");
    world.double.service().slow = false;
    assert!(with(&world, |target| target.restarted()).unwrap());
    with(&world, |target| target.deploy(&value("two"))).unwrap();
    assert_eq!(world.double.service().starts("api"), starts + 1);
}

#[test]
fn what_a_store_does_not_take_is_told_with_what_can_be_done() {
    let world = kubernetes();
    world.double.service().freeze("api");
    let refused = with(&world, |target| target.deploy(&value("one"))).unwrap_err();
    assert!(matches!(&refused, Fault::Refused(why) if !why.contains("one")), "{refused:?}");
    let world = azure();
    world.double.service().delete("DATABASE-URL");
    let refused = with(&world, |target| target.deploy(&value("one"))).unwrap_err();
    assert!(matches!(&refused, Fault::Refused(why) if why.contains("recover")), "{refused:?}");
}

#[test]
fn an_entry_that_was_deleted_is_written_behind_its_last_version() {
    let world = vault();
    with(&world, |target| target.deploy(&value("one"))).unwrap();
    world.double.service().delete("shop/api");
    let found = with(&world, |target| target.read_back()).unwrap().unwrap();
    assert!(found.expose().is_empty(), "that is drift");
    with(&world, |target| target.deploy(&value("two"))).unwrap();
    assert_eq!(world.double.service().get("shop/api", "DATABASE_URL").as_deref(), Some("two"));
}

#[test]
fn a_repository_that_changed_its_key_is_asked_for_the_new_one() {
    let world = github(None);
    with(&world, |target| target.deploy(&value("one"))).unwrap();
    world.double.service().rekey();
    with(&world, |target| target.deploy(&value("two"))).unwrap();
    assert_eq!(world.double.service().get("DATABASE_URL").as_deref(), Some("two"));
    let gone = with(&world, |target| target.read_back()).unwrap();
    assert!(gone.is_none(), "GitHub does not give it out");
}
