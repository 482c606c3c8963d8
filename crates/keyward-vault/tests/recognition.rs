//! Recognising stored values without reading them: what a scanner may ask, and what the log says of it.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::ops::Range;

use keyward_access::Caller;
use keyward_audit::{Action, Outcome};
use keyward_testing::TestVault;
use keyward_testing::vault::{SystemRandom, new_value};
use keyward_types::forms::forms;
use keyward_types::{Kind, KnownSecret, KnownSecrets, SecretName, Version};
use keyward_vault::{Actor, Edit, Error, Holder, LogLine, MatchBundle, NewValue, ScanCache, Vault, WINDOW};

const STRONG: &str = "vR7+kq/2Zt=9Lm<Wd&0x";
const OTHER: &str = "qM4nB8sX1cV6zL3kJ5hG";
const WEAK: &str = "summer-2024";

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

/// A value with other bits or another kind than [`new_value`] gives it.
fn value(text: &str, value: &str, bits: u16, kind: Kind) -> NewValue {
    NewValue { bits, edit: Edit { kind: Some(kind), ..Edit::default() }, ..new_value(text, value) }
}

fn write(desk: &TestVault, value: NewValue) {
    desk.vault.write(&desk.actor, &desk.scope, vec![value]).unwrap();
}

fn bundle(desk: &TestVault) -> MatchBundle {
    desk.vault.match_bundle(&desk.actor, Holder::Other).unwrap()
}

fn found(bundle: &MatchBundle, text: &[u8]) -> Vec<(Range<usize>, KnownSecret)> {
    let mut all = Vec::new();
    bundle.find(text, &mut |range, secret| all.push((range, secret.clone())));
    all
}

/// The names and versions by which `text` is recognised.
fn labels(bundle: &MatchBundle, text: &str) -> Vec<String> {
    found(bundle, text.as_bytes()).iter().map(|(_, secret)| label(secret)).collect()
}

fn label(secret: &KnownSecret) -> String {
    format!("{}/{}/{}@{}", secret.project, secret.environment, secret.name, secret.version.get())
}

fn identified(desk: &TestVault, value: &str) -> Option<String> {
    let known = desk.vault.identify(&desk.actor, &[value.as_bytes()]).unwrap();
    assert_eq!(known.len(), 1);
    known[0].as_ref().map(label)
}

fn logged_since(vault: &Vault, size: u64) -> Vec<LogLine> {
    vault.log(size, 100).unwrap()
}

#[test]
fn strong_values_are_found_in_every_form_with_their_names() {
    let desk = TestVault::new(1);
    desk.set("API_KEY", STRONG).unwrap();
    desk.set("API_KEY", OTHER).unwrap();
    desk.set("PHRASE", "correct horse battery staple").unwrap();
    let production = desk.vault.scope(&"shop".parse().unwrap(), &"production".parse().unwrap()).unwrap();
    let elsewhere = "tY7uI9oP2aS4dF6gH8jK";
    desk.vault.write(&desk.actor, &production, vec![new_value("API_KEY", elsewhere)]).unwrap();
    let bundle = bundle(&desk);
    assert_eq!(bundle.len(), 4);
    let stored = [
        (STRONG, "shop/development/API_KEY@1"),
        (OTHER, "shop/development/API_KEY@2"),
        ("correct horse battery staple", "shop/development/PHRASE@1"),
        (elsewhere, "shop/production/API_KEY@1"),
    ];
    for (value, label_of) in stored {
        for form in forms(value.as_bytes()).iter().filter(|form| form.bytes.len() >= WINDOW) {
            let text = [b"x = \"", form.bytes.as_slice(), b"\";"].concat();
            let hits = found(&bundle, &text);
            assert!(hits.contains(&(5..5 + form.bytes.len(), hits[0].1.clone())), "{:?}", form.kind);
            assert!(hits.iter().all(|(_, secret)| label(secret) == label_of), "{:?}: {hits:?}", form.kind);
        }
    }
}

#[test]
fn weak_values_are_only_identified_and_configuration_never() {
    let desk = TestVault::new(2);
    write(&desk, value("PASSWORD", WEAK, 30, Kind::Password));
    write(&desk, value("LONG_AND_WEAK", "aaaaaaaaaaaaaaaaaaaaaaaa", 8, Kind::Password));
    write(&desk, value("ENDPOINT", STRONG, 120, Kind::Config));
    let bundle = bundle(&desk);
    assert!(bundle.is_empty());
    for text in [WEAK, "aaaaaaaaaaaaaaaaaaaaaaaa", STRONG] {
        assert!(labels(&bundle, text).is_empty());
    }
    assert_eq!(identified(&desk, WEAK).as_deref(), Some("shop/development/PASSWORD@1"));
    assert_eq!(identified(&desk, STRONG), None);
    assert_eq!(identified(&desk, "summer-2025"), None);
}

