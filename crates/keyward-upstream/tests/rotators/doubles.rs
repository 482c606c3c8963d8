//! Services by their doubles.

use std::time::Duration;

use keyward_testing::doubles::{self, Double, Service, Trouble};
use keyward_testing::rotators::{Chance, Now, Step, World, rotator_conformance};
use keyward_types::Secret;
use keyward_upstream::rotators::{Anthropic, ApiKeys, GitHub, GitHubApp, Iam, Neon, OpenAi, Qdrant};
use keyward_upstream::{Ctx, Fault, Http, KeyId, Refusal, Rotator, Tag};

/// A double, what is needed of it, and how it is seen.
struct Told<S> {
    double: Double<S>,
    admin: Option<String>,
    current: String,
    said: Option<String>,
    live: fn(&S) -> Vec<String>,
    permissions: fn(&S, &str) -> Option<String>,
    by_hand: fn(&mut S, &str) -> Option<String>,
    fill: fn(&mut S) -> bool,
    /// What the calls of these steps have in them: preflight, mint, probe, retire.
    steps: [&'static str; 4],
}

impl<S: Service> Told<S> {
    fn new(
        service: S,
        admin: Option<String>,
        current: String,
        live: fn(&S) -> Vec<String>,
        steps: [&'static str; 4],
    ) -> Self {
        let (permissions, by_hand, fill) = (|_: &S, _: &str| None, |_: &mut S, _: &str| None, |_: &mut S| false);
        Self { double: Double::start(service), admin, current, said: None, live, permissions, by_hand, fill, steps }
    }

    fn http(&self) -> Http {
        Http::with_hosts(self.double.hosts().parse().expect("these are hosts")).within(Duration::from_secs(1))
    }
}

fn secret(text: &str) -> Secret<String> {
    Secret::new("a value", text.to_owned())
}

impl<S: Service> World for Told<S> {
    fn admin(&self) -> Option<Secret<String>> {
        self.admin.as_deref().map(secret)
    }

    fn wrong_admin(&self) -> Option<Secret<String>> {
        self.admin.as_ref().map(|admin| match admin.contains(':') {
            true => secret(&format!("{}{}:nobody-has-this-one", "AKIA", "NOBODYHASTHISONE")),
            false => secret("nobody-has-this-one"),
        })
    }

    fn current(&self) -> Secret<String> {
        secret(&self.current)
    }

    fn said(&self) -> Option<KeyId> {
        self.said.as_deref().map(KeyId::new)
    }

    fn live(&self) -> Vec<String> {
        (self.live)(&self.double.service())
    }

    fn permissions(&self, id: &KeyId) -> Option<String> {
        (self.permissions)(&self.double.service(), id.as_str())
    }

    fn by_hand(&self, tag: &Tag) -> Option<Secret<String>> {
        (self.by_hand)(&mut self.double.service(), tag.as_str()).as_deref().map(secret)
    }

    fn trouble(&self, step: Step, trouble: Trouble) -> bool {
        let [preflight, mint, probe, retire] = self.steps;
        let on = match step {
            Step::Preflight => preflight,
            Step::Mint => mint,
            Step::Probe => probe,
            Step::Retire => retire,
        };
        self.double.trouble(on, trouble);
        true
    }

