//! Sessions end: by time, by their person, with their person.

use keyward_access::{Role, Subject};
use keyward_vault::Proof;

use super::*;

fn is_dead(house: &TestVault, token: &PlainToken) -> bool {
    matches!(house.vault.signed_in(token, &here()), Err(Error::NotIdentified))
}

#[test]
fn a_session_ends_by_idleness_and_in_use_by_age() {
    let house = house();
    let (idle, _) = sign_in(&house.vault, "ann", GOOD).unwrap();
    let (used, _) = sign_in(&house.vault, "ann", GOOD).unwrap();
    for _ in 0..23 {
        house.clock.advance(30 * MINUTE);
        assert!(!is_dead(&house, &used));
    }
    assert!(is_dead(&house, &idle));
    house.clock.advance(30 * MINUTE);
    assert!(is_dead(&house, &used), "twelve hours");
    assert_in_order(&house);
}

#[test]
fn use_is_written_down_now_and_then_and_not_each_time() {
    let house = house();
    let (token, _) = sign_in(&house.vault, "ann", GOOD).unwrap();
    let first = house.vault.log_size().unwrap();
    for _ in 0..100 {
        house.clock.advance(6 * SECOND);
        assert!(!is_dead(&house, &token));
    }
    let lines = entries_since(&house, first);
    assert_eq!(
        lines.iter().map(action).collect::<Vec<_>>(),
        ["session.use"],
        "ten minutes, an eighth of an hour is 7.5"
    );
}

#[test]
fn a_session_that_is_over_stays_over_when_the_clock_jumps_back() {
    let house = house();
    let (token, _) = sign_in(&house.vault, "ann", GOOD).unwrap();
    house.clock.advance(HOUR);
    assert!(is_dead(&house, &token));
    house.clock.advance(-HOUR);
    assert!(is_dead(&house, &token));
    let (early, _) = sign_in(&house.vault, "ann", GOOD).unwrap();
    house.clock.advance(-10 * MINUTE);
    assert!(is_dead(&house, &early), "made at a time that has not come");
    house.clock.advance(10 * MINUTE);
    assert!(!is_dead(&house, &early), "and the clock is right again");
}

#[test]
fn signing_out_ends_one_and_signing_out_everywhere_all() {
    let house = house();
    let tokens: Vec<PlainToken> = (0..3).map(|_| sign_in(&house.vault, "ann", GOOD).unwrap().0).collect();
    let who = house.vault.signed_in(&tokens[0], &here()).unwrap();
    house.vault.sign_out(&who, &here()).unwrap();
    assert!(is_dead(&house, &tokens[0]) && !is_dead(&house, &tokens[1]));
    let actor = keyward_vault::Actor::new(who.caller().clone(), "test");
    assert_eq!(house.vault.end_sessions(&actor, who.principal(), None).unwrap(), 2);
    assert!(tokens.iter().all(|token| is_dead(&house, token)));
    assert_in_order(&house);
}

#[test]
fn sessions_die_with_the_person_and_do_not_come_back() {
    let house = house();
    let (token, _) = sign_in(&house.vault, "ann", GOOD).unwrap();
    let principal = account(&house, "ann").principal;
    house.vault.disable(&house.actor, &principal).unwrap();
    assert!(is_dead(&house, &token));
    house.vault.enable(&house.actor, &principal).unwrap();
    assert!(is_dead(&house, &token));
    assert!(sign_in(&house.vault, "ann", GOOD).is_ok());
    assert_in_order(&house);
}

#[test]
fn a_new_password_ends_the_other_sessions() {
    let house = house();
    let (other, _) = sign_in(&house.vault, "ann", GOOD).unwrap();
    let (mine, who) = ann(&house);
    let (old, new) = (secret(GOOD), secret(OTHER));
    let proof = Proof { password: &old, second: None };
    house.vault.set_password(&who, &proof, &new, &here()).unwrap();
    assert!(is_dead(&house, &other) && !is_dead(&house, &mine));
    assert!(matches!(sign_in(&house.vault, "ann", GOOD), Err(Error::NotIdentified)));
    assert!(sign_in(&house.vault, "ann", OTHER).is_ok());
    assert_in_order(&house);
}

