use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use keyward_client::{
    Bytes, Failure, Result, Stored, StoredChange, SystemClock, SystemRandom, Where, examine, is_plainly_none,
};
use keyward_providers::Profile;
use keyward_types::{Kind, Random, SecretName};

use super::metadata::Metadata;
use crate::context::Context;
use crate::output::{self, Exit};
use crate::terminal;

/// Store a value: from standard input, a hidden prompt or a file, never from an argument
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: printf %s \"$KEY\" | keyward set OPENAI_API_KEY -e staging --expires 90d")]
pub(crate) struct Args {
    /// The secret
    name: String,
    /// Where some type the value: taken in so that no message repeats it
    #[arg(hide = true)]
    typed: Vec<std::ffi::OsString>,
    #[command(flatten)]
    metadata: Metadata,
    /// Make the value: password, hex, base64, base62, signing-key or uuid
    #[arg(long, value_name = "PROFILE", num_args = 0..=1, require_equals = true, default_missing_value = "signing-key")]
    generate: Option<Profile>,
    /// Read the value from a file, every byte of it
    #[arg(long, value_name = "PATH", conflicts_with = "generate")]
    file: Option<PathBuf>,
    /// Keep the final line break of standard input
    #[arg(long)]
    raw: bool,
    /// Store an empty value, where nothing was given
    #[arg(long)]
    allow_empty: bool,
}

/// How a value came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// From a file, a pipe, or made here.
    Given,
    /// Typed where it cannot be seen.
    Hidden,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let name = name(&self.name)?;
        if !self.typed.is_empty() {
            return Err(value_in_argument(name.as_str()));
        }
        let (value, way) = self.value(&name)?;
        if value.expose().is_empty() && !self.allow_empty {
            return Err(Failure::usage("nothing was given, and an empty value is stored by `--allow-empty` alone")
                .hint("a program that fails in front of a pipe gives nothing"));
        }
        let plain = is_plainly_none(value.expose());
        let mut edit = self.metadata.edit(&SystemClock)?;
        if let (Some(profile), None) = (self.generate, edit.kind) {
            // What is made here is a secret, whatever it may look like.
            edit.kind = Some(match profile {
                Profile::Password => Kind::Password,
                _ => Kind::SigningKey,
            });
        }
        let guessed = edit.kind.is_none() && !plain;
        let mut examined = examine(name, value, edit);
        if guessed && examined.recognition.kind == Kind::Config {
            if examined.secret.edit.provider.as_ref().is_some_and(Option::is_some) {
                // What belongs to a service is its key, whatever that looks like.
                examined.secret.edit.looks_like = Some(Kind::ApiKey);
            } else if way == Way::Hidden {
                // Nobody is asked for a setting where nothing can be seen.
                examined.secret.edit.looks_like = Some(Kind::Password);
            }
        }
        let connection = context.connect()?;
        let place = context.place(&connection)?;
        let stored = connection.desk().write(place.at.clone(), vec![examined.secret])?;
        for one in &stored {
            say(&place.at, one, &examined.advice);
            if guessed && one.kind == Kind::Config {
                output::note(format!("warning: `{}` is taken for no secret: it is shown, and never masked", one.name));
                output::hint("`--kind password` says that it is one");
            }
        }
        if context.global.json {
            output::listing("secrets", &stored)?;
        }
        Ok(Exit::Done)
    }

    fn value(&self, name: &SecretName) -> Result<(Bytes, Way)> {
        if let Some(profile) = self.generate {
            return Ok((generated(profile)?, Way::Given));
        }
        if let Some(path) = &self.file {
            return Ok((from_file(path)?, Way::Given));
        }
        if std::io::stdin().is_terminal() {
            let typed = terminal::hidden(&format!("Value of {name}"))?;
            return Ok((Bytes::new(typed.expose().clone().into_bytes()), Way::Hidden));
        }
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(keyward_vault::MAX_VALUE as u64 + 3).read_to_end(&mut bytes);
        read.map_err(|error| Failure::internal(format!("standard input cannot be read: {error}")))?;
        if !self.raw && bytes.ends_with(b"\n") {
            bytes.pop();
            if bytes.ends_with(b"\r") {
                bytes.pop();
            }
            output::note("the final line break of standard input was dropped (`--raw` keeps it)");
        }
        Ok((Bytes::new(bytes), Way::Given))
    }
}

fn say(at: &Where, one: &Stored, advice: &[String]) {
    let place = format!("{}/{}/{}", at.project, at.environment, one.name);
    match one.change {
        StoredChange::Unchanged => output::note(format!("`{place}` has this value already (version {})", one.version)),
        _ => output::note(format!("`{place}` is stored as {} version {}", one.kind, one.version)),
    }
    for sentence in advice {
        output::note(format!("warning: `{}`: {sentence}", one.name));
    }
    if !one.same_as.is_empty() {
        output::note(format!("warning: the same value is stored as `{}`", one.same_as.join("`, `")));
        output::hint("a key of its own for each environment limits what a leak costs");
    }
}

fn generated(profile: Profile) -> Result<Bytes> {
    let made = keyward_providers::generate(profile, None, &mut |bytes| SystemRandom.fill(bytes))
        .map_err(|error| Failure::usage(error.to_string()))?;
    output::note(format!("made a {} of {:.0} bits", profile.as_str(), made.bits));
    Ok(Bytes::new(made.value.expose().clone().into_bytes()))
}

fn from_file(path: &std::path::Path) -> Result<Bytes> {
    let failed = |error: std::io::Error| Failure::file("read", path, &error);
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(keyward_vault::MAX_VALUE as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > keyward_vault::MAX_VALUE {
        return Err(Failure::usage(format!("`{}` is larger than {} bytes", path.display(), keyward_vault::MAX_VALUE)));
    }
    Ok(Bytes::new(bytes))
}

/// `set NAME=VALUE` is a habit from elsewhere; the value must not be repeated.
fn name(text: &str) -> Result<SecretName> {
    if let Some((name, _)) = text.split_once('=') {
        return Err(value_in_argument(name));
    }
    text.parse().map_err(|error: keyward_types::Error| Failure::usage(error.to_string()))
}

fn value_in_argument(name: &str) -> Failure {
    let shown = name.parse::<SecretName>().map_or_else(|_| "NAME".to_owned(), |name| name.to_string());
    Failure::usage("a value in an argument is seen by every process and kept by the shell's history").hint(format!(
        "type it at the prompt of `keyward set {shown}`, or pipe it there; and replace the one you just typed"
    ))
}
