//! Every route × every role × one's own project and a foreign one: who is let through, and who is
//! not. What is expected comes from a model of its own (`model.rs`), written from `docs/access.md`
//! and without Cedar; what a route needs stands in a table (`table.rs`). A route of the document that
//! is not in the table fails.

mod cast;
mod model;
mod table;

use std::collections::BTreeSet;

use keyward_client::Desk;

use crate::kit::Answer;
use cast::{Actor, MARKER, Stage};
use model::Expected;
use table::{ROUTES, Route};

/// Project and environment that a request names.
const PLACES: [(&str, &str); 6] = [
    ("shop", "development"),
    ("shop", "staging"),
    ("shop", "production"),
    ("blog", "development"),
    ("nothing", "development"),
    ("shop", "nowhere"),
];

#[test]
fn every_route_of_the_document_is_in_the_table_and_no_other() {
    let document = keyward_server::openapi();
    let known: BTreeSet<String> = ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            described.insert(format!("{} {path}", method.to_ascii_uppercase()));
        }
    }
    let lacking: Vec<_> = described.difference(&known).collect();
    let gone: Vec<_> = known.difference(&described).collect();
    assert!(lacking.is_empty(), "place these in tests/routes/matrix/table.rs: {lacking:#?}");
    assert!(gone.is_empty(), "these are no routes any more: {gone:#?}");
    assert_eq!(known.len(), ROUTES.len(), "a route stands there twice");
}

#[test]
fn nobody_is_let_through_but_by_his_role_and_scope() {
    let (mut asked, mut mismatches) = (0, Vec::new());
    for number in 0..cast::CAST.len() {
        let stage = Stage::set(number);
        let actor = stage.actor();
        for route in ROUTES {
            for place in places(route) {
                let expected = model::expected(actor, route.needs, *place);
                let before = stage.served.log_size();
                let answer = stage.ask(route, *place);
                asked += 1;
                if let Some(why) = mismatch(&stage, actor, expected, &answer, before, *place) {
                    let Route { method, path, .. } = route;
                    mismatches.push(format!("{} {method} {path} at {place:?}: {why}: {}", actor.name, answer.text()));
                }
            }
        }
    }
    println!("{asked} requests, {} mismatches", mismatches.len());
    assert!(mismatches.is_empty(), "{} of {asked}:\n{}", mismatches.len(), mismatches.join("\n"));
    assert!(asked > 2000, "{asked}");
}

#[test]
fn no_route_of_a_project_forgets_its_networks() {
    let stage = Stage::set(0);
    assert_eq!(stage.actor().name, "owner");
    let desk = keyward_client::LocalDesk::new(stage.served.vault.clone(), cast::occasion()).unwrap();
    let elsewhere = vec!["192.0.2.0/24".parse().unwrap()];
    desk.limit_project("shop".parse().unwrap(), elsewhere, false).unwrap();
    let (mut asked, mut wrong) = (0, Vec::new());
    let of_a_project = |route: &&Route| route.path.contains("{project}") || route.body.contains("{project}");
    for route in ROUTES.iter().filter(of_a_project) {
        asked += 1;
        let before = stage.served.log_size();
        let answer = stage.ask(route, ("shop", "development"));
        let hint = answer.json()["hint"].as_str().unwrap_or_default().to_owned();
        let refused = answer.status == 403 && hint.contains("networks");
        let on_record = stage.served.log_size() > before && stage.served.last_entry().1 == "denied";
        if !refused || !on_record || answer.text().contains(MARKER) {
            wrong.push(format!("{} {}: {} {}", route.method, route.path, answer.status, answer.text()));
        }
    }
    // Nor does one that goes over all projects show any of it.
    for route in ROUTES.iter().filter(|route| !of_a_project(route) && route.method == "GET") {
        let text = stage.ask(route, ("shop", "development")).text();
        if text.contains(&format!("{MARKER}-shop")) {
            wrong.push(format!("GET {}: {text}", route.path));
        }
    }
    assert!(asked > 20 && wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
}

/// The places that make a difference to a route.
fn places(route: &Route) -> &'static [(&'static str, &'static str)] {
    if route.path.contains("{environment}") {
        &PLACES
    } else if route.path.contains("{project}") || route.body.contains("{project}") {
        &PLACES[2..5]
    } else {
        &PLACES[..1]
    }
}

/// What is wrong with an answer, if anything is.
fn mismatch(
    stage: &Stage,
    actor: &Actor,
    expected: Expected,
    answer: &Answer,
    before: u64,
    place: (&str, &str),
) -> Option<String> {
    let may_be_401 = matches!(expected, Expected::NotThus | Expected::Any);
    if answer.status == 0 || answer.status >= 500 || (answer.status == 401 && !may_be_401) {
        return Some(format!("answered {}", answer.status));
    }
    // A value of a project that he does not read is in no answer, whatever was asked.
    let leaked = answer.text().contains(&format!("{MARKER}-blog")) && !model::reads_foreign(actor);
    if leaked {
        return Some("a foreign value left".into());
    }
    match expected {
        // Of what was changed by an earlier row some is gone or is there already; he was let through.
        Expected::Through => (answer.status == 403).then(|| "he was refused".into()),
        Expected::Refused if answer.status != 403 => Some(format!("answered {} instead of 403", answer.status)),
        Expected::Refused if stage.served.log_size() <= before => Some("the denial is not on record".into()),
        Expected::Refused if stage.served.last_entry().1 != "denied" => Some("the entry is no denial".into()),
        // What is there and what is not looks alike to him.
        Expected::Refused if answer.text().contains(place.0) => Some("the refusal names the project".into()),
        Expected::Refused => None,
        Expected::NotThus => {
            (!matches!(answer.status, 401 | 403)).then(|| format!("answered {} to a mere token", answer.status))
        }
        Expected::Any => None,
        Expected::Missing => (answer.status != 404).then(|| format!("answered {} instead of 404", answer.status)),
    }
}
