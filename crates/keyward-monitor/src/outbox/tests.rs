use super::line::MOST_WAITING;
use super::*;

const A: AlertSinkId = AlertSinkId::from_bytes([1; 16]);
const B: AlertSinkId = AlertSinkId::from_bytes([2; 16]);

fn outbox(sinks: &[AlertSinkId]) -> Outbox {
    let mut outbox = Outbox::new("x".into(), "log".into(), Retry::default());
    let sinks = sinks.iter().map(|id| (*id, if *id == A { "a" } else { "b" }.to_owned(), Vec::new(), 0)).collect();
    assert!(outbox.next(Event::Sinks(sinks), Timestamp(0)).is_empty());
    outbox
}

fn raised(subject: &str) -> Event {
    let subject = Subject::new("account", subject);
    Event::Raised(Alert::new(AlertKind::FailedSignIns, Severity::Warning, Timestamp(0), subject, "a sign-in failed"))
}

fn parcels(steps: Vec<Step>, to: AlertSinkId) -> Vec<Parcel> {
    steps.into_iter().filter_map(|Step::Send(sink, parcel)| (sink == to).then_some(parcel)).collect()
}

/// Fails until the sink is dead; answers the last steps and the time.
fn fail_until_dead(outbox: &mut Outbox, first: &Parcel) -> (Vec<Step>, Timestamp) {
    let mut now = Timestamp(0);
    for attempt in 1..=Retry::default().attempts {
        let steps = outbox.next(Event::Failed(A, Fault::passing("it answered 503"), u32::MAX), now);
        if attempt == Retry::default().attempts {
            return (steps, now);
        }
        assert!(parcels(steps, A).is_empty(), "not at once");
        now = outbox.wake().unwrap();
        let again = parcels(outbox.next(Event::Tick, now), A);
        assert_eq!(again, std::slice::from_ref(first), "the same parcel with the same id");
    }
    unreachable!("the loop ends in a return")
}

#[test]
fn every_sink_gets_every_alert_one_at_a_time_and_in_order() {
    let mut outbox = outbox(&[A, B]);
    assert_eq!(outbox.next(raised("1"), Timestamp(0)).len(), 2);
    assert!(outbox.next(raised("2"), Timestamp(0)).is_empty(), "both are busy");
    let second = parcels(outbox.next(Event::Sent(A), Timestamp(5)), A);
    assert_eq!(second[0].alert.subject.id, "2");
    assert!(!outbox.is_idle());
    outbox.next(Event::Sent(A), Timestamp(6));
    outbox.next(Event::Sent(B), Timestamp(6));
    outbox.next(Event::Sent(B), Timestamp(6));
    assert!(outbox.is_idle());
}

#[test]
fn a_sink_takes_only_its_kinds_and_that_another_is_dead() {
    let mut outbox = outbox(&[A]);
    let sinks = vec![(A, "a".into(), vec![], 0), (B, "b".into(), vec![AlertKind::BreakGlass], 0)];
    outbox.next(Event::Sinks(sinks), Timestamp(0));
    let first = parcels(outbox.next(raised("1"), Timestamp(0)), A);
    assert_eq!(outbox.states()[1].waiting, 0);
    let (steps, _) = fail_until_dead(&mut outbox, &first[0]);
    let told = parcels(steps, B);
    assert_eq!((told.len(), told[0].alert.kind), (1, AlertKind::ChannelDead));
    assert_eq!(told[0].alert.text, "the alert sink `a` takes no alerts: it answered 503");
}

#[test]
fn a_dead_sink_is_tried_seldom_and_gets_what_waited_when_it_lives() {
    let mut outbox = outbox(&[A]);
    let first = parcels(outbox.next(raised("1"), Timestamp(0)), A);
    let (steps, now) = fail_until_dead(&mut outbox, &first[0]);
    assert!(steps.is_empty(), "there is nobody else to tell");
    assert!(outbox.is_idle(), "nobody waits for the dead");
    assert!(outbox.next(raised("2"), now).is_empty());
    let probe = Timestamp(now.0 + 300_000);
    assert_eq!(parcels(outbox.next(Event::Tick, probe), A), first);
    assert!(outbox.next(Event::Failed(A, Fault::passing("it answered 503"), 0), probe).is_empty(), "told once");
    assert_eq!(outbox.states()[0].dead_since, Some(now));
    let probe = Timestamp(probe.0 + 150_000);
    outbox.next(Event::Tick, probe);
    let second = parcels(outbox.next(Event::Sent(A), probe), A);
    assert_eq!(second[0].alert.subject.id, "2");
    assert_eq!(outbox.states()[0].dead_since, None);
}

