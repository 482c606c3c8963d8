//! Services at whose console a person makes the key.

use keyward_client::{Code, Desk, RotateAsk, Wish};
use keyward_testing::doubles::{Anthropic, Cohere, GitHub, Trouble};

use super::shop::{Shop, at, becomes, by, doubles, name, version};

#[test]
fn cohere_from_the_console_to_the_end() {
    let (doubles, _turn) = doubles();
    let (service, old) = Cohere::new();
    becomes(&doubles.cohere, service);
    let shop = Shop::new("cohere", &old, None);
    let plan = shop.desk.rotation_preview(at(), name(), RotateAsk::default()).unwrap();
    assert_eq!(plan.overlap, "console");
    assert!(plan.steps.iter().any(|step| step.contains("https://dashboard.cohere.com/api-keys")), "{:#?}", plan.steps);
    let begun = shop.rotate(RotateAsk::default());
    assert_eq!((begun.state.as_str(), &begun.actions[0]), ("needs-a-person", &Wish::Brought), "{begun:#?}");
    let why = begun.why.unwrap();
    assert!(why.contains("https://dashboard.cohere.com/api-keys") && why.contains("`kw-"), "{why}");

    // What cannot be it is said at once, and nothing is kept of it.
    let refused = shop.bring(&old).unwrap_err();
    assert!(refused.message.contains("a new key is needed"), "{refused}");
    let refused = shop.bring(&"x".repeat(40)).unwrap_err();
    assert!(refused.message.contains("does not work"), "{refused}");
    assert_eq!(shop.bring("  ").unwrap_err().code, Code::Usage);
    assert_eq!((shop.shown().new, shop.file().as_str()), (None, ""));

    // The right one goes to the file, with the line break that a page copies along.
    let new = doubles.cohere.service().make();
    let brought = shop.bring(&format!("{new}\n")).unwrap();
    assert_eq!((brought.state.as_str(), brought.new), ("observing", Some(version(2))), "{brought:#?}");
    assert_eq!(shop.file(), new);
    assert_eq!(shop.bring(&new).unwrap_err().code, Code::Conflict, "it is not awaited any more");

    // After a day the person is asked to delete the old one, and the service is asked whether he has.
    let waits = shop.hours(30);
    assert_eq!((waits.state.as_str(), waits.phase.as_str()), ("needs-a-person", "observing"), "{waits:#?}");
    assert!(waits.why.unwrap().contains("delete the old key at https://dashboard.cohere.com/api-keys"));
    assert_eq!(doubles.cohere.service().live(), 2);
    doubles.cohere.service().delete(&old);
    let after = shop.minutes(10);
    assert_eq!(after.state, "done", "{after:#?}");
    assert_eq!((shop.file().as_str(), doubles.cohere.service().live()), (new.as_str(), 1));
}

#[test]
fn a_service_that_is_away_when_the_key_is_brought_is_asked_before_anybody_gets_it() {
    let (doubles, _turn) = doubles();
    let (service, old) = Cohere::new();
    becomes(&doubles.cohere, service);
    let shop = Shop::new("cohere", &old, None);
    shop.rotate(RotateAsk::default());
    let new = doubles.cohere.service().make();
    for _ in 0..2 {
        doubles.cohere.trouble("GET /v1/models", Trouble::Fails(503));
    }
    let brought = shop.bring(&new).unwrap();
    assert!(brought.new.is_some(), "{brought:#?}");
    assert_eq!(shop.minutes(5).state, "observing");
    assert_eq!(shop.file(), new);
}

#[test]
fn a_rotation_that_waits_for_a_key_can_be_undone() {
    let (doubles, _turn) = doubles();
    let (service, old) = Cohere::new();
    becomes(&doubles.cohere, service);
    let shop = Shop::new("cohere", &old, None);
    shop.rotate(RotateAsk::default());
    assert_eq!(shop.wish(Wish::Abort).state, "rolled-back");
    assert_eq!(shop.rotate(RotateAsk::default()).state, "needs-a-person");
}

#[test]
fn anthropic_keys_are_made_by_hand_and_stopped_by_us() {
    let (doubles, _turn) = doubles();
    let (service, admin, old) = Anthropic::new();
    becomes(&doubles.anthropic, service);
    let shop = Shop::new("anthropic", &old, Some(&admin));
    let begun = shop.rotate(by(&[], true));
    assert!(begun.why.unwrap().contains("https://platform.claude.com/settings/keys"));
    let new = doubles.anthropic.service().make("by hand");
    assert_eq!(shop.bring(&new).unwrap().state, "observing");
    assert_eq!((shop.file(), doubles.anthropic.service().live().len()), (new, 2));
    let after = shop.hours(100);
    assert_eq!(after.state, "done", "{after:#?}");
    assert_eq!(doubles.anthropic.service().live().len(), 1);
}

#[test]
fn github_tokens_are_made_by_hand_and_revoked_by_showing_them() {
    let (doubles, _turn) = doubles();
    let (service, old) = GitHub::new();
    becomes(&doubles.github, service);
    let shop = Shop::new("github", &old, None);
    assert_eq!(shop.rotate(RotateAsk::default()).state, "needs-a-person");
    let new = doubles.github.service().make();
    assert_eq!(shop.bring(&new).unwrap().state, "observing");
    let after = shop.hours(100);
    assert_eq!(after.state, "done", "{after:#?}");
    assert_eq!((shop.file(), doubles.github.service().live()), (new, 1));
}
