use keyward_access::{Role, Subject};
use keyward_audit::{Action, Outcome};
use keyward_vault::Error;

use crate::kit::{Team, is_denied, is_refused, login};

#[test]
fn a_role_gives_what_it_says_and_nothing_before() {
    let team = Team::new(1);
    let ada = team.user("ada");
    assert!(is_denied(team.read(&team.acting(&ada), "development", "DB_URL")));
    team.grant(&ada, Role::Developer, "shop");
    assert!(team.read(&team.acting(&ada), "development", "DB_URL").is_ok());
    assert!(is_denied(team.read(&team.acting(&ada), "production", "DB_URL")));
    assert!(team.names(&team.acting(&ada), "production").is_ok());
}

#[test]
fn a_caller_who_was_identified_before_a_change_is_told_of_it_at_the_next() {
    let team = Team::new(2);
    let ada = team.member("ada", Role::Developer, "shop");
    assert!(team.read(&team.acting(&ada), "development", "DB_URL").is_ok());
    let binding = team.desk.vault.role_bindings(&team.acting(&ada)).unwrap();
    let binding = binding.iter().find(|one| one.role == Role::Developer).unwrap().id;
    team.desk.vault.revoke_role(team.owner(), binding).unwrap();
    assert!(is_denied(team.read(&team.acting(&ada), "development", "DB_URL")));
}

#[test]
fn two_accounts_cannot_share_a_login_and_an_id_is_never_given_again() {
    let team = Team::new(3);
    let ada = team.user("ada");
    let vault = &team.desk.vault;
    assert!(matches!(vault.add_user(team.owner(), &login("ada"), ""), Err(Error::Exists { .. })));
    assert!(matches!(
        vault.add_service_account(team.owner(), &login("ada"), "", &ada.principal),
        Err(Error::Exists { .. })
    ));
    vault.change_login(team.owner(), &ada.principal, &login("ada.l")).unwrap();
    let other = team.user("ada");
    assert_ne!(other.principal, ada.principal);
    assert_eq!(vault.account(&login("ada.l")).unwrap().principal, ada.principal);
}

#[test]
fn who_is_disabled_is_nobody_and_comes_back_without_tokens() {
    let team = Team::new(4);
    let ada = team.member("ada", Role::Developer, "shop");
    let token = team.token(&team.acting(&ada), Default::default()).unwrap();
    assert!(team.with_token(&token).is_ok());
    team.desk.vault.disable(team.owner(), &ada.principal).unwrap();
    assert!(matches!(team.desk.vault.caller_of(&ada.principal), Err(Error::NotIdentified)));
    assert!(matches!(team.with_token(&token), Err(Error::NotIdentified)));
    team.desk.vault.enable(team.owner(), &ada.principal).unwrap();
    assert!(team.read(&team.acting(&ada), "development", "DB_URL").is_ok());
    assert!(matches!(team.with_token(&token), Err(Error::NotIdentified)), "it ended with him");
}

#[test]
fn an_admin_makes_nobody_an_owner_and_touches_none() {
    let team = Team::new(5);
    let (admin, other) = (team.member("admin", Role::Admin, ""), team.user("other"));
    let vault = &team.desk.vault;
    let as_admin = team.acting(&admin);
    let everywhere = team.reach("");
    for account in [&admin, &other] {
        let subject = Subject::Principal(account.principal.clone());
        assert!(is_refused(vault.grant(&as_admin, &subject, Role::Owner, &everywhere, None)));
    }
    let second = team.member("second", Role::Owner, "");
    assert!(is_refused(vault.disable(&as_admin, &second.principal)));
    let binding = vault.role_bindings(team.owner()).unwrap();
    let of_second = Subject::Principal(second.principal.clone());
    let binding = binding.iter().find(|one| one.subject == of_second).unwrap().id;
    assert!(is_refused(vault.revoke_role(&as_admin, binding)));
    assert!(vault.revoke_role(team.owner(), binding).is_ok());
}

#[test]
fn nobody_raises_himself_neither_by_a_role_nor_by_a_group() {
    let team = Team::new(6);
    let lead = team.member("lead", Role::Admin, "shop/development");
    let vault = &team.desk.vault;
    let as_lead = team.acting(&lead);
    let me = Subject::Principal(lead.principal.clone());
    for place in ["", "shop", "shop/production"] {
        let granted = vault.grant(&as_lead, &me, Role::Developer, &team.reach(place), None);
        assert!(is_denied(granted), "{place}");
    }
    assert!(vault.grant(&as_lead, &me, Role::Developer, &team.reach("shop/development"), None).is_ok());
    let group = vault.create_group(team.owner(), &login("ops")).unwrap();
    vault.grant(team.owner(), &Subject::Group(group.id), Role::Operator, &team.reach("shop"), None).unwrap();
    assert!(is_denied(vault.join_group(&as_lead, &login("ops"), &lead.principal)));
    // An admin of the whole vault cannot take anybody into a group that has more than he has.
    let admin = team.member("admin", Role::Admin, "");
    assert!(vault.join_group(&team.acting(&admin), &login("ops"), &lead.principal).is_ok());
    assert!(!team.acting(&lead).caller.gives(Role::Operator, None, None));
}