#[test]
fn what_cannot_get_better_is_dead_at_once_and_so_is_what_hangs() {
    let mut outbox = outbox(&[A, B]);
    outbox.next(raised("1"), Timestamp(0));
    outbox.next(Event::Failed(A, Fault::permanent("it answered 410"), 0), Timestamp(1));
    assert_eq!(outbox.states()[0].dead_since, Some(Timestamp(1)));
    assert_eq!(outbox.states()[1].waiting, 2, "b hears of it after its own");
    assert!(outbox.next(Event::Tick, Timestamp(60_000)).is_empty());
    assert_eq!(outbox.states()[1].fault.as_deref(), Some("a delivery is under way for 60 seconds"));
    outbox.next(Event::Sent(B), Timestamp(70_000));
    assert_eq!(outbox.states()[1].dead_since, None, "it was late, and lives");
}

#[test]
fn what_waits_is_bounded_and_what_is_lost_is_told() {
    let mut outbox = outbox(&[A]);
    outbox.next(raised("first"), Timestamp(0));
    outbox.next(Event::Failed(A, Fault::permanent("it answered 410"), 0), Timestamp(0));
    let lost = 50;
    for n in 1..MOST_WAITING + lost {
        let subject = Subject::new("account", n.to_string());
        let severity = if n == 1 { Severity::Critical } else { Severity::Warning };
        // Alike or not: so many do not come through the coalescer at once.
        outbox.post(&Alert::new(AlertKind::NewAdmin, severity, Timestamp(0), subject, "x"), None);
    }
    assert_eq!((outbox.states()[0].waiting, outbox.states()[0].lost), (MOST_WAITING, lost as u64));
    let (mut now, mut got) = (Timestamp(300_000), Vec::new());
    let mut steps = outbox.next(Event::Tick, now);
    while let [parcel] = parcels(steps, A).as_slice() {
        got.push(parcel.alert.clone());
        now = Timestamp(now.0 + 1);
        steps = outbox.next(Event::Sent(A), now);
    }
    assert!(
        got.iter().any(|alert| alert.severity == Severity::Critical && alert.subject.id == "1"),
        "the worst is kept"
    );
    let told = got.last().unwrap();
    assert!(told.count == lost as u64 && told.text.starts_with("alerts to `a` were dropped"), "{told:?}");
}

#[test]
fn a_burst_of_the_log_is_lost_for_no_sink() {
    let mut outbox = outbox(&[A]);
    let of = |n: u64| {
        let Event::Raised(alert) = raised(&n.to_string()) else { unreachable!("it raises") };
        Event::Raised(alert.of_entry(n))
    };
    let mut steps = Vec::new();
    for n in 0..20_000 {
        steps.extend(outbox.next(of(n % 10_000), Timestamp(0)));
    }
    // Then what was held back, while the sink is busy with the first still.
    assert!(outbox.next(Event::Tick, Timestamp(5 * 60 * 1000)).is_empty());
    assert_eq!(outbox.states()[0].lost, 0);
    let (mut now, mut got) = (Timestamp(5 * 60 * 1000), 0);
    while let [parcel] = parcels(steps, A).as_slice() {
        got += parcel.alert.count;
        now = Timestamp(now.0 + 1);
        steps = outbox.next(Event::Sent(A), now);
    }
    assert_eq!(got, 20_000);
}

#[test]
fn sinks_that_stay_keep_what_waits_and_late_news_of_others_is_passed_over() {
    let mut outbox = outbox(&[A, B]);
    outbox.next(raised("1"), Timestamp(0));
    outbox.next(Event::Sinks(vec![(A, "renamed".into(), vec![], 0)]), Timestamp(0));
    assert_eq!((outbox.states().len(), outbox.states()[0].waiting), (1, 1));
    assert!(outbox.next(Event::Sent(B), Timestamp(1)).is_empty());
    assert!(outbox.next(Event::Failed(B, Fault::passing("late"), 0), Timestamp(1)).is_empty());
}

