//! Which tests run side by side. Many wait: for servers to start, for other programs, for time to pass.
//! One target after the other leaves half of two cores to nobody.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// Test targets that measure time, memory or a processor, or hold something to a time of less than some
/// seconds: nothing runs beside them.
const ALONE: &[&str] = &[
    // What is revoked is dead within a second, at every node.
    "cluster",
    "revocation",
    // The gateway's limits are parts of a second.
    "gateway",
    // Its memory and its latency stay what they are.
    "gateway_flat",
    // Whoever hangs up is counted as what he had got.
    "metering",
    // From a push to the dead key: seconds.
    "leak",
    // How long a plan takes.
    "offboard",
    // Parsers take no longer than their input.
    "properties",
    "robustness",
];

/// Test targets that put a load on the machine for as long as they are told, whatever gets done: these
/// run with what the others leave of the processor.
const NICE: &[&str] = &["rotation"];

/// The test targets of the workspace by name, each in one lane; a name that two crates have is one.
pub(crate) struct Lanes<'a> {
    /// Before the others.
    pub(crate) alone: Vec<&'a str>,
    /// Of the binary.
    pub(crate) first: Vec<&'a str>,
    /// Of every other crate.
    pub(crate) second: Vec<&'a str>,
    pub(crate) nice: Vec<&'a str>,
    /// Binaries with tests of their own.
    pub(crate) bins: Vec<&'a str>,
}

impl<'a> Lanes<'a> {
    /// Fails where a name above is no test target.
    pub(crate) fn of(workspace: &'a Workspace) -> Result<Self> {
        let mut left = BTreeSet::new();
        let mut of_binary = BTreeSet::new();
        let mut bins = Vec::new();
        for package in workspace.crates() {
            for target in package.targets.iter().filter(|target| target.tested) {
                match &*target.kind {
                    "test" => drop(left.insert(&*target.name)),
                    "bin" => bins.push(&*target.name),
                    _ => continue,
                }
                if package.name == "keyward" {
                    of_binary.insert(&*target.name);
                }
            }
        }
        let mut take = |names: &'static [&str]| -> Result<Vec<&'a str>> {
            let one = |name: &&'static str| match left.take(*name) {
                Some(target) => Ok(target),
                None => bail!("no test target `{name}`, or it has two lanes"),
            };
            names.iter().map(one).collect()
        };
        let (alone, nice) = (take(ALONE)?, take(NICE)?);
        let (first, second) = left.into_iter().partition(|name| of_binary.contains(name));
        Ok(Self { alone, first, second, nice, bins })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_target_has_one_lane() {
        let workspace = Workspace::load().expect("cargo metadata works in a test");
        let Lanes { alone, first, second, nice, bins } = Lanes::of(&workspace).expect("every name is a target");
        let mut placed = [alone.clone(), first.clone(), second.clone(), nice].concat();
        placed.sort_unstable();
        let targets = workspace.crates().iter().flat_map(|package| &package.targets);
        let all: BTreeSet<&str> = targets.filter(|t| t.kind == "test" && t.tested).map(|t| &*t.name).collect();
        assert_eq!(placed, all.into_iter().collect::<Vec<_>>());
        assert!(alone.contains(&"cluster") && first.contains(&"keys") && second.contains(&"routes"));
        assert!(bins.contains(&"xtask") && !bins.contains(&"keyward-exec-starter"), "{bins:?}");
    }

    #[test]
    fn a_name_that_is_no_target_is_refused() {
        let error = Lanes::of(&Workspace::of(&[("keyward", &[], &[])])).err().expect("it has no targets");
        assert!(error.to_string().contains("`cluster`"), "{error}");
    }
}
