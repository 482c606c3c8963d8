//! The threads that send.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyward_monitor::{AlertKind, Dispatcher, Endpoint, Retry, Settings, Sink, Tools};
use keyward_types::AlertSinkId;

use crate::kit::{HANG, Receiving, Sevens, WallClock, alert};

fn sink(n: u8, receiver: &Receiving) -> Sink {
    let endpoint = Endpoint::parse(&receiver.url()).unwrap();
    let (settings, credentials) = Settings::webhook(&endpoint, true, vec![], &Sevens).unwrap();
    let channel = settings.channel(&credentials).unwrap();
    Sink { id: AlertSinkId::from_bytes([n; 16]), name: format!("sink-{n}"), only: vec![], from: 0, channel }
}

fn started(sinks: Vec<Sink>) -> Dispatcher {
    let ms = Duration::from_millis;
    let retry = Retry { base: ms(10), cap: ms(50), attempts: 4, probe: ms(200), patience: ms(500) };
    Dispatcher::start(
        sinks,
        Tools { clock: Arc::new(WallClock::new()), random: Arc::new(Sevens), retry, log: "test".into() },
    )
    .unwrap()
}

#[test]
fn what_failed_comes_again_with_the_same_id_and_a_new_signature() {
    let receiver = Receiving::answering(&["500 No", "503 No", "200 OK"]);
    let dispatcher = started(vec![sink(1, &receiver)]);
    dispatcher.raise(alert("user:a"));
    let tries = [receiver.next(), receiver.next(), receiver.next()];
    assert!(tries.iter().all(|one| one.header("webhook-id") == tries[0].header("webhook-id")));
    assert!(tries.iter().all(|one| one.body == tries[0].body));
    let states = dispatcher.close(Duration::from_secs(10));
    assert_eq!((states[0].waiting, states[0].dead_since, &states[0].fault), (0, None, &None));
    assert!(receiver.nothing_more(), "it came once");
}

#[test]
fn a_dead_sink_is_told_to_the_others_and_one_that_hangs_holds_up_nobody() {
    let (dead, hangs, lives) =
        (Receiving::answering(&["500 No"]), Receiving::answering(&[HANG]), Receiving::answering(&["200 OK"]));
    let dispatcher = started(vec![sink(1, &dead), sink(2, &hangs), sink(3, &lives)]);
    let begun = Instant::now();
    dispatcher.raise(alert("user:a"));
    assert_eq!(lives.next().json()["data"]["kind"], "break_glass");
    assert!(begun.elapsed() < Duration::from_secs(5));
    let told = [lives.next().json(), lives.next().json()];
    assert!(told.iter().all(|one| one["data"]["kind"] == AlertKind::ChannelDead.as_str()), "{told:?}");
    let texts: Vec<&str> = told.iter().map(|one| one["data"]["text"].as_str().unwrap()).collect();
    assert!(texts.iter().any(|text| text.contains("`sink-1`") && text.contains("500")), "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("`sink-2`")), "{texts:?}");
    let states = dispatcher.states();
    assert!(states[0].dead_since.is_some() && states[1].dead_since.is_some() && states[2].dead_since.is_none());
    dispatcher.close(Duration::from_secs(5));
}

#[test]
fn many_alike_are_one_and_closing_sends_the_count() {
    let receiver = Receiving::answering(&["200 OK"]);
    let dispatcher = started(vec![sink(1, &receiver)]);
    for _ in 0..100 {
        dispatcher.raise(alert("user:a"));
    }
    assert_eq!(receiver.next().json()["data"]["count"], 1);
    dispatcher.close(Duration::from_secs(10));
    assert_eq!(receiver.next().json()["data"]["count"], 99);
    assert!(receiver.nothing_more());
}

#[test]
fn sinks_come_and_go_while_it_runs() {
    let (first, second) = (Receiving::answering(&["200 OK"]), Receiving::answering(&["200 OK"]));
    let dispatcher = started(vec![sink(1, &first)]);
    dispatcher.replace(vec![sink(2, &second)]);
    dispatcher.raise(alert("user:a"));
    second.next();
    assert!(first.nothing_more());
    dispatcher.close(Duration::from_secs(10));
}

#[test]
fn what_is_raised_faster_than_it_is_taken_in_is_counted() {
    let receiver = Receiving::answering(&["200 OK"]);
    let dispatcher = started(vec![sink(1, &receiver)]);
    let raised = 20_000;
    for n in 0..raised {
        dispatcher.raise(alert(&format!("user:{n}")));
    }
    let states = dispatcher.close(Duration::from_secs(30));
    let mut counted = states[0].lost;
    while let Some(got) = receiver.soon() {
        counted += got.json()["data"]["count"].as_u64().unwrap();
    }
    assert_eq!(counted, raised);
}