#[test]
fn closing_sends_what_was_held_back() {
    let mut outbox = outbox(&[A]);
    outbox.next(raised("1"), Timestamp(0));
    outbox.next(raised("1"), Timestamp(1));
    outbox.next(raised("1"), Timestamp(2));
    outbox.next(Event::Sent(A), Timestamp(3));
    let rest = parcels(outbox.next(Event::Closing, Timestamp(4)), A);
    assert_eq!((rest.len(), rest[0].alert.count), (1, 2));
}

/// An alert about an entry of the log.
fn told(index: u64) -> Event {
    let Event::Raised(alert) = raised("of the log") else { unreachable!("it raises") };
    Event::Raised(alert.of_entry(index))
}

#[test]
fn it_is_known_up_to_where_each_sink_has_been_told() {
    let mut outbox = outbox(&[A, B]);
    let oldest = |outbox: &Outbox| outbox.states().iter().map(|state| state.oldest).collect::<Vec<_>>();
    let first = parcels(outbox.next(told(7), Timestamp(0)), A);
    assert_eq!(first[0].id, "msg_log-7", "whoever reads the log gives it this id");
    outbox.next(told(8), Timestamp(1));
    outbox.next(told(9), Timestamp(2));
    assert_eq!(oldest(&outbox), [Some(7), Some(7)]);
    outbox.next(Event::Sent(A), Timestamp(3));
    assert_eq!(oldest(&outbox), [Some(8), Some(7)], "what is held back is owed, too");
    let held = parcels(outbox.next(Event::Tick, Timestamp(10 * 60 * 1000)), A);
    assert_eq!((held[0].alert.entries, held[0].alert.about["entry"].as_str()), (Some((8, 9)), "9"));
    assert_eq!(held[0].id, "msg_log-8-9", "entry 8 by itself is another alert");
    outbox.next(Event::Sent(A), Timestamp(10 * 60 * 1000 + 1));
    assert_eq!(oldest(&outbox)[0], None);
}

#[test]
fn a_sink_is_told_from_its_place_in_the_log_on() {
    let mut outbox = Outbox::new("x".into(), "log".into(), Retry::default());
    let sinks = vec![(A, "a".into(), vec![], 5), (B, "b".into(), vec![], 7)];
    outbox.next(Event::Sinks(sinks), Timestamp(0));
    let steps = outbox.next(told(5), Timestamp(0));
    assert_eq!(steps.len(), 1, "b has had it in an earlier life");
    outbox.next(told(6), Timestamp(1));
    outbox.next(told(7), Timestamp(2));
    let steps = outbox.next(Event::Tick, Timestamp(10 * 60 * 1000));
    assert_eq!(parcels(steps, B)[0].alert.entries, Some((6, 7)), "what it has not had is among these");
}

#[test]
fn what_is_refused_for_good_holds_up_no_other() {
    let mut outbox = outbox(&[A, B]);
    let refused = || Event::Failed(A, Fault::permanent("it answered 422"), u32::MAX);
    let bad = parcels(outbox.next(told(7), Timestamp(0)), A);
    for subject in ["1", "2"] {
        outbox.next(raised(subject), Timestamp(0));
    }
    assert!(parcels(outbox.next(refused(), Timestamp(0)), A).is_empty(), "not at once");
    assert_eq!(outbox.states()[0].dead_since, None, "it may be that alert alone");
    let next = parcels(outbox.next(Event::Tick, Timestamp(1_000)), A);
    assert_eq!(next[0].alert.subject.id, "1");
    assert_eq!(parcels(outbox.next(Event::Sent(A), Timestamp(1_001)), A)[0].alert.subject.id, "2");
    assert_eq!(parcels(outbox.next(Event::Sent(A), Timestamp(1_002)), A), bad, "it gets another try");
    assert_eq!(outbox.states()[0].oldest, Some(7));
    let dropped = parcels(outbox.next(refused(), Timestamp(1_003)), A);
    assert_eq!(dropped[0].alert.count, 1);
    assert!(dropped[0].alert.text.starts_with("alerts to `a` were dropped"), "{dropped:?}");
    assert_eq!((outbox.states()[0].dead_since, outbox.states()[0].oldest), (None, Some(7)), "it is not told yet");
    assert!(outbox.next(Event::Sent(A), Timestamp(1_004)).is_empty());
    assert_eq!((outbox.states()[0].waiting, outbox.states()[0].oldest), (0, None));
}

