//! What every deployment target has to keep, wherever it leads: run over the world of each.

use std::time::Duration;

use keyward_sync::{Fault, Means, Settings, Target};
use keyward_types::Secret;
use keyward_upstream::Http;

use crate::doubles::Trouble;
use crate::rotators::{Chance, Now};

/// A place that values go to, seen from within.
pub trait TargetWorld {
    /// How it is reached; `adopt`: what somebody else put there is taken over.
    fn settings(&self, adopt: bool) -> Settings;

    /// The way to it.
    fn http(&self) -> Http {
        Http::new()
    }

    /// What it is signed in to with.
    fn credential(&self) -> Option<Secret<String>> {
        None
    }

    /// One that does not work; `None`: it needs none.
    fn wrong_credential(&self) -> Option<Secret<String>> {
        self.credential().map(|_| secret("nobody-has-this-one-0000"))
    }

    /// The value that is there.
    fn holds(&self) -> Option<String>;

    /// How many values were put there in all; `None`: it does not count.
    fn count(&self) -> Option<usize> {
        None
    }

    /// Somebody else puts a value there; false: nobody can.
    fn foreign(&self, value: &str) -> bool;

    /// Everything else there, which is nobody's business.
    fn beside(&self) -> String;

    /// The next call that writes goes wrong so; false: this world can make no trouble.
    fn trouble(&self, _trouble: Trouble) -> bool {
        false
    }

    /// Whether who put a value there is known each time, and not only when the target is added.
    fn marks(&self) -> bool {
        true
    }
}

/// Runs everything that applies, each case in a fresh world; gives the names of the cases.
///
/// # Panics
/// When the target does not keep what it has to.
pub fn target_conformance<W: TargetWorld>(fresh: impl Fn() -> W) -> Vec<&'static str> {
    let mut ran = Vec::new();
    for (name, case) in CASES {
        let world = fresh();
        if case(&Stage { world: &world }) {
            ran.push(*name);
        }
    }
    ran
}

