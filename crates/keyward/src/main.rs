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

/// A server allocates for each request on whichever thread is free, and gives back on another: with the
/// system's allocator that is an eighth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    harden::this_process();
    cli::run()
}
