use std::fmt;
use std::str::FromStr;

use keyward_providers::RotationClass;
use keyward_types::{Clock, Random, Secret, Timestamp, Verified};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Fault, Refusal};

/// One service's way to replace a key. It holds addresses and names, never a value: those are
/// borrowed for each call. Calls block, and each takes seconds at most.
///
/// The order of a rotation: [`preflight`](Self::preflight); [`choose`](Self::choose), and where that
/// gives a value it is sealed first; [`mint`](Self::mint); [`probe`](Self::probe); deployment;
/// [`last_used`](Self::last_used) until the old key is silent; [`suspend`](Self::suspend);
/// [`retire`](Self::retire); `probe` of the old value.
pub trait Rotator: Send + Sync {
    /// How the old and the new value overlap.
    fn class(&self) -> RotationClass;

    /// How a value comes into the world, and so what to do when nobody knows whether it did.
    fn minting(&self) -> Minting;

    /// Whether [`Rotator::suspend`] and [`Rotator::resume`] are there.
    fn is_reversible(&self) -> bool;

    /// Whether there is anybody to be asked: of what is made and used here alone nobody says whether
    /// it works, [`Rotator::probe`] is [`Verified::Indeterminate`], and the old value ends with its
    /// deployments.
    fn has_provider(&self) -> bool {
        true
    }

    /// Every call that a rotation makes, in order, without values: what `--dry-run` prints.
    fn plan(&self) -> Vec<Call>;

