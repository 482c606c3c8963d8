//! Campaign: marker secrets go through every command, with the most talkative logging and with
//! forced panics. They are in no output that should not have them, in no file, and in no process's
//! arguments, in any spelling.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers
#![cfg(target_os = "linux")]

#[path = "marker/arguments.rs"]
mod arguments;
#[path = "marker/transcripts.rs"]
mod transcripts;

use std::collections::BTreeSet;

use arguments::Watch;
use keyward_testing::{Markers, Program, Ran, Seed, proof, size};
use transcripts::{Input, Shows, Step};

/// A user, his markers, and what has been searched so far.
struct Campaign {
    program: Program,
    markers: Markers,
    bytes: usize,
    files: usize,
}

#[test]
fn no_marker_is_anywhere_but_where_it_was_asked_for() {
    let seed = Seed::of_campaign();
    let watch = Watch::begin();
    let mut campaign = Campaign::new(&seed);
    let steps = transcripts::all();
    campaign.assert_complete(&steps);
    for step in &steps {
        let ran = campaign.take(step, None);
        assert!(step.may_fail || ran.code == Some(0), "{ran}");
        campaign.search(step, &ran, step.shows);
    }
    let panics = campaign.panic_everywhere(&steps);
    let (samples, processes) = watch.end(&campaign.markers);
    proof("commands", steps.len());
    proof("forced panics", panics);
    proof("markers", campaign.markers.values().len());
    proof("spellings searched for", campaign.markers.spellings());
    proof("bytes of output searched", campaign.bytes);
    proof("files searched", campaign.files);
    proof("samples of process arguments", samples);
    proof("processes seen in them", processes);
    proof("found", 0);
}

/// What would be found if it were there: a search that cannot fail proves nothing.
#[test]
fn the_search_finds_what_is_shown() {
    let campaign = Campaign::new(&Seed::new(1));
    campaign.program.ok(&["init", "--yes"], b"");
    let ran = campaign.program.ok(&["get", "OPENAI_API_KEY"], b"");
    assert!(campaign.markers.found_in(&ran.stdout).is_some());
    assert!(campaign.markers.found_in(&std::fs::read(campaign.program.home.project().join(".env")).unwrap()).is_some());
    let masked = campaign.program.ok(&["run", "--", "sh", "-c", "printf %s \"$OPENAI_API_KEY\" | base64"], b"");
    assert!(!masked.stdout.is_empty() && campaign.markers.found_in(&masked.stdout).is_none(), "{masked}");
    let bare =
        campaign.program.ok(&["run", "--no-mask", "--", "sh", "-c", "printf %s \"$OPENAI_API_KEY\" | base64"], b"");
    assert!(campaign.markers.found_in(&bare.stdout).is_some(), "{bare}");
}

#[test]
fn no_core_dump_while_a_vault_is_open() {
    let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
    program.ok(&["init", "--yes"], b"");
    program.ok(&["set", "A"], b"a value of some length");
    // The child looks at its parent, which has the values in memory to mask them.
    let ran = program.ok(&["run", "--", "sh", "-c", "grep 'Max core file size' /proc/$PPID/limits"], b"");
    assert_eq!(ran.out().split_whitespace().nth(4), Some("0"), "{ran}");
}

/// Services and stores that commands name, where nobody listens.
fn nobody_at_home() -> String {
    let hosts = [
        "api.openai.com",
        "api.github.com",
        "login.microsoftonline.com",
        "oauth2.googleapis.com",
        "secretmanager.googleapis.com",
        "secretsmanager.eu-central-1.amazonaws.com",
        "shop.vault.azure.net",
        "ssm.eu-central-1.amazonaws.com",
    ];
    hosts.map(|host| format!("{host}=http://127.0.0.1:9")).join(",")
}

