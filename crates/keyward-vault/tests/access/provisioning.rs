//! People and groups as an identity provider has them.

use keyward_access::{Group, Identity};
use keyward_types::PrincipalId;
use keyward_vault::{Error, Provisioned, ProvisionedTeam};
use serde_json::{Value, json};

use crate::kit::{Team, login};

fn provisioned(team: &Team, name: &str) -> Provisioned {
    team.desk.vault.provision_user(team.owner(), &login(name), "", None, json!({}), true).unwrap()
}

fn said(team: &Team, seen: &Provisioned, attributes: Value) -> Result<Provisioned, Error> {
    let Identity { login, name, .. } = &seen.0;
    team.desk.vault.change_provisioned_user(team.owner(), seen, login.as_ref().unwrap(), name, None, attributes)
}

fn brought_to(team: &Team, seen: &ProvisionedTeam, members: &[PrincipalId]) -> Result<ProvisionedTeam, Error> {
    let Group { name, .. } = &seen.0;
    team.desk.vault.change_provisioned_group(team.owner(), seen, name, "Team", None, members)
}

#[test]
fn what_was_made_up_from_an_old_state_changes_nothing() {
    let team = Team::new(61);
    let vault = &team.desk.vault;
    let [ada, bob] = ["ada", "bob"].map(|name| provisioned(&team, name));
    let newer = said(&team, &ada, json!({ "title": "first" })).unwrap();
    assert!(matches!(said(&team, &ada, json!({ "title": "second" })), Err(Error::Raced(_))));
    assert_eq!(vault.provisioned_user(team.owner(), &ada.0.principal).unwrap(), newer);
    // A person changes the account, too, and a change of the login is no matter of who has it.
    vault.change_login(team.owner(), &ada.0.principal, &login("ada.l")).unwrap();
    assert!(matches!(said(&team, &newer, json!({})), Err(Error::Raced(_))));
    // Who is gone does not come back by what was on its way.
    vault.disable(team.owner(), &bob.0.principal).unwrap();
    let seen = vault.provisioned_user(team.owner(), &bob.0.principal).unwrap();
    vault.unprovision_user(team.owner(), &bob.0.principal).unwrap();
    assert!(matches!(said(&team, &seen, json!({})), Err(Error::Raced(_))));
    assert!(matches!(vault.provisioned_user(team.owner(), &bob.0.principal), Err(Error::Missing { .. })));

    let members = [ada.0.principal.clone(), bob.0.principal.clone()];
    let seen = vault.provision_group(team.owner(), &login("team"), "Team", None, &members).unwrap();
    let newer = brought_to(&team, &seen, &members[..1]).unwrap();
    assert!(matches!(brought_to(&team, &seen, &members), Err(Error::Raced(_))));
    assert_eq!(vault.provisioned_group(team.owner(), seen.0.id).unwrap(), newer);
    assert!(vault.verify(None).unwrap().faults.is_empty());
}

#[test]
fn a_group_is_written_once_however_many_come_and_go() {
    let team = Team::new(62);
    let vault = &team.desk.vault;
    let mut people: Vec<PrincipalId> = (0..40).map(|n| provisioned(&team, &format!("p{n}")).0.principal).collect();
    let before = vault.log_size().unwrap();
    let twice = [&people[..20], &people[..20]].concat();
    let made = vault.provision_group(team.owner(), &login("team"), "Team", None, &twice).unwrap();
    let entries = vault.log(before, 1000).unwrap();
    let puts = |entries: &[keyward_vault::LogLine]| -> usize {
        let records = entries.iter().flat_map(|line| &line.entry.records);
        records.filter(|record| record.collection == "group").count()
    };
    assert_eq!((entries.len(), puts(&entries)), (21, 1), "an entry for each, and one group");
    let before = vault.log_size().unwrap();
    let changed = brought_to(&team, &made, &people[10..]).unwrap();
    people.drain(..10);
    people.sort();
    assert_eq!(changed.0.members, people);
    let entries = vault.log(before, 1000).unwrap();
    let told = |action: &str| entries.iter().filter(|line| line.entry.action.as_str() == action).count();
    assert_eq!((told("group.edit"), told("group.leave"), told("group.join"), puts(&entries)), (1, 10, 20, 1));
    assert!(vault.verify(None).unwrap().faults.is_empty());
}

