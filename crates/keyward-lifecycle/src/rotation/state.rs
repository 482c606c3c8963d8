//! How far a rotation is: all that has to be known to go on with it, in this process or another.

use std::collections::BTreeMap;

use keyward_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Call, Use, Wish};

/// A rotation under way. It names keys at a provider and targets; it has no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What has been reached.
    pub phase: Phase,
    /// What the service can do.
    pub shape: Shape,
    /// What was begun, and since when. It may have been done or not until it is answered.
    pub doing: Option<(Call, Timestamp)>,
    /// The successor.
    pub candidate: Option<Candidate>,
    /// How many candidates there have been.
    pub candidates: u32,
    /// The provider's name of the key that is replaced, once it is known.
    pub old: Option<String>,
    /// Whether that key was stopped, or ended.
    pub old_is: OldKey,
    /// Whether anybody has begun to stop or end it: nobody may rely on it then.
    pub ending: bool,
    /// Keys of this rotation at the provider that have to go.
    pub orphans: Vec<String>,
    /// Since when a key may have been made; `None`: never.
    pub minted_at: Option<Timestamp>,
    /// Whether it was ever unknown if a key was made.
    pub doubted: bool,
    /// The time since then in which things settle.
    pub settling: Lull,
    /// Whether the pending version is to be put away for another one.
    pub discards: bool,
    /// Whether the list at the provider was clean after everything had settled.
    pub swept: bool,
    /// Whether the candidate is the active version.
    pub promoted: bool,
    /// Whether the candidate was seen to work just before the old key ends.
    pub healthy: bool,
    /// Whether the old value was seen to be dead.
    pub proven: bool,
    /// Whether it is the second round of a keyring: the predecessors are dropped.
    pub contracting: bool,
    /// Where the value goes.
    pub targets: Vec<Target>,
    /// How the old value was watched.
    pub soak: Soak,
    /// How often the present step has failed.
    pub tries: u32,
    /// How often anything has failed, for the one alert that counts them.
    pub failures: u32,
    /// Before that nothing is tried.
    pub not_before: Option<Timestamp>,
    /// Why it does not go on by itself.
    pub stuck: Option<Stuck>,
    /// Somebody wants it undone.
    pub abort: bool,
    /// A person has looked at who needs the old value, and lets it end.
    pub approved: bool,
    /// A person takes the risk that the new value is lost with an answer.
    pub may_lose: bool,
    /// Nothing succeeds it: the key is stopped where that can be taken back, and ended.
    #[serde(default)]
    pub revokes: bool,
}

/// What has been reached, in the words of records and lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It is on record.
    Planned,
    /// Targets and provider were looked at; nothing was changed.
    Preflight,
    /// A key is about to be made.
    Intent,
    /// It may have been made: it is looked for.
    Ambiguous,
    /// It was made, and its value is sealed here.
    Minted,
    /// It works.
    Tested,
    /// It is labelled `pending` and goes to the targets.
    Staged,
    /// Every target was given it.
    Deployed,
    /// Every target that counts has it.
    Confirmed,
    /// It is the active version.
    Promoted,
    /// The old one is watched.
    Observing,
    /// The old one is stopped and can be started again.
    Suspended,
    /// The old one is ended.
    Retired,
    /// Nothing is left to do.
    Done,
    /// It is being undone.
    Aborting,
    /// It was undone.
    RolledBack,
}

/// What a service can do with keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// How old and new overlap.
    pub overlap: Overlap,
    /// How a value comes into the world.
    pub minting: Minting,
    /// Whether a key can be stopped and started again.
    pub reversible: bool,
    /// Whether there is anybody to ask whether a value works.
    pub asks: bool,
    /// Seconds until a change is seen everywhere.
    pub settles: u32,
}

/// The overlap classes of the fact sheets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overlap {
    /// A: many keys side by side.
    ManyKeys,
    /// B: two slots.
    TwoSlots,
    /// C: the service rolls the key and ends the old one after a while.
    GraceRoll,
    /// D: replaced in place; the old value is dead at once.
    InPlace,
    /// E: a signing or encryption secret; the new value carries its predecessors along.
    Keyring,
    /// F: a person at a console.
    Console,
}

/// How a value comes into the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Minting {
    /// We choose it; minting the same twice is harmless.
    Chosen,
    /// The provider makes it, and shows it again when asked.
    Readable,
    /// The provider makes it, and shows it once.
    Once,
    /// A person makes it and brings it.
    ByHand,
}

