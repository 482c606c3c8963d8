//! What a program takes: CPU time, wall time, memory.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// One run, or the mean of several.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Usage {
    /// Seconds of user and system time, of children too.
    pub(crate) cpu: f64,
    pub(crate) wall: f64,
    /// Megabytes at the most. What is below some 9 cannot be told: that much the measuring process has.
    pub(crate) memory: f64,
}

/// Runs `command` line `times` times one after the other.
pub(crate) fn measure(times: usize, command: &[String], home: &Path) -> Result<Usage> {
    let mut python = Command::new("python3");
    python.args(["-I", "-S", "-c", include_str!("measure.py"), &times.to_string()]).args(command).current_dir(home);
    // No program finds settings of the person who measures, and none leaves its cache with them.
    python.env("HOME", home).env("XDG_CACHE_HOME", home.join("cache")).env("XDG_CONFIG_HOME", home.join("config"));
    python.env("KEYWARD_HOME", home.join("vault")).env("KEYWARD_KEYS", home.join("keys"));
    let output = python.output().context("cannot start python3")?;
    let said = String::from_utf8_lossy(&output.stdout);
    read(&said).with_context(|| format!("`{}`: {said}{}", command.join(" "), String::from_utf8_lossy(&output.stderr)))
}

fn read(said: &str) -> Result<Usage> {
    let numbers: Vec<f64> = said.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [cpu, wall, kilobytes, code] = numbers[..] else { bail!("no four numbers") };
    if !ENDINGS.contains(&(code as i32)) {
        bail!("it ended with {code}");
    }
    Ok(Usage { cpu, wall, memory: kilobytes / 1024.0 })
}

/// Nothing found; findings, with kingfisher 200.
const ENDINGS: [i32; 3] = [0, 1, 200];

/// The one in the middle, or the mean of the two there.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_read_and_a_crash_is_none() {
        let usage = read("0.5 1.25 2048 1\n").expect("four numbers");
        assert_eq!(usage, Usage { cpu: 0.5, wall: 1.25, memory: 2.0 });
        assert!(read("0.5 1.25 2048 -11\n").is_err());
        assert!(read("0.5 1.25 2048 2\n").is_err(), "it could not scan");
        assert!(read("Traceback\n").is_err());
    }

    #[test]
    fn work_costs_time() {
        let home = std::env::temp_dir();
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let busy = words(&["sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"]);
        let busy = measure(1, &busy, &home).expect("sh is everywhere");
        let idle = measure(2, &words(&["true"]), &home).expect("so is true");
        assert!(busy.cpu > idle.cpu && busy.wall >= busy.cpu / 2.0 && busy.memory > 0.0, "{busy:?} {idle:?}");
    }

    #[test]
    fn the_middle_is_taken() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0]), 2.5);
        assert!(median([]).is_nan());
    }
}