#[test]
fn who_acts_again_is_within_the_reach_of_the_provider() {
    let team = Team::new(63);
    let vault = &team.desk.vault;
    let (ada, bob) = (provisioned(&team, "ada"), team.user("bob"));
    for principal in [&ada.0.principal, &bob.principal] {
        vault.disable(team.owner(), principal).unwrap();
        vault.unprovision_user(team.owner(), principal).unwrap();
        assert!(matches!(vault.provisioned_user(team.owner(), principal), Err(Error::Missing { .. })));
        let before = vault.log_size().unwrap();
        vault.enable(team.owner(), principal).unwrap();
        assert_eq!(vault.log_size().unwrap(), before + 1, "it is one change");
        let (account, said) = vault.provisioned_user(team.owner(), principal).unwrap();
        assert_eq!((account.is_enabled(), said.unwrap().gone), (true, false));
        // It can end him again, and lists him until it has.
        let listed = |n: usize| assert_eq!(vault.provisioned_users(team.owner()).unwrap().len(), n);
        listed(if *principal == ada.0.principal { 3 } else { 2 });
        vault.disable(team.owner(), principal).unwrap();
        vault.unprovision_user(team.owner(), principal).unwrap();
        listed(if *principal == ada.0.principal { 2 } else { 1 });
    }
    assert!(vault.verify(None).unwrap().faults.is_empty());
}

#[test]
fn of_a_group_that_a_person_deletes_nothing_stays() {
    let team = Team::new(64);
    let vault = &team.desk.vault;
    let before = vault.log_size().unwrap();
    let made = vault.provision_group(team.owner(), &login("team"), "Team", None, &[]).unwrap();
    let again = vault.provision_group(team.owner(), &login("team"), "TEAM", None, &[]);
    assert!(matches!(again, Err(Error::Exists { noun: "group", .. })));
    vault.delete_group(team.owner(), &login("team")).unwrap();
    assert!(matches!(vault.provisioned_group(team.owner(), made.0.id), Err(Error::Missing { .. })));
    let lines = vault.log(before, 9).unwrap();
    let of = |line: &keyward_vault::LogLine| -> Vec<(String, bool)> {
        line.entry.records.iter().map(|one| (one.collection.clone(), one.hash.is_some())).collect()
    };
    assert_eq!(
        lines.iter().map(|line| line.entry.action.as_str()).collect::<Vec<_>>(),
        ["group.create", "group.delete"]
    );
    let both = |there: bool| ["group", "provisioned-group"].map(|name| (name.to_owned(), there));
    let sorted = |line| {
        let mut records = of(line);
        records.sort();
        records
    };
    assert_eq!((sorted(&lines[0]), sorted(&lines[1])), (both(true).to_vec(), both(false).to_vec()));
    let team_again = vault.provision_group(team.owner(), &login("team"), "Team", None, &[]).unwrap();
    vault.unprovision_group(team.owner(), team_again.0.id).unwrap();
    assert!(vault.groups(team.owner()).unwrap().is_empty());
    assert!(vault.verify(None).unwrap().faults.is_empty());
}

#[test]
fn who_comes_disabled_never_acts() {
    let team = Team::new(65);
    let vault = &team.desk.vault;
    let before = vault.log_size().unwrap();
    let (ada, _) = vault.provision_user(team.owner(), &login("ada"), "", None, json!({}), false).unwrap();
    assert_eq!(vault.log_size().unwrap(), before + 1, "it is one change");
    assert_eq!(ada.disabled_at, Some(ada.created_at));
    assert!(vault.caller_of(&ada.principal).is_err());
    assert_eq!(vault.provisioned_user(team.owner(), &ada.principal).unwrap().0, ada);
    vault.enable(team.owner(), &ada.principal).unwrap();
    assert!(vault.caller_of(&ada.principal).is_ok());
    assert!(vault.verify(None).unwrap().faults.is_empty());
}