/// A case; false: it does not apply.
type Case = fn(&Stage<'_>) -> bool;

const CASES: &[(&str, Case)] = &[
    ("what is given is there and is read back", given),
    ("settings hold no credential and come back from a record", kept),
    ("looking changes nothing", looking),
    ("the same value twice is one", twice),
    ("a wrong credential is refused and changes nothing", wrong_credential),
    ("what somebody else put there is not written over", foreign),
    ("what is to be taken over is", adopted),
    ("what is changed behind our back is seen", drift),
    ("a lost answer is made good by doing it again", lost_answer),
    ("too many calls are told with their time", limited),
    ("what fails for now is told as passing, and passes", passing),
    ("a redirect is not followed", redirected),
];

const FIRST: &str = "the first value = long enough #1";
const SECOND: &str = "the second value, which is another";

fn given(stage: &Stage<'_>) -> bool {
    let beside = stage.world.beside();
    let claimed = stage.with(|target| target.claim());
    claimed.expect("nobody has it");
    for value in [FIRST, SECOND, FIRST] {
        stage.with(|target| target.check()).expect("it can be written");
        stage.deploy(value).expect("it is taken");
        assert_eq!(stage.world.holds().as_deref(), Some(value));
        let found = stage.with(|target| target.read_back()).expect("it can be asked");
        assert!(found.is_none_or(|found| found.expose() == value.as_bytes()));
        assert!(stage.with(|target| target.restarted()).expect("it can be asked"));
    }
    assert_eq!(stage.world.beside(), beside, "nothing else was touched");
    true
}

fn kept(stage: &Stage<'_>) -> bool {
    let settings = stage.world.settings(false);
    settings.judge().expect("they can be meant");
    let record = serde_json::to_string(&settings).expect("they can be kept");
    stage.no_values_in(&record);
    assert_eq!(serde_json::from_str::<Settings>(&record).expect("they come back"), settings);
    stage.no_values_in(&settings.address());
    assert_eq!(settings.needs_credential(), stage.world.credential().is_some());
    true
}

fn looking(stage: &Stage<'_>) -> bool {
    let before = (stage.world.holds(), stage.world.beside());
    stage.with(|target| target.claim()).expect("nobody has it");
    stage.with(|target| target.check()).expect("it can be written");
    stage.with(|target| target.read_back().map(drop)).expect("it can be asked");
    assert_eq!((stage.world.holds(), stage.world.beside()), before);
    true
}

fn twice(stage: &Stage<'_>) -> bool {
    let Some(before) = stage.world.count() else { return false };
    stage.deploy(FIRST).expect("it is taken");
    stage.deploy(FIRST).expect("it is taken again");
    assert_eq!(stage.world.count(), Some(before + 1));
    true
}

fn wrong_credential(stage: &Stage<'_>) -> bool {
    let Some(wrong) = stage.world.wrong_credential() else { return false };
    let before = stage.world.holds();
    let refused = |fault: Fault| {
        assert!(matches!(fault, Fault::Refused(_)), "{fault:?}");
        stage.no_values_in(&fault.to_string());
        assert!(!fault.to_string().contains(wrong.expose().as_str()));
    };
    match stage.world.settings(false).target(stage.means(Some(wrong.clone()))) {
        Err(fault) => refused(fault),
        Ok(target) => refused(target.deploy(&value(FIRST)).expect_err("nobody may")),
    }
    assert!(stage.world.settings(false).target(stage.means(None)).is_err(), "without one nothing begins");
    assert_eq!(stage.world.holds(), before);
    true
}

fn foreign(stage: &Stage<'_>) -> bool {
    if !stage.world.foreign("somebody else's") {
        return false;
    }
    let claim = stage.with(|target| target.claim()).expect_err("it is somebody else's");
    assert!(matches!(&claim, Fault::Refused(why) if why.contains("--adopt")), "{claim:?}");
    assert!(!claim.to_string().contains("somebody else's"));
    if stage.world.marks() {
        let refused = stage.deploy(FIRST).expect_err("it is somebody else's");
        assert!(matches!(refused, Fault::Refused(_)), "{refused:?}");
        assert!(matches!(stage.with(|target| target.check()), Err(Fault::Refused(_))));
    }
    assert_eq!(stage.world.holds().as_deref(), Some("somebody else's"));
    true
}

fn adopted(stage: &Stage<'_>) -> bool {
    if !stage.world.foreign("somebody else's") {
        return false;
    }
    let beside = stage.world.beside();
    let adopting = stage.world.settings(true);
    let target = adopting.target(stage.means(stage.world.credential())).expect("it can be reached");
    target.claim().expect("it is taken over");
    target.deploy(&value(FIRST)).expect("it is taken over");
    assert_eq!(stage.world.holds().as_deref(), Some(FIRST));
    assert_eq!(stage.world.beside(), beside);
    // From now on it is ours.
    stage.deploy(SECOND).expect("it is ours");
    assert_eq!(stage.world.holds().as_deref(), Some(SECOND));
    true
}

fn drift(stage: &Stage<'_>) -> bool {
    stage.deploy(FIRST).expect("it is taken");
    if stage.with(|target| target.read_back()).expect("it can be asked").is_none()
        || !stage.world.foreign("changed by hand")
    {
        return false;
    }
    let found = stage.with(|target| target.read_back()).expect("it can be asked");
    assert_eq!(found.map(|found| found.expose().clone()), Some(b"changed by hand".to_vec()));
    true
}

fn lost_answer(stage: &Stage<'_>) -> bool {
    stage.deploy(FIRST).expect("it is taken");
    let before = stage.world.count();
    if !stage.world.trouble(Trouble::LostAnswer) {
        return false;
    }
    let fault = stage.deploy(SECOND).expect_err("nobody was told");
    assert!(matches!(fault, Fault::Passing(_)), "{fault:?}");
    stage.deploy(SECOND).expect("doing it again is harmless");
    assert_eq!(stage.world.holds().as_deref(), Some(SECOND));
    assert_eq!(stage.world.count(), before.map(|before| before + 1), "it was done once");
    true
}

fn limited(stage: &Stage<'_>) -> bool {
    if !stage.world.trouble(Trouble::Limited(7)) {
        return false;
    }
    let fault = stage.deploy(FIRST).expect_err("it was not done");
    assert_eq!(fault, Fault::Limited(Duration::from_secs(7)));
    stage.deploy(FIRST).expect("later it is done");
    true
}

fn passing(stage: &Stage<'_>) -> bool {
    for trouble in [Trouble::Fails(503), Trouble::NeverArrives, Trouble::Slow(Duration::from_secs(2))] {
        if !stage.world.trouble(trouble) {
            return false;
        }
        let fault = stage.deploy(SECOND).expect_err("nobody was told");
        assert!(matches!(fault, Fault::Passing(_)), "{trouble:?}: {fault:?}");
        stage.deploy(SECOND).expect("it passes");
        assert_eq!(stage.world.holds().as_deref(), Some(SECOND));
        stage.deploy(FIRST).expect("it is taken");
    }
    true
}

fn redirected(stage: &Stage<'_>) -> bool {
    if !stage.world.trouble(Trouble::Redirects) {
        return false;
    }
    stage.deploy(FIRST).expect_err("a redirect is no answer");
    assert_ne!(stage.world.holds().as_deref(), Some(FIRST));
    true
}

/// A target in its world.
struct Stage<'a> {
    world: &'a dyn TargetWorld,
}

impl Stage<'_> {
    fn means(&self, credential: Option<Secret<String>>) -> Means<'static> {
        let http = self.world.http().at_most(Duration::from_secs(1));
        Means { http, clock: &Now, random: &Chance, credential, mark: "mzxw6ytboi2dgmrugu3tqmjqge".into() }
    }

    fn with<T>(&self, call: impl FnOnce(&dyn Target) -> Result<T, Fault>) -> Result<T, Fault> {
        let settings = self.world.settings(false);
        let target = settings.target(self.means(self.world.credential()))?;
        call(&*target).inspect_err(|fault| self.no_values_in(&fault.to_string()))
    }

    fn deploy(&self, text: &str) -> Result<(), Fault> {
        self.with(|target| target.deploy(&value(text)))
    }

    fn no_values_in(&self, text: &str) {
        let credential = self.world.credential().map(|credential| credential.expose().clone());
        for value in [Some(FIRST.to_owned()), Some(SECOND.to_owned()), credential].into_iter().flatten() {
            assert!(!text.contains(&value), "a value is told: {text}");
        }
    }
}

fn value(text: &str) -> Secret<Vec<u8>> {
    Secret::new("a value", text.as_bytes().to_vec())
}

fn secret(text: &str) -> Secret<String> {
    Secret::new("a value", text.to_owned())
}
