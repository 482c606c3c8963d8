//! One schedule: who leads, what breaks when, what a person wants; and what must hold.

use std::collections::BTreeMap;

use keyward_lifecycle::rotation::{
    Answer, Call, Effect, Event, Evidence, Failure, Holder, Minting, OldKey, Overlap, Phase, Policy, Reason, State,
    Use, What, Which, Wish, next,
};
use keyward_testing::Seed;
use keyward_types::Timestamp;

use crate::world::{OLD, Version, World};

/// What happened in schedules, to be added up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tale([u64; Tale::WORDS.len()]);

impl Tale {
    const WORDS: [&'static str; 12] = [
        "schedules",
        "calls",
        "crashes",
        "leaders that acted after they were replaced",
        "writes refused to a replaced leader",
        "faults before a call was done",
        "faults after a call was done",
        "clock jumps",
        "keys that were made and not answered for",
        "rotations done",
        "rotations undone",
        "times a person was needed",
    ];

    fn count(&mut self, word: &str) {
        let place = Self::WORDS.iter().position(|known| *known == word).expect("a known word");
        self.0[place] += 1;
    }

    pub(crate) fn and(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }

    pub(crate) fn facts(&self) -> Vec<(&'static str, u64)> {
        Self::WORDS.into_iter().zip(self.0).collect()
    }
}

/// What a leader changes in the vault together with the row.
#[derive(Clone, Copy, Debug)]
enum Local {
    Nothing,
    Seal(u64),
    Promote,
    Discard,
}

pub(crate) struct Run {
    seed: Seed,
    number: u64,
    world: World,
    policy: Policy,
    /// The row in the store, and how often it was written.
    row: (State, u64),
    /// What the leader has of it, and a call that it is to make.
    mine: (State, u64),
    call: Option<Call>,
    chaos: bool,
    /// Calls of leaders that were replaced, on their way still.
    zombies: Vec<Call>,
    ended_by_hand: bool,
    lets_end: bool,
    looked: Option<(i64, Option<i64>, bool)>,
    quiet_since: Option<i64>,
    tale: Tale,
}

/// After so many steps a schedule has to have ended.
const STEPS: usize = 4000;

impl Run {
    pub(crate) fn new(mut seed: Seed, number: u64) -> Self {
        let world = World::new(&mut seed);
        let hour = 3_600_000;
        let mut policy = Policy { soak: 2 * hour, suspended: hour, observes: 12 * hour, ..Policy::routine() };
        match seed.below(6) {
            0 => policy = Policy { contracts: seed.once_in(2), ..Policy::emergency() },
            1 => policy.kill_first = true,
            _ => {}
        }
        let targets = (0..world.targets.len()).map(|i| (format!("t{i}"), !seed.once_in(4))).collect::<Vec<_>>();
        let state = State::new(world.shape, targets);
        let row = (state, 0);
        Self {
            mine: row.clone(),
            row,
            seed,
            number,
            world,
            policy,
            call: None,
            chaos: true,
            zombies: Vec::new(),
            ended_by_hand: false,
            lets_end: false,
            looked: None,
            quiet_since: None,
            tale: Tale::default(),
        }
    }

    /// Plays it to its end.
    pub(crate) fn tell(mut self) -> Tale {
        self.tale.count("schedules");
        let calm_after = 20 + self.seed.below(150);
        for step in 0..STEPS {
            self.chaos = step < calm_after;
            if self.row.0.is_over() && self.zombies.is_empty() {
                self.ends_well();
                return self.tale;
            }
            self.disturb();
            self.zombie();
            self.lead();
            self.holds();
        }
        self.broken("it does not end");
    }

    fn disturb(&mut self) {
        if !self.chaos {
            return self.person();
        }
        if self.seed.once_in(40) {
            self.tale.count("clock jumps");
            self.world.skew += (self.seed.below(5 * 86_400_000) as i64) - 2 * 86_400_000;
            self.world.jumped = true;
        }
        if self.seed.once_in(25) {
            self.replace_leader();
        }
        if self.seed.once_in(30) {
            let wish = *self.seed.choose(&[Wish::Resume, Wish::Abort, Wish::Abort, Wish::Resume]);
            self.wish(wish);
        }
        if self.seed.once_in(10) {
            self.person();
        }
    }

