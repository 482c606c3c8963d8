//! What goes wrong: admin credentials, permissions, quotas, addresses; and keys that end without a
//! successor.

use keyward_client::{Code, Desk, RotateAsk, Wish};
use keyward_testing::doubles::{Anthropic, GitHub, Iam, OpenAi, Trouble};

use super::shop::{Shop, at, becomes, by, doubles, name};

fn openai_parts(managed: bool) -> RotateAsk {
    by(&[("project", "proj_1"), ("service_account", "svc_acct_1")], managed)
}

#[track_caller]
fn refusal(shop: &Shop, ask: RotateAsk) -> String {
    let refused = shop.desk.rotate(at(), name(), ask).unwrap_err();
    format!("{} {}", refused.message, refused.hint.unwrap_or_default())
}

#[test]
fn a_wrong_admin_key_is_told_before_anything_is_changed_and_mended_in_the_middle() {
    let (doubles, _turn) = doubles();
    let (service, admin, old) = OpenAi::new();
    becomes(&doubles.openai, service);
    let shop = Shop::new("openai", &old, Some("not-the-admin-key"));
    let told = shop.desk.rotation_preview(at(), name(), openai_parts(true)).unwrap_err();
    assert!(told.message.contains("admin credential refused"), "{told}");
    let begun = shop.rotate(openai_parts(true));
    assert_eq!((begun.state.as_str(), begun.phase.as_str()), ("needs-a-person", "planned"), "{begun:#?}");
    assert!(begun.why.unwrap().contains("admin credential refused"));
    assert_eq!((shop.file().as_str(), doubles.openai.service().live().len()), ("", 1));
    shop.store("ADMIN", &admin, "openai");
    let after = shop.wish(Wish::Resume);
    assert_eq!(after.state, "observing", "{after:#?}");
}

#[test]
fn a_permission_that_is_missing_and_a_quota_leave_the_old_key_as_it_was() {
    let (doubles, _turn) = doubles();
    let (service, admin, old) = OpenAi::new();
    becomes(&doubles.openai, service);
    let shop = Shop::new("openai", &old, Some(&admin));
    doubles.openai.trouble("POST /v1/organization", Trouble::Fails(403));
    let begun = shop.rotate(openai_parts(true));
    assert_eq!(begun.state, "needs-a-person", "{begun:#?}");
    assert!(begun.why.as_ref().unwrap().contains("permission missing"), "{begun:#?}");
    assert!(begun.actions.contains(&Wish::Abort));
    assert_eq!((shop.file().as_str(), doubles.openai.service().live().len()), ("", 1));
    // Too many calls: it waits as long as it is asked to, and goes on by itself.
    doubles.openai.trouble("POST /v1/organization", Trouble::Limited(600));
    let waits = shop.wish(Wish::Resume);
    assert!(!waits.over && waits.due.is_some(), "{waits:#?}");
    assert_eq!(shop.minutes(8).phase, "intent");
    assert_eq!(shop.minutes(4).state, "observing");
    assert_eq!(shop.hours(60).state, "done");

    // Both slots are taken: nothing is made, and nothing that somebody may need is removed.
    let (mut service, admin, old) = Iam::new();
    service.make();
    let before = service.live();
    becomes(&doubles.iam, service);
    let shop = Shop::new("aws", &old, Some(&admin));
    let begun = shop.rotate(by(&[("user", "deploy")], true));
    assert!(begun.why.unwrap().contains("2 of 2 keys"), "{:?}", begun.state);
    assert_eq!(doubles.iam.service().live(), before);
    assert_eq!(shop.wish(Wish::Abort).state, "rolled-back");
    assert_eq!(doubles.iam.service().live(), before);
}

