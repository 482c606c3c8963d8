use keyward_client::{Failure, Front, Home, Result, ServerUrl, Signed};

use crate::address::Address;
use crate::commands::login;
use crate::context::Context;
use crate::output::{self, Exit};

/// Sign out at a server; the session ends there too
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward logout https://keyward.example:8443")]
pub(crate) struct Args {
    /// The server; default: `--server`, else the only one that you are signed in at
    #[arg(value_name = "ADDR", value_parser = Address, conflicts_with = "all")]
    url: Option<ServerUrl>,
    /// At every server
    #[arg(long)]
    all: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let home = context.home()?;
        let ended = self.chosen(context, &home)?;
        if ended.is_empty() {
            output::note("you are signed in nowhere");
        }
        for signed in &ended {
            end(context, &home, signed)?;
        }
        if context.global.json {
            let servers: Vec<&str> = ended.iter().map(|signed| signed.url.as_str()).collect();
            output::json(&serde_json::json!({ "logout": servers }))?;
        }
        Ok(Exit::Done)
    }

    fn chosen(&self, context: &Context, home: &Home) -> Result<Vec<Signed>> {
        if let Some(url) = self.url.as_ref().or(context.global.server.as_ref()) {
            if self.all {
                return Err(Failure::usage(format!("`--all` is every server, and `--server` names {url}"))
                    .hint("leave one of them out"));
            }
            return match home.signed_at(url)? {
                Some(signed) => Ok(vec![signed]),
                None => Err(Failure::usage(format!("you are not signed in at {url}")).hint(places(&home.signed()?))),
            };
        }
        let signed = home.signed()?;
        if self.all || signed.len() < 2 {
            return Ok(signed);
        }
        Err(Failure::usage(places(&signed)).hint("name one of them, or `--all` for every one"))
    }
}

/// Where somebody is signed in, in words.
pub(super) fn places(signed: &[Signed]) -> String {
    match signed {
        [] => "you are signed in nowhere".to_owned(),
        some => {
            let places: Vec<String> = some.iter().map(|one| format!("{} as `{}`", one.url, one.account)).collect();
            format!("you are signed in at {}", places.join(", "))
        }
    }
}

/// What is kept here goes in any case: somebody who signs out expects that.
fn end(context: &Context, home: &Home, signed: &Signed) -> Result<()> {
    let Signed { url, account, token, ca, .. } = signed;
    let front = Front::new(url.clone(), ca.as_deref(), &login::agent(context));
    let told = front.and_then(|front| front.sign_out(token));
    home.forget_signed(url)?;
    match told {
        Ok(_) => output::note(format!("signed out at {url}, where you were `{account}`")),
        Err(failure) => output::note(format!(
            "warning: signed out here, and {url} does not know it ({failure}): the session ends there after a week without use, or on its page"
        )),
    }
    Ok(())
}
