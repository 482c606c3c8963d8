//! The steps of `cargo xtask test`, in the order that shares builds best:
//! what needs no build first, then clippy and docs (both stop at type
//! checking), then everything that runs code. The first of them need no tool,
//! and are done while tools are installed.

use std::cell::Cell;
use std::process::Command;

use anyhow::{Result, bail};

use crate::attack;
use crate::beside::{Beside, Ended};
use crate::campaigns::{self, Campaign, Size};
use crate::guide;
use crate::lanes::Lanes;
use crate::process;
use crate::report::Tally;
use crate::tools::{self, Tool};
use crate::walls;
use crate::workspace::Workspace;

/// One step: it fails with an error, or says in a few words what it found.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) tools: &'static [Tool],
    pub(crate) run: fn(&Context<'_>) -> Result<String>,
}

/// What a step works with.
pub(crate) struct Context<'a> {
    pub(crate) workspace: &'a Workspace,
    /// The seed of this run's random campaigns.
    pub(crate) seed: u64,
    /// What `git status` said before the first step, where there is a git work tree.
    pub(crate) tree: Option<String>,
    /// Tests counted in the step that runs.
    pub(crate) tests: Cell<Tally>,
}

/// Every step, in order.
pub(crate) const ALL: &[Step] = &[
    Step { name: "format", about: "cargo fmt --check", tools: &[], run: format },
    Step { name: "walls", about: "which crate may import which", tools: &[], run: walls_hold },
    Step { name: "clippy", about: "lints of every target, warnings denied", tools: &[], run: clippy },
    Step { name: "doc", about: "documentation, warnings denied", tools: &[], run: doc },
    Step {
        name: "deny",
        about: "bans, licences and sources of dependencies; advisories where their database is reached",
        tools: &[tools::GIT, Tool::CargoDeny],
        run: deny,
    },
    Step {
        name: "tests",
        about: "unit, integration and documentation tests",
        tools: &[
            tools::GIT,
            tools::PYTHON,
            tools::AGE,
            tools::DBUS,
            tools::KEYRING,
            tools::CHROMIUM,
            tools::REDIS,
            tools::MARIADB,
            tools::POSTGRES,
            Tool::Moto,
            Tool::OidcProvider,
            Tool::ScanTests,
            Tool::PythonSdks,
            Tool::NodeSdks,
        ],
        run: tests,
    },
    Step { name: "scan", about: "our own scanner finds no key in our own tree", tools: &[tools::GIT], run: own_tree },
    Step {
        name: "differential",
        about: "our `.env` dialects against the libraries that they follow",
        tools: &[Tool::PythonPeers, Tool::NodePeers],
        run: differential,
    },
    Step { name: "campaigns", about: "each campaign at its small size", tools: &[], run: small_campaigns },
    Step {
        name: "guide",
        about: "the pages name only commands, checks and pages that exist",
        tools: &[],
        run: guide_holds,
    },
    Step {
        name: "attack",
        about: "a running server is attacked by what its own description promises",
        tools: &[Tool::Schemathesis],
        run: attack,
    },
    Step { name: "clean", about: "the run left no trace in the work tree", tools: &[], run: clean },
];

/// Steps that mostly wait, and the earlier ones with which they are begun.
pub(crate) const EARLY: &[(&str, &str)] = &[("attack", "scan")];

fn format(_: &Context<'_>) -> Result<String> {
    process::run(process::cargo().args(["fmt", "--all", "--check"]))?;
    Ok(String::new())
}

fn walls_hold(context: &Context<'_>) -> Result<String> {
    Ok(format!("{} imports", walls::check(context.workspace)?))
}

fn clippy(_: &Context<'_>) -> Result<String> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    process::run(process::cargo().args(arguments))?;
    Ok(String::new())
}

fn doc(_: &Context<'_>) -> Result<String> {
    let mut command = process::cargo();
    // With examples dependencies have the features that tests ask for, and clippy has checked them so already.
    command
        .args(["doc", "--workspace", "--no-deps", "--lib", "--bins", "--examples"])
        .env("RUSTDOCFLAGS", "-D warnings");
    process::run(&mut command)?;
    Ok(String::new())
}

fn tests(context: &Context<'_>) -> Result<String> {
    // Built first, so that nobody measures time while the compiler runs.
    context.cargo_test(context.test_command()?.arg("--no-run"))?;
    let lanes = Lanes::of(context.workspace)?;
    context.cargo_test(
        context.test_command()?.arg("--lib").args(named("--bin", &lanes.bins)).args(named("--test", &lanes.alone)),
    )?;
    let beside = [
        Beside::start(context.test_command()?.args(named("--test", &lanes.second)))?,
        Beside::start(&mut process::nicely(context.test_command()?.args(named("--test", &lanes.nice))))?,
    ];
    let first = context.cargo_test(context.test_command()?.args(named("--test", &lanes.first)));
    let ended = beside.map(Beside::finish);
    for ended in ended {
        context.counted(&ended?)?;
    }
    first?;
    context.cargo_test(context.test_command()?.arg("--doc"))?;
    Ok(String::new())
}

