//! What every rotator has to keep, whatever its service: run over the world of each.

use std::time::{Duration, Instant};

use keyward_types::{Clock, Random, RandomError, Secret, Timestamp};
use keyward_upstream::{Chosen, Ctx, Fault, KeyId, LastUsed, Minted, Minting, Refusal, Rotator, Tag, Verdict};

use crate::doubles::Trouble;

/// A service with one key in it that is to be replaced, seen from within.
pub trait World {
    /// The administrative credential.
    fn admin(&self) -> Option<Secret<String>>;

    /// One that does not work; `None`: the service needs none.
    fn wrong_admin(&self) -> Option<Secret<String>> {
        Some(Secret::new("wrong", "nobody-has-this-one-0000".to_owned()))
    }

    /// The value that is to be replaced.
    fn current(&self) -> Secret<String>;

    /// What a person said of which key that is, where the service does not tell.
    fn said(&self) -> Option<KeyId> {
        None
    }

    /// Names of the keys that work.
    fn live(&self) -> Vec<String>;

    /// What a key may, as the service has it.
    fn permissions(&self, _id: &KeyId) -> Option<String> {
        None
    }

    /// A person makes a key of this name at the console, and brings it.
    fn by_hand(&self, _tag: &Tag) -> Option<Secret<String>> {
        None
    }

    /// The next call of this step goes wrong so; false: this world can make no trouble.
    fn trouble(&self, _step: Step, _trouble: Trouble) -> bool {
        false
    }

    /// Takes the last slot; false: there are no slots.
    fn fill(&self) -> bool {
        false
    }
}

/// Which call of a rotator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The first of `preflight`.
    Preflight,
    /// That by which a key is made.
    Mint,
    /// That of `probe`.
    Probe,
    /// That by which a key is ended.
    Retire,
}

/// Runs everything that applies, each case in a fresh world; gives the names of the cases.
///
/// # Panics
/// When the rotator does not keep what it has to.
pub fn rotator_conformance<W: World>(
    rotator: impl Fn(&W) -> Box<dyn Rotator>,
    fresh: impl Fn() -> W,
) -> Vec<&'static str> {
    let mut ran = Vec::new();
    for (name, case) in CASES {
        let world = fresh();
        let rotator = rotator(&world);
        let stage = Stage { rotator: &*rotator, world: &world };
        if case(&stage) {
            ran.push(*name);
        }
    }
    ran
}