    fn fill(&self) -> bool {
        (self.fill)(&mut self.double.service())
    }
}

/// Cases of those that mint by themselves, beside suspending and slots.
const MINTING: usize = 13;

fn openai(change: fn(&mut doubles::OpenAi)) -> Told<doubles::OpenAi> {
    let (mut service, admin, current) = doubles::OpenAi::new();
    change(&mut service);
    let steps = ["GET /v1/organization", "POST /v1/organization", "/v1/models", "DELETE /v1/organization"];
    Told::new(service, Some(admin), current, doubles::OpenAi::live, steps)
}

#[test]
fn openai_keys_of_a_service_account() {
    let rotator = |world: &Told<_>| Box::new(OpenAi::new(world.http(), "proj_1", "svc_acct_1")) as _;
    assert_eq!(rotator_conformance(rotator, || openai(|_| {})).len(), MINTING);
    // The specification's word against the SDK's; and a list that lags behind.
    assert_eq!(rotator_conformance(rotator, || openai(|service| service.refuses_deletion = true)).len(), MINTING);
    assert_eq!(rotator_conformance(rotator, || openai(|service| service.lag = 3)).len(), MINTING);
}

#[test]
fn what_was_never_sent_is_told_from_what_is_not_known() {
    let current = secret("a value");
    for place in ["http://127.0.0.1:9", "https://no-such-host.invalid"] {
        let http = Http::with_hosts(format!("api.openai.com={place}").parse().unwrap());
        let ctx = Ctx { admin: Some(&current), current: Some(&current), replaces: None, clock: &Now, random: &Chance };
        let minted = OpenAi::new(http, "proj_1", "svc_acct_1").mint(&ctx, &"kw-1".parse().unwrap(), None);
        assert!(matches!(minted, Err(Fault::Unreachable(_))), "{place}: {minted:?}");
    }
}

#[test]
fn anthropic_keys_that_a_person_makes() {
    let fresh = || {
        let (service, admin, current) = doubles::Anthropic::new();
        let steps = ["GET /v1/organizations", "by hand", "/v1/models", "POST /v1/organizations"];
        let told = Told::new(service, Some(admin), current, doubles::Anthropic::live, steps);
        Told { by_hand: |service: &mut doubles::Anthropic, name| Some(service.make(name)), ..told }
    };
    let ran = rotator_conformance(|world: &Told<_>| Box::new(Anthropic::new(world.http())), fresh);
    assert_eq!(ran.len(), 7, "{ran:?}");
}

#[test]
fn google_keys_with_their_restrictions() {
    let fresh = |(service, admin, current): (doubles::ApiKeys, String, String)| {
        let steps = ["GET /v2/projects", "POST /v2/projects", "/v1beta/models", "DELETE /v2/projects"];
        let told = Told::new(service, Some(admin), current, doubles::ApiKeys::live, steps);
        Told {
            permissions: |service: &doubles::ApiKeys, id| service.restrictions(id).map(|rules| rules.to_string()),
            ..told
        }
    };
    let rotator = |world: &Told<_>| Box::new(ApiKeys::new(world.http(), "shop-1")) as _;
    let ran = rotator_conformance(rotator, || fresh(doubles::ApiKeys::new()));
    assert_eq!(ran.len(), MINTING + 1, "{ran:?}");
    // With a service account's key, for which there is a token an hour at a time.
    let ran = rotator_conformance(rotator, || fresh(doubles::ApiKeys::with_service_account()));
    assert_eq!(ran.len(), MINTING + 1, "{ran:?}");
}

#[test]
fn qdrant_cloud_keys_with_their_rules() {
    let fresh = || {
        let (service, admin, current) = doubles::Qdrant::new();
        let steps = ["GET /api/cluster", "POST /api/cluster", "GET /collections", "DELETE /api/cluster"];
        let told = Told::new(service, Some(admin), current, doubles::Qdrant::live, steps);
        Told { permissions: |service: &doubles::Qdrant, id| service.rules(id).map(|rules| rules.to_string()), ..told }
    };
    let cluster = doubles::Qdrant::CLUSTER;
    let ran =
        rotator_conformance(|world: &Told<_>| Box::new(Qdrant::new(world.http(), "acc-1", "c-1", cluster)), fresh);
    assert_eq!(ran.len(), MINTING, "{ran:?}");
}

#[test]
fn neon_keys_of_an_organisation() {
    let fresh = || {
        let (service, admin, current, id) = doubles::Neon::new();
        let steps = ["GET /api/v2/org", "POST /api/v2/org", "/api/v2/auth", "DELETE /api/v2/org"];
        let told = Told::new(service, Some(admin), current, doubles::Neon::live, steps);
        Told { said: Some(id), permissions: doubles::Neon::project, ..told }
    };
    let rotator = |world: &Told<_>| Box::new(Neon::of_organization(world.http(), "org-1", Some("late-frost-1"))) as _;
    let ran = rotator_conformance(rotator, fresh);
    assert_eq!(ran.len(), MINTING, "{ran:?}");
}

#[test]
fn aws_access_keys_of_a_user() {
    let fresh = || {
        let (service, admin, current) = doubles::Iam::new();
        let steps =
            ["Action=ListAccessKeys", "Action=CreateAccessKey", "Action=GetCallerIdentity", "Action=DeleteAccessKey"];
        let told = Told::new(service, Some(admin), current, doubles::Iam::live, steps);
        let fill = |service: &mut doubles::Iam| {
            service.make();
            true
        };
        Told { fill, ..told }
    };
    let ran = rotator_conformance(|world: &Told<_>| Box::new(Iam::new(world.http(), "deploy")), fresh);
    assert_eq!(ran.len(), MINTING + 2, "{ran:?}");
}

#[test]
fn github_tokens_that_are_revoked_by_showing_them() {
    for lag in [0, 3] {
        let fresh = move || {
            let (mut service, current) = doubles::GitHub::new();
            service.lag = lag;
            let live = |service: &doubles::GitHub| (0..service.live()).map(|at| at.to_string()).collect();
            let steps = ["GET /user", "by hand", "GET /user", "POST /credentials"];
            Told {
                by_hand: |service: &mut doubles::GitHub, _| Some(service.make()),
                ..Told::new(service, None, current, live, steps)
            }
        };
        let ran = rotator_conformance(|world: &Told<_>| Box::new(GitHub::new(world.http())), fresh);
        assert_eq!(ran.len(), 5, "{ran:?}");
    }
}

fn github_app() -> Told<doubles::GitHubApp> {
    let (service, admin, current) = doubles::GitHubApp::new();
    let steps = ["GET /app/inst", "access_tokens", "GET /installation/repo", "DELETE /installation/token"];
    Told {
        permissions: doubles::GitHubApp::may,
        ..Told::new(service, Some(admin), current, doubles::GitHubApp::live, steps)
    }
}

fn of_app(world: &Told<doubles::GitHubApp>, repositories: &[&str], may: &[(&str, &str)]) -> Result<GitHubApp, Fault> {
    let (app, installation) = (doubles::GitHubApp::APP, doubles::GitHubApp::INSTALLATION);
    let may = may.iter().map(|(name, level)| ((*name).to_owned(), (*level).to_owned())).collect();
    let repositories = Some(repositories.iter().map(|name| (*name).to_owned()).collect());
    GitHubApp::new(world.http(), app, installation, repositories, may)
}

#[test]
fn tokens_of_an_installation_of_a_github_app() {
    let rotator = |world: &Told<_>| Box::new(of_app(world, &["shop"], &[("contents", "read")]).unwrap()) as _;
    let ran = rotator_conformance(rotator, github_app);
    assert_eq!(ran.len(), MINTING, "{ran:?}");
}

#[test]
fn a_token_of_an_app_may_what_was_said_and_is_ended_by_showing_it() {
    let world = github_app();
    let (admin, current) = (world.admin().unwrap(), world.current());
    let ctx = Ctx { admin: Some(&admin), current: Some(&current), replaces: None, clock: &Now, random: &Chance };
    let tag = "kw-1".parse().unwrap();
    assert!(of_app(&world, &["shop"], &[]).is_err(), "without permissions it would be given all");
    assert!(of_app(&world, &[], &[("contents", "read")]).is_err());
    assert!(of_app(&world, &["shop"], &[("contents", "own")]).is_err());
    let refused = |repositories: &[&str], may: &[(&str, &str)]| {
        let rotator = of_app(&world, repositories, may).unwrap();
        rotator.preflight(&ctx).and_then(|_| rotator.mint(&ctx, &tag, None)).unwrap_err()
    };
    let wider = refused(&["shop"], &[("contents", "read"), ("issues", "write")]);
    assert!(matches!(&wider, Fault::Refused(Refusal::Permission, why) if why.contains("issues=write")), "{wider}");
    let elsewhere = refused(&["another"], &[("contents", "read")]);
    assert!(matches!(elsewhere, Fault::Refused(Refusal::Input, _)), "{elsewhere}");
    world.double.service().generous = true;
    let generous = refused(&["shop"], &[("contents", "read")]);
    assert!(matches!(generous, Fault::Nonsense(_)), "{generous}");
    world.double.service().generous = false;
    world.double.service().suspended = true;
    let suspended = refused(&["shop"], &[("contents", "read")]);
    assert!(matches!(suspended, Fault::Refused(Refusal::Permission, _)), "{suspended}");
    world.double.service().suspended = false;

    let rotator = of_app(&world, &["shop"], &[("contents", "read")]).unwrap();
    let seen = rotator.preflight(&ctx).unwrap().current.unwrap();
    let made = rotator.mint(&ctx, &tag, None).unwrap();
    assert!(made.expires.is_some(), "it ends by itself");
    // Only who shows a token ends it: of another the id alone does nothing.
    let other = rotator.retire(&ctx, &made.id).unwrap_err();
    assert!(matches!(other, Fault::Refused(Refusal::Missing, _)), "{other}");
    rotator.retire(&Ctx { current: Some(&made.value), ..ctx }, &made.id).unwrap();
    assert!(rotator.probe(&ctx, &made.value).unwrap().is_dead());
    assert!(rotator.probe(&ctx, &current).unwrap().is_alive());
    rotator.retire(&ctx, &seen).unwrap();
    assert!(rotator.probe(&ctx, &current).unwrap().is_dead());
    // Another app's key is no key of this one.
    let (_, stranger, _) = doubles::ApiKeys::with_service_account();
    let stranger: serde_json::Value = serde_json::from_str(&stranger).unwrap();
    let stranger = secret(stranger["private_key"].as_str().unwrap());
    let refused = rotator.mint(&Ctx { admin: Some(&stranger), ..ctx }, &tag, None).unwrap_err();
    assert!(matches!(refused, Fault::Refused(Refusal::Admin, _)), "{refused}");
}
