//! The value is applied under a lease, and not otherwise.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use keyward_gateway::*;
use keyward_types::{Timestamp, Version};

use crate::support::*;

fn status_of_key(old: u16, new: u16) -> Double {
    Double::new(move |request| {
        let status = if request.head.contains(&value()) { new } else { old };
        reply(format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nok"))
    })
}

#[test]
fn without_a_lease_nothing_goes_out() {
    let site = Site::new(Double::new(|_| json("{}")));
    site.vault.now.store(NOW + 20_000, Ordering::Release);
    assert_eq!(site.send(get("/openai/v1/models")).status, 200);
    // It is not renewed: the other side could not record. The keys themselves are known to be current.
    site.vault.now.store(NOW + 60_000, Ordering::Release);
    site.shared.publish(site.shared.snapshot().still(Timestamp(NOW + 60_000)));
    let answer = site.send(get("/openai/v1/models"));
    assert_eq!((answer.status, answer.refused()), (503, Some("no_lease")));
    *site.vault.lease.lock().unwrap() = None;
    assert_eq!(site.send(get("/openai/v1/models")).status, 503);
    assert_eq!(site.received().len(), 1);
}

#[test]
fn a_new_version_that_is_not_known_yet_falls_back_to_the_previous_one() {
    let site = Site::new(status_of_key(200, 401));
    let old = lease("sk-the-previous-value-0123456789", Version::FIRST);
    let new = lease(&value(), Version::new(2).unwrap()).after(Arc::new(old));
    *site.vault.lease.lock().unwrap() = Some(Arc::new(new));
    assert_eq!(site.chat(r#"{"model":"m"}"#).status, 200);
    let received = site.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].body, received[1].body);
    assert_eq!(site.records(1)[0].version, Version::FIRST, "the record says which one it was");
}

#[test]
fn it_is_not_fallen_back_to_after_the_grace_nor_for_another_reason() {
    for (status, now, wanted) in [(401, NOW + 30_000, 401), (403, NOW, 403), (500, NOW, 500)] {
        let site = Site::new(status_of_key(200, status));
        let old = lease("sk-the-previous-value-0123456789", Version::FIRST);
        let new = lease(&value(), Version::new(2).unwrap()).after(Arc::new(old.renewed(Timestamp(NOW + 30_000))));
        *site.vault.lease.lock().unwrap() = Some(Arc::new(new));
        site.vault.now.store(now, Ordering::Release);
        assert_eq!(site.chat(r#"{"model":"m"}"#).status, wanted);
        assert_eq!(site.received().len(), 1);
        assert_eq!(site.records(1)[0].version.get(), 2);
    }
}

#[test]
fn both_versions_unknown_is_the_upstreams_answer() {
    let site = Site::new(status_of_key(401, 401));
    let old = lease("sk-the-previous-value-0123456789", Version::FIRST);
    let new = lease(&value(), Version::new(2).unwrap()).after(Arc::new(old));
    *site.vault.lease.lock().unwrap() = Some(Arc::new(new));
    let answer = site.chat(r#"{"model":"m"}"#);
    assert_eq!((answer.status, answer.refused(), site.received().len()), (401, None, 2));
}

#[test]
fn a_call_is_recorded_with_what_it_used() {
    let site = Site::with(
        Double::new(|_| json(r#"{"model":"gpt-4o-x","usage":{"prompt_tokens":7,"completion_tokens":3}}"#)),
        |setting| {
            let price = Price { input: 1_000_000, output: 2_000_000, ..Price::default() };
            setting.upstream.prices = Arc::new(Prices { models: vec![(Glob::name("*"), price)], call: None });
        },
    );
    assert_eq!(site.chat(r#"{"model":"gpt-4o"}"#).status, 200);
    let record = site.records(1)[0];
    assert_eq!((record.key, record.secret, record.status), (KEY, SECRET, 200));
    assert_eq!((record.provider.as_str(), record.model.as_str()), ("openai", "gpt-4o-x"));
    assert_eq!(record.endpoint.as_str(), "POST /v1/chat/completions");
    assert_eq!((record.counts.input, record.counts.output, record.cost), (7, 3, 13));
    assert_eq!((record.truth, record.end), (Truth::Exact, End::Whole));
    assert_eq!((record.bytes_in, record.bytes_out), (18, 70));
}

#[test]
fn what_could_not_be_recorded_is_offered_again() {
    let site = Site::new(Double::new(|_| json("{}")));
    site.vault.recording.store(false, Ordering::Release);
    assert_eq!(site.send(get("/openai/v1/models")).status, 200);
    std::thread::sleep(std::time::Duration::from_millis(700));
    assert!(site.vault.calls.lock().unwrap().is_empty());
    site.vault.recording.store(true, Ordering::Release);
    assert_eq!(site.records(1).len(), 1);
}
