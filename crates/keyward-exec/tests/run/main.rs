//! Real children under the supervisor, through pipes and on terminals.
#![cfg(target_os = "linux")]

mod pipes;
mod signals;
mod support;
mod terminals;
