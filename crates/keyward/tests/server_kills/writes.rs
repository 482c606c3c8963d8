//! How often a store was written, as somebody sees it who only looks on.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::SystemTime;

use keyward_testing::postgres::Postgres;

/// Counts from the moment that it was made.
pub(crate) enum Writes {
    File { log: PathBuf, last: Option<(u64, SystemTime)>, seen: u64 },
    Postgres { psql: Log, first: u64 },
}

/// A look at the head of a log, again and again over one connection.
pub(crate) struct Log {
    psql: Child,
    ask: Option<ChildStdin>,
    said: BufReader<ChildStdout>,
    question: String,
}

impl Writes {
    /// Of the file that SQLite writes first.
    pub(crate) fn of_file(log: PathBuf) -> Self {
        let mut writes = Self::File { log, last: None, seen: 0 };
        writes.count();
        if let Self::File { seen, .. } = &mut writes {
            *seen = 0;
        }
        writes
    }

    /// Of the log in a schema: every change adds to it.
    pub(crate) fn of_log(postgres: &Postgres, schema: &str) -> Self {
        let mut psql = Log::of(postgres, schema);
        let first = psql.size();
        Self::Postgres { psql, first }
    }

    pub(crate) fn count(&mut self) -> u64 {
        match self {
            Self::File { log, last, seen } => {
                let now = std::fs::metadata(log).ok().and_then(|log| Some((log.len(), log.modified().ok()?)));
                *seen += u64::from(now.is_some() && now != *last);
                *last = now.or(*last);
                *seen
            }
            Self::Postgres { psql, first } => psql.size() - *first,
        }
    }
}

impl Log {
    fn of(postgres: &Postgres, schema: &str) -> Self {
        let socket = postgres.socket();
        let mut command = Command::new("psql");
        command.args(["-X", "-q", "-A", "-t", "-U", "keyward", "-d", "postgres", "-h"]);
        command.arg(socket.parent().unwrap()).args(["-p", &postgres.port().to_string()]);
        let mut psql = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (ask, said) = (psql.stdin.take(), BufReader::new(psql.stdout.take().unwrap()));
        Self { psql, ask, said, question: format!("SELECT size FROM {schema}.log_head;\n") }
    }

    fn size(&mut self) -> u64 {
        self.ask.as_mut().unwrap().write_all(self.question.as_bytes()).unwrap();
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim().parse().unwrap_or_else(|_| panic!("{line}"))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.ask = None;
        let _ = self.psql.wait();
    }
}
