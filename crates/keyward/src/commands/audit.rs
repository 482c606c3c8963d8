use std::path::PathBuf;

use clap::Subcommand;
use keyward_client::{Desk, Failure, LogLineInfo, Result};

use crate::commands::shown::{self, Logins};
use crate::context::Context;
use crate::output::{self, Exit};

/// Read, check and prove the log of every use and change
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward audit verify --against last-month.checkpoint")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the newest entries, the last one last
    #[command(after_help = "Example: keyward audit log --last 20")]
    Log {
        /// How many
        #[arg(long, default_value_t = 50, value_name = "N")]
        last: u64,
        /// Only entries about names that contain this
        #[arg(long, value_name = "TEXT")]
        about: Option<String>,
        /// Only this action, for example secret.read
        #[arg(long, value_name = "ACTION")]
        action: Option<String>,
        /// What keyward keeps for itself, too: answers to repeated requests
        #[arg(long)]
        all: bool,
    },
    /// Check the log and replay it against the store
    #[command(after_help = "Example: keyward audit verify --against kept-elsewhere.checkpoint")]
    Verify {
        /// A checkpoint that was kept outside the store: finds a store that was put back
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
    },
    /// Write the newest signed checkpoint; keep it where nobody can change it
    #[command(after_help = "Example: keyward audit checkpoint > $(date +%F).checkpoint")]
    Checkpoint,
    /// Write a proof that an entry is in the log (C2SP tlog-proof)
    #[command(after_help = "Example: keyward audit prove 41 > 41.tlog-proof")]
    Prove {
        /// The entry's place in the log
        #[arg(value_name = "SEQ")]
        index: u64,
    },
    /// Write the whole log into a new folder
    #[command(after_help = "Example: keyward audit export ./log && keyward-verify --key KEY export ./log")]
    Export {
        /// The folder; it must not exist
        folder: PathBuf,
        /// native: tiles, entries and the signed checkpoint for the offline verifier;
        /// ocsf: one event a line for a SIEM
        #[arg(long, default_value = "native", value_parser = ["native", "ocsf"])]
        format: String,
    },
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let desk = connection.desk();
        match self.action {
            Action::Log { last, about, action, all } => {
                log(context, desk, last, &Wanted { about, action, all: all || context.global.json })
            }
            Action::Verify { against } => verify(context, desk, against),
            Action::Checkpoint => text(context, "checkpoint", &desk.checkpoint()?),
            Action::Export { folder, format } => {
                let absolute = std::path::absolute(&folder).map_err(|error| Failure::file("find", &folder, &error))?;
                let n = desk.export_log(format, crate::folder::key(&absolute)?)?;
                let key = desk.status()?.log_key;
                if context.global.json {
                    output::json(&serde_json::json!({ "folder": folder, "entries": n, "log_key": key }))?;
                    return Ok(Exit::Done);
                }
                output::note(format!("{n} entries are in `{}`", folder.display()));
                output::hint(format!("others verify it with the key {key}"));
                Ok(Exit::Done)
            }
            Action::Prove { index } => text(context, "proof", &desk.prove(index)?),
        }
    }
}

/// Writes a note as it is, which others verify byte by byte; as JSON it is the string of that name.
fn text(context: &Context, name: &str, text: &str) -> Result<Exit> {
    match context.global.json {
        true => output::json(&serde_json::json!({ name: text }))?,
        false => output::bytes(text.as_bytes())?,
    }
    Ok(Exit::Done)
}

/// So many entries are asked for at once.
const PAGE: u64 = 1000;

/// Which entries are shown.
struct Wanted {
    about: Option<String>,
    action: Option<String>,
    all: bool,
}

