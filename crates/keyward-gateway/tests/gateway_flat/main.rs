//! Many requests of all sorts through one core with every feature on: what the process keeps in memory and
//! how long a request takes are at the end what they were at the beginning.
//!
//! `cargo xtask prove gateway-flat` makes ten million, built with optimizations. Gateway, callers and upstream
//! are one process, each with a thread of its own; the other two keep nothing.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

mod callers;
mod latency;
mod site;
mod upstream;

use std::time::Instant;

use keyward_testing::{Seed, proof, size};

use crate::latency::Latency;
use crate::site::Site;

/// The run is looked at in so many parts.
const PARTS: usize = 10;
/// More than so much more memory than after the first part is growth, in KiB: allocators keep what they may
/// need again.
const ROOM: u64 = 6 * 1024;

#[test]
fn memory_and_latency_are_flat() {
    let (seed, requests) = (Seed::of_campaign(), size("KEYWARD_REQUESTS", 20_000));
    println!("seed {}", seed.number());
    let site = Site::start();
    let each = requests / PARTS as u64;
    let (begun, mut parts) = (Instant::now(), Vec::new());
    let mut sums = callers::Sums::default();
    for part in 0..PARTS {
        let mut latency = Latency::default();
        sums.add(&callers::call(&site, &seed, part as u64, each, &mut latency));
        parts.push((resident(), latency));
    }
    let seconds = begun.elapsed().as_secs_f64();
    let (first, last) = (parts[0].0, parts[PARTS - 1].0);
    let percentile = |from: usize, part: f64| {
        let mut each: Vec<u64> = parts[from..from + 3].iter().map(|(_, latency)| latency.at(part)).collect();
        each.sort_unstable();
        each[1]
    };
    proof("requests", sums.all());
    proof("answered, refused, failed upstream, hung up on", format!("{sums}"));
    proof("requests a second, callers and upstream on the same cores", format!("{:.0}", sums.all() as f64 / seconds));
    let memory: Vec<String> = parts.iter().map(|(resident, _)| format!("{:.1}", *resident as f64 / 1024.0)).collect();
    proof("MB of the process after each tenth", memory.join(", "));
    for (name, part) in [("p50", 0.5), ("p99", 0.99)] {
        let each: Vec<String> = parts.iter().map(|(_, latency)| latency.at(part).to_string()).collect();
        proof(&format!("{name} of each tenth, in microseconds"), each.join(", "));
    }
    site.end(&sums);
    assert!(last <= first + ROOM, "{first} KiB after the first part, {last} KiB after the last");
    // Three parts of ten against three; other programs of the machine disturb a small run more.
    let most = if requests >= 1_000_000 { 1.3 } else { 3.0 };
    for part in [0.5, 0.99] {
        let (early, late) = (percentile(0, part), percentile(PARTS - 3, part));
        assert!(late as f64 <= early as f64 * most + 100.0, "{part}: {early} us at first, {late} us at last");
    }
}

/// Memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
