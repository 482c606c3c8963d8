use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use keyward_client::{Failure, Purpose, Result, Selection};
use keyward_types::SecretName;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::output::{self, Exit};

/// Bring a value to the clipboard, for a short time and past its history
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward copy ADMIN_PASSWORD -e staging --clear-after 20s")]
pub(crate) struct Args {
    /// The secret
    #[arg(required_unless_present = "serve")]
    name: Option<SecretName>,
    /// When it is cleared, if it is still there: 30s, 2m
    #[arg(long, default_value = "30s", value_parser = duration)]
    clear_after: Duration,
    /// The process that owns the clipboard meanwhile; takes the value on standard input
    #[arg(long, hide = true)]
    serve: bool,
}

/// What a clipboard's owner says once others can paste.
const READY: &[u8] = b"ready\n";
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// When a clipboard is cleared that nobody said a time for.
pub(super) const SOON: Duration = Duration::from_secs(30);

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let Some(name) = self.name else { return serve(self.clear_after) };
        let connection = context.connect()?;
        let place = context.place(&connection)?;
        let values = connection.desk().read(place.at, Selection::Names(vec![name]), Purpose::Copy)?;
        let value = values.first().ok_or_else(|| Failure::internal("nothing was opened"))?;
        hand_over(value.value.expose(), self.clear_after)?;
        let seconds = self.clear_after.as_secs();
        output::note(format!("`{}` is in the clipboard for {seconds} seconds", value.name));
        Ok(Exit::Done)
    }
}

/// Starts the process that owns the clipboard, because a clipboard's content goes with its owner.
pub(super) fn hand_over(value: &[u8], clear_after: Duration) -> Result<()> {
    let failed = |error: std::io::Error| Failure::internal(format!("the clipboard cannot be reached: {error}"));
    let mut child = Command::new(std::env::current_exe().map_err(failed)?)
        .args(["copy", "--serve", "--clear-after", &format!("{}s", clear_after.as_secs())])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(value).map_err(failed)?;
    }
    let mut first = [0; READY.len()];
    let ready = child.stdout.take().is_some_and(|mut stdout| stdout.read_exact(&mut first).is_ok());
    if ready && first == *READY {
        return Ok(());
    }
    let mut why = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = stderr.read_to_string(&mut why);
    }
    let why = why.lines().next().unwrap_or_default().trim_start_matches("keyward: ").to_owned();
    Err(Failure::internal(if why.is_empty() { "the clipboard cannot be reached".into() } else { why })
        .hint("a desktop session is needed; `keyward get NAME | PROGRAM` needs none"))
}

/// Owns the clipboard until somebody else does or the time is over; then it is empty.
fn serve(clear_after: Duration) -> Result<Exit> {
    let mut value = Zeroizing::new(String::new());
    std::io::stdin()
        .take(keyward_vault::MAX_VALUE as u64)
        .read_to_string(&mut value)
        .map_err(|_| Failure::usage("the value is not UTF-8 text, which a clipboard takes"))?;
    let failed = |error: arboard::Error| Failure::internal(format!("the clipboard cannot be reached: {error}"));
    let mut clipboard = arboard::Clipboard::new().map_err(failed)?;
    output::bytes(READY)?;
    let deadline = Instant::now() + clear_after;
    put(&mut clipboard, &value, deadline).map_err(failed)?;
    // `put` returns early when somebody else took the clipboard over: then it is not ours to clear.
    if Instant::now() >= deadline && clipboard.get_text().is_ok_and(|text| Zeroizing::new(text) == value) {
        clipboard.clear().map_err(failed)?;
    }
    Ok(Exit::Done)
}

#[cfg(target_os = "linux")]
fn put(clipboard: &mut arboard::Clipboard, value: &str, deadline: Instant) -> Result<(), arboard::Error> {
    use arboard::SetExtLinux;
    clipboard.set().exclude_from_history().wait_until(deadline).text(value)
}

#[cfg(not(target_os = "linux"))]
fn put(clipboard: &mut arboard::Clipboard, value: &str, deadline: Instant) -> Result<(), arboard::Error> {
    #[cfg(target_os = "macos")]
    use arboard::SetExtApple;
    #[cfg(windows)]
    use arboard::SetExtWindows;
    #[cfg(target_os = "macos")]
    clipboard.set().exclude_from_history().text(value)?;
    #[cfg(windows)]
    clipboard.set().exclude_from_history().exclude_from_cloud().exclude_from_monitoring().text(value)?;
    std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
    Ok(())
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    let fits = seconds.map(Duration::from_secs).filter(|time| !time.is_zero() && *time <= LONGEST);
    fits.ok_or_else(|| "write 30s or 2m, at most an hour".to_owned())
}
