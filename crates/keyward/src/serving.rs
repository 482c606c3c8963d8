//! A process that keeps the vault and answers: over HTTP to programs, over the socket to the other
//! commands of this user. Whatever ends it, requests are answered first, then the socket's calls,
//! and the store is given up last.

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use keyward_client::{
    Agent, Desk, End, Failure, MadeInvite, Owned, Result, SystemRandom, Telemetry, TelemetrySettings,
};
use keyward_server::{Config, Server, Stop, Tokens};
use keyward_types::{EnvironmentName, ProjectName};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::context::Context;
use crate::node::Node;
use crate::output::{self, Exit};

/// How lines about requests are written.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Log {
    /// For people.
    Text,
    /// For programs, an object a line.
    Json,
}

/// It ends by a signal, not by time.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Who reads what a server says when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Whoever started it: a link for the owner is shown while nobody has a password.
    Owner,
    /// Whoever may read a journal: how to make that link is told.
    Journal,
}

/// Serves until it is told to end.
pub(crate) fn run(
    context: &Context,
    config: Config,
    log: Option<Log>,
    reader: Reader,
    node: impl FnOnce(&Context, &Config) -> Result<Node>,
) -> Result<Exit> {
    write_log(log);
    allow_many_files();
    keyward_alloc::give_back_at_once();
    // Somebody may be asked something, which Ctrl-C ends as it ends any other command.
    let Node { owned, keyhole, sealed, is_local } = node(context, &config)?;
    // Before there is anything to clean up.
    let (event, events) = mpsc::channel();
    watch_signals(event.clone())?;
    let server = match keyhole {
        Some(keyhole) => Server::bind_gated(owned.vault().ok(), keyhole, Tokens, config, telemetry(context)?)?,
        None => Server::bind(owned.vault()?, Tokens, config)?,
    };
    // Into a store that others share nothing is put unasked.
    let first = if is_local && sealed.is_none() { prepare(context, &owned, reader)? } else { First::No };
    if let Some(failure) = &sealed {
        output::note(format!("the server starts sealed: {failure}"));
    }
    for warning in &owned.warnings {
        output::note(format!("warning: {warning}"));
    }
    let (urls, stop) = (server.urls(), Stop::new());
    let gateway = server.gateway_url().map(str::to_owned);
    let agent = Agent::bind_server(owned, &urls)?.sealable(server.sealing());
    let serving = serve(server, stop.clone(), event.clone());
    let (tell_agent, told) = mpsc::channel();
    let answering = std::thread::spawn(move || {
        let why = agent.run(FOREVER, (event.clone(), told), || true);
        let _ = event.send(why);
    });
    announce(context, (&urls, gateway.as_deref()), &first, sealed.is_some())?;
    keyward_alloc::give_back_program();
    let why = events.recv().unwrap_or(End::Signal);
    stop.stop();
    let served = joined(serving).and_then(|served| served);
    let _ = tell_agent.send(why);
    joined(answering)?;
    served?;
    output::note("ended; everything that was answered is stored");
    Ok(Exit::Done)
}

/// Traces, where the variables of OpenTelemetry name a collector.
fn telemetry(context: &Context) -> Result<Option<Arc<Telemetry>>> {
    let settings = TelemetrySettings::read(|name| context.config.variable(name));
    let Some(settings) = settings.map_err(|error| Failure::usage(format!("OpenTelemetry: {error}")))? else {
        return Ok(None);
    };
    output::note(format!("traces go to {}", settings.shown()));
    let started = Telemetry::start(settings, Arc::new(SystemRandom));
    started.map(|telemetry| Some(Arc::new(telemetry))).map_err(|error| Failure::internal(error.to_string()))
}

fn serve(server: Server, stop: Stop, event: Sender<End>) -> JoinHandle<Result<()>> {
    std::thread::spawn(move || {
        let served = server.run(&stop);
        let _ = event.send(End::Asked);
        served
    })
}

fn joined<T>(thread: JoinHandle<T>) -> Result<T> {
    thread.join().map_err(|_panicked| Failure::internal("a thread of the server ended by a panic"))
}

/// How the owner gets in where nobody can sign in yet.
enum First {
    /// Somebody has a password.
    No,
    /// By this link.
    Link(MadeInvite),
    /// By a link that he makes himself; his login.
    Told(String),
}

/// A project to begin with, and a way in for the owner. No password exists that nobody chose.
fn prepare(context: &Context, owned: &Owned, reader: Reader) -> Result<First> {
    let desk = owned.desk(context.occasion())?;
    if desk.projects()?.is_empty() {
        let name: ProjectName = "default".parse().map_err(|_| Failure::internal("`default` is no name"))?;
        desk.create_project(name, EnvironmentName::usual())?;
    }
    let vault = owned.vault()?;
    if vault.has_passwords()? {
        return Ok(First::No);
    }
    let (owner, _) = vault.owner()?;
    let Some(login) = owner.login else { return Ok(First::Told(owner.principal.to_string())) };
    match reader {
        Reader::Owner => desk.invite(login, false).map(First::Link),
        Reader::Journal => Ok(First::Told(login.to_string())),
    }
}

/// The link is shown here and never again; the next start shows another one.
fn announce(context: &Context, (urls, gateway): (&[String], Option<&str>), first: &First, sealed: bool) -> Result<()> {
    let url = urls.iter().find(|url| url.starts_with("http")).map(String::as_str);
    let link = match (first, url) {
        (First::Link(made), Some(url)) => Some(made.at(url)),
        _ => None,
    };
    if context.global.json {
        return output::json(
            &serde_json::json!({ "urls": urls, "gateway": gateway, "link": link.as_deref(), "sealed": sealed }),
        );
    }
    for url in urls {
        output::note(format!("the control API is at {url}"));
    }
    if let Some(gateway) = gateway {
        output::note(format!("the gateway is at {gateway}"));
    }
    match (&link, first) {
        (Some(link), First::Link(made)) => {
            output::note(format!(
                "`{}` chooses a password by this link; it lasts an hour and serves once:",
                made.login
            ));
            output::line(&**link)?;
        }
        (_, First::Told(login)) => {
            output::note("nobody can sign in yet");
            output::hint(format!("`keyward user invite {login}` makes a link, which lasts an hour and serves once"));
        }
        _ => {}
    }
    if sealed {
        output::note("`keyward unseal` takes the shares that open it");
    }
    output::note("Ctrl-C ends it");
    Ok(())
}

fn watch_signals(event: Sender<End>) -> Result<()> {
    let signals = Signals::new([SIGTERM, SIGHUP, SIGINT]);
    let mut signals = signals.map_err(|error| Failure::internal(format!("signals cannot be watched: {error}")))?;
    std::thread::spawn(move || {
        for _ in &mut signals {
            let _ = event.send(End::Signal);
        }
    });
    Ok(())
}

/// Each connection is a file; where the system allows no more, fewer are served at a time.
fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// Without a form only what needs somebody to act is written.
fn write_log(log: Option<Log>) {
    use tracing_subscriber::filter::LevelFilter;
    let level = if log.is_some() { LevelFilter::INFO } else { LevelFilter::WARN };
    let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    // A second subscriber is refused; the first one serves.
    let _ = match log {
        Some(Log::Json) => lines.json().flatten_event(true).try_init(),
        _ => lines.with_ansi(false).try_init(),
    };
}
