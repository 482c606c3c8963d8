//! Projects that are for some networks alone.

use keyward_access::{Cause, Network, Role};
use keyward_testing::TestVault;
use keyward_types::Operation;
use keyward_vault::{Actor, Error, Holder, NewToken};

use crate::kit::{Team, VALUE, new_value};

fn nets(texts: &[&str]) -> Vec<Network> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn bind(team: &Team, networks: &[&str]) {
    team.desk.vault.set_networks(team.owner(), &"shop".parse().unwrap(), &nets(networks), false).unwrap();
}

/// Somebody who comes from there.
fn from(team: &Team, account: &keyward_access::Identity, address: Option<&str>) -> Actor {
    let actor = team.acting(account);
    Actor { caller: actor.caller.coming_from(address.map(|address| address.parse().unwrap())), ..actor }
}

fn is_outside<T: std::fmt::Debug>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Denied(denial)) if matches!(denial.cause, Cause::Network(_)))
}

#[test]
fn all_of_a_project_counts_from_its_networks_alone() {
    let team = Team::new(60);
    let ada = team.member("ada", Role::Owner, "");
    bind(&team, &["10.0.0.0/8", "2001:db8::/32"]);
    let (home, scope) = (from(&team, &ada, Some("10.1.1.1")), team.scope("development"));
    assert_eq!(team.read(&home, "development", "DB_URL").unwrap(), VALUE);
    let vault = &team.desk.vault;
    for away in [Some("11.0.0.1"), Some("::10.1.1.1"), None] {
        let away = from(&team, &ada, away);
        assert!(is_outside(team.read(&away, "development", "DB_URL")));
        assert!(is_outside(team.read(&away, "development", "NOTHING")), "what is not there looks alike");
        assert!(is_outside(team.names(&away, "development")));
        assert!(is_outside(vault.write(&away, &scope, vec![new_value("NEW", "a-value-4711-of-no-network")])));
        assert!(is_outside(vault.delete(&away, &scope, &"DB_URL".parse().unwrap())));
        assert!(is_outside(vault.delete(&away, &scope, &"NOTHING".parse().unwrap())));
        assert!(is_outside(vault.delete_project(&away, &"shop".parse().unwrap())));
        assert!(is_outside(vault.set_networks(&away, &"shop".parse().unwrap(), &[], true)), "nor is it lifted there");
        assert!(is_outside(vault.project_seen(&away, &"shop".parse().unwrap())));
        assert!(vault.projects_seen(&away).unwrap().is_empty());
        let nowhere = vault.enter(&away, &"shop".parse().unwrap(), &"nowhere".parse().unwrap(), Operation::Read);
        assert!(is_outside(nowhere));
        let reach = team.reach("shop");
        assert!(is_outside(vault.break_glass(&away, &reach, 600, "it is an emergency")));
    }
    let line = vault.log(vault.log_size().unwrap() - 1, 1).unwrap().remove(0);
    assert_eq!(line.entry.outcome.to_string(), "denied");
    assert_eq!(line.private.unwrap().more["why"], "not from the project's networks");
    assert_eq!(team.read(&home, "development", "DB_URL").unwrap(), VALUE);
}

#[test]
fn values_are_recognised_from_there_alone() {
    let team = Team::new(61);
    let (ada, bot) = (team.member("ada", Role::Owner, ""), team.member("bot", Role::Ci, "shop"));
    bind(&team, &["10.0.0.0/8"]);
    let vault = &team.desk.vault;
    for account in [&ada, &bot] {
        let home = from(&team, account, Some("10.1.1.1"));
        assert!(vault.identify(&home, &[VALUE.as_bytes()]).unwrap()[0].is_some());
        assert!(!vault.match_bundle(&home, Holder::Other).unwrap().is_empty());
    }
    // Whoever may match the whole vault may match the rest of it from elsewhere.
    let away = from(&team, &ada, Some("192.0.2.1"));
    assert!(vault.identify(&away, &[VALUE.as_bytes()]).unwrap()[0].is_none());
    assert!(vault.match_bundle(&away, Holder::Other).unwrap().is_empty());
    assert!(is_outside(vault.identify(&from(&team, &bot, Some("192.0.2.1")), &[VALUE.as_bytes()])));
}

