use keyward_client::{Code, Failure, Result, Running};

use crate::context::Context;
use crate::output::{self, Exit};

/// Close the vault that `unlock` opened; a server goes on
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward lock")]
pub(crate) struct Args {}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let home = context.home()?;
        if let Some(Running { server: Some(server), pid, .. }) = home.agent()? {
            return Err(a_server(&server, pid));
        }
        let closed = home.lock(&context.occasion())?;
        if context.global.json {
            output::json(&serde_json::json!({ "closed": closed }))?;
        } else if closed {
            output::note("the vault is closed");
        } else {
            output::note("no agent keeps the vault open");
        }
        Ok(Exit::Done)
    }
}

/// Others depend on a server, so that it is ended where it was started, or by whoever means its process.
pub(super) fn a_server(server: &str, pid: Option<u32>) -> Failure {
    let (process, kill) = match pid {
        Some(pid) => (format!(" (process {pid})"), format!("`kill {pid}`")),
        None => (String::new(), "a signal".to_owned()),
    };
    Failure::new(Code::Conflict, format!("no agent keeps the vault open but a server at {server}{process}"))
        .hint(format!("Ctrl-C where it was started, or {kill}, ends it for everybody it serves; `keyward seal` has one that `keyward serve` runs give up its keys"))
}