    /// Looks before anything is changed: the administrative credential works, there is room for one
    /// key more, and which of the provider's keys `ctx.current` is.
    ///
    /// # Errors
    /// [`Fault`]; it changes nothing.
    fn preflight(&self, ctx: &Ctx<'_>) -> Result<Preflight, Fault>;

    /// The value to be minted, where it is we who choose it. It touches nothing outside.
    ///
    /// # Errors
    /// When `ctx.current` is nothing that a successor can be made of, or there is no randomness.
    fn choose(&self, _ctx: &Ctx<'_>, _tag: &Tag) -> Result<Option<Chosen>, Fault> {
        Ok(None)
    }

    /// Makes the new key, with the permissions of `ctx.replaces`. Where we choose the value it is
    /// `chosen`, and calling again with the same is harmless; otherwise the tag stands in the key's
    /// name, and it must not be called again before [`Rotator::find`] has looked.
    ///
    /// # Errors
    /// [`Fault`]; see [`Fault::may_have_happened`].
    fn mint(&self, ctx: &Ctx<'_>, tag: &Tag, chosen: Option<&Chosen>) -> Result<Minted, Fault>;

    /// Every key at the provider that carries this tag. A list may lag behind: an empty one says
    /// something only after the time in which the provider settles ([`Rotator::settles_in`]).
    ///
    /// # Errors
    /// [`Fault`]; it changes nothing.
    fn find(&self, ctx: &Ctx<'_>, tag: &Tag) -> Result<Vec<Found>, Fault>;

    /// The value of a key that was found, where the provider gives it again
    /// ([`Minting::Readable`]).
    ///
    /// # Errors
    /// [`Fault`]; it changes nothing.
    fn read(&self, _ctx: &Ctx<'_>, _id: &KeyId) -> Result<Secret<String>, Fault> {
        Err(Fault::refused(Refusal::Input, "the provider shows a value once"))
    }

    /// Asks with this value whether it works, by a call that changes nothing.
    ///
    /// # Errors
    /// [`Fault`], where nobody could be asked; an answer that says nothing is a verdict.
    fn probe(&self, ctx: &Ctx<'_>, value: &Secret<String>) -> Result<Verdict, Fault>;

    /// Which of the provider's keys this value is; `None`: the provider does not tell.
    ///
    /// # Errors
    /// [`Fault`]; it changes nothing.
    fn identify(&self, ctx: &Ctx<'_>, value: &Secret<String>) -> Result<Option<KeyId>, Fault>;

    /// When a key was last used, and by whom, as the provider has it.
    ///
    /// # Errors
    /// [`Fault`]; it changes nothing.
    fn last_used(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<LastUsed, Fault>;

    /// The value to be deployed once nobody needs the predecessors in it any more: of values that
    /// carry them along (a keyring). `None`: it carries none.
    ///
    /// # Errors
    /// When the value is not what this rotator makes.
    fn without_predecessors(&self, _value: &Secret<String>) -> Result<Option<Secret<String>>, Fault> {
        Ok(None)
    }

    /// Stops a key so that it can be started again. A key that is stopped already is left so.
    ///
    /// # Errors
    /// [`Fault`]; `Refused(Input)` where [`Rotator::is_reversible`] is false.
    fn suspend(&self, _ctx: &Ctx<'_>, _id: &KeyId) -> Result<(), Fault> {
        Err(Fault::refused(Refusal::Input, "the provider cannot stop a key and start it again"))
    }

    /// Starts a stopped key again. Of one that works it does nothing.
    ///
    /// # Errors
    /// [`Fault`]; `Refused(Missing)` when the key is no more.
    fn resume(&self, _ctx: &Ctx<'_>, _id: &KeyId) -> Result<(), Fault> {
        Err(Fault::refused(Refusal::Input, "the provider cannot stop a key and start it again"))
    }

    /// Ends a key for good. One that is no more counts as ended, so that calling again is harmless.
    ///
    /// # Errors
    /// [`Fault`].
    fn retire(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault>;

    /// Whether a key is ended by whoever shows it: `ctx.current` of [`Rotator::retire`] has to be that key.
    fn is_ended_by_showing(&self) -> bool {
        false
    }

    /// Where the provider neither names nor lists keys, so that one of which nobody was told is never
    /// found: how long, in seconds, it lives at most before it ends by itself.
    fn forgotten_ends_in(&self) -> Option<u32> {
        None
    }

    /// How long, in seconds, the provider may take until a change is seen everywhere.
    fn settles_in(&self) -> u32 {
        0
    }
}

/// What is lent to a rotator for one call.
#[derive(Clone, Copy)]
pub struct Ctx<'a> {
    /// The credential that manages keys; not every rotator needs one.
    pub admin: Option<&'a Secret<String>>,
    /// The value that is to be replaced.
    pub current: Option<&'a Secret<String>>,
    /// Which key of the provider that is, once [`Rotator::preflight`] has said.
    pub replaces: Option<&'a KeyId>,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Randomness for values that we choose.
    pub random: &'a dyn Random,
}

/// How a value comes into the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Minting {
    /// We choose it: it is sealed first, and minting it twice is harmless.
    Chosen,
    /// The provider makes it and shows it again when asked: what was found by its tag is read.
    Readable,
    /// The provider makes it and shows it once: what was found by its tag and has no value here is
    /// an orphan, to be retired before another is minted.
    Once,
    /// A person makes it at the console and brings it.
    ByHand,
}

/// What a rotation's new key is called at a provider: `kw-` and the rotation's id. Letters, digits
/// and `-`, 4 to 40 of them, so that every provider takes it in a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(String);

/// A text that cannot be a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a tag is `kw-` and 1 to 37 lower-case letters, digits and `-`")]
pub struct TagError;

/// A provider's own name of a key, which is no secret: an id, an access key's id, a role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

/// A value that we chose, and what it will be called at the provider.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The value, as it will be deployed.
    pub value: Secret<String>,
    /// Which of the provider's keys it becomes.
    pub id: KeyId,
    /// When it will end by itself.
    pub expires: Option<Timestamp>,
}

/// A key that was made.
#[derive(Clone, Debug)]
pub struct Minted {
    /// Its value, as it will be deployed.
    pub value: Secret<String>,
    /// Which of the provider's keys it is.
    pub id: KeyId,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
}

/// A key that the provider lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Which.
    pub id: KeyId,
    /// Since when.
    pub created: Option<Timestamp>,
    /// In what state.
    pub state: KeyState,
}

/// What a key at a provider can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// It works.
    Active,
    /// It is stopped, and can be started again.
    Suspended,
}

/// What was seen before anything is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    /// Which key the current value is; `None`: the provider does not tell, and a person has to say
    /// before it can be ended.
    pub current: Option<KeyId>,
    /// How many keys there are and may be; `None`: as many as one likes.
    pub slots: Option<Slots>,
    /// What a person should know before he goes on.
    pub warnings: Vec<String>,
}

/// Room for keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    /// How many there are.
    pub used: u32,
    /// How many there may be.
    pub of: u32,
}

