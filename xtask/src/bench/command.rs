//! What a command costs as a whole process: start, `run` with 20 secrets from a vault of 10,000,
//! `list` of 10,000. Each round runs every contestant once, in turn, so that a slow moment of the
//! machine hits all alike; medians are quoted. The binary is the one that users get: a benchmark of
//! Cargo's would build another, with what the test kit switches on.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Result, bail};

use super::up;
use super::usage::median;
use crate::process;
use crate::tools::{self, Tool};
use crate::workspace::Workspace;

const STORED: u64 = 10_000;
const GIVEN: u64 = 20;
const ROUNDS: usize = 41;
const FIRST_STARTS: usize = 11;

/// A command that is measured in turn with others.
struct Contestant {
    name: &'static str,
    command: Command,
    /// Milliseconds, a round each.
    times: Vec<f64>,
}

/// Measures everything; gives the table.
pub(crate) fn table(workspace: &Workspace) -> Result<String> {
    for peers in [Tool::PythonPeers, Tool::NodePeers] {
        peers.ensure(workspace)?;
    }
    process::run(process::cargo().args(["build", "--release", "--package", "keyward", "--bin", "keyward"]))?;
    let bench = Bench::new(workspace)?;
    bench.fill()?;
    let mut contestants = bench.contestants(workspace)?;
    for round in 0..=ROUNDS {
        for contestant in &mut contestants {
            let started = Instant::now();
            let status = contestant.command.status()?;
            let took = started.elapsed();
            if !status.success() {
                bail!("{}: {status}", contestant.name);
            }
            // The first round warms the caches.
            if round > 0 {
                contestant.times.push(took.as_secs_f64() * 1e3);
            }
        }
    }
    let mut rows: Vec<Row> = contestants.into_iter().map(|one| Row { name: one.name, times: one.times }).collect();
    let times = up::first_starts(&bench.keyward, &bench.home, FIRST_STARTS)?;
    rows.push(Row { name: "`keyward up` on a fresh machine, until `/readyz` says 200", times });
    Ok(print(&rows))
}

/// One line of the table.
struct Row {
    name: &'static str,
    /// Milliseconds, a round each.
    times: Vec<f64>,
}

/// A fresh home and a project in it.
struct Bench {
    keyward: PathBuf,
    home: PathBuf,
    project: PathBuf,
}

impl Bench {
    fn new(workspace: &Workspace) -> Result<Self> {
        let home = workspace.target().join("bench-command");
        if home.exists() {
            fs::remove_dir_all(&home)?;
        }
        let project = home.join("shop");
        fs::create_dir_all(&project)?;
        Ok(Self { keyward: workspace.target().join("release/keyward"), home, project })
    }

    /// 10,000 secrets in staging, 20 in development: values made here, and obviously fake.
    fn fill(&self) -> Result<()> {
        let value = |n: u64| format!("FAKE-{:016x}-{:016x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15), n * 7919);
        self.keyward_done(&["init", "--yes", "--no-import"])?;
        for (environment, count) in [("staging", STORED), ("development", GIVEN)] {
            let file = self.project.join(format!("{environment}.json"));
            let object: serde_json::Map<String, serde_json::Value> =
                (0..count).map(|n| (format!("KEY_{n}"), value(n + count).into())).collect();
            fs::write(&file, serde_json::to_vec(&object)?)?;
            self.keyward_done(&["import", &file.display().to_string(), "-e", environment])?;
        }
        let lines: String = (0..GIVEN).map(|n| format!("KEY_{n}={}\n", value(n + GIVEN))).collect();
        Ok(fs::write(self.peer_file(), lines)?)
    }

    fn contestants(&self, workspace: &Workspace) -> Result<Vec<Contestant>> {
        let file = self.peer_file().display().to_string();
        let dotenvx = tools::peers_node_dir(workspace).join("node_modules/.bin/dotenvx");
        let mut node = self.quiet(&dotenvx, &["run", "--quiet", "-f", &file, "--", "/bin/true"]);
        Tool::NodePeers.offer_to(&mut node, workspace)?;
        let python = tools::python_of_peers(workspace);
        let contestants = [
            ("plain exec of `true`", self.quiet(Path::new("/bin/true"), &[])),
            ("`keyward --version`", self.keyward(&["--version"])),
            ("`keyward run -- true`, 20 secrets of 10,000", self.keyward(&["run", "--", "/bin/true"])),
            ("the same, `--no-mask`", self.keyward(&["run", "--no-mask", "--", "/bin/true"])),
            ("`keyward list` of 10,000", self.keyward(&["list", "-e", "staging"])),
            ("`keyward get`, one of 10,000", self.keyward(&["get", "KEY_5000", "-e", "staging"])),
            ("`dotenvx run` (npm), 20 plaintext values", node),
            (
                "`dotenv run` (python-dotenv), 20 plaintext values",
                self.quiet(&python, &["-m", "dotenv", "-f", &file, "run", "/bin/true"]),
            ),
        ];
        Ok(contestants.map(|(name, command)| Contestant { name, command, times: vec![] }).into())
    }

    fn keyward_done(&self, arguments: &[&str]) -> Result<()> {
        process::run(&mut self.keyward(arguments))
    }

    fn keyward(&self, arguments: &[&str]) -> Command {
        let mut command = self.quiet(&self.keyward, arguments);
        command.env("KEYWARD_HOME", self.home.join("home")).env("KEYWARD_KEYS", self.home.join("keys"));
        command
    }

    fn quiet(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.project);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn peer_file(&self) -> PathBuf {
        self.project.join("peer.env")
    }
}

/// The first is what the others stand on.
fn print(rows: &[Row]) -> String {
    let middle = |row: &Row| median(row.times.iter().copied());
    let floor = rows.first().map_or(0.0, middle);
    let mut text = "| whole process | median ms | over plain exec, ms | min | max |\n\
                    | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for row in rows {
        let (least, most) =
            row.times.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), &time| (least.min(time), most.max(time)));
        let (name, middle) = (row.name, middle(row));
        let _ = writeln!(text, "| {name} | {middle:.2} | {:.2} | {least:.2} | {most:.2} |", middle - floor);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_the_middle_and_what_it_has_over_the_first() {
        let row = |name, times: &[f64]| Row { name, times: times.into() };
        let text = print(&[row("floor", &[1.0, 1.0, 1.0]), row("ours", &[9.0, 4.0, 5.0])]);
        assert!(
            text.ends_with("| floor | 1.00 | 0.00 | 1.00 | 1.00 |\n| ours | 5.00 | 4.00 | 4.00 | 9.00 |\n"),
            "{text}"
        );
    }
}
