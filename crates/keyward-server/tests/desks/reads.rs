//! What is read over the API of one vault is, to the letter, what its own process reads.

use std::sync::Arc;

use keyward_access::Caller;
use keyward_client::{Bytes, Desk, LocalDesk, Purpose, Selection, Where, examine};
use serde::Serialize;
use serde_json::Value;

use crate::kit::{Form, Site, occasion};
use crate::walk;

#[test]
fn lists_and_the_log_are_the_same_to_the_letter() {
    let site = Site::new(Form::Remote);
    walk::all(site.desk());
    let blog = Where { project: "blog".parse().unwrap(), environment: "development".parse().unwrap() };
    let values = (0..1100).map(|n| {
        let value = Bytes::new(format!("value number {n}").into_bytes());
        examine(format!("NAME_{n}").parse().unwrap(), value, keyward_client::EditInfo::default()).secret
    });
    let values: Vec<_> = values.collect();
    for some in values.chunks(500) {
        site.desk().write(blog.clone(), some.to_vec()).unwrap();
    }
    // Who asks is the same member of the vault, not its opener.
    let token = site.token.parse().unwrap();
    let caller: Caller = site.vault.caller_of_token(&token, "127.0.0.1".parse().ok()).unwrap();
    let local = LocalDesk::acting(Arc::clone(&site.vault), caller, occasion());
    let remote = site.desk();
    same("projects", &local.projects(), &remote.projects());
    same("list", &local.list(blog.clone()), &remote.list(blog.clone()));
    same("lines", &local.lines(blog.clone()), &remote.lines(blog.clone()));
    same("names", &local.names(blog.clone()), &remote.names(blog.clone()));
    assert_eq!(remote.names(blog.clone()).unwrap().len(), 1100, "more than a page");
    same(
        "show",
        &local.show(blog.clone(), "NAME_7".parse().unwrap()),
        &remote.show(blog.clone(), "NAME_7".parse().unwrap()),
    );
    same("accounts", &local.accounts(), &remote.accounts());
    same("groups", &local.groups(), &remote.groups());
    same("role bindings", &local.role_bindings(), &remote.role_bindings());
    same("policies", &local.policies(), &remote.policies());
    same("tokens", &local.tokens(), &remote.tokens());
    same("elevations", &local.elevations(), &remote.elevations());
    same("findings", &local.findings(), &remote.findings());
    same("checkpoint", &local.checkpoint(), &remote.checkpoint());
    same("proof", &local.prove(3), &remote.prove(3));
    same("log", &local.log(0, u64::MAX), &remote.log(0, u64::MAX));
    same("part of the log", &local.log(5, 7), &remote.log(5, 7));
    same("log beyond its end", &local.log(1 << 40, 7), &remote.log(1 << 40, 7));
    let many: Vec<_> = (0..120).map(|n| format!("NAME_{n}").parse().unwrap()).collect();
    let read = |desk: &dyn Desk| {
        let mut read = desk.read(blog.clone(), Selection::Names(many.clone()), Purpose::Read);
        read.iter_mut().flatten().for_each(|one| one.holding = None);
        read
    };
    same("many values", &read(&local), &read(remote));
    // Each of them reads in its own name, so that the bundles are compared and not their records.
    assert_eq!(local.match_bundle().unwrap(), remote.match_bundle().unwrap());
}

/// Equal values show as equal in lists of different environments, and not by the vault's fingerprint.
#[test]
fn equal_values_are_told_without_their_fingerprint() {
    let site = Site::new(Form::Remote);
    let remote = site.desk();
    let environments = vec!["development".parse().unwrap(), "production".parse().unwrap()];
    remote.create_project("shop".parse().unwrap(), environments).unwrap();
    let at = |name: &str| Where { project: "shop".parse().unwrap(), environment: name.parse().unwrap() };
    let put = |environment: &str, name: &str, value: &str| {
        let value = Bytes::new(value.as_bytes().to_vec());
        let edit = keyward_client::EditInfo { kind: Some(keyward_types::Kind::ApiKey), ..Default::default() };
        remote.write(at(environment), vec![examine(name.parse().unwrap(), value, edit).secret]).unwrap();
    };
    put("development", "A", "one and the same value");
    put("production", "B", "one and the same value");
    put("production", "C", "another value");
    let same = |environment: &str| -> Vec<String> {
        remote.list(at(environment)).unwrap().into_iter().map(|secret| secret.same.unwrap()).collect()
    };
    let (development, production) = (same("development"), same("production"));
    assert_eq!(development[0], production[0]);
    assert_ne!(production[0], production[1]);
    let local = LocalDesk::new(Arc::clone(&site.vault), occasion()).unwrap();
    let fingerprint = local.list(at("development")).unwrap()[0].same.clone().unwrap();
    assert!(!fingerprint.contains(&development[0]) && !development[0].contains(&fingerprint));
}

#[track_caller]
fn same<T: Serialize>(what: &str, local: &keyward_client::Result<T>, remote: &keyward_client::Result<T>) {
    let plain = |answer: &keyward_client::Result<T>| {
        let mut value = serde_json::to_value(answer.as_ref().unwrap()).unwrap();
        in_one_order(&mut value);
        value
    };
    assert_eq!(plain(local), plain(remote), "{what}");
}

/// Lists of the API have the order of their cursors. What tells equal values is another word there.
fn in_one_order(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.iter_mut().for_each(in_one_order);
            items.sort_by_key(ToString::to_string);
        }
        Value::Object(fields) => {
            if let Some(same) = fields.get_mut("same") {
                *same = Value::Null;
            }
            fields.values_mut().for_each(in_one_order);
        }
        _ => {}
    }
}
