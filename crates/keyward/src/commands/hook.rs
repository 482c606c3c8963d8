use std::path::PathBuf;

use clap::Subcommand;
use keyward_client::{Failure, Result};
use serde::Serialize;

use crate::context::Context;
use crate::hook::{self, Change, Error, Hook, Place};
use crate::output::{self, Exit};

/// Scan in git's hooks: before a commit, before a push, on a server
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward hook install")]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Install hooks; a hook that is there runs first and stays
    #[command(after_help = "Example: keyward hook install --pre-commit --pre-push")]
    Install {
        #[command(flatten)]
        hooks: Hooks,
        /// Also into a folder that serves other repositories (`core.hooksPath`)
        #[arg(long)]
        shared: bool,
    },
    /// Take hooks away again, and put back what was there before
    #[command(after_help = "Example: keyward hook uninstall")]
    Uninstall {
        #[command(flatten)]
        hooks: Hooks,
    },
}

#[derive(Debug, clap::Args)]
struct Hooks {
    /// What a commit would add
    #[arg(long)]
    pre_commit: bool,
    /// What a push would publish
    #[arg(long)]
    pre_push: bool,
    /// What a server is about to take in
    #[arg(long)]
    pre_receive: bool,
    /// What a server took in: reported, not refused
    #[arg(long)]
    post_receive: bool,
}

/// One change, as `--json` has it.
#[derive(Serialize)]
struct Changed {
    hook: &'static str,
    change: &'static str,
    path: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let place = Place::find(&context.current, &hook::run_git).map_err(|error| failure(&error))?;
        let mut changes = Vec::new();
        match self.what {
            What::Install { hooks, shared } => {
                let keyward = std::env::current_exe()
                    .map_err(|error| Failure::internal(format!("cannot tell where keyward itself is: {error}")))?;
                // On a server nobody commits: there it is what comes in that counts.
                let usual: &[Hook] = if place.bare { &[Hook::PreReceive] } else { &[Hook::PreCommit, Hook::PrePush] };
                for hook in hooks.chosen(usual) {
                    if place.bare && matches!(hook, Hook::PreCommit | Hook::PrePush) {
                        let name = hook.name();
                        output::note(format!("warning: nobody commits in a bare repository: {name} will not run"));
                        output::hint("`keyward hook install --pre-receive` scans what is pushed here");
                    }
                    let change = hook::install(&place, hook, &keyward, shared).map_err(|error| failure(&error))?;
                    changes.push((hook, change));
                }
            }
            What::Uninstall { hooks } => {
                for hook in hooks.chosen(&Hook::ALL) {
                    changes.push((hook, hook::uninstall(&place, hook).map_err(|error| failure(&error))?));
                }
            }
        }
        if context.global.json {
            let list: Vec<Changed> = changes.into_iter().map(|(hook, change)| told(hook, change)).collect();
            output::listing("hooks", &list)?;
            return Ok(Exit::Done);
        }
        if changes.iter().all(|(_, change)| *change == Change::Nothing) {
            output::note("there is no hook of keyward here");
        }
        changes.iter().for_each(|(hook, change)| say(*hook, change));
        Ok(Exit::Done)
    }
}

impl Hooks {
    /// The hooks that are named, or else these.
    fn chosen(&self, usual: &[Hook]) -> Vec<Hook> {
        let named = [
            (self.pre_commit, Hook::PreCommit),
            (self.pre_push, Hook::PrePush),
            (self.pre_receive, Hook::PreReceive),
            (self.post_receive, Hook::PostReceive),
        ];
        let named: Vec<Hook> = named.into_iter().filter(|(named, _)| *named).map(|(_, hook)| hook).collect();
        if named.is_empty() { usual.to_vec() } else { named }
    }
}

fn say(hook: Hook, change: &Change) {
    let name = hook.name();
    match change {
        Change::Installed(path) => output::note(format!("{name} is installed: `{}`", path.display())),
        Change::Chained(path) => {
            output::note(format!("{name} is installed: `{}`; the hook that was there runs first", path.display()))
        }
        Change::Updated(path) => output::note(format!("{name} was installed already: `{}`", path.display())),
        Change::Removed(path) => output::note(format!(
            "{name} is gone; a hook that was there before is in place again: `{}`",
            path.display()
        )),
        Change::Nothing => {}
    }
}

fn told(hook: Hook, change: Change) -> Changed {
    let (change, path) = match change {
        Change::Installed(path) => ("installed", Some(path)),
        Change::Chained(path) => ("chained", Some(path)),
        Change::Updated(path) => ("updated", Some(path)),
        Change::Removed(path) => ("removed", Some(path)),
        Change::Nothing => ("nothing", None),
    };
    Changed { hook: hook.name(), change, path }
}

fn failure(error: &Error) -> Failure {
    let failure = Failure::usage(error.to_string());
    error.hint().into_iter().fold(failure, Failure::hint)
}