#[test]
fn a_group_gives_its_roles_to_who_is_in_it_as_long_as_he_is() {
    let team = Team::new(7);
    let ada = team.user("ada");
    let vault = &team.desk.vault;
    let group = vault.create_group(team.owner(), &login("backend")).unwrap();
    vault.grant(team.owner(), &Subject::Group(group.id), Role::Developer, &team.reach("shop"), None).unwrap();
    vault.join_group(team.owner(), &login("backend"), &ada.principal).unwrap();
    assert!(team.read(&team.acting(&ada), "development", "DB_URL").is_ok());
    vault.leave_group(team.owner(), &login("backend"), &ada.principal).unwrap();
    assert!(is_denied(team.read(&team.acting(&ada), "development", "DB_URL")));
    vault.join_group(team.owner(), &login("backend"), &ada.principal).unwrap();
    vault.delete_group(team.owner(), &login("backend")).unwrap();
    assert!(is_denied(team.read(&team.acting(&ada), "development", "DB_URL")));
    let again = vault.create_group(team.owner(), &login("backend")).unwrap();
    assert_ne!(again.id, group.id, "a group of the same name is another group");
}

#[test]
fn the_owner_in_whose_name_the_vault_is_opened_stays_until_it_is_handed_over() {
    let team = Team::new(8);
    let vault = &team.desk.vault;
    let founder = vault.owner().unwrap().0;
    let grace = team.member("grace", Role::Owner, "");
    let as_grace = team.acting(&grace);
    let binding = vault.role_bindings(team.owner()).unwrap();
    let of_founder = Subject::Principal(founder.principal.clone());
    let binding = binding.iter().find(|one| one.subject == of_founder).unwrap().id;
    assert!(is_refused(vault.revoke_role(&as_grace, binding)));
    assert!(is_refused(vault.disable(&as_grace, &founder.principal)));
    vault.hand_over(team.owner(), &grace.principal).unwrap();
    assert_eq!(vault.owner().unwrap().0.principal, grace.principal);
    assert!(vault.disable(&as_grace, &founder.principal).is_ok());
    assert!(vault.revoke_role(&as_grace, binding).is_ok());
    // Whoever opens a slot still has every right, in her name now.
    assert!(vault.add_user(&keyward_vault::Actor::new(vault.owner().unwrap().1, "test"), &login("new"), "").is_ok());
}

#[test]
fn every_change_of_rights_is_on_record_and_so_is_what_was_refused() {
    let team = Team::new(9);
    let vault = &team.desk.vault;
    let before = vault.log_size().unwrap();
    let ada = team.member("ada", Role::Developer, "shop");
    let denied = vault.add_user(&team.acting(&ada), &login("mallory"), "");
    assert!(is_denied(denied));
    let lines = vault.log(before, 10).unwrap();
    let told: Vec<(Action, Outcome)> = lines.iter().map(|line| (line.entry.action, line.entry.outcome)).collect();
    assert_eq!(
        told,
        [
            (Action::UserAdd, Outcome::Allowed),
            (Action::RoleGrant, Outcome::Allowed),
            (Action::UserAdd, Outcome::Denied)
        ]
    );
    assert_eq!(lines[2].entry.principal, ada.principal.to_string());
    assert!(!lines[0].entry.records.is_empty() && !lines[1].entry.records.is_empty());
    let names = &lines[1].private.as_ref().unwrap().more;
    assert_eq!((names["account"].as_str(), names["role"].as_str()), ("ada", "developer"));
    assert!(vault.verify(None).unwrap().faults.is_empty());
}

#[test]
fn an_owner_is_a_person_of_the_whole_vault() {
    let team = Team::new(10);
    let founder = team.desk.vault.owner().unwrap().0;
    let bot = Subject::Principal(team.service("bot", &founder).principal);
    let ada = Subject::Principal(team.user("ada").principal);
    let vault = &team.desk.vault;
    assert!(is_refused(vault.grant(team.owner(), &bot, Role::Owner, &team.reach(""), None)));
    assert!(is_refused(vault.grant(team.owner(), &ada, Role::Owner, &team.reach("shop"), None)));
    let later = keyward_types::Timestamp(i64::MAX);
    assert!(is_refused(vault.grant(team.owner(), &ada, Role::Owner, &team.reach(""), Some(later))));
}

#[test]
fn no_role_stays_behind_of_a_group_that_is_deleted_meanwhile() {
    let team = Team::new(66);
    let vault = &team.desk.vault;
    for round in 0..40 {
        let group = vault.create_group(team.owner(), &login("team")).unwrap();
        let begin = std::sync::Barrier::new(2);
        let granted = std::thread::scope(|scope| {
            let (begin, team) = (&begin, &team);
            let grant = scope.spawn(move || {
                let subject = Subject::Group(group.id);
                begin.wait();
                team.desk.vault.grant(team.owner(), &subject, Role::Developer, &team.reach("shop"), None)
            });
            begin.wait();
            while let Err(error) = vault.delete_group(team.owner(), &login("team")) {
                assert!(matches!(error, Error::Raced(_)), "{error:?}");
            }
            grant.join().unwrap()
        });
        let gone = matches!(granted, Ok(_) | Err(Error::Missing { .. } | Error::Raced(_)));
        assert!(gone, "{granted:?}");
        let of_nobody = vault.role_bindings(team.owner()).unwrap().into_iter().find(|one| one.role == Role::Developer);
        assert!(of_nobody.is_none(), "round {round}: {of_nobody:?}");
    }
}
