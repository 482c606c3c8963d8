//! An entry of a store as a target: what somebody else put there is never written over, and what is
//! there already is not written again.

use keyward_types::Secret;

use crate::stores::{Entry, Held};
use crate::{Fault, Target};

/// An entry that is to be ours.
pub(crate) struct Stored<E> {
    pub(crate) entry: E,
    /// What is written beside the value.
    pub(crate) mark: String,
    /// Whether an entry of somebody else is taken over.
    pub(crate) adopts: bool,
    /// How people call it.
    pub(crate) called: String,
}

impl<E: Entry> Target for Stored<E> {
    fn check(&self) -> Result<(), Fault> {
        let held = self.entry.read()?;
        if self.may_write(&held) { Ok(()) } else { Err(self.foreign()) }
    }

    fn deploy(&self, value: &Secret<Vec<u8>>) -> Result<(), Fault> {
        let text = text(value)?;
        let held = self.entry.read()?;
        let same = held.value.as_ref().is_some_and(|found| found.expose() == text.expose());
        match (same, held.mark.as_deref() == Some(&self.mark)) {
            (true, true) => Ok(()),
            // Written, and broken off before it was marked; or somebody has brought it there by hand.
            (true, false) => Ok(self.entry.mark(&held, &self.mark)?),
            _ if !self.may_write(&held) => Err(self.foreign()),
            _ => Ok(self.entry.write(&held, &text, &self.mark)?),
        }
    }

    fn read_back(&self) -> Result<Option<Secret<Vec<u8>>>, Fault> {
        let value = self.entry.read()?.value;
        let bytes = value.map(|value| value.expose().clone().into_bytes()).unwrap_or_default();
        Ok(Some(Secret::new(format!("what lies in {}", self.called), bytes)))
    }
}

impl<E: Entry> Stored<E> {
    fn may_write(&self, held: &Held) -> bool {
        self.adopts || held.value.is_none() || held.mark.as_deref() == Some(&self.mark)
    }

    fn foreign(&self) -> Fault {
        let why = "is there already, and this target did not make it; `--adopt` takes it over";
        Fault::Refused(format!("{} {why}", self.called))
    }
}

/// Stores hold text.
pub(crate) fn text(value: &Secret<Vec<u8>>) -> Result<Secret<String>, Fault> {
    let text = std::str::from_utf8(value.expose());
    let text = text.map_err(|_| Fault::Refused("the value is not UTF-8, and this store holds text".into()))?;
    Ok(Secret::new("a value to be deployed", text.to_owned()))
}
