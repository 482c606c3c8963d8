//! How long each step took, how many tests it ran, and whether the whole kept
//! its budget.

use std::fmt;
use std::time::Duration;

/// What one step, or the installing of one tool, came to.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) took: Duration,
    pub(crate) tests: Tally,
    pub(crate) note: String,
    /// Tools are built once and kept; their time stands apart from the budget.
    pub(crate) apart: bool,
}

/// Tests counted from the closing lines of `cargo test`.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    /// Counts a line such as `test result: ok. 12 passed; 0 failed; 0 ignored; …`.
    pub(crate) fn read(&mut self, line: &str) {
        let Some((_, counts)) = line.split_once("test result: ") else {
            return;
        };
        let number_before = |word: &str| -> u64 {
            let before = counts.split(word).next().unwrap_or_default();
            before.rsplit(' ').find(|part| !part.is_empty()).and_then(|n| n.parse().ok()).unwrap_or(0)
        };
        self.passed += number_before("passed");
        self.failed += number_before("failed");
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// The table at the end of a run.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) lines: Vec<Line>,
}

impl Report {
    /// Time of the steps, tools left out.
    pub(crate) fn total(&self) -> Duration {
        self.lines.iter().filter(|line| !line.apart).map(|line| line.took).sum()
    }

    pub(crate) fn tests(&self) -> Tally {
        let mut all = Tally::default();
        for line in &self.lines {
            all += line.tests;
        }
        all
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<14} {:>7}  {:>6}  note", "step", "minutes", "tests")?;
        for line in &self.lines {
            let tests = match line.tests.passed + line.tests.failed {
                0 => String::new(),
                n => n.to_string(),
            };
            let row = format!("{:<14} {:>7.2}  {tests:>6}  {}", line.name, minutes(line.took), line.note);
            writeln!(f, "{}", row.trim_end())?;
        }
        let tests = self.tests();
        writeln!(f, "{:<14} {:>7.2}  {:>6}", "total", minutes(self.total()), tests.passed + tests.failed)
    }
}

/// Whether a run kept its budget.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Kept,
    /// Over by the clock, but the work itself was not that much: other programs had the machine.
    Busy,
    Over,
}

/// Judges `wall` against `budget` for a machine with `cores` cores.
///
/// The clock alone would blame the project for what else the machine does, so
/// a run is over only if its processor time is too: three quarters of what the
/// cores could have given within the budget, as a build never fills them all.
pub(crate) fn judge(wall: Duration, cpu: Option<Duration>, cores: u32, budget: Duration) -> Verdict {
    if wall <= budget {
        return Verdict::Kept;
    }
    match cpu {
        Some(cpu) if cpu < budget * cores * 3 / 4 => Verdict::Busy,
        _ => Verdict::Over,
    }
}

/// Processor time of all child processes that have ended, where the system tells.
pub(crate) fn children_cpu() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Fields after the program's name, which stands in brackets: `cutime` and
    // `cstime` are fields 16 and 17 of proc(5), in ticks of 1/100 s.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(13)?.parse::<u64>().ok()? + fields.get(14)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

pub(crate) fn minutes(duration: Duration) -> f64 {
    duration.as_secs_f64() / 60.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn closing_lines_are_counted() {
        let mut tally = Tally::default();
        tally.read("running 3 tests");
        tally.read("test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; finished in 0.10s");
        tally.read("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured");
        assert_eq!(tally, Tally { passed: 13, failed: 2 });
    }

    #[test]
    fn tools_stand_apart_from_the_total() {
        let line = |name: &str, minutes, apart| Line {
            name: name.to_owned(),
            took: MINUTE * minutes,
            tests: Tally { passed: 1, failed: 0 },
            note: String::new(),
            apart,
        };
        let report = Report { lines: vec![line("cargo-deny", 3, true), line("clippy", 2, false)] };
        assert_eq!(report.total(), MINUTE * 2);
        assert!(report.to_string().contains("\ntotal             2.00       2\n"), "{report}");
    }

    #[test]
    fn a_busy_machine_is_not_the_projects_fault() {
        let budget = MINUTE * 8;
        assert_eq!(judge(MINUTE * 8, None, 2, budget), Verdict::Kept);
        assert_eq!(judge(MINUTE * 9, Some(MINUTE * 6), 2, budget), Verdict::Busy);
        assert_eq!(judge(MINUTE * 9, Some(MINUTE * 14), 2, budget), Verdict::Over);
        assert_eq!(judge(MINUTE * 9, None, 2, budget), Verdict::Over);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_work_of_children_is_counted() {
        let before = children_cpu().expect("/proc is there");
        let status = std::process::Command::new("sh")
            .args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"])
            .status()
            .expect("sh starts");
        assert!(status.success());
        assert!(children_cpu().expect("/proc is there") > before);
    }
}
