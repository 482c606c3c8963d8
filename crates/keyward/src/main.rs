//! The `keyward` binary: commands, each thin over the calls of a desk.

mod cli;
mod commands;
mod config;
mod context;
mod export;
mod folder;
mod harden;
mod intake;
mod output;
mod terminal;

use std::process::ExitCode;

fn main() -> ExitCode {
    harden::this_process();
    cli::run()
}
