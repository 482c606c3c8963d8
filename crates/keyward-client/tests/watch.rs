//! Alerts from the log of a real vault to a receiver on this machine.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use keyward_client::{AlertWay, Bytes, Desk, EditInfo, ElevationAsk, LocalDesk, NewAlertSinkInfo, NewSecret, Occasion};
use keyward_client::{SystemClock, Watch, Where, warn_of_expiry};
use keyward_store_sqlite::Sqlite;
use keyward_types::{Clock, SecretName};
use keyward_vault::{KeyFile, Lead, NewSlot, NewVault, Vault};
use serde_json::Value;

/// A receiver that takes everything, and what it took: bodies with the ids of their headers.
fn receiver() -> (Bytes, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length, mut id) = (String::from("x"), 0, String::new());
            while !line.trim().is_empty() {
                line.clear();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if let Some(value) = line.to_lowercase().strip_prefix("webhook-id:") {
                    id = value.trim().to_owned();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let mut body: Value = serde_json::from_slice(&body).unwrap();
            body["id"] = id.into();
            if tell.send(body).is_err() {
                return;
            }
            // Late enough that the round that sent it cannot mark it: what is told has not arrived yet.
            std::thread::sleep(Duration::from_millis(100));
            write!(stream, "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
        }
    });
    (Bytes::new(url.into_bytes()), told)
}

fn vault(folder: &std::path::Path) -> Arc<Vault> {
    let tools = keyward_client::tools();
    let key = KeyFile::generate(&*tools.random).unwrap();
    let slots = vec![(NewSlot::KeyFile(&key), "test".into())];
    let new = NewVault { slots, owner: "Ada".into(), agent: "test".into() };
    let engine = Sqlite::create(&folder.join("vault.db"), || 0).unwrap();
    Arc::new(Vault::create(Box::new(engine), &new, tools).unwrap())
}

fn sink(name: &str, url: &Bytes) -> NewAlertSinkInfo {
    NewAlertSinkInfo {
        name: name.parse().unwrap(),
        way: AlertWay::Webhook(url.clone()),
        only: Vec::new(),
        allow_private: true,
    }
}

fn desk(vault: &Arc<Vault>) -> LocalDesk {
    LocalDesk::new(Arc::clone(vault), Occasion { reason: None, agent: "test".into() }).unwrap()
}

fn lead(vault: &Vault) -> Lead {
    vault.lead("test", Duration::from_secs(60)).unwrap().expect("nobody else has it")
}

fn watching(vault: &Arc<Vault>) -> Watch {
    Watch::start(Arc::clone(vault), lead(vault), "test").unwrap()
}

fn emergency(desk: &LocalDesk) {
    let reason = "a reason that stays in the log".into();
    let project = Some("shop".parse().unwrap());
    desk.break_glass(ElevationAsk { role: None, project, environment: None, seconds: 60, reason }).unwrap();
}

fn make_admin(desk: &LocalDesk, login: &str) {
    desk.grant_role(keyward_client::GrantInfo {
        to: keyward_client::Grantee::Account(login.parse().unwrap()),
        role: keyward_client::Role::Admin,
        project: None,
        environment: None,
        until: None,
    })
    .unwrap();
}

fn next(told: &Receiver<Value>) -> Value {
    told.recv_timeout(Duration::from_secs(20)).unwrap()
}

