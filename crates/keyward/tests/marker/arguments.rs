//! What every process of the machine was started with, looked at all the time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use keyward_testing::Markers;

/// Samples `/proc/*/cmdline` until it is ended.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(u64, BTreeSet<Vec<u8>>)>,
}

impl Watch {
    pub(crate) fn begin() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut samples, mut seen) = (0, BTreeSet::new());
            while !stopped.load(Ordering::Relaxed) {
                samples += 1;
                seen.extend(command_lines());
                std::thread::sleep(Duration::from_millis(5));
            }
            (samples, seen)
        });
        Self { stop, thread }
    }

    /// How many samples there were and how many different command lines; none has a marker in it.
    pub(crate) fn end(self, markers: &Markers) -> (u64, usize) {
        self.stop.store(true, Ordering::Relaxed);
        let (samples, seen) = self.thread.join().unwrap();
        for line in &seen {
            if let Some((form, _)) = markers.found_in(line) {
                panic!("{form} in the arguments of `{}`", String::from_utf8_lossy(&line[..line.len().min(30)]));
            }
        }
        (samples, seen.len())
    }
}

fn command_lines() -> Vec<Vec<u8>> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit());
    numbers.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok()).collect()
}
