//! Rotations through the whole: machine, vault, targets. Secrets of one's own, which need no service.

#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use keyward_access::{Caller, SystemTask};
use keyward_lifecycle::rotation::{Breaker, Executor, Making, Phase, Plan, Policy, Shape, State, Wish};
use keyward_sync::Settings;
use keyward_testing::vault::SeededRandom;
use keyward_testing::{Brittle, Switch, TestVault};
use keyward_types::{Label, SecretName};
use keyward_upstream::Http;
use keyward_vault::{Actor, NewRotation, NewTarget, RotationRow};

struct Desk {
    vault: TestVault,
    random: SeededRandom,
    http: Http,
    breakers: Mutex<HashMap<String, Breaker>>,
}

fn name() -> SecretName {
    "SESSION_SECRET".parse().unwrap()
}

impl Desk {
    fn new(vault: TestVault) -> Self {
        vault.set("SESSION_SECRET", "the old session secret, long enough").unwrap();
        Self { vault, random: SeededRandom::new(7), http: Http::new(), breakers: Mutex::default() }
    }

    fn executor(&self, holder: &str) -> Executor<'_> {
        Executor {
            vault: &self.vault.vault,
            actor: Actor::new(Caller::system(SystemTask::Rotation), "test"),
            holder: holder.into(),
            clock: &*self.vault.clock,
            random: &self.random,
            http: &self.http,
            breakers: &self.breakers,
        }
    }

    fn target(&self, target: &str, settings: &Settings) {
        let settings = serde_json::to_value(settings).unwrap();
        let new = NewTarget {
            name: target.parse().unwrap(),
            settings,
            kind: "test",
            credential: None,
            proof: None,
            required: true,
        };
        let vault = &self.vault.vault;
        let draft = vault.draft_target(&self.vault.actor, &self.vault.scope, &name(), new).unwrap();
        vault.add_target(&self.vault.actor, draft).unwrap();
    }

    fn env_file(&self, target: &str, path: &Path) {
        self.target(
            target,
            &Settings::EnvFile { path: path.to_owned(), variable: "SESSION_SECRET".into(), restart: None },
        );
    }

    fn begin(&self, making: Making, policy: Policy) -> RotationRow {
        let (_, head) = self.head();
        let targets = self.vault.vault.targets(&head.place).unwrap();
        let targets = targets.into_iter().map(|target| (target.name.to_string(), target.required));
        let state = State::new(Shape::of(&*making.rotator(&self.http).unwrap()), targets);
        let plan = serde_json::to_value(Plan { making, policy, emergency: false }).unwrap();
        let word = state.word().to_owned();
        let state = serde_json::to_value(&state).unwrap();
        let new = NewRotation { plan, state, word, holder: "one".into(), old: None };
        self.vault.vault.begin_rotation(&self.vault.actor, &self.vault.scope, &name(), new).unwrap()
    }

    fn head(&self) -> (keyward_vault::Scope, keyward_types::Head) {
        let vault = &self.vault;
        let head = vault.vault.head(&vault.actor, &vault.scope, &name()).unwrap();
        (vault.scope.clone(), head)
    }
}

fn state(row: &RotationRow) -> State {
    State::of(row.rotation()).unwrap()
}

fn here() -> Making {
    Making::Here { profile: "signing-key".into() }
}

fn once() -> Policy {
    Policy { contracts: false, ..Policy::routine() }
}

#[test]
fn a_session_secret_gets_a_successor_in_its_file_and_every_step_is_on_record() {
    let desk = Desk::new(TestVault::new(1));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    fs::write(&path, "A=1\nSESSION_SECRET='the old session secret, long enough'\n").unwrap();
    desk.env_file("web", &path);
    let before = desk.vault.vault.log_size().unwrap();
    let row = desk.executor("one").run(desk.begin(here(), once()), Duration::ZERO).unwrap();
    assert_eq!(state(&row).phase, Phase::Done, "{:?}", state(&row));
    let new = desk.vault.get("SESSION_SECRET", None).unwrap();
    assert_ne!(new, "the old session secret, long enough");
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("A=1\nSESSION_SECRET={new}\n"));
    let (_, head) = desk.head();
    let labels: Vec<(&str, u64)> = head.labels.iter().map(|(label, version)| (label.as_str(), version.get())).collect();
    assert_eq!(labels, [("active", 2), ("previous", 1)]);
    let lines = desk.vault.vault.log(before, 100).unwrap();
    let actions: Vec<String> = lines.iter().map(|line| line.entry.action.to_string()).collect();
    for action in ["rotation.begin", "secret.write", "secret.export", "secret.promote", "rotation.step"] {
        assert!(actions.iter().any(|told| told == action), "{action}: {actions:?}");
    }
    let by_system = |line: &&keyward_vault::LogLine| line.entry.principal == "system:rotation";
    assert!(lines.iter().filter(by_system).count() > 8);
}

