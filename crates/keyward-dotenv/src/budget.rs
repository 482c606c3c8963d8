//! The bound on what references may expand to.
//!
//! Twenty lines, each naming the one before twice, ask for a million copies of the first; dotenvx
//! even replaces some references by themselves for ever. A file that needs more than the bound is
//! no file of variables.

/// How many bytes all references of one text may expand to and be searched for, together and beyond
/// four times the text itself.
pub const EXPANSION_LIMIT: usize = 32 << 20;

/// What is left of [`EXPANSION_LIMIT`].
pub(crate) struct Budget(usize);

/// The budget is used up.
#[derive(Debug)]
pub(crate) struct Exhausted;

impl Budget {
    pub(crate) fn of(text: &str) -> Self {
        Self(EXPANSION_LIMIT.saturating_add(text.len().saturating_mul(4)))
    }

    pub(crate) fn spend(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.0 = self.0.checked_sub(bytes).ok_or(Exhausted)?;
        Ok(())
    }
}
