//! `cargo xtask bench`: runs a benchmark and puts the table that it prints
//! between its markers in `BENCHMARKS.md`, with machine, date and commit.
//!
//! What goes there is what the benchmark prints in Markdown between the lines
//! `bench-table-begin` and `bench-table-end`, or all of it where it has no such
//! lines.

mod command;
mod gateway;
mod inputs;
mod scan;
mod up;
mod usage;

use std::fs;

use anyhow::{Context, Result, bail};

use crate::machine::Provenance;
use crate::process;
use crate::workspace::Workspace;

/// One benchmark.
struct Benchmark {
    /// As in `cargo xtask bench NAME` and in the markers of the page.
    name: &'static str,
    how: How,
}

/// Who measures.
enum How {
    /// A crate's own benchmark: the package, and the file in its `benches/`, without `.rs`.
    Crate(&'static str, &'static str),
    /// A job here, which gives the table.
    Job(fn(&Workspace) -> Result<String>),
}

/// Every benchmark there is.
const ALL: &[Benchmark] = &[
    Benchmark { name: "commit", how: How::Crate("keyward-store-sqlite", "commit") },
    Benchmark { name: "command", how: How::Job(command::table) },
    Benchmark { name: "mask", how: How::Crate("keyward-exec", "mask") },
    Benchmark { name: "recognise", how: How::Crate("keyward-testing", "recognise") },
    Benchmark { name: "server", how: How::Crate("keyward", "server") },
    Benchmark { name: "decision", how: How::Crate("keyward-access", "decision") },
    Benchmark { name: "audit", how: How::Crate("keyward-audit", "audit") },
    Benchmark { name: "scan", how: How::Job(scan::table) },
    Benchmark { name: "gateway", how: How::Job(gateway::table) },
];

const PAGE: &str = "BENCHMARKS.md";

/// Runs the benchmark named in `arguments`, or `all`.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let names: Vec<&str> = ALL.iter().map(|benchmark| benchmark.name).collect();
    let [name] = arguments else {
        bail!("usage: cargo xtask bench NAME|all\nbenchmarks: {}", names.join(", "));
    };
    let chosen: Vec<&Benchmark> = ALL.iter().filter(|bench| name == "all" || bench.name == name).collect();
    if chosen.is_empty() {
        bail!("no benchmark `{name}`\nbenchmarks: {}", names.join(", "));
    }
    for benchmark in chosen {
        measure(workspace, benchmark)?;
    }
    Ok(())
}

fn measure(workspace: &Workspace, benchmark: &Benchmark) -> Result<()> {
    let provenance = Provenance::now(workspace)?;
    let table = match benchmark.how {
        How::Crate(package, bench) => from_cargo(package, bench)?,
        How::Job(table) => table(workspace)?,
    };
    let section = format!(
        "{}\n{}, {}, commit {}. To repeat: `cargo xtask bench {}`\n",
        table, provenance.machine, provenance.date, provenance.commit, benchmark.name
    );
    let file = workspace.root().join(PAGE);
    let page = fs::read_to_string(&file)?;
    fs::write(&file, replace_section(&page, benchmark.name, &section)?)?;
    println!("wrote the section `{}` of {PAGE}", benchmark.name);
    Ok(())
}

fn from_cargo(package: &str, bench: &str) -> Result<String> {
    let mut table = Table::default();
    let mut command = process::cargo();
    command.args(["bench", "--package", package, "--bench", bench]);
    process::run_lines(&mut command, |line| table.read(line))?;
    table.finish()
}

/// What a benchmark printed, and what of it lies between its marks.
#[derive(Default)]
pub(crate) struct Table {
    whole: String,
    marked: Option<String>,
    within: bool,
}

impl Table {
    pub(crate) fn read(&mut self, line: &str) {
        match line.trim() {
            "bench-table-begin" => {
                self.within = true;
                self.marked.get_or_insert_default();
            }
            "bench-table-end" => self.within = false,
            _ => {
                let marked = self.marked.as_mut().filter(|_| self.within);
                for text in marked.into_iter().chain([&mut self.whole]) {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
    }

    pub(crate) fn finish(self) -> Result<String> {
        let text = self.marked.unwrap_or(self.whole);
        if self.within || !text.lines().any(|line| line.starts_with('|')) {
            bail!("the benchmark printed no whole table");
        }
        Ok(format!("{}\n", text.trim()))
    }
}

/// `page` with what stands between the markers of `name` replaced.
pub(crate) fn replace_section(page: &str, name: &str, section: &str) -> Result<String> {
    let marker = format!("<!-- bench:{name} -->");
    let mut parts = page.split(&marker);
    let (before, _, after) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(before), Some(old), Some(after), None) => (before, old, after),
        _ => None.with_context(|| format!("{PAGE} needs the line `{marker}` exactly twice"))?,
    };
    Ok(format!("{before}{marker}\n{section}{marker}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_and_the_rest_kept() {
        let page = "# B\n<!-- bench:store -->\nold\n<!-- bench:store -->\nend\n";
        let new = replace_section(page, "store", "new\n").expect("the markers are there");
        assert_eq!(new, "# B\n<!-- bench:store -->\nnew\n<!-- bench:store -->\nend\n");
        assert_eq!(replace_section(&new, "store", "new\n").expect("still there"), new);
        assert!(replace_section("# B\n<!-- bench:store -->\n", "store", "new\n").is_err());
    }

    fn table(lines: &[&str]) -> Result<String> {
        let mut table = Table::default();
        for line in lines {
            table.read(line);
        }
        table.finish()
    }

    #[test]
    fn what_lies_between_the_marks_is_taken_or_else_everything() {
        let marked = table(&["noise", "bench-table-begin", "| a |", "bench-table-end", "noise"]);
        assert_eq!(marked.expect("it is whole"), "| a |\n");
        assert_eq!(table(&["of what", "", "| a |", ""]).expect("it is whole"), "of what\n\n| a |\n");
    }

    #[test]
    fn a_benchmark_without_a_table_fails() {
        assert!(table(&["bench-table-begin", "| a |"]).is_err());
        assert!(table(&["no table"]).is_err());
        assert!(table(&[]).is_err());
    }

    #[test]
    fn every_benchmark_is_there_and_has_its_section() {
        let workspace = Workspace::load().expect("cargo metadata works in a test");
        let page = fs::read_to_string(workspace.root().join(PAGE)).expect("the page is there");
        for benchmark in ALL {
            if let How::Crate(package, bench) = benchmark.how {
                let package = workspace.package(package);
                assert!(package.is_some_and(|package| package.has_target("bench", bench)), "{}", benchmark.name);
            }
            replace_section(&page, benchmark.name, "").expect("it has its markers");
        }
    }
}
