use std::path::PathBuf;
use std::time::{Duration, Instant};

use keyward_client::{Code, DeviceCode, Failure, Front, Polled, Result, ServerUrl, Signed};

use crate::address::Address;
use crate::context::Context;
use crate::output::{self, Exit};
use crate::terminal;

/// Sign in at a server: type the code that is shown here on its page, in any browser
///
/// No password is typed here. The session is kept in a file of yours alone, ends after a week
/// without use, and with `keyward logout`. Projects stay where they are.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward login https://keyward.example:8443")]
pub(crate) struct Args {
    /// The server; default: `--server`, KEYWARD_ADDR or the one that this folder belongs to, else
    /// http://127.0.0.1:8200
    #[arg(value_name = "ADDR", value_parser = Address)]
    url: Option<ServerUrl>,
    /// The authority that signed the server's certificate (PEM), where it is one of your own [env: KEYWARD_CA]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let (home, url) = (context.home()?, server(context, self.url)?);
        let before = home.signed_at(&url)?;
        // Who signs in again means the same authority, as long as he names no other.
        let ca = self
            .ca
            .or_else(|| context.config.authority.clone())
            .or_else(|| before.as_ref().and_then(|signed| signed.ca.clone()));
        let front = Front::new(url, ca.as_deref(), &agent(context))?;
        let device = front.begin()?;
        show(context, &device);
        let signed = wait(&front, &device)?;
        if let Err(failure) = home.keep_signed(&signed) {
            // A session that nobody can find again helps nobody but who finds it.
            let _ = front.sign_out(&signed.token);
            return Err(failure);
        }
        if let Some(before) = before {
            // Whether it lived still or not: this one takes its place.
            let _ = front.sign_out(&before.token);
        }
        said(context, &signed)
    }
}

/// The server that a command means: the one that was named for it, else the one that every command
/// asks, else that of `keyward up`.
pub(super) fn server(context: &Context, named: Option<ServerUrl>) -> Result<ServerUrl> {
    match named {
        Some(named) => Ok(named),
        None => context.named_server()?.map_or_else(|| LOCAL.parse(), Ok),
    }
}

/// Where `keyward up` listens.
const LOCAL: &str = "http://127.0.0.1:8200";

/// What the person who lets this device in reads of it.
pub(super) fn agent(context: &Context) -> String {
    let machine: String = context.config.machine.chars().filter(|c| c.is_ascii_graphic()).take(60).collect();
    format!("{} on {machine}", context.occasion().agent)
}

/// As JSON it is a line of its own on standard error: the answer on standard output comes when
/// somebody has let the device in.
fn show(context: &Context, device: &DeviceCode) {
    if context.global.json {
        let DeviceCode { user_code, verification_uri, complete_uri, expires_in, .. } = device;
        let device = serde_json::json!({
            "user_code": user_code, "verification_uri": verification_uri, "complete_uri": complete_uri,
            "expires_in": expires_in.as_secs(),
        });
        output::aside(&serde_json::json!({ "device": device }));
        return;
    }
    output::note(format!("open {} in a browser, sign in and type this code:", device.verification_uri));
    terminal::eprint_line(&format!("\n    {}\n", device.user_code), true);
    output::note(format!("or open {}", device.complete_uri));
    let minutes = device.expires_in.as_secs() / 60;
    output::note(format!("waiting for it, {minutes} minutes at most; Ctrl-C ends it"));
}

fn wait(front: &Front, device: &DeviceCode) -> Result<Signed> {
    let (started, mut interval, mut failed) = (Instant::now(), device.interval, 0);
    while started.elapsed() < device.expires_in {
        std::thread::sleep(interval);
        match front.poll(device) {
            Ok(Polled::Signed(signed)) => return Ok(*signed),
            Ok(Polled::Pending) => failed = 0,
            // RFC 8628, 3.5.
            Ok(Polled::SlowDown) => interval += Duration::from_secs(5),
            // A connection that broke, or a server that starts anew; the code lives on.
            Err(failure) if matches!(failure.code, Code::Unavailable | Code::TimedOut | Code::Locked) && failed < 5 => {
                failed += 1
            }
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::new(Code::Denied, "nobody let this device in").hint("`keyward login` shows another code"))
}

fn said(context: &Context, signed: &Signed) -> Result<Exit> {
    let Signed { url, account, expires_at, .. } = signed;
    if context.global.json {
        let shown = serde_json::json!({ "server": url.as_str(), "account": account, "expires_at": expires_at });
        output::json(&serde_json::json!({ "login": shown }))?;
        return Ok(Exit::Done);
    }
    output::note(format!("signed in at {url} as `{account}`"));
    Ok(Exit::Done)
}
