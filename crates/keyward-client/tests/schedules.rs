//! What is due begins by itself where somebody said so, in its hours, and once; what nobody begins is
//! told as overdue.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::sync::Arc;
use std::time::Duration;

use keyward_client::{
    Bytes, Desk, EditInfo, LocalDesk, NewSecret, Occasion, RotateAsk, ScheduleAbout, ScheduleRule, Where,
    begin_due_rotations, bits,
};
use keyward_testing::TestVault;
use keyward_testing::vault::TestClock;
use keyward_types::{Kind, SecretName};
use keyward_vault::Vault;

const DAY: i64 = 24 * 60 * 60 * 1000;
const HOUR: i64 = DAY / 24;

struct Shop {
    vault: Arc<Vault>,
    clock: Arc<TestClock>,
    desk: LocalDesk,
    _house: tempfile::TempDir,
}

fn at() -> Where {
    Where { project: "shop".parse().unwrap(), environment: "production".parse().unwrap() }
}

fn name(name: &str) -> SecretName {
    name.parse().unwrap()
}

impl Shop {
    /// A vault with these secrets, which only one's own programs know.
    fn with(names: &[&str]) -> Self {
        let house = TestVault::new(9);
        let clock = Arc::clone(&house.clock);
        let (vault, folder) = house.into_parts();
        let vault = Arc::new(vault);
        let desk = LocalDesk::new(Arc::clone(&vault), Occasion { reason: None, agent: "test".into() }).unwrap();
        for one in names {
            let edit =
                EditInfo { kind: Some(Kind::SigningKey), owner: Some(Some("ada".into())), ..EditInfo::default() };
            let value = Bytes::new(format!("Zq8kLkd93jfKdk2mVx7Lkd93 {one}").into_bytes());
            desk.write(at(), vec![NewSecret { bits: bits(value.expose()), name: name(one), value, edit }]).unwrap();
        }
        Self { vault, clock, desk, _house: folder }
    }

    fn round(&self) -> u64 {
        let lead = self.vault.lead("test", Duration::from_secs(60)).unwrap().expect("nobody else has it");
        begin_due_rotations(&self.vault, &lead, "test").unwrap()
    }

    fn version(&self, of: &str) -> u64 {
        self.desk.show(at(), name(of)).unwrap().secret.version.unwrap().get()
    }

    fn told(&self, action: &str) -> usize {
        let lines = self.vault.log(0, 10_000).unwrap();
        lines.iter().filter(|line| line.entry.action.as_str() == action).count()
    }

    fn set(&self, secret: Option<&str>, rule: ScheduleRule) {
        self.desk.set_schedule(at(), ScheduleAbout { secret: secret.map(name), kind: None }, rule).unwrap();
    }
}

fn acting(days: u32) -> ScheduleRule {
    ScheduleRule { every_days: Some(days), acts: true, ..ScheduleRule::default() }
}

#[test]
fn what_is_due_begins_in_its_window_and_once() {
    let shop = Shop::with(&["SESSION_SECRET"]);
    // It is a Wednesday, 11:06.
    shop.set(None, ScheduleRule { window: Some("thu 02:00-05:00".parse().unwrap()), ..acting(1) });
    assert_eq!(shop.round(), 0, "nothing is due");
    shop.clock.advance(DAY);
    assert_eq!(shop.round(), 0, "it is due, and its window is not open: Thursday, 11:06");
    assert_eq!(shop.told("rotation.overdue"), 1);
    shop.clock.advance(6 * DAY + 16 * HOUR);
    assert_eq!((shop.round(), shop.version("SESSION_SECRET")), (1, 2), "Thursday, 03:06");
    assert_eq!((shop.round(), shop.version("SESSION_SECRET")), (0, 2), "the new value is not due");
    assert_eq!(shop.told("rotation.overdue"), 1, "it was told once");
    shop.vault.verify(None).unwrap();
}

#[test]
fn without_somebodys_word_it_is_told_and_not_begun() {
    let shop = Shop::with(&["SESSION_SECRET"]);
    shop.clock.advance(91 * DAY);
    assert_eq!((shop.round(), shop.version("SESSION_SECRET")), (0, 1));
    assert_eq!(shop.told("rotation.overdue"), 1);
    shop.set(None, ScheduleRule { paused: true, ..acting(90) });
    assert_eq!(shop.round(), 0, "it is paused");
    shop.set(Some("SESSION_SECRET"), ScheduleRule { every_days: Some(0), acts: true, ..ScheduleRule::default() });
    assert_eq!(shop.round(), 0, "the narrower rule counts: never");
    assert!(shop.desk.calendar(at()).unwrap().is_empty());
    shop.desk.clear_schedule(at(), ScheduleAbout { secret: Some(name("SESSION_SECRET")), kind: None }).unwrap();
    shop.set(None, acting(90));
    assert_eq!(shop.round(), 1);
}

