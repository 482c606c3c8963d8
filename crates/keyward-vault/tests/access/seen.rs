//! What a caller learns of what he has no right to: nothing.

use keyward_access::Role;
use keyward_types::Operation;
use keyward_vault::{Error, Holder, Via};

use crate::kit::{Team, VALUE, is_denied, login, new_value};

#[test]
fn what_is_not_there_and_what_is_not_his_cannot_be_told_apart() {
    let team = Team::new(41);
    let vault = &team.desk.vault;
    vault.create_project(team.owner(), &"payroll".parse().unwrap(), &["production".parse().unwrap()]).unwrap();
    let ada = team.user("ada");
    let as_ada = team.acting(&ada);
    let scope = team.scope("development");
    let message = |result: Result<keyward_vault::Loaded, Error>| {
        let loaded = match result {
            Ok(loaded) => loaded,
            Err(error) => return error.to_string(),
        };
        vault.read(&as_ada, vec![loaded], Via::Read).unwrap_err().to_string()
    };
    let there = message(vault.load(&as_ada, &scope, &"DB_URL".parse().unwrap(), None));
    let missing = message(vault.load(&as_ada, &scope, &"NOTHING".parse().unwrap(), None));
    let version =
        message(vault.load(&as_ada, &scope, &"DB_URL".parse().unwrap(), keyward_types::Version::new(99).ok()));
    assert_eq!((&there, &there), (&missing, &version));
    // The same for projects and environments, for whatever is to be done there.
    for operation in [Operation::Read, Operation::List, Operation::Write] {
        let enter = |project: &str, environment: &str| {
            let entered = vault.enter(&as_ada, &project.parse().unwrap(), &environment.parse().unwrap(), operation);
            entered.err().map(|error| error.to_string())
        };
        let denial = format!("`{}` may not {operation:?} this", ada.principal);
        assert_eq!(enter("nothing", "production"), Some(denial.clone()));
        assert_eq!(enter("payroll", "nothing"), Some(denial));
    }
    assert!(is_denied(vault.heads(&as_ada, &scope)));
    assert!(vault.projects_seen(&as_ada).unwrap().is_empty());
}

#[test]
fn projects_and_environments_are_shown_to_who_has_a_role_there() {
    let team = Team::new(42);
    let vault = &team.desk.vault;
    vault.create_project(team.owner(), &"payroll".parse().unwrap(), &["production".parse().unwrap()]).unwrap();
    let names = |account| {
        let seen = vault.projects_seen(&team.acting(account)).unwrap();
        seen.iter().map(|project| project.name.to_string()).collect::<Vec<_>>()
    };
    let ada = team.member("ada", Role::Developer, "shop/development");
    assert_eq!(names(&ada), ["shop"]);
    let shop = vault.project(&"shop".parse().unwrap()).unwrap();
    let environments = vault.environments_seen(&team.acting(&ada), &shop).unwrap();
    assert_eq!(environments.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["development"]);
    let auditor = team.member("auditor", Role::Auditor, "");
    assert_eq!(names(&auditor), ["payroll", "shop"]);
}

#[test]
fn a_list_does_not_go_around_a_deny() {
    let team = Team::new(43);
    let vault = &team.desk.vault;
    let ada = team.member("ada", Role::Developer, "shop");
    let forbid = r#"forbid (principal, action, resource is Secret) when { resource.name like "db/*" };"#;
    vault.put_policy(team.owner(), &login("no-db"), forbid, true).unwrap();
    let as_ada = team.acting(&ada);
    assert_eq!(team.names(&as_ada, "development").unwrap(), ["DB_URL"]);
    let scope = team.scope("development");
    let lines: Vec<String> = vault.lines(&as_ada, &scope).unwrap().iter().map(|line| line.name.to_string()).collect();
    assert_eq!(lines, ["DB_URL"]);
    let all = vault.load_all(&as_ada, &scope).unwrap();
    assert_eq!(all.iter().map(|one| one.head().name.as_str()).collect::<Vec<_>>(), ["DB_URL"]);
    assert!(is_denied(team.read(&as_ada, "development", "db/main/password")));
    assert!(is_denied(team.read(&as_ada, "development", "db/main/other")), "there is none, and he may not know");
}

