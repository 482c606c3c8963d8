//! One module a command: its arguments, and a few lines over calls of the desk.

mod metadata;
mod shown;

pub(crate) mod agent;
pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod command_list;
pub(crate) mod completions;
pub(crate) mod copy;
pub(crate) mod delete;
pub(crate) mod destroy;
pub(crate) mod diff;
pub(crate) mod edit;
pub(crate) mod environment;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod get;
pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod list;
pub(crate) mod lock;
pub(crate) mod man;
pub(crate) mod project;
pub(crate) mod rekey;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod set;
pub(crate) mod show;
pub(crate) mod slot;
pub(crate) mod trust;
pub(crate) mod undelete;
pub(crate) mod unlock;
pub(crate) mod untrust;
pub(crate) mod whoami;
