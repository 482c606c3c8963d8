//! The campaigns: random tests that grow with their size. `cargo xtask test`
//! runs each at about a twentieth, `cargo xtask prove` at full size.
//!
//! A campaign is a test target that reads `KEYWARD_SEED` (a `u64`) and its size
//! from the variables listed here, and prints what it did on lines that begin
//! with `proof: `, as in `proof: kills=500`.

use std::process::Command;

use anyhow::{Result, bail};

use crate::process;
use crate::tools::{self, Tool};
use crate::workspace::Workspace;

/// One campaign.
pub(crate) struct Campaign {
    /// As in `cargo xtask prove NAME` and `docs/proof/NAME.md`.
    pub(crate) name: &'static str,
    /// What it shows, as the heading of its proof.
    pub(crate) title: &'static str,
    pub(crate) package: &'static str,
    /// The file in the crate's `tests/`, without `.rs`.
    pub(crate) test: &'static str,
    /// Cargo features of the crate that the target requires. A target without
    /// any is run by plain `cargo test` already, at its small size.
    pub(crate) features: &'static [&'static str],
    pub(crate) tools: &'static [Tool],
    /// Whether the full size is built with optimizations: it measures time.
    pub(crate) timed: bool,
    pub(crate) small: &'static [(&'static str, &'static str)],
    pub(crate) full: &'static [(&'static str, &'static str)],
}

