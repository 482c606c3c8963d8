//! The `keyward` binary: commands, each thin over the calls of a desk.

mod address;
mod age_files;
mod check;
mod cli;
mod commands;
mod config;
mod context;
mod export;
mod first_start;
mod folder;
mod harden;
mod hook;
mod intake;
mod keyring;
mod machine;
mod node;
mod output;
mod passphrase;
mod recovery;
mod scan;
mod serving;
mod site;
mod terminal;
mod transfer;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: keyward_alloc::Allocator = keyward_alloc::Allocator;

fn main() -> ExitCode {
    harden::this_process();
    cli::run()
}