#[test]
fn a_second_rotation_of_the_same_secret_is_refused_while_one_is_under_way() {
    let desk = Desk::new(TestVault::new(2));
    let row = desk.begin(here(), once());
    let new = NewRotation {
        plan: row.rotation().plan.clone(),
        state: row.rotation().state.clone(),
        word: "planned".into(),
        holder: "two".into(),
        old: None,
    };
    let second = desk.vault.vault.begin_rotation(&desk.vault.actor, &desk.vault.scope, &name(), new);
    assert!(matches!(second, Err(keyward_vault::Error::Exists { .. })), "{second:?}");
    desk.executor("one").run(row, Duration::ZERO).unwrap();
    desk.begin(here(), once());
}

#[test]
fn what_a_target_refuses_is_told_before_anything_is_made_and_can_be_undone() {
    let desk = Desk::new(TestVault::new(3));
    desk.env_file("web", Path::new("/no/such/folder/.env"));
    let row = desk.executor("one").run(desk.begin(here(), once()), Duration::ZERO).unwrap();
    assert_eq!(row.rotation().word, "needs-a-person");
    assert_eq!(desk.head().1.versions.len(), 1, "nothing was made");
    let id = row.rotation().id;
    let row = desk.executor("two").decide(&desk.vault.actor, id, Wish::Abort).unwrap();
    let row = desk.executor("two").run(row, Duration::ZERO).unwrap();
    assert_eq!(state(&row).phase, Phase::RolledBack);
    assert_eq!(desk.vault.get("SESSION_SECRET", None).unwrap(), "the old session secret, long enough");
}

#[test]
fn half_the_targets_failing_leaves_a_state_that_is_true_and_undoing_gives_the_old_value_back() {
    let desk = Desk::new(TestVault::new(4));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    let old = "SESSION_SECRET='the old session secret, long enough'\n";
    fs::write(&path, old).unwrap();
    desk.env_file("a-file", &path);
    let arguments = vec!["/bin/false".to_owned()];
    desk.target("b-program", &Settings::Command { arguments, variable: None });
    let row = desk.executor("one").run(desk.begin(here(), once()), Duration::ZERO).unwrap();
    let now = state(&row);
    assert!(now.phase == Phase::Staged && now.targets[1].fault.is_some() && !now.promoted, "{now:?}");
    assert_ne!(fs::read_to_string(&path).unwrap(), old, "the first has the new value");
    assert_eq!(desk.vault.get("SESSION_SECRET", None).unwrap(), "the old session secret, long enough");
    desk.executor("one").decide(&desk.vault.actor, row.rotation().id, Wish::Abort).unwrap();
    // What was given the new value, or may have been, has to take the old one: the program as well.
    desk.vault
        .vault
        .remove_target(&desk.vault.actor, &desk.vault.scope, &name(), &"b-program".parse().unwrap())
        .unwrap();
    let row = desk.vault.vault.rotation(row.rotation().id).unwrap().unwrap();
    let row = desk.executor("one").run(row, Duration::ZERO).unwrap();
    assert_eq!(state(&row).phase, Phase::RolledBack, "{:?}", state(&row));
    assert_eq!(fs::read_to_string(&path).unwrap(), old);
    assert!(!desk.head().1.labels.contains_key(&Label::pending()));
}

