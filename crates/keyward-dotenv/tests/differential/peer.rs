//! A library in another process, asked and answering in JSON lines.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

pub(crate) struct Peer {
    process: Child,
}

impl Peer {
    /// Starts `program`.
    pub(crate) fn start(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).env_remove("NODE_OPTIONS").stdin(Stdio::piped()).stdout(Stdio::piped());
        let process = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
        Self { process }
    }

    /// All answers, in the order of the cases, of a peer that has the versions it is meant to have.
    pub(crate) fn answers(mut self, cases: Vec<Value>) -> Vec<Value> {
        let mut to = self.process.stdin.take().expect("standard input is piped");
        let from = self.process.stdout.take().expect("standard output is piped");
        let asking = std::thread::spawn(move || {
            for case in cases {
                // A peer that has ended is noticed by the answers that are missing.
                if writeln!(to, "{case}").is_err() {
                    break;
                }
            }
        });
        let mut lines = BufReader::new(from).lines().map(|line| line.expect("answers are UTF-8"));
        let first: Value = lines.next().and_then(|line| serde_json::from_str(&line).ok()).unwrap_or_default();
        assert!(first["versions"].is_object(), "the peer does not start");
        assert_eq!(first["versions"], first["wanted"], "the peer has other versions than are compared with");
        let answers = lines.map(|line| serde_json::from_str(&line).expect("an answer is JSON")).collect();
        asking.join().expect("the asking thread ends");
        let status = self.process.wait().expect("the peer ends");
        assert!(status.success(), "the peer ended with {status}");
        answers
    }
}
