//! One file a kind of target.

mod command;
mod entry;
mod env_file;
mod github;
mod restart;
mod rollout;
mod webhook;

pub(crate) use command::Command;
pub(crate) use entry::{Stored, text};
pub(crate) use env_file::EnvFile;
pub(crate) use github::GitHubActions;
pub use restart::Restart;
pub(crate) use rollout::Rollout;
pub(crate) use webhook::Webhook;
