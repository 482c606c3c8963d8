//! Who asks: a person or program a role, and tokens that are narrower than their owner.

use keyward_client::{Bytes, Desk, EditInfo, GrantInfo, Grantee, LocalDesk, NewTokenInfo, Occasion, Where, examine};
use serde_json::Value;

use super::table::Route;
use crate::kit::{Answer, Served};

/// Somebody with a token.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) name: &'static str,
    pub(super) role: Role,
    /// Where the role is given.
    pub(super) reach: Reach,
    /// What the token's scope leaves of it.
    pub(super) scope: Reach,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    None,
    Owner,
    Admin,
    Developer,
    Operator,
    Auditor,
    Ci,
}

/// A part of the vault, or of what can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Everything,
    Shop,
    ShopDevelopment,
    /// `match:*`
    Matching,
}

const fn actor(name: &'static str, role: Role, reach: Reach) -> Actor {
    Actor { name, role, reach, scope: Reach::Everything }
}

pub(super) const CAST: &[Actor] = &[
    actor("owner", Role::Owner, Reach::Everything),
    actor("admin", Role::Admin, Reach::Everything),
    actor("shop-admin", Role::Admin, Reach::Shop),
    actor("development-admin", Role::Admin, Reach::ShopDevelopment),
    actor("developer", Role::Developer, Reach::Everything),
    actor("shop-developer", Role::Developer, Reach::Shop),
    actor("shop-operator", Role::Operator, Reach::Shop),
    actor("auditor", Role::Auditor, Reach::Everything),
    actor("shop-auditor", Role::Auditor, Reach::Shop),
    actor("shop-ci", Role::Ci, Reach::Shop),
    actor("nobody", Role::None, Reach::Everything),
    Actor { name: "reading-token", role: Role::Owner, reach: Reach::Everything, scope: Reach::ShopDevelopment },
    Actor { name: "matching-token", role: Role::Owner, reach: Reach::Everything, scope: Reach::Matching },
];

/// What values begin with, to find them in answers.
pub(super) const MARKER: &str = "marker-of-the-matrix";

/// A vault with two projects, and one of the cast in front of it.
pub(super) struct Stage {
    pub(super) served: Served,
    actor: &'static Actor,
    token: String,
    /// Ids that paths name.
    victim: Victim,
}

/// What others have, which the cast is let loose on.
struct Victim {
    token: String,
    /// A virtual key of a program that the victim answers for.
    key: String,
    binding: String,
    elevation: String,
    finding: String,
    /// The line of a review that asks about the binding.
    line: u32,
}

impl Stage {
    pub(super) fn set(number: usize) -> Self {
        let served = Served::start();
        let actor = &CAST[number];
        let desk = LocalDesk::new(served.vault.clone(), occasion()).unwrap();
        desk.add_environment("shop".parse().unwrap(), "staging".parse().unwrap(), None).unwrap();
        let tiers = ["development", "staging", "production"].map(|name| name.parse().unwrap());
        desk.create_project("blog".parse().unwrap(), tiers.to_vec()).unwrap();
        for project in ["shop", "blog"] {
            for tier in ["development", "staging", "production"] {
                let at = Where { project: project.parse().unwrap(), environment: tier.parse().unwrap() };
                for version in ["one", "two"] {
                    let value = format!("{MARKER}-{project}-{tier}-{version}");
                    let edit = EditInfo {
                        kind: Some(keyward_types::Kind::ApiKey),
                        provider: Some(Some("openai".into())),
                        ..EditInfo::default()
                    };
                    let secret = examine("A".parse().unwrap(), Bytes::new(value.into_bytes()), edit).secret;
                    desk.write(at.clone(), vec![secret]).unwrap();
                }
            }
        }
        let victim = Victim::of(&desk, &served);
        let token = token(&desk, &served, actor);
        let stage = Self { served, actor, token, victim };
        // The first use of a token leaves an entry of its own.
        assert_eq!(stage.send("GET", "/whoami", None).status, 200);
        stage
    }

    pub(super) fn actor(&self) -> &'static Actor {
        self.actor
    }

    pub(super) fn ask(&self, route: &Route, (project, environment): (&str, &str)) -> Answer {
        let id = match route.path {
            path if path.starts_with("/tokens") => self.victim.token.as_str(),
            path if path.starts_with("/virtual-keys") => &self.victim.key,
            path if path.starts_with("/role-bindings") => &self.victim.binding,
            path if path.starts_with("/elevations") => &self.victim.elevation,
            path if path.starts_with("/reviews") => "newest",
            path if path.contains("/trusts/") => "aaaaaaaaaaaaaaaaaaaaaaaaaa",
            _ => &self.victim.finding,
        };
        let filled = |text: &str| {
            text.replace("{project}", project)
                .replace("{environment}", environment)
                .replace("{name}", "A")
                .replace("{login}", "victim")
                .replace("{group}", "victims")
                .replace("{policy}", "a-policy")
                .replace("{index}", "0")
                .replace("{number}", &self.victim.line.to_string())
                .replace("{sink}", "a-sink")
                .replace("{provider}", "a-provider")
                .replace("{id}", id)
                .replace("{actor}", self.actor.name)
        };
        let body = (!route.body.is_empty()).then(|| serde_json::from_str(&filled(route.body)).unwrap());
        self.send(route.method, &format!("{}{}", filled(route.path), route.query), body)
    }

    fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.served.raw(method, &format!("/api/v1{path}"), &headers, &body)
    }
}

