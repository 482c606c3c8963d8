//! Two nodes at one PostgreSQL: one does the vault's own work, and what the other one still has in
//! hand when it has lost the lead is refused.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::sync::Arc;
use std::time::Duration;

use keyward_access::SystemTask;
use keyward_client::{
    AlertWay, Bytes, Desk, EditInfo, LocalDesk, NewAlertSinkInfo, NewSecret, Occasion, Watch, Where, warn_of_expiry,
};
use keyward_store_postgres::Postgres;
use keyward_testing::postgres::Postgres as Server;
use keyward_types::{Clock, PrincipalId};
use keyward_vault::{Actor, Credential, Error, KeyFile, Lead, NewSlot, NewVault, Vault};

const LONG: Duration = Duration::from_secs(60);

/// Two open vaults, as two processes have them.
fn nodes() -> [Arc<Vault>; 2] {
    let address = Server::shared().fresh();
    let (tools, address) = (keyward_client::tools(), address.parse().unwrap());
    let key = KeyFile::generate(&*tools.random).unwrap();
    let slots = vec![(NewSlot::KeyFile(&key), "test".into())];
    let new = NewVault { slots, owner: "Ada".into(), agent: "test".into() };
    let first = Vault::create(Box::new(Postgres::create(&address, || 0).unwrap()), &new, tools.clone()).unwrap();
    let engine = Postgres::open(&address, || 0).unwrap();
    let second = Vault::unlock(Box::new(engine), &Credential::KeyFile(&key), tools).unwrap();
    [Arc::new(first), Arc::new(second)]
}

fn desk(vault: &Arc<Vault>) -> LocalDesk {
    LocalDesk::new(Arc::clone(vault), Occasion { reason: None, agent: "test".into() }).unwrap()
}

fn lead(vault: &Vault, holder: &str) -> Option<Lead> {
    vault.lead(holder, LONG).unwrap()
}

/// Whatever `old` led is `new`'s now.
fn hand_on(old: (&Vault, &Lead), new: (&Vault, &str)) -> Lead {
    old.0.give_up_lead(old.1).unwrap();
    lead(new.0, new.1).expect("it was given up")
}

#[test]
fn one_node_leads_and_a_slow_one_is_refused() {
    let [a, b] = nodes();
    let first = lead(&a, "a").expect("nobody else has it");
    assert_eq!(lead(&b, "b"), None);
    assert!(a.keep_lead(&first, LONG).unwrap());
    let second = hand_on((&a, &first), (&b, "b"));
    assert!(second.epoch() > first.epoch());
    assert!(!a.keep_lead(&first, LONG).unwrap());

    // What the first one still has in hand: something to warn of, and a mark.
    let at = Where { project: "shop".parse().unwrap(), environment: "production".parse().unwrap() };
    let desk = desk(&a);
    desk.create_project(at.project.clone(), vec![at.environment.clone()]).unwrap();
    let now = keyward_client::SystemClock.now();
    let edit = EditInfo { expires_at: Some(Some(now.plus_days(2))), ..EditInfo::default() };
    let value = Bytes::new(b"a value of this test".to_vec());
    desk.write(at, vec![NewSecret { name: "API_KEY".parse().unwrap(), value, bits: 100, edit }]).unwrap();
    let soon = now.plus_days(1);
    let size = a.log_size().unwrap();
    assert!(warn_of_expiry(&a, &first, "test", soon).is_err());
    assert_eq!(a.log_size().unwrap(), size, "nothing of it was written");
    assert_eq!(warn_of_expiry(&b, &second, "test", soon).unwrap(), 1);
    assert_eq!(warn_of_expiry(&b, &second, "test", soon).unwrap(), 0);

    // Any change of a task carries the lead.
    let slow = Actor::task(SystemTask::Review, &first, "test");
    let person: PrincipalId = a.owner().unwrap().0.principal;
    assert!(matches!(a.begin_offboarding(&slow, &person, vec![]), Err(Error::Replaced)));
    let present = Actor::task(SystemTask::Review, &second, "test");
    b.begin_offboarding(&present, &person, vec![]).unwrap();
    assert!(desk.verify(None).unwrap().faults.is_empty());
}

#[test]
fn the_next_leader_goes_on_where_alerts_stopped() {
    let [a, b] = nodes();
    let desk = desk(&a);
    // Nobody listens there: what is owed stays owed.
    let way = AlertWay::Webhook(Bytes::new(b"http://127.0.0.1:9/hook".to_vec()));
    let new = NewAlertSinkInfo { name: "ops".parse().unwrap(), way, only: Vec::new(), allow_private: true };
    desk.add_alert_sink(new).unwrap();
    let first = lead(&a, "a").expect("nobody else has it");
    let mut watch = Watch::start(Arc::clone(&a), first.clone(), "test").unwrap();
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
    let owed = watch.states()[0].oldest.expect("it has not arrived");
    let second = hand_on((&a, &first), (&b, "b"));
    watch.close(Duration::ZERO);
    let mut watch = Watch::start(Arc::clone(&b), second, "test").unwrap();
    watch.round().unwrap();
    assert_eq!(watch.states()[0].oldest, Some(owed), "the other node owes it now");
    // Opening the sinks is a change of the leader's, too.
    assert!(Watch::start(a, first, "test").is_err());
}