/// What a provider said of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// In the words of findings.
    pub verified: Verified,
    /// The code of the answer or why there is none, in our words.
    pub why: String,
    /// Whose the key is, where the provider tells: an account, a user.
    pub identity: Option<String>,
}

/// When a key was last used, as the provider has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LastUsed {
    /// The provider does not tell.
    Unknown,
    /// Not since it was made.
    Never,
    /// At this moment, and by whom, where the provider tells: an address, a service, a program.
    At(Timestamp, Option<String>),
    /// At this moment still: open connections, and whose they are.
    Now(Vec<String>),
}

/// One call of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// What it is for: `mint`, `retire`.
    pub step: String,
    /// A method of HTTP, or the protocol's own word.
    pub method: String,
    /// Where it goes.
    pub address: String,
    /// What is sent, `<value>` in the place of each value.
    pub body: Option<String>,
}

impl Tag {
    const LONGEST: usize = 40;

    /// The tag's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = TagError;
    fn from_str(text: &str) -> Result<Self, TagError> {
        let rest = text.strip_prefix("kw-").ok_or(TagError)?;
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        match !rest.is_empty() && text.len() <= Self::LONGEST && rest.bytes().all(fits) {
            true => Ok(Self(text.to_owned())),
            false => Err(TagError),
        }
    }
}

impl TryFrom<String> for Tag {
    type Error = TagError;
    fn try_from(text: String) -> Result<Self, TagError> {
        text.parse()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl KeyId {
    /// The provider's word.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The provider's word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Verdict {
    /// A verdict without an identity.
    pub fn new(verified: Verified, why: impl Into<String>) -> Self {
        Self { verified, why: why.into(), identity: None }
    }

    /// Whether the value works, with many rights or few.
    pub const fn is_alive(&self) -> bool {
        matches!(self.verified, Verified::Valid | Verified::ValidInsufficient)
    }

    /// Whether the provider said, in its documented words, that it does not work.
    pub const fn is_dead(&self) -> bool {
        matches!(self.verified, Verified::Invalid)
    }
}

impl Call {
    /// A call without a body.
    pub fn new(step: &str, method: &str, address: impl Into<String>) -> Self {
        Self { step: step.into(), method: method.into(), address: address.into(), body: None }
    }

    /// The same with this body.
    #[must_use]
    pub fn with(self, body: impl Into<String>) -> Self {
        Self { body: Some(body.into()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_fits_every_provider() {
        assert_eq!("kw-0a1b-2c".parse::<Tag>().unwrap().as_str(), "kw-0a1b-2c");
        for text in ["", "kw-", "0a1b", "kw-A", "kw-a b", "kw-a'b", &format!("kw-{}", "a".repeat(38))] {
            assert_eq!(text.parse::<Tag>(), Err(TagError), "{text}");
        }
        assert!(read("kw-x").is_ok() && read("x").is_err());
    }

    fn read(text: &str) -> Result<Tag, TagError> {
        Tag::try_from(text.to_owned())
    }

    #[test]
    fn what_may_have_happened_is_told_from_what_has_not() {
        assert!(Fault::Ambiguous("x".into()).may_have_happened() && Fault::nonsense("x").may_have_happened());
        assert!(!Fault::Limited(None).may_have_happened() && !Fault::Unreachable("x".into()).may_have_happened());
        assert!(Fault::refused(Refusal::Busy, "x").is_passing() && !Fault::refused(Refusal::Slots, "x").is_passing());
    }
}