#[test]
fn who_has_no_right_is_not_told_of_networks() {
    let team = Team::new(62);
    let eve = team.user("eve");
    bind(&team, &["10.0.0.0/8"]);
    let away = from(&team, &eve, Some("192.0.2.1"));
    for name in ["DB_URL", "NOTHING"] {
        let refused = team.read(&away, "development", name);
        assert!(matches!(&refused, Err(Error::Denied(denial)) if denial.cause == Cause::Rights), "{refused:?}");
    }
    let seen = team.desk.vault.project_seen(&away, &"shop".parse().unwrap());
    assert!(matches!(seen, Err(Error::NoProject(_))));
}

#[test]
fn a_list_counts_at_once_and_nobody_keeps_himself_out_unawares() {
    let team = Team::new(63);
    let ada = team.member("ada", Role::Admin, "shop");
    let (vault, shop) = (&team.desk.vault, "shop".parse().unwrap());
    let away = from(&team, &ada, Some("192.0.2.1"));
    assert!(team.read(&away, "development", "DB_URL").is_ok());
    for here in [Some("192.0.2.1"), None] {
        let refused = vault.set_networks(&from(&team, &ada, here), &shop, &nets(&["10.0.0.0/8"]), false);
        assert!(matches!(refused, Err(Error::Outside(_))), "{refused:?}");
    }
    assert!(team.read(&away, "development", "DB_URL").is_ok(), "nothing was changed");
    let both = nets(&["10.0.0.0/8", "192.0.2.0/24"]);
    assert_eq!(vault.set_networks(&away, &shop, &both, false).unwrap().networks, both);
    let entry = vault.log(vault.log_size().unwrap() - 1, 1).unwrap().remove(0);
    let more = entry.private.unwrap().more;
    assert_eq!((&*more["before"], &*more["networks"]), ("all", "10.0.0.0/8, 192.0.2.0/24"));
    assert!(team.read(&from(&team, &ada, Some("192.0.2.1")), "development", "DB_URL").is_ok());
    assert!(is_outside(team.read(&from(&team, &ada, Some("198.51.100.1")), "development", "DB_URL")));
    vault.set_networks(&from(&team, &ada, Some("192.0.2.1")), &shop, &nets(&["10.0.0.0/8"]), true).unwrap();
    assert!(is_outside(team.read(&from(&team, &ada, Some("192.0.2.1")), "development", "DB_URL")));
    // Whoever opened the vault with a slot is on no network, and lifts it.
    vault.set_networks(team.owner(), &shop, &[], false).unwrap();
    assert!(team.read(&from(&team, &ada, None), "development", "DB_URL").is_ok());
}

#[test]
fn a_token_comes_from_where_it_is_shown() {
    let team = Team::new(64);
    let ada = team.member("ada", Role::Developer, "shop");
    let token = team.token(&team.acting(&ada), NewToken::default()).unwrap();
    bind(&team, &["10.0.0.0/8"]);
    let vault = &team.desk.vault;
    let shown = |address: Option<&str>| {
        let address = address.map(|address| address.parse().unwrap());
        let caller = vault.caller_of_token(&token, address).unwrap();
        let at_once = vault.caller_at_once(&token, address).unwrap().unwrap();
        assert_eq!(at_once.address(), caller.address());
        Actor::new(caller, "test")
    };
    assert!(team.read(&shown(Some("10.1.1.1")), "development", "DB_URL").is_ok());
    assert!(is_outside(team.read(&shown(Some("192.0.2.1")), "development", "DB_URL")));
    assert!(is_outside(team.read(&shown(None), "development", "DB_URL")));
}

#[test]
fn a_vault_from_before_reads_its_projects_as_they_were() {
    let vault = TestVault::new(65);
    let project = vault.vault.project(&"shop".parse().unwrap()).unwrap();
    let text = serde_json::to_string(&project).unwrap();
    assert!(!text.contains("networks"), "{text}");
    assert_eq!(serde_json::from_str::<keyward_vault::Project>(&text).unwrap(), project);
}
