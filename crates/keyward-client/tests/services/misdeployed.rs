//! Somebody needs the old key still, and nobody thought of him: in another environment, in a pool that was
//! never closed, in a job that runs at night, in a region that was forgotten. For two days after the
//! rotation he works, the old key lives, and he is named. Once he has moved on, it ends.

use std::path::PathBuf;

use keyward_access::{Login, Role, Subject};
use keyward_client::{
    Desk, KeyRulesInfo, KeySecretInfo, NewTargetInfo, NewVirtualKeyInfo, RotateAsk, TargetSettings, Wish,
};
use keyward_testing::doubles::{ApiKeys, Iam, Neon, OpenAi};
use keyward_vault::{Actor, UsageCall, UsageCounts, Via};

use super::shop::{Doubles, Shop, at, becomes, by, doubles, name, version};

/// Whose key it is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    OpenAi,
    Google,
    Neon,
    Aws,
}

/// How it shows that somebody needs the old value.
#[derive(Clone, Copy, Debug)]
enum Needs {
    /// An account got it before the rotation, and has it.
    Has(&'static str, Via),
    /// It gets the old version afterwards, by its number.
    GetsLater(&'static str, Via),
    /// It gets it while the new one waits to become active at all targets.
    GetsMeanwhile(&'static str, Via),
    /// It has a version from before that.
    HasOlder(&'static str, Via),
    /// Two have it, and the first of them moves on after a day.
    FirstOfTwo(&'static str, &'static str),
    /// Work at the service, every so many hours, and what the service tells of it.
    Works(i64, &'static str),
    /// Calls of a gateway that goes on with it, every so many hours.
    Calls(i64, &'static str),
    /// A second target's file, into which somebody writes so often again.
    Overwrites(i64, &'static str, &'static str),
    /// A second target that cannot be written when the rotation begins.
    Unwritable(&'static str),
    /// A second target whose program fails.
    Fails(&'static str, &'static str),
}

use Needs::*;
use Of::*;

/// What went wrong, whose key it is, how it shows, and what has to be said of whoever needs it.
const ALL: [(&str, Of, Needs, &str); 52] = [
    ("a developer keeps it in his terminal", OpenAi, Has("ann", Via::Read), "ann (it was read"),
    ("a laptop has it in a file", OpenAi, Has("bob", Via::Export), "bob (an export"),
    ("a clipboard has it", OpenAi, Has("carol", Via::Copy), "carol (it was read"),
    ("a pool that was started with it is never closed", OpenAi, Has("web-pool", Via::Run), "web-pool (a program"),
    ("a cron job read it at boot", OpenAi, Has("nightly-cron", Via::Read), "nightly-cron"),
    ("the staging deployer took it from the wrong environment", OpenAi, Has("staging", Via::Export), "staging"),
    ("a build machine exported it", OpenAi, Has("ci", Via::Export), "ci (an export"),
    ("a worker reads it by its number", OpenAi, GetsLater("worker-2", Via::Read), "worker-2"),
    ("a lagging replica starts with the old version", OpenAi, GetsLater("replica-3", Via::Run), "replica-3"),
    ("somebody went back to the old version by hand", OpenAi, GetsLater("dave", Via::Export), "dave"),
    ("a program reads it while its successor is pending", OpenAi, GetsMeanwhile("early-bird", Via::Read), "early-bird"),
    ("a deployment began before the switch", OpenAi, GetsMeanwhile("rollout-7", Via::Export), "rollout-7"),
    ("a server was last deployed two rotations ago", OpenAi, HasOlder("attic", Via::Run), "attic"),
    ("a backup has a version from before", OpenAi, HasOlder("backup", Via::Export), "backup"),
    ("the second region was forgotten", OpenAi, FirstOfTwo("us-east", "eu-west"), "eu-west"),
    ("the second replica was forgotten", OpenAi, FirstOfTwo("replica-1", "replica-2"), "replica-2"),
    ("a job in another account works hourly", OpenAi, Works(1, ""), "somebody who uses it at the provider"),
    ("a job works every six hours", OpenAi, Works(6, ""), "somebody who uses it at the provider"),
    ("a job works every twenty hours", OpenAi, Works(20, ""), "somebody who uses it at the provider"),
    ("a gateway node goes on with it", OpenAi, Calls(1, "search"), "search"),
    ("a caller of a gateway that lags comes every ten hours", OpenAi, Calls(10, "reports"), "reports"),
    ("a deployment writes the old file back every hour", OpenAi, Overwrites(1, "worker", "OLD"), "worker"),
    ("a folder of the second application is gone", OpenAi, Unwritable("worker"), "worker"),
    ("a restart that fails", OpenAi, Fails("restart", "exit 3"), "restart"),
    ("a person has it in a notebook", Google, Has("erin", Via::Read), "erin (it was read"),
    ("a mobile build has it", Google, Has("mobile-ci", Via::Export), "mobile-ci"),
    ("an old container runs with it", Google, Has("container-old", Via::Run), "container-old"),
    ("a container is started with the old version", Google, GetsLater("autoscaler", Via::Run), "autoscaler"),
    ("a rollback reads it by its number", Google, GetsLater("frank", Via::Read), "frank"),
    ("a canary was deployed before the switch", Google, GetsMeanwhile("canary", Via::Run), "canary"),
    ("a disaster site has a version from before", Google, HasOlder("standby", Via::Export), "standby"),
    ("the batch region was forgotten", Google, FirstOfTwo("live-region", "batch-region"), "batch-region"),
    ("the old gateway is still asked", Google, Calls(5, "old-gateway"), "old-gateway"),
    ("somebody's script puts another value there each hour", Google, Overwrites(1, "worker", "by-hand"), "worker"),
    ("the second application's volume is not mounted", Google, Unwritable("volume"), "volume"),
    ("a signal that nobody takes", Google, Fails("reload", "kill -0 999999999"), "reload"),
    ("an address that nobody knows works hourly", Neon, Works(1, "198.51.100.7"), "198.51.100.7"),
    ("an office works every eight hours", Neon, Works(8, "203.0.113.20"), "203.0.113.20"),
    ("a machine at a customer's works every twenty-two hours", Neon, Works(22, "192.0.2.99"), "192.0.2.99"),
    ("a person has it in his shell", Neon, Has("grace", Via::Read), "grace"),
    ("a migration job runs with it", Neon, Has("migrations", Via::Run), "migrations"),
    ("a preview deployment exports the old version", Neon, GetsLater("previews", Via::Export), "previews"),
    ("the reporting region was forgotten", Neon, FirstOfTwo("shop-db", "reports-db"), "reports-db"),
    ("an old platform writes its copy back every two hours", Neon, Overwrites(2, "platform", "OLD"), "platform"),
    ("a bucket is read hourly by nobody knows whom", Aws, Works(1, "s3"), "s3 (at the provider)"),
    ("a queue is read every seven hours", Aws, Works(7, "sqs"), "sqs (at the provider)"),
    ("a table is read at night", Aws, Works(23, "dynamodb"), "dynamodb (at the provider)"),
    ("an instance was started with it", Aws, Has("instance-a1", Via::Run), "instance-a1"),
    ("an image has it baked in", Aws, Has("image-builder", Via::Export), "image-builder"),
    ("a lambda is deployed with the old version", Aws, GetsLater("lambda", Via::Export), "lambda"),
    ("a terraform run began before the switch", Aws, GetsMeanwhile("terraform", Via::Run), "terraform"),
    ("the second account was forgotten", Aws, FirstOfTwo("account-1", "account-2"), "account-2"),
];

/// How long somebody is not thought of, in hours.
const FORGOTTEN: i64 = 50;

#[test]
fn who_needs_the_old_key_keeps_it_and_is_named() {
    assert!(ALL.len() >= 50);
    let (doubles, _turn) = doubles();
    // Each service is one scene's at a time.
    std::thread::scope(|scope| {
        for whose in [OpenAi, Google, Neon, Aws] {
            scope.spawn(move || {
                for (what, of, needs, named) in ALL.into_iter().filter(|(_, of, ..)| *of == whose) {
                    Scene::new(doubles, what, of, needs).plays(named);
                }
            });
        }
    });
}

struct Scene<'a> {
    doubles: &'a Doubles,
    what: &'static str,
    of: Of,
    needs: Needs,
    shop: Shop,
    old: String,
    ask: RotateAsk,
    batch: u64,
}

impl<'a> Scene<'a> {
    fn new(doubles: &'a Doubles, what: &'static str, of: Of, needs: Needs) -> Self {
        let parts: &[(&str, &str)];
        let (provider, admin, old, key);
        match of {
            OpenAi => {
                let service;
                (service, admin, old) = OpenAi::new();
                becomes(&doubles.openai, service);
                (provider, parts) = ("openai", &[("project", "proj_1"), ("service_account", "svc_acct_1")]);
                key = None;
            }
            Google => {
                let service;
                (service, admin, old) = ApiKeys::new();
                becomes(&doubles.google, service);
                (provider, parts, key) = ("gemini", &[("project", "shop-1")], None);
            }
            Neon => {
                let (service, id);
                (service, admin, old, id) = Neon::new();
                becomes(&doubles.neon, service);
                (provider, parts, key) = ("neon", &[("organization", "org-1")], Some(id));
            }
            Aws => {
                let service;
                (service, admin, old) = Iam::new();
                becomes(&doubles.iam, service);
                (provider, parts, key) = ("aws", &[("user", "deploy")], None);
            }
        }
        let mut ask = by(parts, true);
        if let (Some(service), Some(key)) = (&mut ask.service, key) {
            service.account.insert("key".into(), key);
        }
        // Where somebody has an older version, there is one.
        let first = if matches!(needs, HasOlder(..)) { "a-version-from-long-ago" } else { &old };
        let shop = Shop::new(provider, first, Some(&admin));
        let scene = Self { doubles, what, of, needs, shop, old, ask, batch: 0 };
        scene.before();
        scene
    }

    fn before(&self) {
        match self.needs {
            Has(login, via) => self.gets(login, via, None),
            HasOlder(login, via) => {
                self.gets(login, via, None);
                let provider = if self.of == OpenAi { "openai" } else { "gemini" };
                self.shop.store("KEY", &self.old, provider);
            }
            FirstOfTwo(one, other) => {
                self.gets(one, Via::Run, None);
                self.gets(other, Via::Run, None);
            }
            Calls(_, name) => {
                let secret = KeySecretInfo { secret: Some(super::shop::name()), provider: None, upstream: None };
                let new = NewVirtualKeyInfo {
                    name: name.parse().unwrap(),
                    account: None,
                    secrets: vec![secret],
                    rules: KeyRulesInfo::default(),
                    expires_at: None,
                };
                self.shop.desk.create_virtual_key(at(), new).unwrap();
            }
            Overwrites(_, target, _) => {
                let folder = self.folder();
                std::fs::create_dir(&folder).unwrap();
                self.target(
                    target,
                    TargetSettings::EnvFile { path: folder.join(".env"), variable: "KEY".into(), restart: None },
                );
            }
            Unwritable(target) => {
                let folder = self.folder();
                std::fs::create_dir(&folder).unwrap();
                self.target(
                    target,
                    TargetSettings::EnvFile { path: folder.join(".env"), variable: "KEY".into(), restart: None },
                );
                std::fs::remove_dir(&folder).unwrap();
            }
            Fails(target, script) => self.program(target, script),
            GetsMeanwhile(..) => self.program("slow", "exit 1"),
            GetsLater(..) | Works(..) => {}
        }
    }

    fn plays(mut self, named: &str) {
        let begun = self.shop.rotate(self.ask.clone());
        if let GetsMeanwhile(login, via) = self.needs {
            assert_eq!(begun.phase, "staged", "{}: {begun:#?}", self.what);
            // What is active is the old one still.
            self.gets(login, via, None);
            self.script("exit 0");
        }
        if let GetsLater(login, via) = self.needs {
            self.gets(login, via, Some(begun.old.get()));
        }
        let mut told = false;
        for hour in 1..=FORGOTTEN {
            self.works(hour);
            let shown = self.shop.hours(1);
            assert!(self.is_alive(), "{}: the old key was ended after {hour} hours: {shown:#?}", self.what);
            assert!(!shown.over, "{}: {shown:#?}", self.what);
            let faults = shown.targets.iter().filter(|target| target.fault.is_some());
            let faults = faults.map(|target| format!("{}: {}", target.name, target.fault.clone().unwrap_or_default()));
            let said: Vec<String> = shown.holders.iter().cloned().chain(shown.why.clone()).chain(faults).collect();
            told |= said.iter().any(|line| line.contains(named));
            if hour == 24
                && let FirstOfTwo(one, _) = self.needs
            {
                self.lets_go(one);
            }
        }
        assert!(told, "{}: nobody said `{named}`: {:#?}", self.what, self.shop.shown());
        self.moves_on();
        let after = self.shop.hours(200);
        assert_eq!(after.state, "done", "{}: {after:#?}", self.what);
        assert!(!self.is_alive(), "{}: the old key lives", self.what);
        self.shop.is_in_step();
    }

    /// What happens in an hour.
    fn works(&mut self, hour: i64) {
        match self.needs {
            Works(every, by) if hour % every == 0 => match self.of {
                OpenAi => self.doubles.openai.service().work(&self.old),
                Neon => self.doubles.neon.service().work(&self.old, by),
                Aws => self.doubles.iam.service().work(&self.old, by),
                Google => panic!("it does not tell"),
            },
            Calls(every, name) if hour % every == 0 => {
                self.batch += 1;
                let keys = self.shop.desk.virtual_keys().unwrap();
                let key = keys.into_iter().find(|key| key.name.as_str() == name).unwrap();
                let secret = self.shop.place().secret;
                let counts = UsageCounts { requests: 1, ..UsageCounts::default() };
                let (at, version) = (self.shop.now(), version(1));
                let call = UsageCall {
                    at,
                    key: &key.id,
                    secret,
                    version,
                    provider: "openai",
                    model: "",
                    tag: "",
                    endpoint: "",
                    counts,
                };
                self.shop.vault().record_usage(("lagging", self.batch), &[call], &[]).unwrap();
            }
            Overwrites(every, _, with) if hour % every == 0 => {
                let value = if with == "OLD" { self.old.as_str() } else { with };
                std::fs::write(self.folder().join(".env"), format!("KEY='{value}'\n")).unwrap();
            }
            _ => {}
        }
    }

    fn moves_on(&self) {
        match self.needs {
            Has(login, _) | GetsLater(login, _) | GetsMeanwhile(login, _) | HasOlder(login, _) => self.lets_go(login),
            FirstOfTwo(_, other) => self.lets_go(other),
            Unwritable(_) => {
                std::fs::create_dir(self.folder()).unwrap();
                self.shop.wish(Wish::Resume);
            }
            Fails(..) => {
                self.script("exit 0");
                self.shop.wish(Wish::Resume);
            }
            Works(..) | Calls(..) | Overwrites(..) => {}
        }
    }

    fn is_alive(&self) -> bool {
        match self.of {
            OpenAi => self.doubles.openai.service().is_alive(&self.old),
            Google => self.doubles.google.service().is_alive(&self.old),
            Neon => self.doubles.neon.service().is_alive(&self.old),
            Aws => self.doubles.iam.service().is_alive(&self.old),
        }
    }

    /// An account that may read here gets it.
    fn gets(&self, login: &str, via: Via, number: Option<u64>) {
        let actor = self.account(login);
        let vault = self.shop.vault();
        let scope = vault.scope(&at().project, &at().environment).unwrap();
        let loaded = vault.load(&actor, &scope, &name(), number.map(version)).unwrap();
        vault.read(&actor, vec![loaded], via).unwrap();
    }

    fn lets_go(&self, login: &str) {
        let actor = self.account(login);
        let held = self.shop.vault().holdings(self.shop.place().secret).unwrap();
        let mine = held.into_iter().filter(|holding| holding.principal == *actor.principal());
        let ids: Vec<String> = mine.map(|holding| holding.id).collect();
        assert!(self.shop.vault().close_holdings(&actor, &ids).unwrap() > 0, "{}", self.what);
    }

    fn account(&self, login: &str) -> Actor {
        let (vault, owner) = (self.shop.vault(), self.shop.owner());
        let login: Login = login.parse().unwrap();
        let known = vault.account(&login).map(|account| account.principal);
        let principal = known.unwrap_or_else(|_| {
            let account = vault.add_user(owner, &login, login.as_str()).unwrap();
            let reach = vault.reach(owner, Some(&at().project), None).unwrap();
            let subject = Subject::Principal(account.principal.clone());
            vault.grant(owner, &subject, Role::Developer, &reach, None).unwrap();
            account.principal
        });
        Actor::new(vault.caller_of(&principal).unwrap(), "test")
    }

    fn target(&self, target: &str, settings: TargetSettings) {
        let new = NewTargetInfo {
            name: target.parse().unwrap(),
            secrets: vec![name()],
            settings,
            credential: None,
            proof: None,
            required: true,
        };
        self.shop.desk.add_target(at(), new).unwrap();
    }

    /// A target that is a program, which ends as its script says.
    fn program(&self, target: &str, script: &str) {
        std::fs::create_dir(self.folder()).unwrap();
        let run = format!("cat > /dev/null; . {}", self.folder().join("script").display());
        let arguments = ["/bin/sh", "-c", &run].map(str::to_owned).into();
        self.script(script);
        self.target(target, TargetSettings::Command { arguments, variable: None });
    }

    fn script(&self, script: &str) {
        std::fs::write(self.folder().join("script"), format!("{script}\n")).unwrap();
    }

    fn folder(&self) -> PathBuf {
        self.shop.folder().join("second")
    }
}
