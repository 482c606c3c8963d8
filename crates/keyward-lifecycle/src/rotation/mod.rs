//! A stored key gets a successor, which reaches every place that needs it, and dies on evidence.
//!
//! [`next`] is the whole machine: a state, what happened, and a policy give the next state and what
//! is to be done. It asks nobody and tells no time. Whoever runs it keeps one rule: **the state is
//! durable before what it says is being done is begun**, so that every call to the outside has a row
//! before it and one after it.
//!
//! What holds here (the tests say it of every path, `prove simulate` of a million):
//!
//! - **A working value is durable at every instant.** Where we choose it, it is sealed before the
//!   provider sees it; in any case before a target does.
//! - **The old value dies on evidence alone**: every target that counts took the new one and has it
//!   still, the new one works at this moment, nobody holds the old one, nobody used it for the whole
//!   of the soak; or by an emergency that somebody allowed beforehand.
//! - **What may have happened is not done again blindly.** Where minting twice would make two keys,
//!   it is looked for by its tag first, and what has no value here is removed.
//! - **Nothing is left behind**: a rotation ends when nothing with its tag is at the provider but the
//!   key in use.
//! - **A clock that jumps ends no soak**: one look counts for a quarter of it at most.

mod abort;
mod apply;
mod breaker;
mod call;
mod event;
mod evidence;
mod executor;
mod narrow;
mod next;
mod perform;
mod plan;
mod policy;
mod service;
mod state;
#[cfg(test)]
mod tests;

pub use breaker::Breaker;
pub use call::{Call, Which};
pub use event::{Answer, Event, Failure, What, Wish};
pub use evidence::{Evidence, Holder, Use};
pub use executor::{Error, Executor};
pub use narrow::{Narrowed, SeenCall, TooWide, narrowed};
pub use next::{Effect, decided, next};
pub use perform::opened as open_target;
pub use plan::{Making, Plan};
pub use policy::Policy;
pub use service::{Part, Service, Unfit};
pub use state::{
    Candidate, Lull, Minting, OldKey, Overlap, Phase, Reason, Shape, Soak, State, Stuck, Target, TargetState,
};
