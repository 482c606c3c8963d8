//! Real children under the supervisor, through pipes and on terminals.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod pipes;
mod signals;
mod support;
mod terminals;
