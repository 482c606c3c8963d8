//! Links by which a password is chosen: once, for an hour, for one person.

use keyward_access::{Invite, Role, Subject};
use keyward_vault::{Actor, NewToken};

use super::*;

fn invite(house: &TestVault, name: &str) -> PlainToken {
    house.vault.invite(&house.actor, &account(house, name).principal, false).unwrap().0
}

fn is_over(house: &TestVault, link: &PlainToken) -> bool {
    matches!(house.vault.invited(link), Err(Error::NotIdentified))
        && matches!(house.vault.choose_password(link, &secret(OTHER), None, &here()), Err(Error::NotIdentified))
}

#[test]
fn the_first_owner_begins_with_a_link_and_no_password_exists_before() {
    let house = TestVault::new(13);
    assert!(!house.vault.has_passwords().unwrap());
    let (owner, _) = house.vault.owner().unwrap();
    let name = owner.login.clone().unwrap();
    for guess in ["", "admin", "password", "keyward", "owner", name.as_str()] {
        assert!(sign_in_with(&house.vault, name.as_str(), guess, None, Visitor { address: None, agent: "" }).is_err());
        house.clock.advance(HOUR);
    }
    choose(&house, &owner, GOOD);
    assert!(house.vault.has_passwords().unwrap());
    let (token, _) = sign_in(&house.vault, name.as_str(), GOOD).unwrap();
    let who = house.vault.signed_in(&token, &here()).unwrap();
    let actor = Actor::new(who.caller().clone(), "test");
    assert!(house.vault.add_user(&actor, &login("ann"), "").is_ok(), "he has an owner's rights");
    assert_in_order(&house);
}

#[test]
fn a_link_serves_once() {
    let house = house();
    let link = invite(&house, "ann");
    assert_eq!(house.vault.invited(&link).unwrap().principal, account(&house, "ann").principal);
    house.vault.choose_password(&link, &secret(OTHER), None, &here()).unwrap();
    assert!(is_over(&house, &link));
    assert!(sign_in(&house.vault, "ann", OTHER).is_ok() && sign_in(&house.vault, "ann", GOOD).is_err());
    assert_in_order(&house);
}

#[test]
fn a_link_that_many_use_at_once_serves_one() {
    let house = house();
    let link = invite(&house, "ann");
    let passwords = ["nine violet herons argue 1", "seven rusty anchors sing 2", "four quiet engines sleep 3"];
    let (vault, link) = (&house.vault, &link);
    let served: usize = std::thread::scope(|scope| {
        let tries: Vec<_> = passwords
            .iter()
            .map(|new| scope.spawn(move || vault.choose_password(link, &secret(new), None, &here()).is_ok()))
            .collect();
        tries.into_iter().map(|one| usize::from(one.join().unwrap())).sum()
    });
    assert_eq!(served, 1);
}

#[test]
fn a_link_ends_after_an_hour_with_the_next_one_and_with_the_person() {
    let house = house();
    let link = invite(&house, "ann");
    house.clock.advance(Invite::LASTS - 1);
    assert!(house.vault.invited(&link).is_ok());
    house.clock.advance(1);
    assert!(is_over(&house, &link));
    let (first, second) = (invite(&house, "ann"), invite(&house, "ann"));
    assert!(is_over(&house, &first) && house.vault.invited(&second).is_ok());
    house.vault.disable(&house.actor, &account(&house, "ann").principal).unwrap();
    assert!(is_over(&house, &second));
    house.vault.enable(&house.actor, &account(&house, "ann").principal).unwrap();
    assert!(is_over(&house, &second), "and not again with his return");
}

#[test]
fn a_weak_password_does_not_use_a_link_up() {
    let house = house();
    let link = invite(&house, "ann");
    let weak = house.vault.choose_password(&link, &secret("password123"), None, &here());
    assert!(matches!(weak, Err(Error::WeakPassword(_))));
    assert!(house.vault.choose_password(&link, &secret(OTHER), None, &here()).is_ok());
}

#[test]
fn a_link_ends_all_sessions_and_lifts_a_lock() {
    let house = house();
    let (token, _) = sign_in(&house.vault, "ann", GOOD).unwrap();
    for _ in 0..4 {
        let _ = sign_in(&house.vault, "ann", "wrong");
    }
    let link = invite(&house, "ann");
    house.vault.choose_password(&link, &secret(OTHER), None, &here()).unwrap();
    assert!(house.vault.signed_in(&token, &here()).is_err());
    assert!(sign_in(&house.vault, "ann", OTHER).is_ok());
}

#[test]
fn nobody_makes_a_link_to_more_rights_than_his_own() {
    let house = house();
    let grant = |name: &str, role| {
        let subject = Subject::Principal(account(&house, name).principal);
        house
            .vault
            .grant(&house.actor, &subject, role, &house.vault.reach(&house.actor, None, None).unwrap(), None)
            .unwrap();
    };
    let owner = house.vault.owner().unwrap().0.principal;
    let (_, who) = ann(&house);
    let actor = || {
        let caller = house.vault.caller_of(who.principal()).unwrap();
        Actor::new(caller, "test")
    };
    assert!(matches!(house.vault.invite(&actor(), &account(&house, "eve").principal, false), Err(Error::Denied(_))));
    grant("ann", Role::Admin);
    assert!(house.vault.invite(&actor(), &account(&house, "eve").principal, false).is_ok());
    assert!(matches!(house.vault.invite(&actor(), &owner, false), Err(Error::Refused(_))));
    let narrow = NewToken { name: "reads".into(), read_only: true, ..NewToken::default() };
    let (token, _) = house.vault.create_token(&house.actor, narrow).unwrap();
    let caller = house.vault.caller_of_token(&token, None).unwrap();
    let with_token = Actor::new(caller, "test");
    assert!(house.vault.invite(&with_token, &account(&house, "eve").principal, false).is_err());
}

#[test]
fn a_program_gets_no_link() {
    let house = house();
    let owner = account(&house, "ann").principal;
    let ci = house.vault.add_service_account(&house.actor, &login("ci"), "", &owner).unwrap();
    assert!(matches!(house.vault.invite(&house.actor, &ci.principal, false), Err(Error::Refused(_))));
}