#[test]
fn an_answer_that_is_lost_makes_no_second_key() {
    let (doubles, _turn) = doubles();
    let (mut service, admin, old) = OpenAi::new();
    service.lag = 2;
    becomes(&doubles.openai, service);
    let shop = Shop::new("openai", &old, Some(&admin));
    doubles.openai.trouble("POST /v1/organization", Trouble::LostAnswer);
    shop.rotate(openai_parts(true));
    let after = shop.hours(100);
    assert_eq!(after.state, "done", "{after:#?}");
    assert_eq!(doubles.openai.service().live().len(), 1, "what nobody has a value of was removed");
    shop.is_in_step();
}

#[test]
fn what_manages_a_secret_is_another_one_and_not_managed_by_it() {
    let (doubles, _turn) = doubles();
    let (service, admin, old) = Anthropic::new();
    becomes(&doubles.anthropic, service);
    let shop = Shop::new("anthropic", &old, Some(&admin));
    let mut itself = by(&[], true);
    itself.service.as_mut().unwrap().admin = Some(name());
    assert!(refusal(&shop, itself.clone()).contains("another one"));
    // The admin key is managed by the key: neither could mend the other.
    itself.service.as_mut().unwrap().admin = Some(name());
    shop.desk.rotate(at(), "ADMIN".parse().unwrap(), itself).unwrap();
    let refused = refusal(&shop, by(&[], true));
    assert!(refused.contains("is managed by `KEY`"), "{refused}");
    assert!(refusal(&shop, RotateAsk::default()).contains("--admin"));
}

#[test]
fn what_has_to_be_said_is_named() {
    let shop = Shop::new("openai", "a-key-of-openai", Some("an-admin-key"));
    let refused = refusal(&shop, RotateAsk::default());
    assert!(refused.contains("--account project=") && refused.contains("--admin SECRET"), "{refused}");
    assert!(refusal(&shop, by(&[("project", "p")], true)).contains("--account service_account="));
    assert!(refusal(&shop, openai_parts(false)).contains("--admin SECRET"));
    assert!(refusal(&shop, by(&[("nonsense", "x")], true)).contains("--account project="));
    let shop = Shop::new("better-auth", "something", None);
    assert!(refusal(&shop, RotateAsk::default()).contains("--generate"));
    let shop = Shop::new("qdrant", "a-key", Some("an-admin-key"));
    let elsewhere = by(&[("account", "a"), ("cluster", "c"), ("host", "evil.example")], true);
    assert!(refusal(&shop, elsewhere).contains("no cluster of Qdrant Cloud"));
}

#[test]
fn a_revoked_key_is_stopped_for_a_day_and_then_ended() {
    let (doubles, _turn) = doubles();
    let (service, admin, old) = Anthropic::new();
    becomes(&doubles.anthropic, service);
    let shop = Shop::new("anthropic", &old, Some(&admin));
    let ask = RotateAsk { revoke: true, emergency: true, ..by(&[], true) };
    let plan = shop.desk.rotation_preview(at(), name(), ask.clone()).unwrap();
    assert!(plan.steps.iter().all(|step| step.starts_with("suspend") || step.starts_with("retire")), "{plan:#?}");
    let begun = shop.rotate(ask.clone());
    assert_eq!((begun.state.as_str(), begun.revokes, begun.new), ("suspended", true, None), "{begun:#?}");
    assert_eq!(begun.actions, [Wish::Approve, Wish::Abort]);
    assert!(doubles.anthropic.service().live().is_empty());
    // A false alarm: it works again.
    assert_eq!(shop.wish(Wish::Abort).state, "rolled-back");
    assert_eq!(doubles.anthropic.service().live().len(), 1);
    // In earnest, and at once.
    shop.rotate(ask.clone());
    assert_eq!(shop.wish(Wish::Approve).state, "done");
    assert!(doubles.anthropic.service().live().is_empty());

    let (service, admin, old) = Anthropic::new();
    becomes(&doubles.anthropic, service);
    let shop = Shop::new("anthropic", &old, Some(&admin));
    shop.rotate(ask);
    assert_eq!(shop.hours(20).state, "suspended");
    assert_eq!(shop.hours(20).state, "done", "it ends by itself");
}

