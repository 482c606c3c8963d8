//! The process that `unlock` starts. What opens the vault comes through its standard input; whether
//! it did goes back through its standard output.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::mpsc;
use std::time::Duration;

use keyward_client::{AccessKey, Agent, Ask, Bytes, Code, End, Failure, Result};
use keyward_types::{Secret, VaultId};
use serde::{Deserialize, Serialize};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::output::Exit;

/// Keep the vault open in the background; started by `unlock`
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(crate) struct Args {}

/// What the agent is to do.
pub(crate) struct Request {
    /// A passphrase, recovery code or whatever else opens the vault.
    pub(crate) given: Option<Secret<String>>,
    /// With what AWS is asked, where it opens the vault.
    pub(crate) aws: Option<AccessKey>,
    /// For how long.
    pub(crate) lasts: Duration,
}

/// How it went.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// The socket answers.
    Open,
    /// The agent ended.
    Failed(Failure),
}

#[derive(Serialize, Deserialize)]
struct Wire {
    given: Option<Bytes>,
    /// Id, secret and session.
    aws: Option<(String, Bytes, Option<Bytes>)>,
    seconds: u64,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let request = Request::receive(std::io::stdin())?;
        match open(context, &request) {
            Ok((agent, ends)) => {
                Answer::Open.send();
                detach();
                let session = context.config.session_folder();
                let stands = || session.as_ref().is_none_or(|folder| folder.is_dir());
                agent.run(request.lasts, ends, stands);
                Ok(Exit::Done)
            }
            Err(failure) => {
                let code = failure.code.exit();
                Answer::Failed(failure).send();
                Ok(Exit::Code(code))
            }
        }
    }
}

type Ends = (mpsc::Sender<End>, mpsc::Receiver<End>);

/// Signals are watched before there is anything to clean up after them.
fn open(context: &Context, request: &Request) -> Result<(Agent, Ends)> {
    let failed = |what: &str, error: std::io::Error| Failure::internal(format!("{what}: {error}"));
    let _ = rustix::process::setsid();
    std::env::set_current_dir("/").map_err(|error| failed("the root folder cannot be entered", error))?;
    let (end, ended) = mpsc::channel();
    let mut signals =
        Signals::new([SIGTERM, SIGHUP, SIGINT]).map_err(|error| failed("signals cannot be watched", error))?;
    let on_signal = end.clone();
    std::thread::spawn(move || {
        for _ in &mut signals {
            let _ = on_signal.send(End::Signal);
        }
    });
    let owned = context.home()?.open(&Piped { context, request })?;
    Ok((Agent::bind(owned)?, (end, ended)))
}

/// What came through the pipe, and what needs nobody.
struct Piped<'a> {
    context: &'a Context,
    request: &'a Request,
}

impl Ask for Piped<'_> {
    fn given(&self) -> Result<Option<Secret<String>>> {
        Ok(self.request.given.clone())
    }

    fn prompt(&self) -> Result<Option<Secret<String>>> {
        Ok(None)
    }

    fn keyring(&self, vault: VaultId) -> Option<Secret<String>> {
        Ask::keyring(self.context, vault)
    }

    fn aws(&self) -> Option<AccessKey> {
        self.request.aws.clone()
    }
}

/// Lets go of the caller's terminal and pipes: he may close them, and wait for them to be closed.
fn detach() {
    if let Ok(nothing) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&nothing);
        let _ = rustix::stdio::dup2_stdout(&nothing);
        let _ = rustix::stdio::dup2_stderr(&nothing);
    }
}

impl Request {
    /// Hands it to an agent.
    pub(crate) fn send(&self, mut pipe: impl Write) -> std::io::Result<()> {
        let bytes = |secret: &Secret<String>| Bytes::new(secret.expose().clone().into_bytes());
        let aws = self.aws.as_ref().map(|key| (key.id.clone(), bytes(&key.secret), key.session.as_ref().map(bytes)));
        let wire = Wire { given: self.given.as_ref().map(bytes), aws, seconds: self.lasts.as_secs() };
        let text = Zeroizing::new(serde_json::to_vec(&wire)?);
        pipe.write_all(&text)
    }

    fn receive(mut pipe: impl Read) -> Result<Self> {
        let nobody =
            || Failure::new(Code::Usage, "the agent is started by `keyward unlock`").hint("`keyward unlock` starts it");
        let mut text = Zeroizing::new(Vec::new());
        pipe.read_to_end(&mut text).map_err(|_| nobody())?;
        let Wire { given, aws, seconds } = serde_json::from_slice(&text).map_err(|_| nobody())?;
        let secret = |what: &'static str, bytes: &Bytes| {
            let text = String::from_utf8(bytes.expose().to_vec()).map_err(|_| nobody())?;
            Ok::<_, Failure>(Secret::new(what, text))
        };
        let key = |(id, bytes, session): (String, Bytes, Option<Bytes>)| {
            let session = session.as_ref().map(|session| secret("an access key", session)).transpose()?;
            Ok::<_, Failure>(AccessKey { id, secret: secret("an access key", &bytes)?, session })
        };
        let given = given.as_ref().map(|given| secret("passphrase", given)).transpose()?;
        Ok(Self { given, aws: aws.map(key).transpose()?, lasts: Duration::from_secs(seconds) })
    }
}

impl Answer {
    /// What the agent said; `None` when it ended without a word.
    pub(crate) fn receive(pipe: impl Read) -> Option<Self> {
        let mut line = String::new();
        BufReader::new(pipe).read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }

    fn send(&self) {
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    }
}
