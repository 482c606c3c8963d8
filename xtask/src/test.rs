//! `cargo xtask test`: runs the steps, stops at the first that fails, and
//! always prints the table of minutes.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::machine;
use crate::report::{self, Line, Report, Tally, Verdict};
use crate::steps::{self, Context, Step};
use crate::tools::beside::{self, Installing};
use crate::tools::{self, Tool};
use crate::workspace::Workspace;

/// What a cold run should take on a machine with two cores, tools apart. A run over it says so.
const GOAL: Duration = Duration::from_secs(17 * 60);
/// What it may take: a run over it fails. 27 minutes are what it is to be again once the build that
/// the server brought was measured cold to its end.
const LIMIT: Duration = Duration::from_secs(35 * 60);

/// Runs the steps named in `arguments`, or all of them.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    if arguments == ["--list"] {
        for step in steps::ALL {
            println!("{:<14} {}", step.name, step.about);
        }
        return Ok(());
    }
    let chosen = choose(arguments)?;
    let context =
        Context { workspace, seed: machine::fresh_seed(), tree: steps::work_tree(workspace), tests: Cell::default() };
    println!("seed of this run: {}", context.seed);
    let mut report = Report::default();
    let start = Instant::now();
    let outcome = walk_all(&chosen, &context, &mut report);
    conclude(&report, start.elapsed(), outcome)
}

fn choose(names: &[String]) -> Result<Vec<&'static Step>> {
    if names.is_empty() {
        return Ok(steps::ALL.iter().collect());
    }
    if let Some(unknown) = names.iter().find(|name| steps::ALL.iter().all(|step| step.name != **name)) {
        bail!("no step `{unknown}`; `cargo xtask test --list` names them");
    }
    Ok(steps::ALL.iter().filter(|step| names.iter().any(|name| name == step.name)).collect())
}

/// `cargo xtask tools`: makes every tool of these steps usable, and says of each that had to be
/// installed how long that took.
pub(crate) fn tools(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let mut tools: Vec<Tool> = Vec::new();
    for tool in choose(arguments)?.iter().flat_map(|step| step.tools) {
        if !tools.contains(tool) {
            tools.push(*tool);
        }
    }
    let programs = tools::programs(&tools);
    beside::installed("packages", || tools::ensure_programs(&programs))?;
    tools.iter().try_for_each(|tool| beside::installed(tool.name(), || tool.ensure(workspace)))
}

/// Runs the steps in order; those that need no tool do not wait until there are some.
fn walk_all(chosen: &[&Step], context: &Context<'_>, report: &mut Report) -> Result<()> {
    let needing = || chosen.iter().filter(|step| !step.tools.is_empty());
    let mut installing = needing().next().map(|_| Installing::begin(needing().map(|step| step.name))).transpose()?;
    for step in chosen {
        if !step.tools.is_empty()
            && let Some(installing) = installing.take()
        {
            for (name, took) in installing.finish()? {
                let note = "tool, installed once beside the steps; not in the total".to_owned();
                report.lines.push(Line { name, took, tests: Tally::default(), note, apart: true });
            }
        }
        walk(step, context, report)?;
    }
    Ok(())
}

/// Runs one step and puts its line into the report, whatever comes of it.
fn walk(step: &Step, context: &Context<'_>, report: &mut Report) -> Result<()> {
    println!("\n== {}: {}", step.name, step.about);
    context.tests.set(Tally::default());
    let start = Instant::now();
    let outcome = (step.run)(context);
    let note = match &outcome {
        Ok(note) => note.clone(),
        Err(_) => "FAILED".to_owned(),
    };
    report.lines.push(Line {
        name: step.name.to_owned(),
        took: start.elapsed(),
        tests: context.tests.get(),
        note,
        apart: false,
    });
    outcome.map(drop).map_err(|error| error.context(format!("step `{}`", step.name)))
}

/// Prints the table and the verdict; a failed step or a broken limit is an error.
fn conclude(report: &Report, whole: Duration, outcome: Result<()>) -> Result<()> {
    println!("\n{report}");
    println!("from beginning to end, tools and all: {:.2} minutes", report::minutes(whole));
    let cores = std::thread::available_parallelism().map_or(2, |n| n.get().min(64) as u32);
    let judge = |budget| report::judge(report.total(), report::children_cpu(), cores.min(2), budget);
    let goal = report::minutes(GOAL);
    match judge(GOAL) {
        Verdict::Kept => println!("within the goal of {goal} minutes"),
        Verdict::Busy => println!("over {goal} minutes by the clock, but not by the work done: the machine was busy"),
        Verdict::Over => println!("over the goal of {goal} minutes: look at the table for what grew"),
    }
    let tests = report.tests();
    println!("\n{} passed, {} failed", tests.passed, tests.failed);
    outcome?;
    if judge(LIMIT) == Verdict::Over {
        bail!("the steps took longer than their limit of {} minutes", report::minutes(LIMIT));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_run_in_their_own_order_and_an_unknown_one_is_refused() {
        let named = |names: &[&str]| choose(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        let chosen = named(&["tests", "format"]).expect("both are steps");
        assert_eq!(chosen.iter().map(|step| step.name).collect::<Vec<_>>(), ["format", "tests"]);
        let refused = named(&["fromat"]).err().expect("not a step");
        assert!(refused.to_string().contains("`fromat`"));
    }

    #[test]
    fn a_failed_step_has_its_line_and_its_name_in_the_error() {
        let workspace = Workspace::of(&[]);
        let context = Context { workspace: &workspace, seed: 1, tree: None, tests: Cell::default() };
        let step = Step { name: "breaks", about: "", tools: &[], run: |_| bail!("cause") };
        let mut report = Report::default();
        let error = walk(&step, &context, &mut report).expect_err("the step fails");
        assert_eq!(format!("{error:#}"), "step `breaks`: cause");
        assert_eq!(report.lines[0].note, "FAILED");
    }
}