#[test]
fn who_finds_an_open_session_cannot_guess_the_password_in_it() {
    let house = house();
    let (_, who) = ann(&house);
    let (wrong, new) = (secret("wrong"), secret(OTHER));
    let change =
        |old: &Secret<String>| house.vault.set_password(&who, &Proof { password: old, second: None }, &new, &here());
    for _ in 0..4 {
        assert!(matches!(change(&wrong), Err(Error::NotIdentified)));
    }
    assert!(matches!(change(&secret(GOOD)), Err(Error::TooManyAttempts { .. })));
    assert!(matches!(sign_in(&house.vault, "ann", GOOD), Err(Error::TooManyAttempts { .. })), "one count for both");
}

#[test]
fn a_weak_password_is_refused_with_advice_and_nothing_is_changed() {
    let house = house();
    let (_, who) = ann(&house);
    let old = secret(GOOD);
    for weak in ["short", "password123", "shop-development", "annannannann"] {
        let refused = house.vault.set_password(&who, &Proof { password: &old, second: None }, &secret(weak), &here());
        assert!(matches!(refused, Err(Error::WeakPassword(_))), "{weak}");
    }
    assert!(sign_in(&house.vault, "ann", GOOD).is_ok());
}

#[test]
fn lesson_object_handles_of_another_are_not_taken() {
    let house = house();
    let (_, who) = ann(&house);
    let (theirs, session) = sign_in(&house.vault, "eve", GOOD).unwrap();
    let eve = account(&house, "eve").principal;
    let actor = keyward_vault::Actor::new(who.caller().clone(), "test");
    assert!(matches!(house.vault.end_sessions(&actor, &eve, Some(&session.id)), Err(Error::Denied(_))));
    assert!(matches!(house.vault.end_sessions(&actor, who.principal(), Some(&session.id)), Err(Error::Missing { .. })));
    assert!(matches!(house.vault.sessions(&actor, &eve), Err(Error::Denied(_))));
    assert!(!is_dead(&house, &theirs));
}

#[test]
fn a_session_is_known_by_its_whole_token_alone() {
    let house = house();
    let (token, _) = sign_in(&house.vault, "ann", GOOD).unwrap();
    let (other, _) = sign_in(&house.vault, "ann", GOOD).unwrap();
    let text = format!("{}{}", &token.expose()[..16], &other.expose()[16..]);
    assert!(text.parse::<PlainToken>().is_err(), "the checksum sees it");
    let made = keyward_vault::NewToken { name: "mine".into(), ..Default::default() };
    let (personal, _) = house.vault.create_token(&house.actor, made).unwrap();
    assert!(is_dead(&house, &personal), "a token is no session");
    assert!(house.vault.caller_of_token(&token, None).is_err(), "a session is no token");
}

#[test]
fn a_session_has_the_present_rights_of_its_person() {
    let house = house();
    let (token, who) = ann(&house);
    let lists = |token: &PlainToken| {
        let caller = house.vault.signed_in(token, &here()).unwrap().caller().clone();
        let actor = keyward_vault::Actor::new(caller, "test");
        house.vault.accounts(&actor).is_ok()
    };
    assert!(!lists(&token));
    let reach = house.vault.reach(&house.actor, None, None).unwrap();
    let subject = Subject::Principal(who.principal().clone());
    let binding = house.vault.grant(&house.actor, &subject, Role::Admin, &reach, None).unwrap();
    assert!(lists(&token));
    house.vault.revoke_role(&house.actor, binding.id).unwrap();
    assert!(!lists(&token));
}

#[test]
fn what_is_over_is_swept_away() {
    let house = house();
    let (token, _) = sign_in(&house.vault, "ann", GOOD).unwrap();
    house.clock.advance(HOUR);
    assert_eq!(sweep(&house).unwrap(), 1);
    assert_eq!(sweep(&house).unwrap(), 0);
    assert!(is_dead(&house, &token));
    assert_in_order(&house);
}
