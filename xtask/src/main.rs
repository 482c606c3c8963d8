//! What developers and CI run, in one place: `cargo xtask <command>`.
//!
//! - `test` is what CI runs, step by step, with a time budget;
//! - `demo` shows the main job on a real application;
//! - `prove` runs the campaigns at full size and writes `docs/proof/`;
//! - `bench` measures and writes `BENCHMARKS.md`;
//! - `accuracy` measures the scanner over a generated corpus, clean packages and other scanners' examples;
//! - `dist` makes the packages that users install;
//! - `order` finds which functions run, for the linker to lay them together;
//! - `pictures` draws the terminal pictures of the README from real runs.
//!
//! Nothing of the product is here, and the product uses nothing from here.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a job talks to the person who started it")]

mod accuracy;
mod attack;
mod bench;
mod beside;
mod campaigns;
mod demo;
mod dist;
mod guide;
mod lanes;
mod machine;
mod order;
mod pictures;
mod process;
mod prove;
mod report;
mod steps;
mod test;
mod tools;
mod walls;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask <command>

  test [STEP…]     what CI runs: every step, or just the named ones
  test --list      the steps of `test`
  tools [STEP…]    what `test` installs before a step that needs it, and no step
  demo             the main job on a copy of examples/chatbot
  prove NAME|all   a campaign at full size, into docs/proof/ (--seed N repeats one)
  bench NAME|all   a benchmark, into BENCHMARKS.md
  accuracy [--seed N] [--count N]  the scanner's recall and false positives, into docs/accuracy.md
  accuracy --clean what the scanner finds in large clean packages, into the same page
  accuracy --foreign  the same on other scanners' own examples
  accuracy --patterns  the same on values drawn from other scanners' patterns
  dist [--check]   the packages, into target/dist/; --check installs and runs them
  order            which functions run, into crates/keyward/order.ld (needs Valgrind)
  pictures [NAME…] the terminal pictures in docs/pictures/, from real runs
  walls            which crate may import which
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let (command, rest) = match arguments.split_first() {
        None => bail!("no command given\n\n{USAGE}"),
        Some((command, rest)) => (command.as_str(), rest),
    };
    if matches!(command, "help" | "--help" | "-h") {
        println!("{USAGE}");
        return Ok(());
    }
    let workspace = Workspace::load()?;
    match command {
        "test" => test::run(&workspace, rest),
        "tools" => test::tools(&workspace, rest),
        "demo" => demo::run(&workspace, rest),
        "prove" => prove::run(&workspace, rest),
        "bench" => bench::run(&workspace, rest),
        "accuracy" => accuracy::run(&workspace, rest),
        "dist" => dist::run(&workspace, rest),
        "order" => order::run(&workspace, rest),
        "pictures" => pictures::run(&workspace, rest),
        "walls" => walls::check(&workspace).map(drop),
        other => bail!("no command `{other}`\n\n{USAGE}"),
    }
}