fn named<'a>(kind: &'a str, targets: &[&'a str]) -> Vec<&'a str> {
    targets.iter().flat_map(|name| [kind, *name]).collect()
}

/// What we ask of others. Left out: the vault of whoever runs this, and the tools that were installed for it.
fn own_tree(context: &Context<'_>) -> Result<String> {
    // The tests have built it; with fewer targets, dependencies would have other features and be built anew.
    process::run(process::cargo().args(["build", "--workspace", "--bins", "--tests"]))?;
    let mut command = Command::new(context.workspace.target().join("debug/keyward"));
    command.args(["scan", ".", "--no-vault", "--respect-gitignore"]).current_dir(context.workspace.root());
    let mut last = String::new();
    process::run_lines(&mut command, |line| {
        if !line.is_empty() {
            line.clone_into(&mut last);
        }
    })?;
    Ok(last)
}

fn attack(context: &Context<'_>) -> Result<String> {
    attack::run(context.workspace, context.seed)
}

/// The one campaign with a step of its own, as it needs tools that nothing else does.
const DIFFERENTIAL: &str = "differential";

fn differential(context: &Context<'_>) -> Result<String> {
    small(context, |campaign| campaign.name == DIFFERENTIAL)
}

fn small_campaigns(context: &Context<'_>) -> Result<String> {
    // Without features of its own a campaign was among the tests.
    let (own, among): (Vec<&Campaign>, Vec<&Campaign>) =
        campaigns::ALL.iter().filter(|c| c.name != DIFFERENTIAL).partition(|c| !c.features.is_empty());
    let ran = small(context, |campaign| own.iter().any(|other| other.name == campaign.name))?;
    let among: Vec<&str> = among.iter().map(|campaign| campaign.name).collect();
    Ok(format!("{ran} (among the tests: {})", among.join(", ")).trim_start().to_owned())
}

fn small(context: &Context<'_>, chosen: impl Fn(&Campaign) -> bool) -> Result<String> {
    let mut ran = Vec::new();
    for campaign in campaigns::ALL.iter().filter(|campaign| chosen(campaign)) {
        campaign.exists(context.workspace)?;
        println!("-- {}: {}", campaign.name, campaign.title);
        context.cargo_test(&mut campaign.command(context.workspace, Size::Small, context.seed)?)?;
        ran.push(campaign.name);
    }
    Ok(ran.join(", "))
}

fn guide_holds(context: &Context<'_>) -> Result<String> {
    guide::check(context.workspace)
}

/// What `cargo deny` finds in our own rules always counts. Its advisories come from a database
/// that is fetched, and a machine without that network must be able to pass.
fn deny(context: &Context<'_>) -> Result<String> {
    let deny = |checks: &[&str]| {
        let mut command = Command::new(tools::cargo_deny(context.workspace));
        command.args(["--workspace", "--all-features", "check"]).args(checks);
        command
    };
    process::run(&mut deny(&["bans", "licenses", "sources"]))?;
    let output = deny(&["advisories"]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    print!("{said}");
    match output.status.success() {
        true => Ok("with advisories".to_owned()),
        false if said.contains("failed to fetch advisory database") => {
            let note = "advisories NOT checked: their database cannot be reached from here";
            println!("{note}");
            Ok(note.to_owned())
        }
        false => bail!("an advisory stands against a dependency"),
    }
}

/// A run may write only where git does not look.
fn clean(context: &Context<'_>) -> Result<String> {
    let Some(before) = &context.tree else {
        return Ok("not a git work tree".to_owned());
    };
    let after = work_tree(context.workspace).unwrap_or_default();
    if *before != after {
        bail!("the run changed the work tree; before:\n{before}after:\n{after}");
    }
    Ok(String::new())
}

/// What git says of the work tree; `None` where there is none.
pub(crate) fn work_tree(workspace: &Workspace) -> Option<String> {
    let mut git = Command::new("git");
    git.args(["status", "--porcelain", "--untracked-files=all"]).current_dir(workspace.root());
    let output = git.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

impl Context<'_> {
    /// Shows what was said beside something else, and counts its tests, also when it failed.
    fn counted(&self, ended: &Ended) -> Result<()> {
        print!("{}", ended.said);
        let mut tally = self.tests.get();
        ended.said.lines().for_each(|line| tally.read(line));
        self.tests.set(tally);
        ended.success()
    }

    /// `cargo test` over everything, with what the tests are told.
    fn test_command(&self) -> Result<Command> {
        let mut command = process::cargo();
        command.args(["test", "--workspace"]);
        // A test that lacks a program which we have just installed fails instead of passing by.
        command.env("KEYWARD_TEST_TOOLS", "required").env("KEYWARD_SEED", self.seed.to_string());
        Tool::ScanTests.offer_to(&mut command, self.workspace)?;
        for tool in [Tool::OidcProvider, Tool::Moto, Tool::PythonSdks, Tool::NodeSdks] {
            tool.offer_to(&mut command, self.workspace)?;
        }
        for campaign in campaigns::ALL {
            command.envs(campaign.variables(Size::Small).iter().copied());
        }
        Ok(command)
    }

    /// Runs a `cargo test` command and counts its tests, also when it fails.
    pub(crate) fn cargo_test(&self, command: &mut Command) -> Result<()> {
        let mut tally = self.tests.get();
        let outcome = process::run_lines(command, |line| tally.read(line));
        self.tests.set(tally);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_is_begun_early_is_begun_with_one_before_it() {
        let place = |name: &str| ALL.iter().position(|step| step.name == name).expect("it is a step");
        for (early, first) in EARLY {
            assert!(place(first) < place(early), "`{early}`");
        }
    }
}