#[test]
fn the_same_value_elsewhere_is_named_only_to_who_may_list_there() {
    let team = Team::new(44);
    let vault = &team.desk.vault;
    vault.create_project(team.owner(), &"payroll".parse().unwrap(), &["production".parse().unwrap()]).unwrap();
    let payroll = vault.scope(&"payroll".parse().unwrap(), &"production".parse().unwrap()).unwrap();
    vault.write(team.owner(), &payroll, vec![new_value("SECRET", VALUE)]).unwrap();
    let ada = team.member("ada", Role::Developer, "shop");
    let scope = team.scope("development");
    let written = vault.write(&team.acting(&ada), &scope, vec![new_value("COPY", VALUE)]).unwrap();
    assert_eq!(written[0].same_as, ["shop/development/DB_URL"]);
    let written = vault.write(team.owner(), &scope, vec![new_value("COPY2", VALUE)]).unwrap();
    assert_eq!(written[0].same_as.len(), 3);
}

#[test]
fn recognition_ends_where_the_right_to_it_ends() {
    let team = Team::new(45);
    let vault = &team.desk.vault;
    let ada = team.user("ada");
    assert!(is_denied(vault.identify(&team.acting(&ada), &[VALUE.as_bytes()])));
    team.grant(&ada, Role::Ci, "shop/production");
    let as_ada = team.acting(&ada);
    let found = vault.identify(&as_ada, &[VALUE.as_bytes(), b"a-value-of-production-815"]).unwrap();
    assert!(found[0].is_none(), "it lies in development");
    assert_eq!(found[1].as_ref().unwrap().name.as_str(), "DB_URL");
    assert_eq!(vault.match_bundle(&as_ada, Holder::Other).unwrap().len(), 1);
    assert_eq!(vault.match_bundle(team.owner(), Holder::Other).unwrap().len(), 3);
}

#[test]
fn a_name_that_looks_like_another_has_no_part_in_its_rights() {
    // Lesson: canonicalisation of names changed decisions. Here there is one spelling, and roles
    // and scopes speak of ids.
    let team = Team::new(46);
    let vault = &team.desk.vault;
    let ada = team.member("ada", Role::Developer, "shop");
    vault.create_project(team.owner(), &"Shop".parse().unwrap(), &["development".parse().unwrap()]).unwrap();
    vault.add_environment(team.owner(), &"shop".parse().unwrap(), &"Development".parse().unwrap(), None).unwrap();
    for (project, environment) in [("Shop", "development"), ("shop", "Development")] {
        let scope = vault.scope(&project.parse().unwrap(), &environment.parse().unwrap()).unwrap();
        vault.write(team.owner(), &scope, vec![new_value("A", "some-value-of-another-place")]).unwrap();
        let as_ada = team.acting(&ada);
        let loaded = vault.load(&as_ada, &scope, &"A".parse().unwrap(), None);
        assert!(is_denied(loaded.and_then(|one| vault.read(&as_ada, vec![one], Via::Read))), "{project}/{environment}");
    }
}

#[test]
fn what_a_secret_becomes_has_to_be_allowed_too() {
    let team = Team::new(47);
    let vault = &team.desk.vault;
    let ada = team.member("ada", Role::Developer, "shop");
    let forbid =
        r#"forbid (principal, action == Action::"write", resource) when { resource.tags.contains("public") };"#;
    vault.put_policy(team.owner(), &login("no-public"), forbid, true).unwrap();
    let tagged = |tag: &str| keyward_vault::Edit { tags: Some(vec![tag.into()]), ..Default::default() };
    let scope = team.scope("development");
    let name = "DB_URL".parse().unwrap();
    assert!(vault.edit(&team.acting(&ada), &scope, &name, &tagged("billing")).is_ok());
    assert!(is_denied(vault.edit(&team.acting(&ada), &scope, &name, &tagged("public"))));
}
