use keyward_access::{PolicyRecord, Role};
use keyward_types::Operation;
use keyward_vault::{Error, Question};

use crate::kit::{Team, is_denied, is_refused, login};

fn question(
    team: &Team,
    account: &keyward_access::Identity,
    operation: Operation,
    place: &str,
    secret: &str,
) -> Question {
    let secret = (!secret.is_empty()).then(|| secret.parse().unwrap());
    Question { principal: account.principal.clone(), operation, reach: team.reach(place), secret }
}

#[test]
fn a_policy_counts_from_the_next_decision_on_and_no_longer_than_it_is_there() {
    let team = Team::new(61);
    let vault = &team.desk.vault;
    let ada = team.member("ada", Role::Developer, "shop");
    let before = team.acting(&ada);
    assert!(team.read(&before, "development", "DB_URL").is_ok());
    let forbid = r#"forbid (principal, action == Action::"read", resource) when { resource.name == "DB_URL" };"#;
    vault.put_policy(team.owner(), &login("no-url"), forbid, false).unwrap();
    assert!(team.read(&team.acting(&ada), "development", "DB_URL").is_ok(), "it is disabled");
    vault.put_policy(team.owner(), &login("no-url"), forbid, true).unwrap();
    assert!(is_denied(team.read(&team.acting(&ada), "development", "DB_URL")));
    assert!(team.read(&team.acting(&ada), "development", "db/main/password").is_ok());
    vault.delete_policy(team.owner(), &login("no-url")).unwrap();
    assert!(team.read(&team.acting(&ada), "development", "DB_URL").is_ok());
}

#[test]
fn what_is_no_policy_is_not_kept() {
    let team = Team::new(62);
    let vault = &team.desk.vault;
    let wrong = vault.put_policy(team.owner(), &login("wrong"), "permit (principal, action, resorce);", true);
    assert!(matches!(wrong, Err(Error::Policy(_))));
    let lock_out = vault.put_policy(team.owner(), &login("all"), "forbid (principal, action, resource);", true);
    assert!(is_refused(lock_out));
    assert!(vault.policies(team.owner()).unwrap().is_empty());
}

#[test]
fn an_owner_who_came_in_is_under_the_policies_and_who_opens_a_slot_is_not() {
    let team = Team::new(63);
    let vault = &team.desk.vault;
    let forbid = r#"forbid (principal, action == Action::"read", resource);"#;
    vault.put_policy(team.owner(), &login("no-reading"), forbid, true).unwrap();
    let signed_in = team.acting(&vault.owner().unwrap().0);
    assert!(is_denied(team.read(&signed_in, "development", "DB_URL")));
    assert!(team.read(team.owner(), "development", "DB_URL").is_ok());
}

#[test]
fn a_test_names_what_decides_and_changes_nothing() {
    let team = Team::new(64);
    let vault = &team.desk.vault;
    let ada = team.member("ada", Role::Developer, "shop");
    let ask = |operation, place: &str, secret: &str, draft: Option<&str>| {
        let draft_name = login("draft");
        let question = question(&team, &ada, operation, place, secret);
        vault.test_policy(team.owner(), &question, draft.map(|text| (&draft_name, text))).unwrap()
    };
    let size = vault.log_size().unwrap();
    let read = ask(Operation::Read, "shop/development", "DB_URL", None);
    assert!(read.allowed && read.deciding[0].name == "developer-values" && read.roles == [Role::Developer]);
    assert!(!ask(Operation::Read, "shop/production", "DB_URL", None).allowed);
    assert!(!ask(Operation::Administer, "", "", None).allowed);
    assert!(ask(Operation::Write, "shop/development", "NEW_NAME", None).allowed);
    let draft = r#"forbid (principal, action == Action::"read", resource) when { principal.login == "ada" };"#;
    let forbidden = ask(Operation::Read, "shop/development", "DB_URL", Some(draft));
    assert!(!forbidden.allowed && forbidden.deciding[0].name == "draft" && forbidden.deciding[0].forbids);
    assert_eq!(vault.log_size().unwrap(), size);
    assert!(team.read(&team.acting(&ada), "development", "DB_URL").is_ok());
    vault.disable(team.owner(), &ada.principal).unwrap();
    assert!(!ask(Operation::Read, "shop/development", "DB_URL", None).allowed);
}

#[test]
fn who_is_no_administrator_writes_no_policy_and_sees_none() {
    let team = Team::new(65);
    let vault = &team.desk.vault;
    let lead = team.member("lead", Role::Admin, "shop");
    let permit = "permit (principal, action, resource);";
    assert!(is_denied(vault.put_policy(&team.acting(&lead), &login("mine"), permit, true)));
    assert!(is_denied(vault.delete_policy(&team.acting(&lead), &login("mine"))));
    assert!(is_denied(vault.policies(&team.acting(&lead))));
}

#[test]
fn a_permit_of_ones_own_policy_makes_nobody_an_owner() {
    let team = Team::new(66);
    let vault = &team.desk.vault;
    let ada = team.user("ada");
    vault.put_policy(team.owner(), &login("all"), "permit (principal, action, resource);", true).unwrap();
    let as_ada = team.acting(&ada);
    assert!(team.read(&as_ada, "production", "DB_URL").is_ok());
    let me = keyward_access::Subject::Principal(ada.principal.clone());
    for role in [Role::Owner, Role::Admin, Role::Developer] {
        assert!(is_refused(vault.grant(&as_ada, &me, role, &team.reach(""), None)), "{role}");
    }
}

#[test]
fn a_policy_that_no_longer_fits_is_an_error_and_is_not_left_out() {
    // A store that an older or newer keyward wrote: leaving the policy out would leave out what it
    // forbids.
    let record = PolicyRecord {
        name: login("future"),
        text: r#"forbid (principal, action == Action::"teleport", resource);"#.into(),
        enabled: true,
        changed_at: keyward_types::Timestamp(0),
        changed_by: "user:a".parse().unwrap(),
    };
    let error = keyward_access::Policies::with([&record]).unwrap_err();
    assert!(error.to_string().contains("teleport"), "{error}");
}
