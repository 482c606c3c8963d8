use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use keyward_client::{Code, Failure, Result, Share};
use keyward_types::Secret;

use crate::commands::agent::{Answer, Request};
use crate::commands::lasting::{spoken, time};
use crate::config::read_secret;
use crate::context::Context;
use crate::output::{self, Exit};
use crate::terminal;

/// Keep the vault open for a while, for you alone
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward unlock --for 8h")]
pub(crate) struct Args {
    /// How long: 45m, 8h, 1d, 1h30m
    #[arg(long = "for", value_name = "TIME", value_parser = |text: &str| time(text, LONGEST))]
    lasts: Option<Duration>,
    /// Open it with shares: typed one after the other, or one a line on standard input
    #[arg(long, conflicts_with = "identity")]
    share: bool,
    /// Open it with an age identity or SSH key [env: KEYWARD_AGE_IDENTITY]
    #[arg(long, value_name = "PATH")]
    identity: Option<PathBuf>,
}

const DEFAULT: Duration = Duration::from_secs(8 * 3600);
const LONGEST: Duration = Duration::from_secs(31 * 86400);
/// Mistyped passphrases before it gives up.
const TRIES: u32 = 3;

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let home = context.home()?;
        if let Some(running) = home.agent()? {
            if let Some(server) = &running.server {
                let process = running.process();
                output::note(format!("the server at {server} ({process}) keeps the vault open for your commands"));
                return Ok(Exit::Done);
            }
            if self.lasts.is_none() {
                output::note("the vault is open already");
                output::hint("`keyward unlock --for 8h` changes how long, `keyward lock` closes it");
                return Ok(Exit::Done);
            }
            home.lock(&context.occasion())?;
        }
        let lasts = self.lasts.unwrap_or(DEFAULT);
        let given = self.given(context)?;
        let mut opened = open(context, given.as_ref(), lasts);
        for _ in 0..TRIES {
            match &opened {
                Err(failure) if failure.code == Code::Locked && given.is_none() && terminal::interactive() => {}
                _ => break,
            }
            if !home.exists() {
                break;
            }
            let typed = terminal::hidden("Passphrase or recovery code")?;
            opened = open(context, Some(&typed), lasts);
            if let Err(failure) = &opened {
                output::note(&failure.message);
            }
        }
        opened?;
        let seconds = lasts.as_secs();
        if context.global.json {
            output::json(&serde_json::json!({ "seconds": seconds }))?;
        } else {
            output::note(format!("the vault is open for {}; `keyward lock` closes it", spoken(lasts)));
        }
        Ok(Exit::Done)
    }
}

impl Args {
    /// What opens the vault, as far as it is known without asking for a passphrase.
    fn given(&self, context: &Context) -> Result<Option<Secret<String>>> {
        if let Some(path) = &self.identity {
            return read_secret(path).map(Some);
        }
        if self.share {
            return shares().map(Some);
        }
        Ok(context.config.passphrase()?.or(context.config.identity()?))
    }
}

/// As many shares as are needed, one a line.
fn shares() -> Result<Secret<String>> {
    let mut shares: Vec<Share> = Vec::new();
    while shares.first().is_none_or(|first| shares.len() < usize::from(first.threshold())) {
        let typed = next_share(&shares)?;
        match Share::parse(typed.expose()) {
            Ok(share) if shares.iter().all(|other| share.complements(other)) => shares.push(share),
            Ok(_) if terminal::interactive() => output::note("you gave this share already, or it is another slot's"),
            Err(error) if terminal::interactive() && !typed.expose().is_empty() => output::note(error.to_string()),
            Ok(_) => return Err(Failure::usage("a share is there twice, or the shares are not of one slot")),
            Err(error) => return Err(error.into()),
        }
    }
    let lines: Vec<Secret<String>> = shares.iter().map(Share::text).collect();
    let lines: Vec<&str> = lines.iter().map(|line| line.expose().as_str()).collect();
    Ok(Secret::new("shares", lines.join("\n")))
}

fn next_share(known: &[Share]) -> Result<Secret<String>> {
    let number = known.len() + 1;
    if terminal::interactive() {
        let of = known.first().map_or(String::new(), |first| format!(" of {}", first.threshold()));
        return terminal::hidden(&format!("Share {number}{of}"));
    }
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    if read.map_err(|error| Failure::usage(format!("no share can be read: {error}")))? == 0 {
        let needed = known.first().map_or(String::new(), |first| format!(", {} are needed", first.threshold()));
        return Err(Failure::usage(format!("there are {} shares on standard input{needed}", known.len())));
    }
    Ok(Secret::new("share", line.trim().to_owned()))
}

/// Starts an agent and waits until it answers. What opens the vault goes through a pipe: arguments
/// and environment can be read by others.
fn open(context: &Context, given: Option<&Secret<String>>, lasts: Duration) -> Result<()> {
    let failed = |error: std::io::Error| Failure::internal(format!("the agent cannot be started: {error}"));
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(program);
    command.arg("agent").env_clear().envs(context.config.agent_environment()?);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(failed)?;
    let request = Request { given: given.cloned(), aws: context.config.aws(), lasts };
    // An agent that has ended already says why on its standard output.
    let _ = child.stdin.take().map(|stdin| request.send(stdin));
    let answer = child.stdout.take().map(Answer::receive);
    match answer {
        Some(Some(Answer::Open)) => Ok(()),
        Some(Some(Answer::Failed(failure))) => {
            let _ = child.wait();
            Err(failure)
        }
        _ => {
            let ended = child.wait().map_err(failed)?;
            Err(Failure::internal(format!("the agent ended before it answered: {ended}")))
        }
    }
}
