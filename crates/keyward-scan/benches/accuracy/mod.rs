//! How well the engine tells secrets from what looks like them, over a corpus that is made anew from a seed.

pub(crate) mod catalogue;
pub(crate) mod contexts;
pub(crate) mod corpus;
pub(crate) mod draw;
pub(crate) mod negatives;
pub(crate) mod score;
