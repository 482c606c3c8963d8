//! Callers that go away at a random event, or before the first: what the upstream did is counted all the
//! same.

use std::io::{Read as _, Write as _};
use std::sync::atomic::Ordering;
use std::time::Duration;

use keyward_gateway::{Counts, End, Truth, UsageRecord};
use keyward_testing::{Seed, proof, size};

use crate::answers::{Ask, Kind, Made, WRITTEN};
use crate::support::*;
use crate::{next_moment, record_of, site};

const STREAMS: [Kind; 6] =
    [Kind::Chat, Kind::Completions, Kind::Responses, Kind::Messages, Kind::CohereChat, Kind::Gemini];

/// Sends, reads until so many bytes have come, and goes away.
fn leave_after(site: &Site, request: &str, bytes: usize) {
    let mut caller = site.caller();
    caller.0.write_all(request.as_bytes()).unwrap();
    let (mut seen, mut buffer) = (0, [0; 4096]);
    while seen < bytes {
        match caller.0.read(&mut buffer) {
            Ok(length @ 1..) => seen += length,
            _ => return,
        }
    }
}

/// Runs each kind on a thread of its own.
fn each(kinds: &[Kind], run: impl Fn(Kind) -> u64 + Sync) -> u64 {
    std::thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = kinds.iter().map(|kind| scope.spawn(move || run(*kind))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

#[test]
fn a_stream_that_ends_in_a_moment_is_counted_exactly() {
    let (seed, rounds) = (Seed::of_campaign(), size("KEYWARD_HANG_UPS", 60) / STREAMS.len() as u64);
    let left = each(&STREAMS, |kind| {
        let mut dice = seed.part(&format!("{kind:?}"), 1);
        let site = site(kind, |setting| setting.config.times.read_on = Duration::from_secs(5));
        let mut left = 0;
        for _ in 0..rounds {
            let ask = Ask { stream: true, id: dice.bits(), pause: 1, length: 0, ..Ask::default() };
            let made = Made::new(kind, true, ask.id, 0).unwrap();
            let length = made.pieces.concat().len();
            let moment = next_moment(&site);
            leave_after(&site, &kind.request(&ask), 1 + dice.below(length));
            let record = record_of(&site, moment);
            assert_eq!((record.truth, Some(record.counts)), (Truth::Exact, made.counts), "{kind:?} {}", ask.id);
            left += u64::from(record.end == End::HungUp);
        }
        left
    });
    assert!(left > 0);
    proof("streams that were left and ended in time, counted exactly", left);
}

#[test]
fn an_answer_that_nobody_waits_for_is_counted_exactly() {
    let kinds =
        [Kind::Chat, Kind::Responses, Kind::Embeddings, Kind::Messages, Kind::CohereChat, Kind::Rerank, Kind::Gemini];
    let (seed, rounds) = (Seed::of_campaign(), size("KEYWARD_HANG_UPS", 60) / kinds.len() as u64);
    let left = each(&kinds, |kind| {
        let mut dice = seed.part(&format!("{kind:?}"), 2);
        let site = site(kind, |_| {});
        for round in 0..rounds {
            let ask = Ask { id: dice.bits(), pause: 100, ..Ask::default() };
            let made = Made::new(kind, false, ask.id, 0).unwrap();
            let moment = next_moment(&site);
            let mut caller = site.caller();
            caller.0.write_all(kind.request(&ask).as_bytes()).unwrap();
            // It is at the upstream, and its answer is not here.
            wait(|| (site.received().len() as u64 > round).then_some(()));
            drop(caller);
            let record = record_of(&site, moment);
            let told = (record.truth, record.end, Some(record.counts));
            assert_eq!(told, (Truth::Exact, End::HungUp, made.counts), "{kind:?} {}", ask.id);
        }
        rounds
    });
    proof("answers that nobody waited for, counted exactly", left);
}

/// What one stream that was cut off says, and what it was.
struct Cut {
    kind: Kind,
    record: UsageRecord,
    told: Counts,
    passed: u64,
}

impl Cut {
    /// How far off the count of output is, as a part of it.
    fn error(&self) -> f64 {
        let output = self.record.counts.output - self.record.counts.reasoning;
        (output as f64 - self.passed as f64) / self.passed as f64
    }
}

#[test]
fn a_stream_that_goes_on_is_cut_off_and_estimated_within_a_twentieth() {
    let (seed, rounds) = (Seed::of_campaign(), size("KEYWARD_HANG_UPS", 60) / 12);
    let cuts = std::sync::Mutex::new(Vec::new());
    each(&STREAMS, |kind| {
        let mut dice = seed.part(&format!("{kind:?}"), 3);
        let site = site(kind, |setting| setting.config.times.read_on = Duration::from_millis(100));
        // What a model's streams are like is learnt from those that end.
        for _ in 0..20 {
            let ask = Ask { stream: true, id: dice.bits(), pause: 0, length: 150, ..Ask::default() };
            assert!(site.send(kind.request(&ask)).whole);
        }
        for _ in 0..rounds {
            let ask = Ask { stream: true, id: dice.bits(), pause: 1, length: 3_000, ..Ask::default() };
            let made = Made::new(kind, true, ask.id, ask.length).unwrap();
            let moment = next_moment(&site);
            leave_after(&site, &kind.request(&ask), 80_000 + dice.below(80_000));
            let record = record_of(&site, moment);
            assert_eq!((record.truth, record.end), (Truth::Estimated, End::HungUp), "{kind:?} {}", ask.id);
            // The upstream hears of it with the next piece that it writes, or the one after.
            wait(|| (site.upstream.open() == 0).then_some(()));
            let written = WRITTEN.lock().unwrap()[&ask.id].load(Ordering::Acquire).saturating_sub(1);
            let passed = made.tokens[..written.min(made.tokens.len())].iter().sum();
            cuts.lock().unwrap().push(Cut { kind, record, told: made.counts.unwrap(), passed });
        }
        rounds
    });
    let cuts = cuts.into_inner().unwrap();
    for kind in STREAMS {
        let errors: Vec<f64> = cuts.iter().filter(|cut| cut.kind == kind).map(Cut::error).collect();
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        let worst = errors.iter().map(|error| error.abs()).fold(0.0, f64::max);
        proof(
            &format!("{kind:?} streams that were cut off, worst error of the output"),
            format!("{:.1} %", worst * 100.0),
        );
        assert!(worst <= 0.05, "{kind:?}: {mean:.3} on average, {worst:.3} at most");
    }
    for cut in &cuts {
        // The input is known from the stream's beginning, where its service says it there.
        if matches!(cut.kind, Kind::Messages | Kind::Gemini) {
            assert_eq!(cut.record.counts.input, cut.told.input, "{:?}", cut.kind);
        }
    }
    proof("streams that were cut off and estimated", cuts.len());
}
