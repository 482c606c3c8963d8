//! What a read costs at the vault: found, permitted, on record, opened; without a network. So many are
//! under way at once as a server with that many connections has.
//!
//! `cargo bench -p keyward-vault --bench reads -- [--seconds 5] [--at-once 256] [--secrets 4096]`

#![allow(clippy::unwrap_used)] // a bench stops where something is missing
#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use keyward_testing::TestVault;
use keyward_types::SecretName;
use keyward_vault::{Unopened, Vault, Via};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let of = |name: &str, default: usize| {
        let at = arguments.iter().position(|one| one == name);
        at.and_then(|at| arguments.get(at + 1)).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (seconds, at_once, secrets) = (of("--seconds", 5), of("--at-once", 256), of("--secrets", 4096));
    let (folder, key) = TestVault::new(1).close();
    let vault = keyward_testing::vault::open(&folder.path().join("vault.db"), &key).unwrap();
    vault.remember();
    let vault = Arc::new(vault);
    let actor = keyward_testing::vault::owner(&vault);
    let (project, environment) = ("shop".parse().unwrap(), "production".parse().unwrap());
    let scope = vault.scope(&project, &environment).unwrap();
    for chunk in (0..secrets).collect::<Vec<_>>().chunks(256) {
        let values = chunk.iter().map(|n| keyward_testing::vault::new_value(&format!("S{n}"), &format!("value {n}")));
        vault.write(&actor, &scope, values.collect()).unwrap();
    }
    println!("bench-table-begin");
    println!("{at_once} at once; `first` is the first read of each of {secrets} secrets, `hot` reads one by all\n");
    println!("| work | reads/s | CPU µs a read |\n| --- | --- | --- |");
    let (tell, told) = mpsc::channel::<Unopened>();
    for (work, first, hot) in [("first", true, false), ("read", false, false), ("hot", false, true)] {
        let names: Vec<SecretName> = (0..secrets).map(|n| format!("S{n}").parse().unwrap()).collect();
        let begin = |turn: usize| {
            // Far apart, so that no two are at the same secret.
            let at = if hot { 0 } else { turn.wrapping_mul(1021) % secrets };
            // What a server finds anew for each request.
            let scope = vault.scope(&project, &environment).unwrap();
            let tell = tell.clone();
            let done = move |unopened| tell.send(unopened).unwrap();
            assert!(vault.begin_read(&actor, &scope, &[(names[at].clone(), None)], Via::Read, done).unwrap());
        };
        let (before, started) = (cpu(), Instant::now());
        (0..at_once).for_each(begin);
        let (mut begun, mut done) = (at_once, 0);
        while done < begun {
            open(&vault, told.recv().unwrap());
            done += 1;
            let more = if first { begun < secrets } else { started.elapsed() < Duration::from_secs(seconds as u64) };
            if more {
                begin(begun);
                begun += 1;
            }
        }
        let (used, took) = (cpu() - before, started.elapsed());
        let each = used.as_secs_f64() * 1e6 / done as f64;
        println!("| {work} | {:.0} | {each:.1} |", done as f64 / took.as_secs_f64());
    }
    println!("bench-table-end");
}

fn open(vault: &Vault, unopened: Unopened) {
    assert!(vault.open_unopened(unopened).unwrap().is_some(), "nothing else reads at the same time");
}

/// User and system time of this process (proc(5): fields 14 and 15, in ticks of 10 ms).
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
