//! `keyward-verify`: the command line of the offline verifier.
//!
//! Exit codes: 0 it holds; 1 something does not fit, and each fault is a line on standard output;
//! 2 it could not be checked (wrong use, unreadable files, malformed key).
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command line prints

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use keyward_verify::{Checkpoint, Dir, Key, Options, verify_export, verify_proof};

/// Verifies an exported keyward audit log, offline.
#[derive(Parser)]
#[command(version, after_help = "Exit codes: 0 it holds, 1 it does not, 2 it could not be checked.")]
struct Arguments {
    #[command(flatten)]
    keys: Keys,
    #[command(subcommand)]
    command: Command,
}

/// The keys must come from the log's owner, not from the export.
#[derive(Args)]
#[group(required = true)]
struct Keys {
    /// Verifier key of the log (`name+id+base64`); repeat it for former keys.
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    /// File with verifier keys, one a line.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Verifies an exported folder: signature, tree, tiles, every entry.
    Export {
        /// The folder.
        folder: PathBuf,
        /// An older checkpoint that the log must agree with; may be repeated.
        #[arg(long, value_name = "CHECKPOINT")]
        against: Vec<PathBuf>,
        /// First entry that the export must hold, where closed epochs were dropped.
        #[arg(long, value_name = "INDEX", default_value_t = 0)]
        first: u64,
    },
    /// Verifies a proof of one entry (C2SP tlog-proof) and prints the entry.
    Proof {
        /// The proof.
        file: PathBuf,
        /// The entry, where the proof does not carry it.
        #[arg(long, value_name = "FILE")]
        entry: Option<PathBuf>,
    },
    /// Verifies the signature of a checkpoint.
    Checkpoint {
        /// The checkpoint.
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            faults.iter().for_each(|fault| println!("{fault}"));
            ExitCode::from(1)
        }
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
    }
}

/// The faults, each a line.
fn run(arguments: &Arguments) -> Result<Vec<String>, String> {
    let keys = read_keys(&arguments.keys)?;
    match &arguments.command {
        Command::Export { folder, against, first } => {
            let dir = Dir::open(folder).map_err(|why| format!("`{}`: {why}", folder.display()))?;
            let against: Vec<Vec<u8>> = against.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
            let options = Options { keys: &keys, against: &against, first: *first };
            let report = verify_export(&dir, &options).map_err(|why| format!("`{}`: {why}", folder.display()))?;
            if let (Some(checkpoint), []) = (&report.checkpoint, &report.faults[..]) {
                println!("{}: {}", checkpoint.origin, what_holds(report.first, checkpoint.size));
            }
            Ok(report.faults.iter().map(ToString::to_string).collect())
        }
        Command::Proof { file, entry } => {
            let entry = entry.as_deref().map(read).transpose()?;
            match verify_proof(&read(file)?, &keys, entry.as_deref()) {
                Ok(proved) => {
                    let (index, size) = (proved.index, proved.checkpoint.size);
                    println!("{}: entry {index} of {size} holds", proved.checkpoint.origin);
                    println!("{}", String::from_utf8_lossy(&proved.entry));
                    Ok(Vec::new())
                }
                Err(fault) => Ok(vec![fault.to_string()]),
            }
        }
        Command::Checkpoint { file } => match Checkpoint::open(&read(file)?, &keys, "the checkpoint") {
            Ok(checkpoint) => {
                println!("{}: signed with {} entries", checkpoint.origin, checkpoint.size);
                Ok(Vec::new())
            }
            Err(fault) => Ok(vec![fault.to_string()]),
        },
    }
}

/// Of an export that holds, from its first entry to the size that was signed.
fn what_holds(first: u64, size: u64) -> String {
    match size.checked_sub(1).filter(|last| first <= *last) {
        Some(last) if last == first => format!("entry {last} holds"),
        Some(last) => format!("entries {first} to {last} hold"),
        None if size == 0 => "it holds; the log has no entries yet".into(),
        None => format!("it holds; none of the {size} entries is in it"),
    }
}

fn read_keys(arguments: &Keys) -> Result<Vec<Key>, String> {
    let file = arguments.key_file.as_deref().map(read).transpose()?.unwrap_or_default();
    let file = String::from_utf8(file).map_err(|_| "the key file is not text")?;
    let lines = file.lines().map(str::trim).filter(|line| !line.is_empty());
    let texts = arguments.key.iter().map(String::as_str).chain(lines);
    let keys: Vec<Key> =
        texts.map(|text| text.parse().map_err(|why| format!("`{text}`: {why}"))).collect::<Result<_, _>>()?;
    if keys.is_empty() { Err("no key is given".to_owned()) } else { Ok(keys) }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|why| format!("`{}`: {why}", path.display()))
}