#[test]
fn what_becomes_configuration_is_not_looked_for_any_more() {
    let desk = TestVault::new(3);
    desk.set("A", STRONG).unwrap();
    let edit = Edit { kind: Some(Kind::Config), ..Edit::default() };
    desk.vault.edit(&desk.actor, &desk.scope, &name("A"), &edit).unwrap();
    assert!(labels(&bundle(&desk), STRONG).is_empty());
    assert_eq!(identified(&desk, STRONG), None);
}

#[test]
fn what_was_taken_for_configuration_is_looked_for_when_that_is_put_right() {
    let desk = TestVault::new(3);
    let vault = &desk.vault;
    let (third, edit) = ("tY7uI9oP2aS4dF6gH8jK", Edit { kind: Some(Kind::Password), ..Edit::default() });
    write(&desk, value("A", OTHER, 120, Kind::Config));
    write(&desk, value("A", STRONG, 120, Kind::Config));
    write(&desk, value("B", third, 120, Kind::Config));
    assert!(bundle(&desk).is_empty());
    vault.edit(&desk.actor, &desk.scope, &name("A"), &edit).unwrap();
    // The same value again, and what it is.
    write(&desk, value("B", third, 120, Kind::ApiKey));
    for (value, label) in [(OTHER, "A@1"), (STRONG, "A@2"), (third, "B@1")] {
        assert_eq!(labels(&bundle(&desk), value), [format!("shop/development/{label}")]);
        assert!(identified(&desk, value).is_some(), "{label}");
    }
    assert!(vault.verify(None).unwrap().faults.is_empty());
}

#[test]
fn deleted_versions_are_known_and_destroyed_ones_are_not() {
    let desk = TestVault::new(4);
    desk.set("A", STRONG).unwrap();
    desk.set("A", OTHER).unwrap();
    desk.vault.delete(&desk.actor, &desk.scope, &name("A")).unwrap();
    let both = [(STRONG, "shop/development/A@1"), (OTHER, "shop/development/A@2")];
    for (value, label) in both {
        assert_eq!(labels(&bundle(&desk), value), [label]);
        assert_eq!(identified(&desk, value).as_deref(), Some(label));
    }
    let before = bundle(&desk).version();
    desk.vault.undelete(&desk.actor, &desk.scope, &name("A")).unwrap();
    desk.vault.destroy(&desk.actor, &desk.scope, &name("A"), Version::FIRST).unwrap();
    let after = bundle(&desk);
    assert!(labels(&after, STRONG).is_empty());
    assert_eq!(labels(&after, OTHER), ["shop/development/A@2"]);
    assert_ne!(after.version(), before, "texts that were seen are looked at again");
    assert_eq!(identified(&desk, STRONG), None, "destroyed");
}

#[test]
fn of_several_that_hold_a_value_the_one_that_holds_it_now_is_named() {
    let desk = TestVault::new(5);
    for (name, value) in [("OLD", STRONG), ("OLD", OTHER), ("NOW", STRONG)] {
        desk.set(name, value).unwrap();
    }
    assert_eq!(identified(&desk, STRONG).as_deref(), Some("shop/development/NOW@1"));
}

#[test]
fn each_question_is_one_entry_and_no_read() {
    let desk = TestVault::new(6);
    let secret = {
        desk.set("A", STRONG).unwrap();
        desk.set("B", OTHER).unwrap();
        let loaded = desk.vault.load(&desk.actor, &desk.scope, &name("A"), None).unwrap();
        loaded.head().place.secret
    };
    let questions: [(&dyn Fn(), u64); 2] = [
        (&|| assert_eq!(bundle(&desk).len(), 2), 2),
        (&|| assert_eq!(desk.vault.identify(&desk.actor, &[b"a", b"b", STRONG.as_bytes()]).unwrap().len(), 3), 3),
    ];
    for (question, count) in questions {
        let size = desk.vault.log_size().unwrap();
        question();
        let lines = logged_since(&desk.vault, size);
        let [line] = &lines[..] else { panic!("{} entries", lines.len()) };
        assert_eq!(line.entry.action, Action::SecretMatch);
        assert_eq!(line.entry.outcome, Outcome::Allowed);
        assert_eq!(line.entry.principal, desk.actor.principal().to_string());
        assert_eq!(line.entry.count, Some(count));
        assert_eq!(line.entry.secret, None, "which value was asked for is in no entry");
    }
    assert!(desk.vault.reads(secret).unwrap().is_empty(), "nothing was read");
    assert!(desk.vault.holdings(secret).unwrap().is_empty(), "nobody holds it");
    let size = desk.vault.log_size().unwrap();
    assert!(desk.vault.identify(&desk.actor, &[]).unwrap().is_empty());
    assert_eq!(desk.vault.log_size().unwrap(), size, "no question, no entry");
}