    /// The leader ends, or is paused and thinks that it leads still. The next one waits until every call
    /// of his must have ended.
    fn replace_leader(&mut self) {
        let paused = self.seed.once_in(2);
        match self.call.take() {
            Some(call) if paused => self.zombies.push(call),
            // It is not known whether it was made.
            Some(call) if self.seed.once_in(2) => drop(self.perform(&call)),
            _ => {}
        }
        self.tale.count("crashes");
        // A late call of his reaches the outside before the wait of the next one ends.
        while !self.zombies.is_empty() && !self.seed.once_in(6) {
            self.zombie_acts();
        }
        self.world.pass(self.policy.call);
        let before = self.row.clone();
        self.row.1 += 1; // The epoch.
        if paused {
            assert!(!self.write(before.1, before.0, Local::Nothing), "a replaced leader wrote");
            self.tale.count("writes refused to a replaced leader");
        }
        self.mine = self.row.clone();
        self.event(What::Taken);
    }

    fn zombie(&mut self) {
        if !self.zombies.is_empty() && (self.seed.once_in(3) || self.row.0.phase >= Phase::Suspended) {
            self.zombie_acts();
        }
    }

    fn zombie_acts(&mut self) {
        let call = self.zombies.remove(0);
        self.tale.count("leaders that acted after they were replaced");
        // Its deadline for what cannot be taken back is the call's own; the provider may be slow.
        if matches!(call, Call::Mint) && self.world.shape.minting == Minting::Once {
            drop(self.perform(&call));
        }
    }

    fn lead(&mut self) {
        match self.call.take() {
            Some(call) => self.carry_out(&call),
            None => self.event(What::Tick),
        }
    }

    fn carry_out(&mut self, call: &Call) {
        self.tale.count("calls");
        self.world.pass(1 + self.seed.below(2000) as i64);
        let fault = self.chaos && self.seed.once_in(6);
        if fault && self.seed.once_in(2) {
            self.tale.count("faults before a call was done");
            let failure = match self.seed.below(5) {
                0 => Failure::Ambiguous("broken".into()),
                1 => Failure::Passing("429".into(), Some(self.seed.below(100_000) as u64)),
                2 if self.seed.once_in(4) => Failure::Refused("admin".into()),
                _ => Failure::Passing("unreachable".into(), None),
            };
            return self.answer(Err(failure), Local::Nothing);
        }
        let (answer, local) = self.perform(call);
        let is_local = matches!(call, Call::Choose | Call::Promote | Call::Discard | Call::Contract | Call::Look);
        if fault && !is_local {
            self.tale.count("faults after a call was done");
            if *call == Call::Mint {
                self.tale.count("keys that were made and not answered for");
            }
            return self.answer(Err(Failure::Ambiguous("lost".into())), Local::Nothing);
        }
        self.answer(answer, local);
    }

    fn answer(&mut self, answer: Result<Answer, Failure>, local: Local) {
        self.transition(What::Answer(answer), local);
    }

    fn event(&mut self, what: What) {
        self.transition(what, Local::Nothing);
    }

    fn transition(&mut self, what: What, local: Local) {
        let event = Event { at: Timestamp(self.world.clock()), roll: self.seed.bits() as u32, what };
        let (state, effects) = next(self.mine.0.clone(), &event, &self.policy);
        // A crash here loses the answer with whatever it brought.
        if self.chaos && self.seed.once_in(40) {
            return self.replace_leader();
        }
        let generation = self.mine.1;
        if !self.write(generation, state, local) {
            return self.replace_leader();
        }
        self.mine = self.row.clone();
        for effect in effects {
            match effect {
                Effect::Call(call) => self.call = Some(call),
                Effect::Wait(until) => {
                    let wait = until.0 - self.world.clock();
                    self.world.pass(wait.clamp(1000, 86_400_000) + self.seed.below(500) as i64);
                }
                Effect::Alert(..) => self.tale.count("times a person was needed"),
                Effect::Ended => {}
            }
        }
    }

    /// The row and what belongs to it, together or not at all; never by who is not the last who read it.
    fn write(&mut self, generation: u64, state: State, local: Local) -> bool {
        if generation != self.row.1 {
            return false;
        }
        match local {
            Local::Nothing => {}
            Local::Seal(value) => {
                self.world.versions.push(Version { value, discarded: false });
                self.world.pending = Some(self.world.versions.len() - 1);
            }
            Local::Promote => self.world.active = self.world.pending.expect("sealed"),
            Local::Discard => {
                let pending = self.world.pending.take().expect("sealed");
                assert!(pending != self.world.active, "schedule {}: the active version was put away", self.number);
                self.world.versions[pending].discarded = true;
            }
        }
        self.row = (state, generation + 1);
        true
    }

