//! One file a kind of target.

mod command;
mod env_file;

pub(crate) use command::Command;
pub(crate) use env_file::EnvFile;
