//! Alerts from the log of a real vault to a receiver on this machine.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use keyward_client::{AlertWay, Bytes, Desk, ElevationAsk, LocalDesk, NewAlertSinkInfo, Occasion, Watch};
use keyward_store_sqlite::Sqlite;
use keyward_vault::{KeyFile, NewSlot, NewVault, Vault};
use serde_json::Value;

/// A receiver that takes everything, and the bodies it took.
fn receiver() -> (Bytes, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length) = (String::from("x"), 0);
            while !line.trim().is_empty() {
                line.clear();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            write!(stream, "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            if tell.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
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

#[test]
fn what_the_log_says_reaches_every_sink_once() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path());
    let desk = LocalDesk::new(Arc::clone(&vault), Occasion { reason: None, agent: "test".into() }).unwrap();
    desk.create_project("shop".parse().unwrap(), vec!["production".parse().unwrap()]).unwrap();
    let (first, told) = receiver();
    desk.add_alert_sink(sink("first", &first)).unwrap();
    let (mut watch, unusable) = Watch::start(Arc::clone(&vault), "test").unwrap();
    assert!(unusable.is_empty());
    desk.break_glass(ElevationAsk {
        role: None,
        project: Some("shop".parse().unwrap()),
        environment: None,
        seconds: 60,
        reason: "a reason that stays in the log".into(),
    })
    .unwrap();
    assert!(watch.round().unwrap().is_empty());
    let alert = told.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(alert["type"], "keyward.break_glass");
    assert!(!alert.to_string().contains("stays in the log"));
    let (second, also_told) = receiver();
    desk.add_alert_sink(sink("second", &second)).unwrap();
    watch.round().unwrap();
    desk.add_user("eve".parse().unwrap(), "Eve".into()).unwrap();
    desk.grant_role(keyward_client::GrantInfo {
        to: keyward_client::Grantee::Account("eve".parse().unwrap()),
        role: keyward_client::Role::Admin,
        project: None,
        environment: None,
        until: None,
    })
    .unwrap();
    watch.round().unwrap();
    watch.round().unwrap();
    for told in [&told, &also_told] {
        let alert = told.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!((&alert["type"], &alert["data"]["subject"]["name"]), (&"keyward.new_admin".into(), &"eve".into()));
    }
    assert!(watch.close(Duration::from_secs(10)).iter().all(|state| state.dead_since.is_none() && state.waiting == 0));
    assert!(told.try_recv().is_err() && also_told.try_recv().is_err());
}