/// The successor, as far as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The provider's name of it.
    pub key: Option<String>,
    /// Whether its value is durable here.
    pub sealed: bool,
    /// Whether the provider has it, as far as it said so.
    pub minted: bool,
}

/// What became of the key that is replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OldKey {
    /// It works.
    #[default]
    Alive,
    /// It was stopped and can be started again.
    Suspended,
    /// It was ended.
    Ended,
}

/// A place that the value goes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// What it is called.
    pub id: String,
    /// Whether the old value lives until this target has the new one.
    pub required: bool,
    /// How far it is.
    pub state: TargetState,
    /// Whether it may have been given anything, so that undoing has to take it back.
    pub touched: bool,
    /// How often it has failed in this state.
    pub tries: u32,
    /// Before that it is not tried.
    pub not_before: Option<Timestamp>,
    /// Why it failed the last time.
    pub fault: Option<String>,
}

/// How far a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetState {
    /// Nothing is known of it.
    Unchecked,
    /// It can be written; it has the old value.
    Ready,
    /// It was given the new value.
    Sent,
    /// It has the new value, by the proof that it asks for.
    Confirmed,
    /// Confirmed, and seen to have it still just before the old value ends.
    Rechecked,
    /// It is not required and was given up.
    GivenUp,
    /// While undoing: it was given the old value back.
    Recalled,
    /// While undoing: it has the old value.
    Restored,
}

/// How the old value was watched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Soak {
    /// The time without use.
    pub quiet: Lull,
    /// When it was first looked.
    pub first: Option<Timestamp>,
    /// What the provider said of its use then.
    pub used: Option<Use>,
    /// How often gateways had applied it then.
    #[serde(default)]
    pub calls: Option<BTreeMap<String, u64>>,
    /// Who held or used it the last time it was looked.
    pub holders: Vec<String>,
    /// Whether all is quiet: what is left is to see that the new one is well.
    pub over: bool,
    /// The time for which the old key has been stopped.
    pub stopped: Lull,
    /// Whether somebody missed it while it was stopped.
    pub missed: bool,
}

/// Time that counts. A clock that jumps adds a quarter of what is waited for at most, and one that is
/// set back takes nothing away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lull {
    /// Milliseconds that count.
    pub counted: i64,
    /// When it was last looked.
    pub last: Option<Timestamp>,
}

impl Lull {
    pub(super) fn pass(&mut self, at: Timestamp, of: i64) {
        let since = self.last.map_or(0, |last| at.0.saturating_sub(last.0));
        self.counted = self.counted.saturating_add(since.clamp(0, Self::most(of)));
        self.last = Some(at);
    }

    pub(super) const fn is_over(&self, of: i64) -> bool {
        self.counted >= of
    }

    /// When looking again is worth it.
    pub(super) fn again(&self, of: i64) -> Timestamp {
        let last = self.last.unwrap_or(Timestamp(0));
        let left = of.saturating_sub(self.counted).clamp(1, Self::most(of));
        Timestamp(last.0.saturating_add(left))
    }

    fn most(of: i64) -> i64 {
        (of / 4).max(1)
    }
}

/// Why a rotation does not go on by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuck {
    /// What kind of reason.
    pub reason: Reason,
    /// In words.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
}

/// What a rotation waits for a person about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The provider, or a target, cannot be reached or does not answer well. It is tried again.
    NotReached,
    /// The provider or a target refused.
    Refused,
    /// The old value is used or held still. It is looked again.
    StillUsed,
    /// New keys do not work.
    NewIsDead,
    /// The new key works and may do less than it should.
    NewIsNarrow,
    /// The old value lives although its key was ended.
    OldLives,
    /// The provider does not say which key the old one is.
    OldUnknown,
    /// Replacing it in place may lose it: the provider shows the new value once.
    MayBeLost,
    /// A person has to make the new key and bring it.
    Bring,
    /// A person has to end the old key. It is looked whether he has.
    End,
}

impl Reason {
    /// Whether time alone may mend it, so that it is tried again.
    pub(super) const fn is_looked_at_again(self) -> bool {
        matches!(self, Self::NotReached | Self::StillUsed | Self::End)
    }
}

