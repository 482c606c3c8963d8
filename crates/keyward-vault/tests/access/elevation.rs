use keyward_access::{ElevationState, Role};
use keyward_audit::Action;
use keyward_vault::NewToken;

use crate::kit::{Team, is_denied, is_refused};

#[test]
fn a_second_person_gives_and_it_ends_by_itself() {
    let team = Team::new(81);
    let vault = &team.desk.vault;
    let ada = team.member("ada", Role::Developer, "shop");
    let lead = team.member("lead", Role::Admin, "shop");
    let production = team.reach("shop/production");
    let asked = vault.request_elevation(&team.acting(&ada), Role::Ci, &production, 3600, "ticket 4711").unwrap();
    assert!(is_denied(team.read(&team.acting(&ada), "production", "DB_URL")));
    assert!(is_refused(vault.approve_elevation(&team.acting(&ada), asked.id)), "not she herself");
    let eve = team.member("eve", Role::Developer, "shop");
    assert!(is_denied(vault.approve_elevation(&team.acting(&eve), asked.id)));
    let given = vault.approve_elevation(&team.acting(&lead), asked.id).unwrap();
    assert_eq!(given.state, ElevationState::Approved);
    assert!(team.read(&team.acting(&ada), "production", "DB_URL").is_ok());
    assert!(is_refused(vault.approve_elevation(&team.acting(&lead), asked.id)), "once");
    team.desk.clock.advance(3_599_999);
    assert!(team.read(&team.acting(&ada), "production", "DB_URL").is_ok());
    team.desk.clock.advance(1);
    assert!(is_denied(team.read(&team.acting(&ada), "production", "DB_URL")));
}

#[test]
fn a_request_is_refused_or_lapses_and_gives_nothing() {
    let team = Team::new(82);
    let vault = &team.desk.vault;
    let ada = team.member("ada", Role::Developer, "shop");
    let production = team.reach("shop/production");
    let ask = || vault.request_elevation(&team.acting(&ada), Role::Operator, &production, 60, "because");
    let refused = ask().unwrap();
    vault.deny_elevation(team.owner(), refused.id).unwrap();
    assert!(is_refused(vault.approve_elevation(team.owner(), refused.id)));
    let lapsed = ask().unwrap();
    team.desk.clock.advance(24 * 3_600_000);
    assert!(is_refused(vault.approve_elevation(team.owner(), lapsed.id)));
    for (role, seconds, reason) in [
        (Role::Owner, 60, "r"),
        (Role::Emergency, 60, "r"),
        (Role::Admin, 0, "r"),
        (Role::Admin, 86_401, "r"),
        (Role::Admin, 60, " "),
    ] {
        let asked = vault.request_elevation(&team.acting(&ada), role, &production, seconds, reason);
        assert!(is_refused(asked), "{role} {seconds} {reason}");
    }
    for _ in 0..5 {
        ask().unwrap();
    }
    assert!(is_refused(ask()), "five are enough");
}

#[test]
fn an_approver_gives_no_more_than_he_has() {
    let team = Team::new(83);
    let vault = &team.desk.vault;
    let ada = team.member("ada", Role::Developer, "shop");
    let lead = team.member("lead", Role::Admin, "shop/development");
    let asked = vault.request_elevation(&team.acting(&ada), Role::Admin, &team.reach("shop"), 60, "r").unwrap();
    assert!(is_denied(vault.approve_elevation(&team.acting(&lead), asked.id)));
}

#[test]
fn glass_is_broken_by_who_works_there_in_person_and_leaves_an_entry() {
    let team = Team::new(84);
    let vault = &team.desk.vault;
    let ada = team.member("ada", Role::Developer, "shop");
    let production = team.reach("shop/production");
    let stranger = team.user("stranger");
    let auditor = team.member("auditor", Role::Auditor, "");
    for account in [&stranger, &auditor] {
        assert!(is_denied(vault.break_glass(&team.acting(account), &production, 600, "fire")));
    }
    let scopes = crate::kit::scopes(&["*:*"]);
    let token = team.token(&team.acting(&ada), NewToken { scopes, ..NewToken::default() }).unwrap();
    assert!(is_denied(vault.break_glass(&team.with_token(&token).unwrap(), &production, 600, "fire")));
    assert!(is_refused(vault.break_glass(&team.acting(&ada), &team.reach(""), 600, "fire")));
    assert!(is_refused(vault.break_glass(&team.acting(&ada), &production, 600, "")));
    assert!(is_refused(vault.break_glass(&team.acting(&ada), &production, 4 * 3600 + 1, "fire")));
    let before = vault.log_size().unwrap();
    vault.break_glass(&team.acting(&ada), &production, 600, "fire").unwrap();
    let line = vault.log(before, 1).unwrap().remove(0);
    assert_eq!((line.entry.action, line.entry.principal), (Action::BreakGlass, ada.principal.to_string()));
    assert_eq!(line.private.unwrap().more["asked_because"], "fire");
    assert!(team.read(&team.acting(&ada), "production", "DB_URL").is_ok());
    assert!(is_denied(vault.delete(&team.acting(&ada), &team.scope("production"), &"DB_URL".parse().unwrap())));
    team.desk.clock.advance(600_000);
    assert!(is_denied(team.read(&team.acting(&ada), "production", "DB_URL")));
}