/// A case; false: it does not apply.
type Case = fn(&Stage<'_>) -> bool;

const CASES: &[(&str, Case)] = &[
    ("the plan tells every step and no value", plan),
    ("a wrong admin credential changes nothing", wrong_admin),
    ("the new key works beside the old one, with the same permissions", overlap),
    ("the old key dies and the new one lives", retire),
    ("what is suspended comes back", suspend),
    ("a lost answer leaves no orphan", lost_answer),
    ("a slow answer leaves no orphan", slow_answer),
    ("a nonsense answer leaves no orphan", nonsense),
    ("a call that never arrived made nothing", never_arrived),
    ("a failure made nothing that is not found", failure),
    ("too many calls are told with their time", limited),
    ("a redirect is not followed", redirected),
    ("a lost answer of the end is made good by ending again", lost_end),
    ("no answer is no verdict", silent_probe),
    ("without a slot nothing is lost", no_slot),
];

fn plan(stage: &Stage<'_>) -> bool {
    let plan = stage.rotator.plan();
    assert!(plan.iter().any(|call| call.step == "mint"), "{plan:?}");
    let text = format!("{plan:?}");
    stage.no_values_in(&text);
    true
}

fn wrong_admin(stage: &Stage<'_>) -> bool {
    let Some(wrong) = stage.world.wrong_admin() else { return false };
    let before = stage.world.live();
    let current = stage.world.current();
    let known = stage.known();
    let ctx = stage.ctx(Some(&wrong), &current, known.as_ref());
    let refused = |fault: Option<Fault>, what: &str| match fault {
        Some(Fault::Refused(Refusal::Admin | Refusal::Permission, _)) => {}
        other => panic!("{what} with a wrong admin credential: {other:?}"),
    };
    refused(stage.rotator.preflight(&ctx).err(), "preflight");
    if stage.rotator.minting() != Minting::ByHand {
        let chosen = stage.chosen();
        refused(stage.rotator.mint(&ctx, &tag(1), chosen.as_ref()).err(), "mint");
    }
    assert_eq!(stage.world.live(), before);
    true
}

fn overlap(stage: &Stage<'_>) -> bool {
    let before = stage.world.live();
    let (old, new) = (stage.old(), stage.mint(&tag(1)));
    assert_ne!(new.value.expose(), stage.world.current().expose());
    assert_ne!(new.id, old);
    stage.until("the new key works", |verdict| verdict.is_alive(), &new.value);
    stage.until("the old key works too", |verdict| verdict.is_alive(), &stage.world.current());
    assert_eq!(stage.world.live().len(), before.len() + 1, "one key more");
    assert_eq!(stage.world.permissions(&new.id), stage.world.permissions(&old), "permissions");
    let identified = stage.with(|ctx| stage.rotator.identify(ctx, &new.value)).expect("it can be asked");
    assert!(identified.is_none() || identified == Some(new.id.clone()), "{identified:?} is not {}", new.id);
    let used = stage.with(|ctx| stage.rotator.last_used(ctx, &new.id)).expect("it can be asked");
    assert_ne!(used, LastUsed::Never, "it was used just now");
    true
}

fn retire(stage: &Stage<'_>) -> bool {
    let (old, new) = (stage.old(), stage.mint(&tag(1)));
    for _ in 0..2 {
        stage.with(|ctx| stage.rotator.retire(ctx, &old)).expect("ending twice is as good as once");
    }
    stage.until("the old key is dead", Verdict::is_dead, &stage.world.current());
    stage.until("the new key works", Verdict::is_alive, &new.value);
    true
}

fn suspend(stage: &Stage<'_>) -> bool {
    let old = stage.old();
    let current = stage.world.current();
    if !stage.rotator.is_reversible() {
        let refused = stage.with(|ctx| stage.rotator.suspend(ctx, &old));
        assert!(matches!(refused, Err(Fault::Refused(Refusal::Input, _))), "{refused:?}");
        stage.until("the old key works", Verdict::is_alive, &current);
        return false;
    }
    stage.mint(&tag(1));
    for _ in 0..2 {
        stage.with(|ctx| stage.rotator.suspend(ctx, &old)).expect("it is suspended");
    }
    stage.until("the old key is stopped", |verdict| !verdict.is_alive(), &current);
    for _ in 0..2 {
        stage.with(|ctx| stage.rotator.resume(ctx, &old)).expect("it is resumed");
    }
    stage.until("the old key works again", Verdict::is_alive, &current);
    true
}

fn lost_answer(stage: &Stage<'_>) -> bool {
    made_in_the_dark(stage, Trouble::LostAnswer)
}

fn slow_answer(stage: &Stage<'_>) -> bool {
    made_in_the_dark(stage, Trouble::Slow(Duration::from_secs(3)))
}

fn nonsense(stage: &Stage<'_>) -> bool {
    made_in_the_dark(stage, Trouble::Nonsense)
}

/// The key was made and nobody was told: it is found by its tag, and then read, or minted again, or
/// removed.
fn made_in_the_dark(stage: &Stage<'_>, trouble: Trouble) -> bool {
    if stage.rotator.minting() == Minting::ByHand || !stage.world.trouble(Step::Mint, trouble) {
        return false;
    }
    let before = stage.world.live().len();
    let (tag, chosen) = (tag(1), stage.chosen());
    let fault = stage.try_mint(&tag, chosen.as_ref()).expect_err("nobody was told");
    assert!(fault.may_have_happened(), "{fault:?}");
    if let Some(seconds) = stage.rotator.forgotten_ends_in() {
        assert!(seconds <= 3600, "nothing that nobody knows of lives for {seconds} s");
        stage.settled(&tag, 0);
        stage.until("it works", Verdict::is_alive, &stage.mint(&tag).value);
        assert_eq!(stage.world.live().len(), before + 2, "the one that nobody knows of ends by itself");
        stage.until("the old key works", Verdict::is_alive, &stage.world.current());
        return true;
    }
    let found = stage.settled(&tag, 1);
    match stage.rotator.minting() {
        Minting::Readable => {
            let value = stage.with(|ctx| stage.rotator.read(ctx, &found[0])).expect("it is read");
            stage.until("it works", Verdict::is_alive, &value);
        }
        Minting::Chosen => {
            let minted = stage.try_mint(&tag, chosen.as_ref()).expect("minting the same is harmless");
            assert_eq!(minted.id, found[0]);
            stage.until("it works", Verdict::is_alive, &minted.value);
        }
        _ => {
            for orphan in &found {
                stage.with(|ctx| stage.rotator.retire(ctx, orphan)).expect("an orphan is removed");
            }
            stage.settled(&tag, 0);
            assert_eq!(stage.world.live().len(), before, "no orphan is left");
            let minted = stage.mint(&tag);
            stage.until("it works", Verdict::is_alive, &minted.value);
        }
    }
    assert_eq!(stage.world.live().len(), before + 1);
    stage.until("the old key works", Verdict::is_alive, &stage.world.current());
    true
}

fn never_arrived(stage: &Stage<'_>) -> bool {
    made_nothing(stage, Trouble::NeverArrives)
}

fn failure(stage: &Stage<'_>) -> bool {
    made_nothing(stage, Trouble::Fails(503))
}

fn made_nothing(stage: &Stage<'_>, trouble: Trouble) -> bool {
    if stage.rotator.minting() == Minting::ByHand || !stage.world.trouble(Step::Mint, trouble) {
        return false;
    }
    let before = stage.world.live();
    let chosen = stage.chosen();
    let fault = stage.try_mint(&tag(1), chosen.as_ref()).expect_err("it was not made");
    assert!(fault.may_have_happened(), "it cannot know: {fault:?}");
    stage.settled(&tag(1), 0);
    assert_eq!(stage.world.live(), before);
    stage.until("it works", Verdict::is_alive, &stage.mint(&tag(1)).value);
    true
}

fn limited(stage: &Stage<'_>) -> bool {
    if stage.rotator.minting() == Minting::ByHand || !stage.world.trouble(Step::Mint, Trouble::Limited(7)) {
        return false;
    }
    let before = stage.world.live();
    let chosen = stage.chosen();
    let fault = stage.try_mint(&tag(1), chosen.as_ref()).expect_err("it was not made");
    assert_eq!(fault, Fault::Limited(Some(Duration::from_secs(7))));
    assert_eq!(stage.world.live(), before);
    true
}

fn redirected(stage: &Stage<'_>) -> bool {
    if stage.rotator.minting() == Minting::ByHand || !stage.world.trouble(Step::Mint, Trouble::Redirects) {
        return false;
    }
    let chosen = stage.chosen();
    let fault = stage.try_mint(&tag(1), chosen.as_ref()).expect_err("a redirect is no answer");
    assert!(matches!(fault, Fault::Nonsense(_)), "{fault:?}");
    true
}

fn lost_end(stage: &Stage<'_>) -> bool {
    let old = stage.old();
    stage.mint(&tag(1));
    if !stage.world.trouble(Step::Retire, Trouble::LostAnswer) {
        return false;
    }
    let fault = stage.with(|ctx| stage.rotator.retire(ctx, &old)).expect_err("nobody was told");
    assert!(fault.is_passing(), "{fault:?}");
    stage.no_values_in(&fault.to_string());
    stage.with(|ctx| stage.rotator.retire(ctx, &old)).expect("ending again is harmless");
    stage.until("the old key is dead", Verdict::is_dead, &stage.world.current());
    true
}

fn silent_probe(stage: &Stage<'_>) -> bool {
    let mut applies = false;
    for trouble in
        [Trouble::NeverArrives, Trouble::Fails(502), Trouble::Limited(1), Trouble::Nonsense, Trouble::Redirects]
    {
        if !stage.world.trouble(Step::Probe, trouble) {
            return applies;
        }
        applies = true;
        match stage.with(|ctx| stage.rotator.probe(ctx, &stage.world.current())) {
            Err(fault) => stage.no_values_in(&fault.to_string()),
            Ok(verdict) => {
                stage.no_values_in(&verdict.why);
                assert!(!verdict.is_dead(), "{trouble:?} says nothing: {verdict:?}");
            }
        }
    }
    applies
}

fn no_slot(stage: &Stage<'_>) -> bool {
    if !stage.world.fill() {
        return false;
    }
    let before = stage.world.live();
    let preflight = stage.preflight();
    let slots = preflight.slots.expect("there are slots");
    assert_eq!(slots.used, slots.of);
    assert!(!preflight.warnings.is_empty());
    let fault = stage.try_mint(&tag(1), None).expect_err("there is no slot");
    assert!(matches!(fault, Fault::Refused(Refusal::Slots, _)), "{fault:?}");
    assert_eq!(stage.world.live(), before);
    true
}

/// A rotator in its world.
struct Stage<'a> {
    rotator: &'a dyn Rotator,
    world: &'a dyn World,
}