#[test]
fn a_sink_that_refuses_all_for_good_loses_nothing() {
    let mut outbox = outbox(&[A]);
    let mut steps = outbox.next(told(7), Timestamp(0));
    for subject in ["1", "2"] {
        steps.extend(outbox.next(raised(subject), Timestamp(0)));
    }
    let (mut now, mut tried) = (Timestamp(0), Vec::new());
    for _ in 0..50 {
        tried.extend(parcels(steps, A).into_iter().map(|parcel| parcel.id));
        outbox.next(Event::Failed(A, Fault::permanent("it answered 401"), u32::MAX), now);
        now = outbox.wake().unwrap();
        steps = outbox.next(Event::Tick, now);
    }
    assert_eq!((outbox.states()[0].waiting, outbox.states()[0].lost), (3, 0));
    assert!(outbox.states()[0].dead_since.is_some() && now > Timestamp(40 * 150_000), "it is tried seldom");
    tried.sort_unstable();
    tried.dedup();
    assert_eq!(tried.len(), 3, "with each in turn");
}

#[test]
fn one_alert_that_fails_again_and_again_is_passed_by() {
    let mut outbox = outbox(&[A]);
    let bad = parcels(outbox.next(raised("bad"), Timestamp(0)), A).remove(0);
    let (mut now, mut steps, mut taken) = (Timestamp(0), vec![Step::Send(A, bad.clone())], 0);
    for n in 0..200 {
        steps.extend(outbox.next(raised(&n.to_string()), now));
        let [parcel] = &parcels(steps, A)[..] else { panic!("one is under way") };
        let answer = if parcel.id == bad.id {
            Event::Failed(A, Fault::passing("it answered 500"), u32::MAX)
        } else {
            taken += 1;
            Event::Sent(A)
        };
        steps = outbox.next(answer, now);
        while steps.is_empty() {
            now = outbox.wake().unwrap();
            steps = outbox.next(Event::Tick, now);
        }
    }
    assert!(taken > 150, "{taken} of 200 went by");
    assert_eq!(outbox.states()[0].dead_since, None);
}

#[test]
fn what_was_dropped_is_owed_until_the_sink_knows_of_it() {
    let mut outbox = outbox(&[A]);
    for n in 0..=(MOST_WAITING + 1) as u64 {
        let subject = Subject::new("account", n.to_string());
        let alert = Alert::new(AlertKind::NewAdmin, Severity::Warning, Timestamp(0), subject, "x").of_entry(n);
        outbox.post(&alert, None);
    }
    assert_eq!((outbox.states()[0].lost, outbox.states()[0].oldest), (2, Some(0)));
    let (mut now, mut steps) = (Timestamp(0), outbox.next(Event::Tick, Timestamp(0)));
    let mut last = None;
    while let [parcel] = parcels(steps, A).as_slice() {
        assert_eq!(outbox.states()[0].oldest, Some(0), "entries 0 and 1 are in no parcel");
        last = Some(parcel.alert.clone());
        now = Timestamp(now.0 + 1);
        steps = outbox.next(Event::Sent(A), now);
    }
    assert_eq!((last.unwrap().count, outbox.states()[0].oldest), (2, None));
}

#[test]
fn whoever_does_not_get_the_mail_is_told_of_once() {
    let mut outbox = outbox(&[A, B]);
    let who = || Event::SentBut(A, "at `gone@example.com` the mail server answered 550".into());
    outbox.next(raised("1"), Timestamp(0));
    let told = parcels(outbox.next(who(), Timestamp(1)), A);
    let text = "not everybody gets the alerts to `a`: at `gone@example.com` the mail server answered 550";
    assert_eq!((told[0].alert.kind, told[0].alert.text.as_str()), (AlertKind::ChannelDead, text));
    assert_eq!(outbox.states()[1].waiting, 2, "so is the other");
    assert!(outbox.next(who(), Timestamp(2)).is_empty(), "once");
    assert_eq!(outbox.states()[0].dead_since, None);
}