impl Victim {
    fn of(desk: &LocalDesk, served: &Served) -> Self {
        desk.add_user("victim".parse().unwrap(), "Victim".into()).unwrap();
        desk.create_group("victims".parse().unwrap()).unwrap();
        let grant = GrantInfo {
            to: Grantee::Account("victim".parse().unwrap()),
            role: keyward_client::Role::Auditor,
            project: Some("blog".parse().unwrap()),
            environment: None,
            until: None,
        };
        let binding = desk.grant_role(grant).unwrap().id;
        let key = key(desk);
        let victim = acting(served, desk, "victim");
        let token = victim.create_token(NewTokenInfo { name: "his".into(), ..NewTokenInfo::default() }).unwrap();
        let asked = victim.request_elevation(keyward_client::ElevationAsk {
            role: Some(keyward_client::Role::Operator),
            project: Some("blog".parse().unwrap()),
            environment: None,
            seconds: 600,
            reason: "for the matrix".into(),
        });
        let report = keyward_client::FindingReport {
            source: "blog".into(),
            fingerprint: keyward_types::Fingerprint(format!("kwf1:{}", "ab".repeat(16))),
            rule: "a-rule".into(),
            path: "a.py".into(),
            line: None,
            commit: None,
            secret: None,
        };
        let finding = desk.report_findings(vec![report]).unwrap().remove(0).id;
        let review = desk.start_review(14).unwrap();
        let line = review.lines.iter().find(|line| line.account == "victim").unwrap().number;
        Self { token: token.token.id, key, binding, elevation: asked.unwrap().id, finding, line }
    }
}

/// A virtual key for the foreign project.
fn key(desk: &LocalDesk) -> String {
    let bot: keyward_client::Login = "victims-bot".parse().unwrap();
    desk.add_service_account(bot.clone(), String::new(), "victim".parse().ok()).unwrap();
    let grant = GrantInfo {
        to: Grantee::Account(bot.clone()),
        role: keyward_client::Role::Operator,
        project: Some("blog".parse().unwrap()),
        environment: None,
        until: None,
    };
    desk.grant_role(grant).unwrap();
    let secret = keyward_client::KeySecretInfo { secret: Some("A".parse().unwrap()), provider: None, upstream: None };
    let new = keyward_client::NewVirtualKeyInfo {
        name: "victims-key".parse().unwrap(),
        account: Some(bot),
        secrets: vec![secret],
        rules: keyward_client::KeyRulesInfo::default(),
        expires_at: None,
    };
    let at = Where { project: "blog".parse().unwrap(), environment: "development".parse().unwrap() };
    desk.create_virtual_key(at, new).unwrap().virtual_key.id
}

pub(super) fn occasion() -> Occasion {
    Occasion { agent: "test".into(), reason: None }
}

/// A desk for somebody with an account.
fn acting(served: &Served, desk: &LocalDesk, login: &str) -> LocalDesk {
    let accounts = desk.accounts().unwrap();
    let account = accounts.iter().find(|account| account.login.as_ref().is_some_and(|name| name.as_str() == login));
    let caller = served.vault.caller_of(&account.unwrap().principal.parse().unwrap()).unwrap();
    LocalDesk::acting(served.vault.clone(), caller, occasion())
}

/// The account, its role and its token.
fn token(desk: &LocalDesk, served: &Served, actor: &Actor) -> String {
    desk.add_user(actor.name.parse().unwrap(), actor.name.into()).unwrap();
    let role = match actor.role {
        Role::None => None,
        Role::Owner => Some(keyward_client::Role::Owner),
        Role::Admin => Some(keyward_client::Role::Admin),
        Role::Developer => Some(keyward_client::Role::Developer),
        Role::Operator => Some(keyward_client::Role::Operator),
        Role::Auditor => Some(keyward_client::Role::Auditor),
        Role::Ci => Some(keyward_client::Role::Ci),
    };
    if let Some(role) = role {
        let within = |reach: &[Reach], name: &str| reach.contains(&actor.reach).then(|| name.to_owned());
        desk.grant_role(GrantInfo {
            to: Grantee::Account(actor.name.parse().unwrap()),
            role,
            project: within(&[Reach::Shop, Reach::ShopDevelopment], "shop").map(|name| name.parse().unwrap()),
            environment: within(&[Reach::ShopDevelopment], "development").map(|name| name.parse().unwrap()),
            until: None,
        })
        .unwrap();
    }
    let scopes = match actor.scope {
        Reach::ShopDevelopment => vec!["read:shop/development/*".to_owned()],
        Reach::Matching => vec!["match:*".to_owned()],
        _ => Vec::new(),
    };
    let new = NewTokenInfo { name: "test".into(), scopes, ..NewTokenInfo::default() };
    let made = acting(served, desk, actor.name).create_token(new).unwrap();
    String::from_utf8(made.text.expose().to_vec()).unwrap()
}