/// How long a service may take to settle here.
const PATIENCE: Duration = Duration::from_secs(10);

impl<'a> Stage<'a> {
    fn ctx<'b>(
        &self,
        admin: Option<&'b Secret<String>>,
        current: &'b Secret<String>,
        known: Option<&'b KeyId>,
    ) -> Ctx<'b> {
        Ctx { admin, current: Some(current), replaces: known, clock: &Now, random: &Chance }
    }

    fn with<T>(&self, call: impl FnOnce(&Ctx<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let (admin, current, known) = (self.world.admin(), self.world.current(), self.known());
        call(&self.ctx(admin.as_ref(), &current, known.as_ref()))
    }

    fn preflight(&self) -> keyward_upstream::Preflight {
        let (admin, current, said) = (self.world.admin(), self.world.current(), self.world.said());
        self.rotator.preflight(&self.ctx(admin.as_ref(), &current, said.as_ref())).expect("all is well")
    }

    /// Which key is replaced: what the service tells, or what a person said.
    fn known(&self) -> Option<KeyId> {
        self.preflight().current.or_else(|| self.world.said())
    }

    fn old(&self) -> KeyId {
        self.known().expect("which key is replaced is known")
    }

    fn chosen(&self) -> Option<Chosen> {
        let chosen = self.with(|ctx| self.rotator.choose(ctx, &tag(1))).expect("a value can be chosen");
        assert_eq!(chosen.is_some(), self.rotator.minting() == Minting::Chosen);
        chosen
    }

    fn try_mint(&self, tag: &Tag, chosen: Option<&Chosen>) -> Result<Minted, Fault> {
        self.with(|ctx| self.rotator.mint(ctx, tag, chosen)).inspect_err(|fault| {
            self.no_values_in(&format!("{fault} {fault:?}"));
            if let Some(chosen) = chosen {
                assert!(!fault.to_string().contains(chosen.value.expose().as_str()));
            }
        })
    }

    fn mint(&self, tag: &Tag) -> Minted {
        if self.rotator.minting() == Minting::ByHand {
            let told = self.try_mint(tag, None).expect_err("a person does it");
            assert!(matches!(&told, Fault::Refused(Refusal::ByHand, how) if how.contains("https://")), "{told:?}");
            let value = self.world.by_hand(tag).expect("a person can");
            let id = self.with(|ctx| self.rotator.identify(ctx, &value)).expect("it can be asked");
            return Minted { value, id: id.expect("which key it is is told"), expires: None };
        }
        let chosen = self.chosen();
        self.try_mint(tag, chosen.as_ref()).expect("a key is made")
    }

    /// Keys of a tag, once there are so many.
    fn settled(&self, tag: &Tag, count: usize) -> Vec<KeyId> {
        let start = Instant::now();
        loop {
            let found = self.with(|ctx| self.rotator.find(ctx, tag)).expect("it can be looked for");
            if found.len() == count {
                return found.into_iter().map(|one| one.id).collect();
            }
            assert!(start.elapsed() < PATIENCE, "{} instead of {count} keys of {tag}", found.len());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn until(&self, what: &str, is_so: impl Fn(&Verdict) -> bool, value: &Secret<String>) {
        let start = Instant::now();
        loop {
            let verdict = self.with(|ctx| self.rotator.probe(ctx, value)).expect("it can be asked");
            if is_so(&verdict) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{what}: {verdict:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn no_values_in(&self, text: &str) {
        for value in [self.world.admin(), Some(self.world.current())].into_iter().flatten() {
            assert!(!text.contains(value.expose().as_str()), "a value is told");
        }
    }
}

fn tag(number: u32) -> Tag {
    format!("kw-{number:08}").parse().expect("it is one")
}

/// The real time: signatures are good for minutes.
pub struct Now;

impl Clock for Now {
    #[allow(clippy::disallowed_methods)] // Services compare signatures with the real time.
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// The real randomness.
pub struct Chance;

impl Random for Chance {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(bytes).map_err(|error| RandomError(error.to_string()))
    }
}