impl Campaign {
    fn new(seed: &Seed) -> Self {
        let mut markers = Markers::new();
        let first = seed.number() & 0xffff_0000;
        let value: Vec<String> = (0..transcripts::MARKERS).map(|n| markers.make(first + n)).collect();
        let program = Program::new(env!("CARGO_BIN_EXE_keyward"))
            .with("RUST_LOG", "trace")
            .with("RUST_BACKTRACE", "full")
            // Nobody out there is asked.
            .with("KEYWARD_UPSTREAM_HOSTS", nobody_at_home());
        for (name, text) in transcripts::files(&value) {
            std::fs::write(program.home.project().join(name), text).unwrap();
        }
        Self { program, markers, bytes: 0, files: 0 }
    }

    /// Every command of the binary has a transcript.
    fn assert_complete(&self, steps: &[Step]) {
        let listed = self.program.ok(&["commands"], b"").out();
        let listed: BTreeSet<&str> = listed.lines().collect();
        let is_group = |command: &str| listed.iter().any(|other| other.starts_with(&format!("{command} ")));
        let lacking: Vec<&str> = listed
            .iter()
            .filter(|command| !is_group(command))
            .filter(|command| !steps.iter().any(|step| spoken(step).starts_with(&format!("{command} "))))
            .copied()
            .collect();
        assert!(lacking.is_empty(), "these commands have no transcript in tests/marker/transcripts.rs: {lacking:?}");
    }

    fn take(&self, step: &Step, panic_at: Option<&str>) -> Ran {
        let input = match step.input {
            Input::None => String::new(),
            Input::Marker(number) => self.markers.values()[number].clone(),
            Input::Text(text) => text.to_owned(),
        };
        let mut command = self.program.command(step.arguments);
        command.envs(panic_at.map(|point| ("KEYWARD_PANIC_AT", point)));
        // The vault of `init` is opened by a key file; later the passphrase only lies about.
        if step.arguments[0] != "init" {
            command.env("KEYWARD_PASSPHRASE", &self.markers.values()[transcripts::PASSPHRASE]);
        }
        self.program.run_command(command, step.arguments, input.as_bytes())
    }

    /// Looks through what a command said and through every file there is.
    fn search(&mut self, step: &Step, ran: &Ran, shows: Shows) {
        self.bytes += ran.stdout.len() + ran.stderr.len();
        let outputs = [("standard output", &ran.stdout, shows == Shows::Value), ("standard error", &ran.stderr, false)];
        for (name, bytes, may) in outputs {
            if !may && let Some((form, at)) = self.markers.found_in(bytes) {
                panic!("{form} on {name}, byte {at}, of `{}`", step.arguments.join(" "));
            }
        }
        for file in self.program.home.files() {
            let name = file.strip_prefix(self.program.home.project()).ok().and_then(|path| path.to_str());
            // What the user wrote himself, until `init` has removed it.
            if name.is_some_and(|name| step.plaintext.contains(&name)) {
                continue;
            }
            self.files += 1;
            let bytes = std::fs::read(&file).unwrap_or_default();
            if let Some((form, at)) = self.markers.found_in(&bytes) {
                panic!("{form} in `{}`, byte {at}, after `{}`", file.display(), step.arguments.join(" "));
            }
        }
    }

    /// Runs what opens the vault again, with a panic where it is open and where it answers.
    fn panic_everywhere(&mut self, steps: &[Step]) -> usize {
        let (mut panics, every) = (0, usize::try_from(size("KEYWARD_MARKER_EVERY", 4)).unwrap());
        for step in steps.iter().step_by(every) {
            for point in ["connect", "output"] {
                let ran = self.take(step, Some(point));
                panics += usize::from(ran.err().contains("forced at"));
                // `run` passes on what the child says before anything panics.
                self.search(step, &ran, if ran.code == Some(101) { Shows::Nothing } else { step.shows });
            }
        }
        assert!(panics * every > 60, "only {panics} panics");
        panics
    }
}

/// What a step asks for, without numbers of lines: these stand before a command's last word.
fn spoken(step: &Step) -> String {
    let words = step.arguments.iter().filter(|word| word.parse::<u32>().is_err());
    words.map(|word| format!("{word} ")).collect()
}
