//! The bound on what references may expand to.
//!
//! Twenty lines, each naming the one before twice, ask for a million copies of the first; dotenvx
//! even replaces some references by themselves for ever. A file that needs more than the bound is
//! no file of variables.

/// How many bytes all references of one text may be expanded to, and be searched for, together.
pub const EXPANSION_LIMIT: usize = 32 << 20;

/// What is left of [`EXPANSION_LIMIT`].
pub(crate) struct Budget(usize);

/// The budget is used up.
#[derive(Debug)]
pub(crate) struct Exhausted;

impl Budget {
    pub(crate) fn new() -> Self {
        Self(EXPANSION_LIMIT)
    }

    pub(crate) fn spend(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.0 = self.0.checked_sub(bytes).ok_or(Exhausted)?;
        Ok(())
    }
}
