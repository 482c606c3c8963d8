//! Who leaves, who comes, who still needs what he has; and how a secret gets a successor.
//!
//! Pure functions over facts: nothing here reads a store, tells the time or asks anybody, but for the
//! [`rotation::Executor`], which carries out what the machine of rotations says. The vault gathers the rows ([`keyward_vault::Footprint`]), these functions turn them into lists for
//! people, and what people decide goes back into the vault as records.
//!
//! What holds here:
//!
//! - **No read is passed over.** Every version that somebody read or wrote stands in his plan: to be
//!   replaced, replaced already, or not secret.
//! - **It is the value that counts**, not its place: who read it in staging knows it in production
//!   too, if it is the same one.
//! - **What was worked off stays worked off**, whatever a later plan says.
//! - **Nobody reviews his own rights**, and what a deadline takes away can be given back.

pub mod calendar;
pub mod offboarding;
pub mod onboarding;
pub mod review;
pub mod rotation;
pub mod schedule;
