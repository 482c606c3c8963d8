use std::path::PathBuf;

use keyward_client::{Failure, Result};
use keyward_scan::report::Format;
use keyward_scan::silence;

use crate::context::Context;
use crate::output::Exit;
use crate::scan;

/// Find leaked keys in files, changes and history, and say which stored secret each is
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: keyward scan                     the files below this folder
         keyward scan --history           everything that was ever committed
         keyward scan --staged            what the next commit would add
         keyward scan --diff main..HEAD   what a branch adds

Ends with 0 where nothing was found, 1 with findings, 2 where it could not scan or read nothing.")]
pub(crate) struct Args {
    /// Files and folders; default: this folder
    #[arg(value_name = "PATH", conflicts_with_all = ["staged", "diff", "stdin"])]
    pub(crate) paths: Vec<PathBuf>,
    /// Every object of the git history that can be reached, each once
    #[arg(long, conflicts_with_all = ["staged", "diff", "stdin"], help_heading = "What")]
    pub(crate) history: bool,
    /// Lines that the next commit would add
    #[arg(long, conflicts_with_all = ["diff", "stdin"], help_heading = "What")]
    pub(crate) staged: bool,
    /// Lines that the commits of a range add
    #[arg(long, value_name = "A..B", conflicts_with = "stdin", help_heading = "What")]
    pub(crate) diff: Option<String>,
    /// With --diff, after a push: standard input has git's lines for post-receive, whose refs are not old ones
    #[arg(long, requires = "diff", help_heading = "What")]
    pub(crate) pushed: bool,
    /// With --diff 000..B, before a push: known is what this remote has, not what any has
    #[arg(long, value_name = "NAME", requires = "diff", help_heading = "What")]
    pub(crate) remote: Option<String>,
    /// Standard input
    #[arg(long, help_heading = "What")]
    pub(crate) stdin: bool,
    /// Folders of dependencies, builds and caches too
    #[arg(long, help_heading = "What")]
    pub(crate) all: bool,
    /// Leave out what .gitignore and its like name
    #[arg(long, help_heading = "What")]
    pub(crate) respect_gitignore: bool,
    /// Skip larger files: 10MB, 512KiB; default: 1 GiB
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "What")]
    pub(crate) max_file_size: Option<u64>,
    /// Do not compare with stored secrets, and keep nothing of what was seen
    #[arg(long, help_heading = "What")]
    pub(crate) no_vault: bool,
    /// Compare with a server's secrets, and do not report there what was found
    #[arg(long, help_heading = "What")]
    pub(crate) no_report: bool,
    /// Threads; default: as many as there are processors
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, help_heading = "What")]
    pub(crate) threads: usize,

    /// text, json, jsonl, sarif or html
    #[arg(long, value_name = "FORMAT", help_heading = "Report")]
    pub(crate) format: Option<Format>,
    /// Write the report to a file
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub(crate) output: Option<PathBuf>,
    /// Show values as they are
    #[arg(long, help_heading = "Report")]
    pub(crate) reveal: bool,
    /// List everything that was left out, and why
    #[arg(long, help_heading = "Report")]
    pub(crate) show_skipped: bool,

    /// Findings that are known: ours, or those of gitleaks and detect-secrets
    #[arg(long, value_name = "FILE", help_heading = "Silences and rules")]
    pub(crate) baseline: Vec<PathBuf>,
    /// Write what was found, and what the baseline has, as a baseline
    #[arg(long, value_name = "FILE", help_heading = "Silences and rules")]
    pub(crate) write_baseline: Option<PathBuf>,
    /// Own rules: ours, or gitleaks' TOML
    #[arg(long, value_name = "FILE", help_heading = "Silences and rules")]
    pub(crate) rules: Vec<PathBuf>,
    /// Take configuration, rules, baseline and comments from a revision: a change cannot silence its own finding
    #[arg(long, value_name = "REF", help_heading = "Silences and rules")]
    pub(crate) config_from: Option<String>,
    /// Let no comment silence a finding
    #[arg(long, help_heading = "Silences and rules")]
    pub(crate) no_inline: bool,

    /// Ask the services of found keys whether they live: each value goes to its own service
    #[arg(long, help_heading = "Report")]
    pub(crate) verify: bool,

    /// Move found values into the vault and replace them in the source
    #[arg(long, conflicts_with_all = ["history", "staged", "diff", "stdin"], help_heading = "Mend")]
    pub(crate) fix: bool,
    /// With --fix: do it without asking
    #[arg(long, requires = "fix", help_heading = "Mend")]
    pub(crate) yes: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        if self.history && self.paths.len() > 1 {
            return Err(
                Failure::usage("one history is scanned at a time").hint("name one path, or none for this folder")
            );
        }
        if let (Some(format @ (Format::Text | Format::Html)), true, None) =
            (self.format, context.global.json, &self.output)
        {
            let format = format!("{format:?}").to_lowercase();
            return Err(Failure::usage(format!("`--json` and `--format {format}` ask for two forms"))
                .hint("leave one of them out; `--output FILE` writes a report in any form"));
        }
        scan::run(&self, context)
    }
}

fn size(text: &str) -> Result<u64, String> {
    silence::bytes(text).ok_or_else(|| format!("`{text}` is no size; sizes are like `10MB` or `512KiB`"))
}