    fn perform(&mut self, call: &Call) -> (Result<Answer, Failure>, Local) {
        let done = (Ok(Answer::Done), Local::Nothing);
        let pending = self.world.pending.map(|pending| self.world.versions[pending].value);
        match call {
            Call::Check(_) => done,
            Call::Preflight => {
                let known = self.world.shape.overlap != Overlap::ManyKeys || !self.number.is_multiple_of(7);
                (Ok(Answer::Ready(known.then(|| OLD.into()))), Local::Nothing)
            }
            Call::Choose => {
                let key = if self.world.shape.overlap == Overlap::TwoSlots { "other" } else { OLD };
                let value = self.world.fresh();
                (Ok(Answer::Sealed(Some(key.into()))), Local::Seal(value))
            }
            Call::Contract => match self.seed.once_in(4) {
                true => (Ok(Answer::Nothing), Local::Nothing),
                false => {
                    let value = self.world.fresh();
                    (Ok(Answer::Sealed(None)), Local::Seal(value))
                }
            },
            Call::Mint if self.world.shape.minting == Minting::ByHand => {
                (Err(Failure::ByHand("at the console".into())), Local::Nothing)
            }
            Call::Mint => match self.world.mint(&mut self.seed) {
                None => (Err(Failure::NoRoom("two slots".into())), Local::Nothing),
                Some((id, value)) => {
                    let seals = self.world.shape.minting != Minting::Chosen;
                    (Ok(Answer::Minted(Some(id))), if seals { Local::Seal(value) } else { Local::Nothing })
                }
            },
            Call::Adopt(id) => match self.world.key(id).filter(|key| key.alive).map(|key| key.value) {
                Some(value) => (Ok(Answer::Minted(Some(id.clone()))), Local::Seal(value)),
                None => (Err(Failure::Missing("gone".into())), Local::Nothing),
            },
            Call::Find => (Ok(Answer::Found(self.world.found())), Local::Nothing),
            Call::Remove(id) => {
                self.removes(id);
                if let Some(key) = self.world.key(id) {
                    key.alive = false;
                }
                done
            }
            Call::Probe(which) => {
                let value = if *which == Which::New { pending.expect("sealed") } else { self.world.old };
                let verdict = if self.world.is_known(value) { Answer::Alive } else { Answer::Dead };
                (Ok(verdict), Local::Nothing)
            }
            Call::Deploy(i) => {
                let value = pending.expect("a target is given what is sealed");
                self.world.targets[*i] = value;
                done
            }
            Call::Confirm(i) => {
                let has = Some(self.world.targets[*i]) == pending;
                (Ok(if has { Answer::Confirmed } else { Answer::Differs }), Local::Nothing)
            }
            Call::Promote => (Ok(Answer::Done), Local::Promote),
            Call::Look => (Ok(Answer::Seen(self.look())), Local::Nothing),
            Call::Suspend | Call::Retire => {
                self.ends_old(call);
                if self.world.shape.minting == Minting::ByHand {
                    return (Err(Failure::ByHand("at the console".into())), Local::Nothing);
                }
                let key = self.world.key(OLD).expect("it stays");
                match call {
                    Call::Suspend => key.suspended = true,
                    _ => key.alive = false,
                }
                done
            }
            Call::Resume => {
                self.world.key(OLD).expect("it stays").suspended = false;
                done
            }
            Call::Recall(i) => {
                self.world.targets[*i] = self.world.old;
                done
            }
            Call::ConfirmOld(i) => {
                let has = self.world.targets[*i] == self.world.old;
                (Ok(if has { Answer::Confirmed } else { Answer::Differs }), Local::Nothing)
            }
            Call::Discard => (Ok(Answer::Done), if pending.is_some() { Local::Discard } else { Local::Nothing }),
        }
    }

    fn look(&mut self) -> Evidence {
        let used = self.world.keys[0].used;
        let held = self.world.held_until > self.world.now;
        let same = self.looked.is_some_and(|(_, before, _)| before == used);
        if !same {
            self.quiet_since = Some(self.world.now);
        }
        self.looked = Some((self.world.now, used, held));
        let holders = if held { vec![Holder { who: "ann (run)".into() }] } else { Vec::new() };
        let used = used.map_or(Use::Never, |used| Use::At(Timestamp(used)));
        Evidence { holders, at_gateway: false, calls: BTreeMap::new(), used, users: Vec::new(), over: false }
    }

    /// A person who does what he is asked.
    fn person(&mut self) {
        let Some(reason) = self.row.0.stuck.as_ref().map(|stuck| stuck.reason) else { return };
        match reason {
            Reason::Bring => {
                if let Some((_, value)) = self.world.mint(&mut self.seed) {
                    let key = self.world.keys.last_mut().expect("just made");
                    key.tagged = false;
                    let (state, generation) = self.row.clone();
                    self.call = None;
                    self.write(generation, state, Local::Seal(value));
                    self.wish(Wish::Brought);
                }
            }
            Reason::End | Reason::OldUnknown => {
                self.world.keys[0].alive = false;
                self.ended_by_hand = true;
                self.wish(Wish::Approve);
            }
            Reason::StillUsed => {
                // He waits for them, or lets it end under them.
                if self.seed.once_in(8) && !self.chaos {
                    self.lets_end = true;
                    self.wish(Wish::Approve);
                }
            }
            Reason::NewIsNarrow | Reason::MayBeLost => self.wish(Wish::Approve),
            Reason::NewIsDead if self.row.0.can_abort() => self.wish(Wish::Abort),
            _ => self.wish(Wish::Resume),
        }
    }