impl Wanted {
    fn fits(&self, line: &LogLineInfo) -> bool {
        let about = |text: &String| line.about.as_deref().is_some_and(|about| about.contains(text));
        // Each change over HTTP leaves one, what it was answered for whoever repeats it; and what was read
        // stands there already.
        let own = matches!(line.action.as_str(), "request.keep" | "request.sweep" | "reads.count");
        self.about.as_ref().is_none_or(about)
            && self.action.as_ref().is_none_or(|action| line.action == *action)
            && (self.all || !own || self.action.is_some())
    }
}

/// An entry, and who it was in words.
#[derive(serde::Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    line: &'a LogLineInfo,
    login: Option<&'a String>,
}

fn log(context: &Context, desk: &dyn Desk, last: u64, wanted: &Wanted) -> Result<Exit> {
    let mut lines: Vec<LogLineInfo> = Vec::new();
    let mut end = desk.status()?.log_size;
    // Backwards in pages, so that the newest entries of a long log come at once.
    while end > 0 && (lines.len() as u64) < last {
        let first = end.saturating_sub(PAGE);
        let mut page = desk.log(first, end - first)?;
        page.retain(|line| wanted.fits(line));
        page.append(&mut lines);
        lines = page;
        end = first;
    }
    lines.drain(..lines.len().saturating_sub(usize::try_from(last).unwrap_or(usize::MAX)));
    let logins = shown::logins(desk)?;
    let lines: Vec<Line<'_>> = lines.iter().map(|line| Line { line, login: logins.get(&line.principal) }).collect();
    if context.global.json {
        output::listing("entries", &lines)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = lines.iter().map(|line| row(line, &logins)).collect();
    output::table(&["SEQ", "TIME", "ACTION", "OUTCOME", "WHO", "ABOUT", "WITH"], &rows)?;
    Ok(Exit::Done)
}

fn row(entry: &Line<'_>, logins: &Logins) -> Vec<String> {
    let line = entry.line;
    let mut about = line.about.clone().unwrap_or_else(|| "-".into());
    if let Some(version) = line.version {
        about.push_str(&format!("@{version}"));
    }
    let mut with = line.agent.clone().unwrap_or_else(|| "-".into());
    if let Some(reason) = &line.reason {
        with.push_str(&format!(" ({reason})"));
    }
    // What was given to whom: ids of accounts by their logins.
    for (name, value) in line.more.iter().filter(|(name, _)| TOLD.contains(&name.as_str())) {
        with.push_str(&format!(" {name}={}", logins.get(value).unwrap_or(value)));
    }
    let who = entry.login.unwrap_or(&line.principal).clone();
    vec![line.index.to_string(), line.time.clone(), line.action.clone(), line.outcome.clone(), who, about, with]
}

/// Which of the other things that an entry tells are in the table; `--json` has all.
const TOLD: [&str; 6] = ["role", "account", "group", "to", "template", "why"];

fn verify(context: &Context, desk: &dyn Desk, against: Option<PathBuf>) -> Result<Exit> {
    let against = against
        .map(|path| std::fs::read_to_string(&path).map_err(|error| Failure::file("read", &path, &error)))
        .transpose()?;
    let compared = against.is_some();
    let verdict = desk.verify(against)?;
    if context.global.json {
        output::json(&verdict)?;
    } else {
        for fault in &verdict.faults {
            output::lines(format!("fault: {fault}"))?;
        }
        let scope = if compared { " and agree with the checkpoint" } else { "" };
        if verdict.faults.is_empty() {
            output::lines(format!("{} entries and {} records hold{scope}", verdict.entries, verdict.records))?;
        }
    }
    if verdict.faults.is_empty() {
        if !compared && !context.global.json {
            output::hint("a store that was put back whole is found only with `--against` a checkpoint kept elsewhere");
        }
        return Ok(Exit::Done);
    }
    let wrong = match verdict.faults.len() {
        1 => "1 thing is wrong".to_owned(),
        n => format!("{n} things are wrong"),
    };
    Err(output::no(wrong).hint("do not trust this store; `keyward restore` brings a backup back"))
}