/// Every campaign there is.
pub(crate) const ALL: &[Campaign] = &[
    Campaign {
        name: "differential",
        title: "Six `.env` dialects read as their libraries read them",
        package: "keyward-dotenv",
        test: "differential",
        features: &["differential"],
        tools: &[Tool::PythonPeers, Tool::NodePeers],
        timed: false,
        small: &[("KEYWARD_CASES", "5000")],
        full: &[("KEYWARD_CASES", "100000")],
    },
    Campaign {
        name: "crash",
        title: "Nothing acknowledged is lost",
        package: "keyward-testing",
        test: "crash",
        features: &[],
        tools: &[],
        timed: false,
        small: &[("KEYWARD_KILLS", "25"), ("KEYWARD_FAULTS", "6")],
        full: &[("KEYWARD_KILLS", "500"), ("KEYWARD_FAULTS", "60")],
    },
    Campaign {
        name: "marker",
        title: "No secret where it was not asked for",
        package: "keyward",
        test: "marker",
        features: &[],
        tools: &[],
        timed: false,
        small: &[("KEYWARD_MARKER_EVERY", "8")],
        full: &[("KEYWARD_MARKER_EVERY", "1")],
    },
    Campaign {
        name: "tamper",
        title: "No altered store serves a wrong value or passes verification",
        package: "keyward-testing",
        test: "tamper",
        features: &[],
        tools: &[],
        timed: false,
        small: &[("KEYWARD_TAMPER_ROUNDS", "50")],
        full: &[("KEYWARD_TAMPER_ROUNDS", "1000")],
    },
    Campaign {
        name: "durability",
        title: "A store that is killed, full or on a failing disk keeps what it acknowledged",
        package: "keyward-testing",
        test: "durability",
        features: &[],
        tools: &[],
        timed: false,
        small: &[("KEYWARD_CRASHES", "25")],
        full: &[("KEYWARD_CRASHES", "500")],
    },
    Campaign {
        name: "cluster",
        title: "Three nodes on one PostgreSQL keep their word when nodes, database and connections fail",
        package: "keyward",
        test: "cluster",
        features: &[],
        tools: &[tools::POSTGRES],
        timed: false,
        small: &[("KEYWARD_ROUNDS", "6"), ("KEYWARD_REVOCATIONS", "2")],
        full: &[("KEYWARD_ROUNDS", "36"), ("KEYWARD_REVOCATIONS", "10")],
    },
    Campaign {
        name: "revocation",
        title: "Three gateways: what is revoked is dead within a second, and no call fails while keys are replaced",
        package: "keyward",
        test: "revocation",
        features: &[],
        tools: &[tools::POSTGRES],
        timed: false,
        small: &[("KEYWARD_REVOCATIONS", "8"), ("KEYWARD_REPLACEMENTS", "4")],
        full: &[("KEYWARD_REVOCATIONS", "300"), ("KEYWARD_REPLACEMENTS", "60")],
    },
    Campaign {
        name: "offboard",
        title: "The plan for anybody's leaving says what he read, and nothing else",
        package: "keyward-testing",
        test: "offboard",
        features: &[],
        tools: &[],
        timed: true,
        small: &[("KEYWARD_PEOPLE", "10"), ("KEYWARD_SECRETS", "250"), ("KEYWARD_READS", "100000")],
        full: &[("KEYWARD_PEOPLE", "200"), ("KEYWARD_SECRETS", "5000"), ("KEYWARD_READS", "2000000")],
    },
    Campaign {
        name: "simulate",
        title: "No lost key: rotations through crashes, faults, two leaders and jumping clocks",
        package: "keyward-testing",
        test: "simulate",
        features: &[],
        tools: &[],
        timed: false,
        small: &[("KEYWARD_SCHEDULES", "10000")],
        full: &[("KEYWARD_SCHEDULES", "1000000")],
    },
    Campaign {
        name: "rotation",
        title: "No failed request: credentials are replaced every ten seconds under load",
        package: "keyward",
        test: "rotation",
        features: &[],
        tools: &[tools::POSTGRES],
        timed: false,
        small: &[("KEYWARD_SECONDS", "60")],
        full: &[("KEYWARD_SECONDS", "600")],
    },
    Campaign {
        name: "rotation-kills",
        title: "No lost key: a real process is killed at every step of a rotation on a real PostgreSQL",
        package: "keyward-testing",
        test: "rotation_kills",
        features: &[],
        tools: &[tools::POSTGRES],
        timed: false,
        small: &[("KEYWARD_KILL_EVERY", "6")],
        full: &[("KEYWARD_KILL_EVERY", "1")],
    },
    Campaign {
        name: "server-kills",
        title: "No lost key: the server is killed at every step of a rotation, on its file and on PostgreSQL",
        package: "keyward",
        test: "server_kills",
        features: &[],
        tools: &[tools::POSTGRES],
        timed: false,
        small: &[("KEYWARD_SERVER_KILL_EVERY", "16")],
        full: &[("KEYWARD_SERVER_KILL_EVERY", "1")],
    },
    Campaign {
        name: "leak",
        title: "Leaked to replaced: a key that is pushed is found, replaced at ten targets and dead in seconds",
        package: "keyward",
        test: "leak",
        features: &[],
        tools: &[tools::GIT],
        timed: false,
        small: &[("KEYWARD_LEAKS", "3")],
        full: &[("KEYWARD_LEAKS", "100")],
    },
    Campaign {
        name: "recognise",
        title: "Stored values are recognised in every spelling, and nothing else is",
        package: "keyward-testing",
        test: "recognise",
        features: &[],
        tools: &[],
        timed: false,
        small: &[("KEYWARD_SECRETS", "40"), ("KEYWARD_CLEAN_MB", "20")],
        full: &[("KEYWARD_SECRETS", "500"), ("KEYWARD_CLEAN_MB", "1000")],
    },
    Campaign {
        name: "gateway-marker",
        title: "The gateway gives the real key to the upstream and to nobody else",
        package: "keyward-gateway",
        test: "gateway_marker",
        features: &[],
        tools: &[],
        timed: false,
        small: &[("KEYWARD_EXCHANGES", "4000")],
        full: &[("KEYWARD_EXCHANGES", "1000000")],
    },
    Campaign {
        name: "metering",
        title: "The gateway's counts are the upstream's own",
        package: "keyward-gateway",
        test: "metering",
        features: &[],
        tools: &[],
        timed: false,
        small: &[("KEYWARD_ANSWERS", "400"), ("KEYWARD_HANG_UPS", "60")],
        full: &[("KEYWARD_ANSWERS", "20000"), ("KEYWARD_HANG_UPS", "1500")],
    },
    Campaign {
        name: "gateway-flat",
        title: "The gateway's memory and latency after ten million requests are those of the beginning",
        package: "keyward-gateway",
        test: "gateway_flat",
        features: &[],
        tools: &[],
        timed: true,
        small: &[("KEYWARD_REQUESTS", "20000")],
        full: &[("KEYWARD_REQUESTS", "10000000")],
    },
];

/// How much of a campaign is run.
#[derive(Clone, Copy)]
pub(crate) enum Size {
    Small,
    Full,
}