#[test]
fn a_group_turns_in_its_order_one_a_round() {
    let shop = Shop::with(&["B_KEY", "A_KEY"]);
    for (of, order) in [("B_KEY", 1), ("A_KEY", 2)] {
        shop.set(Some(of), ScheduleRule { group: Some("keys".into()), order, ..acting(1) });
    }
    shop.clock.advance(2 * DAY);
    assert_eq!((shop.round(), shop.version("B_KEY"), shop.version("A_KEY")), (1, 2, 1));
    assert_eq!((shop.round(), shop.version("B_KEY"), shop.version("A_KEY")), (1, 2, 2));
}

#[test]
fn what_nobody_knows_how_to_make_is_left_to_people() {
    let shop = Shop::with(&[]);
    let edit = EditInfo { kind: Some(Kind::Password), ..EditInfo::default() };
    let value = Bytes::new(b"Zq8kLkd93jfKdk2mVx7".to_vec());
    shop.desk
        .write(at(), vec![NewSecret { bits: bits(value.expose()), name: name("DB_PASSWORD"), value, edit }])
        .unwrap();
    shop.set(None, acting(1));
    shop.clock.advance(2 * DAY);
    assert_eq!((shop.round(), shop.version("DB_PASSWORD")), (0, 1));
    let ask = RotateAsk { generate: Some("password".into()), ..RotateAsk::default() };
    shop.desk.rotate(at(), name("DB_PASSWORD"), ask).unwrap();
    shop.clock.advance(2 * DAY);
    assert_eq!((shop.round(), shop.version("DB_PASSWORD")), (1, 3), "since then it is known");
}

#[test]
fn configuration_is_not_replaced_because_it_is_old() {
    let shop = Shop::with(&["SESSION_SECRET"]);
    let edit = EditInfo { kind: Some(Kind::Config), ..EditInfo::default() };
    let value = Bytes::new(b"true".to_vec());
    shop.desk.write(at(), vec![NewSecret { bits: bits(value.expose()), name: name("DEBUG"), value, edit }]).unwrap();
    shop.set(None, acting(30));
    let due = |of: &str| shop.desk.calendar(at()).unwrap().iter().any(|entry| entry.about.ends_with(of));
    assert!(due("SESSION_SECRET") && !due("DEBUG"));
    // Who names it means it.
    shop.set(Some("DEBUG"), acting(30));
    assert!(due("DEBUG"));
}

#[test]
fn what_was_brought_is_due_within_two_weeks_until_it_is_replaced() {
    let shop = Shop::with(&["MADE_HERE"]);
    let write = |of: &str, text: &str, age_unknown| {
        let edit = EditInfo { kind: Some(Kind::SigningKey), age_unknown: Some(age_unknown), ..EditInfo::default() };
        let value = Bytes::new(format!("Zq8kLkd93jfKdk2mVx7Lkd93 {text}").into_bytes());
        shop.desk.write(at(), vec![NewSecret { bits: bits(value.expose()), name: name(of), value, edit }]).unwrap();
    };
    let due = |of: &str| {
        let entries = shop.desk.calendar(at()).unwrap();
        let entry = entries.into_iter().find(|entry| entry.about.ends_with(of));
        entry.map(|entry| ((entry.at.0 - shop.vault.clock().now().0 + DAY / 2) / DAY, entry.age_unknown))
    };
    write("BROUGHT", "one", true);
    assert_eq!((due("BROUGHT"), due("MADE_HERE")), (Some((14, true)), Some((90, false))));
    // The same once more says nothing new, and neither does a file that has what was made here.
    write("MADE_HERE", "MADE_HERE", true);
    assert_eq!(due("MADE_HERE"), Some((90, false)));
    // Rules may ask for less, and never for more but by `never`.
    shop.set(None, acting(365));
    assert_eq!(due("BROUGHT"), Some((14, true)));
    shop.set(None, ScheduleRule { every_days: Some(7), ..ScheduleRule::default() });
    assert_eq!(due("BROUGHT"), Some((7, true)));
    shop.set(None, ScheduleRule { every_days: Some(0), ..ScheduleRule::default() });
    assert_eq!(due("BROUGHT"), None);
    shop.desk.clear_schedule(at(), ScheduleAbout::default()).unwrap();
    shop.clock.advance(15 * DAY);
    assert_eq!((shop.round(), shop.told("rotation.overdue")), (0, 1), "it is overdue, and the other is not");
    write("BROUGHT", "two", false);
    assert_eq!(due("BROUGHT"), Some((90, false)), "a value of which it is known ends it");
    // Who knows how old it is may say so without a new one.
    write("ALSO", "three", true);
    let edit = EditInfo { age_unknown: Some(false), ..EditInfo::default() };
    shop.desk.edit(at(), name("ALSO"), edit).unwrap();
    assert_eq!(due("ALSO"), Some((90, false)));
    shop.vault.verify(None).unwrap();
}
