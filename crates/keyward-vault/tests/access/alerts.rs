//! Where alerts go: who may say so, what is on record, and what is sealed.

use keyward_access::Role;
use keyward_audit::Action;
use keyward_types::Secret;
use keyward_vault::{Actor, Error, Lead, Vault};
use serde_json::json;

use crate::kit::{Team, is_denied, login};

const CREDENTIALS: &str = "https://hooks.example.com/a-path-that-nobody-guesses";

fn add(team: &Team, actor: &Actor, name: &str) -> Result<keyward_vault::AlertSink, Error> {
    let credentials = Secret::new("credentials", CREDENTIALS.as_bytes().to_vec());
    let settings = json!({ "kind": "slack", "to": "https://hooks.example.com" });
    team.desk.vault.add_alert_sink(actor, &login(name), "slack", settings, &credentials)
}

fn lead(vault: &Vault) -> Lead {
    vault.lead("test", std::time::Duration::from_secs(60)).unwrap().expect("nobody else has it")
}

/// Actions of the log from this entry on, with who did them.
fn told(team: &Team, first: u64) -> Vec<(Action, String)> {
    let lines = team.desk.vault.log(first, 100).unwrap();
    lines.into_iter().map(|line| (line.entry.action, line.entry.principal)).collect()
}

#[test]
fn who_administers_the_vault_says_where_alerts_go() {
    let team = Team::new(41);
    let vault = &team.desk.vault;
    let admin = team.acting(&team.member("ada", Role::Admin, ""));
    let developer = team.acting(&team.member("dev", Role::Developer, "shop"));
    add(&team, &admin, "ops").unwrap();
    assert!(matches!(add(&team, &admin, "ops"), Err(Error::Exists { .. })));
    assert!(is_denied(add(&team, &developer, "mine")));
    assert!(is_denied(vault.alert_sinks(&developer)));
    assert!(is_denied(vault.open_alert_sink(&developer, &login("ops")).map(|_| ())));
    assert!(is_denied(vault.remove_alert_sink(&developer, &login("ops"))));
    assert!(is_denied(vault.remove_alert_sink(&developer, &login("none"))), "who may not know is not told");
    let names: Vec<String> = vault.alert_sinks(&admin).unwrap().iter().map(|sink| sink.name.to_string()).collect();
    assert_eq!(names, ["ops"]);
    vault.remove_alert_sink(&admin, &login("ops")).unwrap();
    assert!(matches!(vault.remove_alert_sink(&admin, &login("ops")), Err(Error::Missing { .. })));
    assert!(vault.open_alert_sinks(&lead(vault), "test").unwrap().is_empty());
    assert!(vault.verify(None).unwrap().faults.is_empty());
}

#[test]
fn credentials_are_sealed_and_opened_on_record_alone() {
    let team = Team::new(42);
    let vault = &team.desk.vault;
    let sink = add(&team, team.owner(), "ops").unwrap();
    assert!(!format!("{sink:?}").contains("nobody-guesses"));
    let before = vault.log_size().unwrap();
    let (tried, opened) = vault.open_alert_sink(team.owner(), &login("ops")).unwrap();
    assert_eq!((tried, opened.expose().as_slice()), (sink, CREDENTIALS.as_bytes()));
    let all = vault.open_alert_sinks(&lead(vault), "test").unwrap();
    assert_eq!(all[0].1.expose().as_slice(), CREDENTIALS.as_bytes());
    let owner = team.owner().principal().to_string();
    assert_eq!(told(&team, before), [(Action::AlertTest, owner), (Action::AlertUse, "system:alert".to_owned())]);
    vault.rekey(team.owner()).unwrap();
    assert_eq!(vault.open_alert_sinks(&lead(vault), "test").unwrap()[0].1.expose().as_slice(), CREDENTIALS.as_bytes());
    for file in std::fs::read_dir(team.desk.database().parent().unwrap()).unwrap() {
        let stored = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!stored.windows(14).any(|window| window == b"nobody-guesses"));
    }
}

#[test]
fn how_far_a_sink_was_told_is_on_record_and_moves_on_only() {
    let team = Team::new(43);
    let vault = &team.desk.vault;
    let sink = add(&team, team.owner(), "ops").unwrap().id;
    let since = vault.alert_places().unwrap()[&sink];
    assert!(since < vault.log_size().unwrap(), "it is told of what happens from its making on");
    let (lead, before) = (lead(vault), vault.log_size().unwrap());
    vault.mark_alerts(&lead, "test", &[(sink, since + 5)]).unwrap();
    vault.mark_alerts(&lead, "test", &[(sink, since + 4)]).unwrap();
    assert_eq!(told(&team, before), [(Action::AlertMark, "system:alert".to_owned())]);
    assert_eq!(vault.alert_places().unwrap()[&sink], since + 5);
    vault.remove_alert_sink(team.owner(), &login("ops")).unwrap();
    vault.mark_alerts(&lead, "test", &[(sink, since + 9)]).unwrap();
    assert!(vault.alert_places().unwrap().is_empty(), "a sink that is gone has no place");
    assert!(vault.verify(None).unwrap().faults.is_empty());
}