#[test]
fn better_auth_keeps_its_predecessor_until_nobody_holds_it() {
    let desk = Desk::new(TestVault::new(5));
    desk.vault.set("SESSION_SECRET", "1:the first secret of better auth").unwrap();
    let folder = tempfile::tempdir().unwrap();
    desk.env_file("web", &folder.path().join(".env"));
    desk.vault.get("SESSION_SECRET", None).unwrap();
    let policy = Policy::routine();
    let mut row = desk.executor("one").run(desk.begin(Making::BetterAuth, policy.clone()), Duration::ZERO).unwrap();
    let value = desk.vault.get("SESSION_SECRET", None).unwrap();
    assert!(value.starts_with("2:") && value.ends_with(",1:the first secret of better auth"), "{value}");
    for _ in 0..20 {
        desk.vault.clock.advance(policy.soak / 4);
        row = desk.executor("one").run(row, Duration::ZERO).unwrap();
    }
    let held = state(&row);
    assert!(held.phase == Phase::Observing && held.soak.holders[0].contains("it was read"), "{held:?}");
    let held = desk.vault.vault.holdings(desk.head().1.place.secret).unwrap();
    let ids: Vec<String> = held.into_iter().map(|holding| holding.id).collect();
    desk.vault.vault.close_holdings(&desk.vault.actor, &ids).unwrap();
    for _ in 0..8 {
        desk.vault.clock.advance(policy.soak / 4);
        row = desk.executor("one").run(row, Duration::ZERO).unwrap();
    }
    assert_eq!(state(&row).phase, Phase::Done, "{:?}", state(&row));
    let alone = desk.vault.get("SESSION_SECRET", None).unwrap();
    assert_eq!(Some(alone.as_str()), value.split(',').next());
    assert_eq!(fs::read_to_string(folder.path().join(".env")).unwrap().trim(), format!("SESSION_SECRET={alone}"));
}

#[test]
fn what_somebody_stores_meanwhile_is_not_replaced_by_what_was_made_before_it() {
    let desk = Desk::new(TestVault::new(8));
    let arguments = vec!["/bin/false".to_owned()];
    desk.target("program", &Settings::Command { arguments, variable: None });
    let row = desk.executor("one").run(desk.begin(here(), once()), Duration::ZERO).unwrap();
    desk.vault.set("SESSION_SECRET", "stored by hand, and meant to stay").unwrap();
    let target = "program".parse().unwrap();
    desk.vault.vault.remove_target(&desk.vault.actor, &desk.vault.scope, &name(), &target).unwrap();
    desk.vault.clock.advance(600_000);
    let row = desk.executor("one").run(row, Duration::ZERO).unwrap();
    assert!(state(&row).stuck.unwrap().why.contains("version 3"), "{:?}", row.rotation());
    assert_eq!(desk.vault.get("SESSION_SECRET", None).unwrap(), "stored by hand, and meant to stay");
    let row = desk.executor("one").decide(&desk.vault.actor, row.rotation().id, Wish::Abort).unwrap();
    let row = desk.executor("one").run(row, Duration::ZERO).unwrap();
    assert_eq!(state(&row).phase, Phase::RolledBack);
    assert_eq!(desk.vault.get("SESSION_SECRET", None).unwrap(), "stored by hand, and meant to stay");
}

#[test]
fn a_restored_vault_rotates_nothing() {
    let desk = Desk::new(TestVault::new(6));
    let row = desk.begin(here(), once());
    desk.vault.vault.enter_safe_mode(&desk.vault.actor, "older than an anchor").unwrap();
    let refused = desk.executor("one").run(row, Duration::ZERO);
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(desk.head().1.versions.len(), 1);
}

#[test]
fn whichever_write_fails_another_process_goes_on_and_nothing_is_lost() {
    let mut broken = 0;
    for fails_at in 0..60 {
        let switch = Switch::default();
        let desk = Desk::new(TestVault::over(100, |engine| Box::new(Brittle::new(engine, &switch))));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, "SESSION_SECRET='the old session secret, long enough'\n").unwrap();
        desk.env_file("web", &path);
        let row = desk.begin(here(), once());
        let id = row.rotation().id;
        switch.fail_after(fails_at);
        let ended = desk.executor("one").run(row, Duration::ZERO);
        switch.fail(false);
        if ended.is_ok() {
            break;
        }
        broken += 1;
        // Whatever was reached, the value that readers get is durable, and the file has one that is.
        desk.vault.get("SESSION_SECRET", None).unwrap();
        let row = desk.vault.vault.rotation(id).unwrap().unwrap();
        let under_way = row.rotation().doing.is_some();
        if under_way {
            let early = desk.executor("two").run(row.clone(), Duration::ZERO);
            assert!(early.is_err(), "a call of the first may be under way still");
        }
        desk.vault.clock.advance(60_000);
        let row = desk.executor("two").run(row, Duration::ZERO).unwrap();
        assert_eq!(state(&row).phase, Phase::Done, "write {fails_at}: {:?}", state(&row));
        let new = desk.vault.get("SESSION_SECRET", None).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("SESSION_SECRET={new}\n"));
    }
    assert!(broken > 10, "{broken}");
}