impl State {
    /// A rotation that was just asked for.
    pub fn new(shape: Shape, targets: impl IntoIterator<Item = (String, bool)>) -> Self {
        let target = |(id, required)| Target {
            id,
            required,
            state: TargetState::Unchecked,
            touched: false,
            tries: 0,
            not_before: None,
            fault: None,
        };
        Self {
            phase: Phase::Planned,
            shape,
            doing: None,
            candidate: None,
            candidates: 0,
            old: None,
            old_is: OldKey::Alive,
            ending: false,
            orphans: Vec::new(),
            minted_at: None,
            doubted: false,
            settling: Lull::default(),
            discards: false,
            swept: false,
            promoted: false,
            healthy: false,
            proven: false,
            contracting: false,
            targets: targets.into_iter().map(target).collect(),
            soak: Soak::default(),
            tries: 0,
            failures: 0,
            not_before: None,
            stuck: None,
            abort: false,
            approved: false,
            may_lose: false,
            revokes: false,
        }
    }

    /// A key that is to end without a successor.
    pub fn revoking(shape: Shape) -> Self {
        Self { revokes: true, ..Self::new(shape, []) }
    }

    /// Whether it has ended.
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Done | Phase::RolledBack)
    }

    /// The word for lists: what was reached, or that a person is needed.
    pub fn word(&self) -> &'static str {
        match self.stuck {
            Some(_) if !self.is_over() => "needs-a-person",
            _ => self.phase.as_str(),
        }
    }

    /// Whether it can be undone: the new value is not the active one, and the old one works still.
    pub fn can_abort(&self) -> bool {
        let in_place = self.shape.overlap == Overlap::InPlace && self.minted_at.is_some();
        // A roll has begun to end the old one by itself.
        let rolls = self.shape.overlap == Overlap::GraceRoll && self.minted_at.is_some();
        let in_time = !self.promoted && !self.contracting && !self.ending && self.old_is == OldKey::Alive;
        in_time && !in_place && !rolls && !self.is_over() && self.phase != Phase::Aborting
    }

    /// What a person can safely do now.
    pub fn actions(&self) -> Vec<Wish> {
        let mut actions = Vec::new();
        match self.stuck.as_ref().map(|stuck| stuck.reason) {
            None => {}
            Some(Reason::Bring) => actions.push(Wish::Brought),
            Some(Reason::StillUsed | Reason::NewIsNarrow | Reason::MayBeLost) => {
                actions.extend([Wish::Resume, Wish::Approve]);
            }
            Some(Reason::End) => actions.extend([Wish::Resume, Wish::Approve]),
            Some(Reason::OldUnknown) => actions.push(Wish::Approve),
            Some(_) => actions.push(Wish::Resume),
        }
        if self.stopped_alone() {
            actions.push(Wish::Approve);
        }
        if self.can_abort() || self.stopped_alone() {
            actions.push(Wish::Abort);
        }
        actions
    }

    /// Whether a key that is being revoked is stopped and not ended: a person can end it now or start it
    /// again.
    pub(super) fn stopped_alone(&self) -> bool {
        self.revokes && self.phase == Phase::Suspended && self.old_is == OldKey::Suspended && self.doing.is_none()
    }

    pub(super) fn is_keyring(&self) -> bool {
        self.shape.overlap == Overlap::Keyring
    }

    pub(super) fn in_place(&self) -> bool {
        self.shape.overlap == Overlap::InPlace
    }

    /// Whether it has to be looked, at the end, that nothing of this rotation is left at the provider.
    /// Keys in slots have no names, and what somebody else puts into a free one would be taken for ours:
    /// there it is looked only where it was ever unknown if a key was made.
    pub(super) fn sweeps(&self) -> bool {
        let named = self.shape.overlap != Overlap::TwoSlots;
        self.lists() && self.minted_at.is_some() && !self.swept && (named || self.doubted)
    }

    /// Whether keys of this rotation are found by their tag, and have to be.
    pub(super) fn lists(&self) -> bool {
        matches!(self.shape.minting, Minting::Once | Minting::Readable)
    }
}

impl Phase {
    /// The word in records and lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Preflight => "preflight",
            Self::Intent => "intent",
            Self::Ambiguous => "ambiguous",
            Self::Minted => "minted",
            Self::Tested => "tested",
            Self::Staged => "staged",
            Self::Deployed => "deployed",
            Self::Confirmed => "confirmed",
            Self::Promoted => "promoted",
            Self::Observing => "observing",
            Self::Suspended => "suspended",
            Self::Retired => "retired",
            Self::Done => "done",
            Self::Aborting => "aborting",
            Self::RolledBack => "rolled-back",
        }
    }
}