/// Until what arrived is marked, which writes an entry at `from` or later. What arrives at once is
/// marked by the round that sent it.
fn until_marked(watch: &mut Watch, vault: &Vault, from: u64) {
    for _ in 0..200 {
        watch.round().unwrap();
        if vault.log(from, 100).unwrap().iter().any(|line| line.entry.action.as_str() == "alert.mark") {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("what arrived was not marked");
}

#[test]
fn nothing_is_lost_while_nobody_watches_and_what_was_marked_does_not_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path());
    let desk = desk(&vault);
    desk.create_project("shop".parse().unwrap(), vec!["production".parse().unwrap()]).unwrap();
    desk.add_user("eve".parse().unwrap(), "Eve".into()).unwrap();
    let (url, told) = receiver();
    desk.add_alert_sink(sink("ops", &url)).unwrap();
    // It happens before anybody watches for the first time.
    emergency(&desk);
    let mut watch = watching(&vault);
    watch.round().unwrap();
    let first = next(&told);
    assert_eq!(first["type"], "keyward.break_glass");
    // It dies before it marks: the same comes again, and its receiver knows it by its id.
    drop(watch);
    let mut watch = watching(&vault);
    let from = vault.log_size().unwrap();
    watch.round().unwrap();
    let again = next(&told);
    assert_eq!((&again["id"], &again["data"]), (&first["id"], &first["data"]));
    until_marked(&mut watch, &vault, from);
    let size = vault.log_size().unwrap();
    (0..5).for_each(|_| watch.round().unwrap());
    assert_eq!(vault.log_size().unwrap(), size, "where nothing happens nothing is written");
    drop(watch);
    make_admin(&desk, "eve");
    let mut watch = watching(&vault);
    let from = vault.log_size().unwrap();
    watch.round().unwrap();
    assert_eq!(next(&told)["type"], "keyward.new_admin");
    until_marked(&mut watch, &vault, from);
    watch.close(Duration::from_secs(5));
    assert!(told.try_recv().is_err(), "each came once, but for the one");
    assert!(desk.verify(None).unwrap().faults.is_empty());
}

#[test]
fn what_expires_is_told_once_whoever_looks() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path());
    let desk = desk(&vault);
    let at = Where { project: "shop".parse().unwrap(), environment: "production".parse().unwrap() };
    desk.create_project(at.project.clone(), vec![at.environment.clone()]).unwrap();
    let name: SecretName = "API_KEY".parse().unwrap();
    let now = SystemClock.now();
    let edit = EditInfo { expires_at: Some(Some(now.plus_days(2))), ..EditInfo::default() };
    let value = Bytes::new(b"a value of this test".to_vec());
    desk.write(at, vec![NewSecret { name, value, bits: 100, edit }]).unwrap();
    let (url, told) = receiver();
    desk.add_alert_sink(sink("ops", &url)).unwrap();
    let lead = lead(&vault);
    let warned = |at| warn_of_expiry(&vault, &lead, "test", at).unwrap();
    assert_eq!(warned(now), 0, "three days before was yesterday, and not since");
    assert_eq!((warned(now.plus_days(1)), warned(now.plus_days(1))), (1, 0));
    assert_eq!(warned(now), 0, "a clock that is set back repeats nothing");
    let mut watch = watching(&vault);
    watch.round().unwrap();
    let alert = next(&told);
    assert_eq!(alert["type"], "keyward.expiring_secrets");
    assert_eq!(alert["data"]["text"], "1 secret of `shop/production` expires within a day: `API_KEY`");
    watch.close(Duration::from_secs(5));
}

#[test]
fn what_the_log_says_reaches_every_sink_once() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path());
    let desk = LocalDesk::new(Arc::clone(&vault), Occasion { reason: None, agent: "test".into() }).unwrap();
    desk.create_project("shop".parse().unwrap(), vec!["production".parse().unwrap()]).unwrap();
    let (first, told) = receiver();
    desk.add_alert_sink(sink("first", &first)).unwrap();
    let mut watch = watching(&vault);
    emergency(&desk);
    watch.round().unwrap();
    let alert = told.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(alert["type"], "keyward.break_glass");
    assert!(!alert.to_string().contains("stays in the log"));
    let (second, also_told) = receiver();
    desk.add_alert_sink(sink("second", &second)).unwrap();
    watch.round().unwrap();
    desk.add_user("eve".parse().unwrap(), "Eve".into()).unwrap();
    make_admin(&desk, "eve");
    watch.round().unwrap();
    watch.round().unwrap();
    for told in [&told, &also_told] {
        let alert = told.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!((&alert["type"], &alert["data"]["subject"]["name"]), (&"keyward.new_admin".into(), &"eve".into()));
    }
    assert!(watch.close(Duration::from_secs(10)).iter().all(|state| state.dead_since.is_none() && state.waiting == 0));
    assert!(told.try_recv().is_err() && also_told.try_recv().is_err());
}