    fn wish(&mut self, wish: Wish) {
        // A command reads the row, and writes it as anybody does: the leader reads it anew.
        let event = Event { at: Timestamp(self.world.clock()), roll: 0, what: What::Wish(wish) };
        let (state, effects) = next(self.row.0.clone(), &event, &self.policy);
        let generation = self.row.1;
        self.write(generation, state, Local::Nothing);
        self.mine = self.row.clone();
        let begun =
            effects.into_iter().find_map(|effect| if let Effect::Call(call) = effect { Some(call) } else { None });
        self.call = begun.or(self.call.take());
    }

    /// What holds after every step.
    fn holds(&mut self) {
        let by_design = self.policy.kill_first || self.ended_by_hand;
        let rolled_out = self.world.keys[0].ends.is_some_and(|ends| ends <= self.world.now);
        if !self.world.is_safe() && !by_design && !rolled_out {
            self.broken("no working value is durable");
        }
        let state = &self.row.0;
        for (i, value) in self.world.targets.iter().enumerate() {
            let left_out = !state.targets[i].required || self.world.shape.overlap == Overlap::InPlace;
            if !self.world.works(*value) && !by_design && !rolled_out && !left_out {
                self.broken("a target was locked out");
            }
            if !self.world.versions.iter().any(|version| version.value == *value) {
                self.broken("a target has a value that is not durable");
            }
        }
    }

    /// The old key may end now.
    fn ends_old(&mut self, call: &Call) {
        if self.policy.kill_first || self.lets_end || self.row.0.old_is != OldKey::Alive {
            return;
        }
        let pending = self.world.pending.map(|pending| self.world.versions[pending].value);
        for (i, value) in self.world.targets.iter().enumerate() {
            if self.row.0.targets[i].required && Some(*value) != pending {
                self.broken("the old key ended before a target had the new one");
            }
        }
        if !pending.is_some_and(|value| self.world.works(value)) {
            self.broken("the old key ended and the new one does not work");
        }
        let Some((at, used, held)) = self.looked else { self.broken(&format!("{} without a look", call.as_str())) };
        if held && !self.policy.passes_holders {
            self.broken("the old key ended although somebody held it");
        }
        let quiet = at - self.quiet_since.unwrap_or(at);
        if !self.world.jumped && quiet < self.policy.soak {
            self.broken("the old key ended before it had been silent for long enough");
        }
        let _ = used;
    }

    /// A key of this rotation may go now.
    fn removes(&self, id: &str) {
        if id == OLD {
            self.broken("the old key was taken for an orphan");
        }
        let key = self.world.keys.iter().find(|key| key.id == id);
        let used = |value: u64| {
            let active = self.world.versions[self.world.active].value == value;
            active || self.world.targets.iter().zip(&self.row.0.targets).any(|(has, t)| *has == value && t.required)
        };
        if key.is_some_and(|key| used(key.value)) {
            self.broken("a key in use was taken for an orphan");
        }
    }

    /// What holds at the end.
    fn ends_well(&mut self) {
        let state = &self.row.0;
        let active = self.world.versions[self.world.active].value;
        if !self.world.works(active) {
            self.broken("the active value does not work");
        }
        let left = |key: &&crate::world::Key| key.tagged && key.alive && key.value != active;
        if self.world.keys.iter().any(|key| left(&key)) {
            self.broken("a key was left behind at the provider");
        }
        if self.world.targets.iter().zip(&state.targets).any(|(value, target)| target.required && *value != active) {
            self.broken("a target does not have the active value");
        }
        let old_works = self.world.shape.asks && self.world.works(self.world.old);
        match state.phase {
            Phase::Done if old_works => self.broken("the old value works still"),
            Phase::RolledBack if active != self.world.old => self.broken("undone, and the new value is active"),
            Phase::Done => self.tale.count("rotations done"),
            _ => self.tale.count("rotations undone"),
        }
    }

    fn broken(&self, what: &str) -> ! {
        panic!(
            "schedule {} of this seed: {what}\nrow: {:?}\nworld: {:?}\npolicy: {:?}",
            self.number, self.row, self.world, self.policy
        );
    }
}