#[test]
fn a_token_that_is_revoked_by_showing_it_ends_at_once_and_an_older_one_too() {
    let (doubles, _turn) = doubles();
    let (mut service, old) = GitHub::new();
    let new = service.make();
    becomes(&doubles.github, service);
    let shop = Shop::new("github", &old, None);
    shop.store("KEY", &new, "github");
    let first = Some(super::shop::version(1));
    let ask = RotateAsk { revoke: true, version: first, ..RotateAsk::default() };
    let begun = shop.rotate(ask.clone());
    assert_eq!((begun.state.as_str(), begun.old), ("done", super::shop::version(1)), "{begun:#?}");
    assert_eq!(doubles.github.service().live(), 1, "the new one works still");
    let missing = RotateAsk { version: Some(super::shop::version(9)), ..ask };
    assert_eq!(shop.desk.rotate(at(), name(), missing).unwrap_err().code, Code::NotFound);
    // What only one's own programs know nobody ends but by replacing it.
    let shop = Shop::new("better-auth", "a-secret-of-one's-own-that-is-long", None);
    let ask = RotateAsk { revoke: true, generate: Some("hex".into()), ..RotateAsk::default() };
    assert!(refusal(&shop, ask).contains("--emergency"));
}

#[test]
fn a_leaked_key_ends_first_only_where_that_was_allowed_beforehand() {
    let (doubles, _turn) = doubles();
    let (service, admin, old) = OpenAi::new();
    becomes(&doubles.openai, service);
    let shop = Shop::new("openai", &old, Some(&admin));
    let ask = RotateAsk { emergency: true, ..openai_parts(true) };
    // Where nobody said so, no trouble of the service ends the key before its successor is there.
    doubles.openai.trouble("POST /v1/organization", Trouble::Fails(403));
    assert!(!shop.desk.rotation_preview(at(), name(), ask.clone()).unwrap().kill_first);
    shop.rotate(ask.clone());
    assert!(doubles.openai.service().is_alive(&old));
    shop.wish(Wish::Abort);
    assert_eq!(shop.minutes(10).state, "rolled-back");
    // Where somebody did, it is dead although no new one can be made.
    assert!(shop.desk.allow_kill_first(at(), name(), true).unwrap().kill_first);
    assert!(shop.desk.rotation_preview(at(), name(), ask.clone()).unwrap().kill_first);
    doubles.openai.trouble("POST /v1/organization", Trouble::Fails(403));
    let begun = shop.rotate(ask);
    assert_eq!(begun.state, "needs-a-person", "{begun:#?}");
    assert!(!doubles.openai.service().is_alive(&old));
    assert!(!begun.actions.contains(&Wish::Abort), "there is nothing to go back to");
    let after = shop.wish(Wish::Resume);
    assert_eq!(after.phase, "retired", "{after:#?}");
    shop.is_in_step();
    // A routine rotation is none.
    assert_eq!(shop.hours(20).state, "done");
    let current = shop.file();
    assert_eq!(shop.rotate(RotateAsk::default()).state, "observing");
    assert!(doubles.openai.service().is_alive(&current));
}

#[test]
fn who_used_it_in_the_last_day_is_named() {
    let (doubles, _turn) = doubles();
    let (service, admin, old) = OpenAi::new();
    becomes(&doubles.openai, service);
    let shop = Shop::new("openai", &old, Some(&admin));
    let users = |shop: &Shop| shop.desk.rotation_preview(at(), name(), openai_parts(true)).unwrap().users;
    assert!(users(&shop).is_empty(), "{:?}", users(&shop));
    shop.read_by_owner();
    let seen = users(&shop);
    assert!(seen.len() == 1 && seen[0].contains("Ada read version 1"), "{seen:?}");
    shop.pass(25);
    assert!(users(&shop).is_empty(), "a day has passed: {:?}", users(&shop));
}