impl Campaign {
    pub(crate) fn variables(&self, size: Size) -> &'static [(&'static str, &'static str)] {
        match size {
            Size::Small => self.small,
            Size::Full => self.full,
        }
    }

    /// Fails where the crate or its test target is not there.
    pub(crate) fn exists(&self, workspace: &Workspace) -> Result<()> {
        let package = workspace.package(self.package);
        if package.is_none_or(|package| !package.has_target("test", self.test)) {
            bail!("campaign `{}`: `{}` has no test target `{}`", self.name, self.package, self.test);
        }
        Ok(())
    }

    /// The command that runs it. The whole workspace is named, so that
    /// dependencies have the features that every other step built them with.
    pub(crate) fn command(&self, workspace: &Workspace, size: Size, seed: u64) -> Result<Command> {
        let mut command = process::cargo();
        command.args(["test", "--workspace", "--test", self.test]);
        if self.timed && matches!(size, Size::Full) {
            command.arg("--release");
        }
        if !self.features.is_empty() {
            let features: Vec<String> =
                self.features.iter().map(|feature| format!("{}/{feature}", self.package)).collect();
            command.arg("--features").arg(features.join(","));
        }
        command.args(["--", "--nocapture"]);
        command.env("KEYWARD_SEED", seed.to_string()).envs(self.variables(size).iter().copied());
        for tool in self.tools {
            tool.offer_to(&mut command, workspace)?;
        }
        Ok(command)
    }
}

/// Collects the `proof: key=value` lines of a campaign's output, in order.
#[derive(Default)]
pub(crate) struct Proof {
    pub(crate) facts: Vec<(String, String)>,
}

impl Proof {
    /// Takes `line` if it carries a fact; the test runner may have begun the line.
    pub(crate) fn read(&mut self, line: &str) {
        let fact = line.split_once("proof: ").and_then(|(_, fact)| fact.split_once('='));
        if let Some((key, value)) = fact {
            self.facts.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRASH: Campaign = Campaign {
        name: "crash",
        title: "Nothing acknowledged is lost",
        package: "keyward-store",
        test: "crash",
        features: &["campaigns"],
        tools: &[],
        timed: false,
        small: &[("KILLS", "25")],
        full: &[("KILLS", "500")],
    };

    #[test]
    fn names_are_unique() {
        for (place, campaign) in ALL.iter().enumerate() {
            assert!(ALL[..place].iter().all(|other| other.name != campaign.name), "{}", campaign.name);
        }
    }

    #[test]
    fn every_campaign_is_there() {
        let workspace = Workspace::load().expect("cargo metadata works in a test");
        for campaign in ALL {
            campaign.exists(&workspace).expect("registered");
        }
        assert!(Campaign { test: "no-such-test", ..CRASH }.exists(&workspace).is_err());
    }

    #[test]
    fn what_measures_time_is_optimized_at_full_size_alone() {
        let timed = Campaign { timed: true, ..CRASH };
        let optimized = |campaign: &Campaign, size| {
            let command = campaign.command(&Workspace::of(&[]), size, 7).expect("it needs no tools");
            command.get_args().any(|argument| argument == "--release")
        };
        assert!(optimized(&timed, Size::Full) && !optimized(&timed, Size::Small) && !optimized(&CRASH, Size::Full));
    }

    #[test]
    fn size_and_seed_go_in_by_the_environment() {
        let command = CRASH.command(&Workspace::of(&[]), Size::Small, 7).expect("it needs no tools");
        let set: Vec<_> = command.get_envs().filter_map(|(name, value)| Some((name, value?))).collect();
        for (name, value) in [("KEYWARD_SEED", "7"), ("KILLS", "25")] {
            assert!(set.contains(&(name.as_ref(), value.as_ref())), "{set:?}");
        }
        assert!(command.get_args().any(|argument| argument == "keyward-store/campaigns"));
    }

    #[test]
    fn facts_are_found_behind_what_the_runner_prints() {
        let mut proof = Proof::default();
        for line in ["test kills ... proof: kills=500", "proof: lost = 0", "no proof here", "ok"] {
            proof.read(line);
        }
        let expected = [("kills", "500"), ("lost", "0")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(proof.facts, expected);
    }
}
