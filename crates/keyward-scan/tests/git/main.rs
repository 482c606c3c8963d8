//! Repositories of all kinds, made by `git` itself and compared with what it says.
#![allow(clippy::unwrap_used, missing_docs)]

mod changes;
mod damaged;
mod history;
mod layouts;
mod repo;
mod seen;
