//! The process that is killed, from outside.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use keyward_testing::crash::Ack;
#[cfg(target_os = "linux")]
use keyward_testing::faults::Faults;

/// A running writer.
pub(crate) struct Writer {
    child: Child,
    acks: Receiver<Ack>,
    seen: Vec<Ack>,
}

impl Writer {
    /// Starts one on a vault.
    pub(crate) fn start(database: &Path, key: &Path, seed: u64) -> Self {
        Self::spawn(&mut Self::command(database, key, seed))
    }

    /// Starts one on a disk that fails when it is told to.
    #[cfg(target_os = "linux")]
    pub(crate) fn start_under(faults: &Faults, database: &Path, key: &Path, seed: u64) -> Self {
        Self::spawn(faults.command(&mut Self::command(database, key, seed)))
    }

    fn command(database: &Path, key: &Path, seed: u64) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crash-writer"));
        command.args([database, key]).arg(seed.to_string());
        command
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, acks) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // A line that the kill cut off acknowledges nothing.
                let Ok(ack) = line.parse() else { break };
                if sender.send(ack).is_err() {
                    break;
                }
            }
        });
        Self { child, acks, seen: Vec::new() }
    }

    /// Waits until it has acknowledged so much.
    pub(crate) fn wait_for(&mut self, acks: usize) {
        while self.seen.len() < acks {
            self.next();
        }
    }

    /// The next thing that it says.
    pub(crate) fn next(&mut self) -> Ack {
        let ack = self.acks.recv_timeout(Duration::from_secs(60)).expect("the writer goes on");
        self.seen.push(ack.clone());
        ack
    }

    /// SIGKILL; everything that it had acknowledged.
    pub(crate) fn kill(mut self) -> Vec<Ack> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.seen.extend(self.acks.iter());
        self.seen
    }
}
