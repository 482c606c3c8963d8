//! `cargo xtask test`: runs the steps, stops at the first that fails, and
//! always prints the table of minutes.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::beside::Beside;
use crate::machine;
use crate::process;
use crate::report::{self, Line, Report, Tally, Verdict};
use crate::steps::{self, Context, Step};
use crate::tools::{self, Tool};
use crate::workspace::Workspace;

/// What a cold run should take on a machine with two cores, tools apart. A run over it says so.
const GOAL: Duration = Duration::from_secs(17 * 60);
/// What it may take: a run over it fails. A cold CI of 2026-11-27 took 25.3 from beginning to end.
const LIMIT: Duration = Duration::from_secs(27 * 60);

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

/// Runs the steps in order; those that need no tool do not wait until there are some, and some are
/// begun beside an earlier one.
fn walk_all(chosen: &[&Step], context: &Context<'_>, report: &mut Report) -> Result<()> {
    let mut installing = Installing::begin(chosen)?;
    let mut begun = Vec::new();
    for step in chosen {
        if !step.tools.is_empty()
            && let Some(installing) = installing.take()
        {
            report.lines.extend(installing.finish()?);
        }
        for (early, first) in steps::EARLY.iter().filter(|(_, first)| *first == step.name) {
            if chosen.iter().any(|step| step.name == *early) {
                begun.push((*early, *first, Beside::start(process::ourselves()?.args(["test", early]))?));
            }
        }
        match begun.iter().position(|(name, ..)| *name == step.name) {
            Some(place) => walk(step, context, report, |_| end(begun.swap_remove(place)))?,
            None => walk(step, context, report, step.run)?,
        }
    }
    Ok(())
}

/// Waits for a step that has begun.
fn end((_, first, begun): (&str, &str, Beside)) -> Result<String> {
    let ended = begun.finish()?;
    print!("{}", ended.said);
    ended.success()?;
    Ok(format!("begun with `{first}`"))
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
    installed("packages", || tools::ensure_programs(&programs))?;
    tools.iter().try_for_each(|tool| installed(tool.name(), || tool.ensure(workspace)))
}

fn installed(name: &str, ensure: impl FnOnce() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    if ensure().with_context(|| format!("tool `{name}`"))? {
        println!("{}", of_tool(name, start.elapsed()));
    }
    Ok(())
}

/// This program once more, as `cargo xtask tools`, beside the steps that need none.
struct Installing(Beside);

impl Installing {
    fn begin(chosen: &[&Step]) -> Result<Option<Self>> {
        let needing: Vec<&str> = chosen.iter().filter(|step| !step.tools.is_empty()).map(|step| step.name).collect();
        if needing.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self(Beside::start(process::ourselves()?.arg("tools").args(needing))?)))
    }

    /// Waits, and shows what was said if anything was installed; gives a line for each tool.
    fn finish(self) -> Result<Vec<Line>> {
        let ended = self.0.finish()?;
        let installed: Vec<_> = ended.said.lines().filter_map(read_tool).collect();
        if ended.success().is_err() || !installed.is_empty() {
            println!("\n== tools, installed beside the steps, and waited for {:.0} s\n{}", ended.waited, ended.said);
        }
        ended.success()?;
        let note = "tool, installed once beside the steps; not in the total";
        let line = |(name, took)| Line { name, took, tests: Tally::default(), note: note.to_owned(), apart: true };
        Ok(installed.into_iter().map(line).collect())
    }
}

fn of_tool(name: &str, took: Duration) -> String {
    format!("installed: {name}, {:.2} s", took.as_secs_f64())
}

fn read_tool(line: &str) -> Option<(String, Duration)> {
    let (name, took) = line.strip_prefix("installed: ")?.rsplit_once(", ")?;
    let took = took.strip_suffix(" s")?.parse().ok()?;
    Some((name.to_owned(), Duration::try_from_secs_f64(took).ok()?))
}

/// Runs one step and puts its line into the report, whatever comes of it.
fn walk(
    step: &Step,
    context: &Context<'_>,
    report: &mut Report,
    run: impl FnOnce(&Context<'_>) -> Result<String>,
) -> Result<()> {
    println!("\n== {}: {}", step.name, step.about);
    context.tests.set(Tally::default());
    let start = Instant::now();
    let outcome = run(context);
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
    fn what_was_installed_is_read_back() {
        let took = Duration::from_millis(12_340);
        assert_eq!(read_tool(&of_tool("node sdks, both", took)), Some(("node sdks, both".to_owned(), took)));
        for other in ["installed: moto", "installing moto, 1 s", "installed: moto, soon", "installed: moto, -1 s"] {
            assert_eq!(read_tool(other), None, "{other}");
        }
    }

    #[test]
    fn a_failed_step_has_its_line_and_its_name_in_the_error() {
        let workspace = Workspace::of(&[]);
        let context = Context { workspace: &workspace, seed: 1, tree: None, tests: Cell::default() };
        let step = Step { name: "breaks", about: "", tools: &[], run: |_| bail!("cause") };
        let mut report = Report::default();
        let error = walk(&step, &context, &mut report, step.run).expect_err("the step fails");
        assert_eq!(format!("{error:#}"), "step `breaks`: cause");
        assert_eq!(report.lines[0].note, "FAILED");
    }
}
