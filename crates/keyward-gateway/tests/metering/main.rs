//! Counts are the upstream's own, whatever it is, however its answer is cut up and coded, and whoever is
//! still there to take it. `cargo xtask prove metering` runs it at full size.
//!
//! Each answer is made from a seed, which stands in the request: so the test knows what it has to say.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

mod answers;
mod hang_ups;
#[path = "../gateway/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the other tests use more of it")]
mod support;

use std::sync::atomic::Ordering;

use keyward_gateway::{Counts, End, Meter, Truth, UsageRecord, Writing};
use keyward_testing::{Seed, proof, size};

use crate::answers::{Ask, Coding, KINDS, Kind, Made};
use crate::support::*;

/// A gateway before an upstream of this kind.
pub(crate) fn site(kind: Kind, change: impl FnOnce(&mut Setting)) -> Site {
    Site::with(Double::new(move |request| answers::reply_to(kind, request)), |setting| {
        setting.upstream.interface = Some(kind.interface());
        setting.config.times.idle = std::time::Duration::from_secs(20);
        setting.config.times.first_byte = std::time::Duration::from_secs(20);
        change(setting);
    })
}

/// The record of the call that began at this moment of the vault's clock.
pub(crate) fn record_of(site: &Site, moment: i64) -> UsageRecord {
    wait(|| site.vault.calls.lock().unwrap().iter().find(|record| record.at.0 == moment).copied())
}

/// Sets the clock on, so that the next call is known by it.
pub(crate) fn next_moment(site: &Site) -> i64 {
    // Back again before leases and snapshots are over.
    let moment = site.vault.now.load(Ordering::Acquire) + 1;
    site.vault.now.store(if moment > NOW + 9_000 { NOW + 1 } else { moment }, Ordering::Release);
    site.vault.now.load(Ordering::Acquire)
}

#[test]
fn at_every_offset_of_every_answer() {
    let mut dice = Seed::of_campaign().part("offsets", 0);
    let mut offsets = 0;
    for kind in KINDS {
        for stream in [false, true] {
            let Some(made) = Made::new(kind, stream, dice.bits(), 6) else { continue };
            let text = made.pieces.concat();
            let writing = if made.sort.starts_with("text/event-stream") { Writing::Events } else { Writing::Json };
            for strip in [false, true] {
                for split in 0..=text.len() {
                    let (first, second) = text.as_bytes().split_at(split);
                    let mut meter = Meter::new(kind.interface(), writing, strip);
                    let mut out = meter.push(bytes::Bytes::copy_from_slice(first)).to_vec();
                    out.extend_from_slice(&meter.push(bytes::Bytes::copy_from_slice(second)));
                    out.extend_from_slice(&meter.finish());
                    let said = meter.said();
                    assert_eq!(said.counts, made.counts, "{kind:?} split at {split}: {text}");
                    if !strip {
                        assert_eq!(out, text.as_bytes(), "{kind:?} split at {split}");
                    }
                    offsets += 1;
                }
            }
        }
    }
    proof("offsets that an answer was cut at", offsets);
}

#[test]
fn through_the_gateway_in_pieces_and_codings() {
    let mut dice = Seed::of_campaign().part("gateway", 0);
    let answers = size("KEYWARD_ANSWERS", 400);
    let (mut exact, mut coded) = (0, 0);
    for kind in KINDS {
        let site = site(kind, |_| {});
        let mut caller = site.caller();
        let mut awaited = Vec::new();
        for _ in 0..answers / KINDS.len() as u64 {
            let (id, stream) = (dice.bits(), dice.once_in(2));
            let coding = *dice.choose(&[Coding::None, Coding::None, Coding::Gzip, Coding::Brotli, Coding::Deflate]);
            let Some(made) = Made::new(kind, stream, id, 0) else { continue };
            let moment = next_moment(&site);
            let answer = caller.send(kind.request(&Ask { stream, id, coding, ..Ask::default() }));
            assert!(answer.status == 200 && answer.whole, "{kind:?} {id}: {answer:?}");
            if coding == Coding::None && !(stream && matches!(kind, Kind::Chat | Kind::Completions)) {
                assert_eq!(answer.text(), made.pieces.concat(), "{kind:?} {id}");
            }
            coded += u64::from(coding != Coding::None);
            awaited.push((moment, id, made.counts));
            // Records are found by the moment, which comes again.
            if awaited.len() == 64 {
                exact += check(&site, kind, &mut awaited);
            }
        }
        exact += check(&site, kind, &mut awaited);
    }
    assert!(exact > answers / 2 && coded > 0);
    proof("answers counted exactly through the gateway", exact);
    proof("of these, coded", coded);
}

fn check(site: &Site, kind: Kind, awaited: &mut Vec<(i64, u64, Option<Counts>)>) -> u64 {
    let number = awaited.len() as u64;
    for (moment, id, counts) in awaited.drain(..) {
        let record = record_of(site, moment);
        assert_eq!((record.truth, record.end), (Truth::Exact, End::Whole), "{kind:?} {id}");
        assert_eq!(Some(record.counts), counts, "{kind:?} {id}");
    }
    site.vault.calls.lock().unwrap().clear();
    number
}