#[test]
fn who_may_not_match_is_refused_and_that_is_on_record() {
    let desk = TestVault::new(7);
    desk.set("A", STRONG).unwrap();
    let mut nobody = desk.vault.owner().unwrap().0;
    nobody.grants.clear();
    nobody.principal = "user:nobody".parse().unwrap();
    let actor = Actor { caller: Caller::identified(&nobody), ..desk.actor.clone() };
    let size = desk.vault.log_size().unwrap();
    assert!(matches!(desk.vault.match_bundle(&actor, Holder::Owner), Err(Error::Denied(_))));
    assert!(matches!(desk.vault.identify(&actor, &[STRONG.as_bytes()]), Err(Error::Denied(_))));
    let lines = logged_since(&desk.vault, size);
    assert_eq!(lines.len(), 2);
    for line in lines {
        assert_eq!((line.entry.action, line.entry.outcome), (Action::SecretMatch, Outcome::Denied));
        assert_eq!(line.entry.principal, "user:nobody");
    }
}

#[test]
fn the_bundle_holds_no_value_and_says_the_same_on_the_other_side() {
    let desk = TestVault::new(8);
    desk.set("A", STRONG).unwrap();
    let here = bundle(&desk);
    let bytes = here.to_bytes();
    for form in forms(STRONG.as_bytes()) {
        let inside = bytes.windows(8).any(|window| form.bytes.windows(8).any(|part| part == window));
        assert!(!inside, "{:?}", form.kind);
    }
    let there = MatchBundle::from_bytes(&bytes).unwrap();
    assert_eq!(there.version(), here.version());
    assert_eq!(labels(&there, STRONG), ["shop/development/A@1"]);
}

#[test]
fn values_that_share_a_window_are_told_apart() {
    let desk = TestVault::new(9);
    // The window of the shorter is in the longer one too.
    let longer = format!("{OTHER}-{OTHER}");
    desk.set("SHORT", OTHER).unwrap();
    desk.set("LONG", &longer).unwrap();
    let bundle = bundle(&desk);
    assert_eq!(labels(&bundle, OTHER), ["shop/development/SHORT@1"]);
    let hits = found(&bundle, longer.as_bytes());
    assert_eq!((hits[0].0.clone(), label(&hits[0].1)), (0..longer.len(), "shop/development/LONG@1".to_owned()));
}

#[test]
fn notes_open_for_the_same_repository_only() {
    let (desk, stranger) = (TestVault::new(10), TestVault::new(11));
    let cache = ScanCache::new(&*desk.vault.scan_key()).unwrap();
    let sealed = cache.seal("/src/shop", b"seen: 1 2 3", &SystemRandom).unwrap();
    assert!(!sealed.windows(4).any(|part| part == b"seen"));
    let again = ScanCache::new(&*desk.vault.scan_key()).unwrap();
    assert_eq!(again.open("/src/shop", &sealed).unwrap().as_slice(), b"seen: 1 2 3");
    assert!(again.open("/src/other", &sealed).is_none());
    assert!(again.open("/src/shop", &sealed[..sealed.len() - 1]).is_none());
    assert!(again.open("/src/shop", b"").is_none());
    let mut flipped = sealed.clone();
    flipped[sealed.len() / 2] ^= 1;
    assert!(again.open("/src/shop", &flipped).is_none());
    let foreign = ScanCache::new(&*stranger.vault.scan_key()).unwrap();
    assert!(foreign.open("/src/shop", &sealed).is_none());
    assert_ne!(foreign.name("/src/shop"), cache.name("/src/shop"), "a name tells nothing without the key");
    assert_ne!(cache.name("/src/other"), cache.name("/src/shop"));
    assert!(ScanCache::new(b"short").is_none());
}
