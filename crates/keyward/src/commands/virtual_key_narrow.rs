use std::io::{IsTerminal, Read as _};
use std::path::PathBuf;
use std::time::Duration;

use keyward_client::{Caveat, Failure, NarrowedKey, Result, RuleError};
use serde_json::json;
use zeroize::Zeroizing;

use crate::commands::{lasting, role, shown};
use crate::context::Context;
use crate::output;
use crate::terminal;

#[derive(Debug, clap::Args)]
pub(crate) struct Narrow {
    /// The key, in a file; default: standard input, or asked for on a terminal
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// How long it lives: 15m, 8h
    #[arg(long, value_name = "TIME", value_parser = |text: &str| lasting::time(text, LONGEST))]
    ttl: Option<Duration>,
    /// When it ends, in seconds since 1970
    #[arg(long, value_name = "SECONDS", conflicts_with = "ttl")]
    expires: Option<u64>,
    /// The service; more than once: one of them
    #[arg(long = "provider", value_name = "ID")]
    providers: Vec<String>,
    /// Requests that may be made: 'POST /v1/chat/*'; more than once: one of them
    #[arg(long = "allow", value_name = "RULE")]
    allow: Vec<String>,
    /// Models that may be asked: 'gpt-4o*'; more than once: one of them
    #[arg(long = "model", value_name = "GLOB")]
    models: Vec<String>,
    /// From where it may be used; more than once: from one of them
    #[arg(long = "network", value_name = "CIDR")]
    networks: Vec<String>,
    /// Whose pages may use it, and nothing but a page; more than once: one of them
    #[arg(long = "origin", value_name = "URL")]
    origins: Vec<String>,
    /// The most that a number of the body may be: max_tokens=300; more than once: each of them
    #[arg(long = "max-field", value_name = "NAME=N")]
    max_fields: Vec<String>,
    /// What its use is counted under: `keyward usage --by tag`
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
}

const LONGEST: Duration = Duration::from_secs(366 * 86400);

impl Narrow {
    /// Asks nobody: what is made here is known by the key that it is made of.
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let caveats = self.caveats()?;
        let key = self.key()?;
        let narrowed = NarrowedKey::of(key.trim(), &caveats).map_err(|error| {
            let hint = "what it is made of is a virtual key as it was shown, or one that was narrowed from it";
            Failure::usage(error.to_string()).hint(hint)
        })?;
        let text = narrowed.expose();
        let all: Vec<String> = narrowed.caveats().iter().map(ToString::to_string).collect();
        if context.global.json {
            return output::json(&json!({ "virtual_key": { "id": narrowed.id(), "key": *text, "caveats": all } }));
        }
        output::line(&text)?;
        output::note(format!("a narrower key of {}: {}", narrowed.id(), all.join("; ")));
        if let Some(end) = narrowed.caveats().iter().filter_map(end_of).min() {
            output::note(format!("until {}", shown::moment(end)));
        }
        Ok(())
    }

    /// One caveat a rule, in this order.
    fn caveats(&self) -> Result<Vec<Caveat>> {
        let end = self.ttl.map(|ttl| role::until(ttl).0.div_euclid(1000).to_string());
        let end = end.or_else(|| self.expires.map(|end| end.to_string()));
        let lists = [
            ("provider", &self.providers),
            ("allow", &self.allow),
            ("model", &self.models),
            ("network", &self.networks),
            ("origin", &self.origins),
        ];
        let mut lines: Vec<String> = end.map(|end| format!("expires {end}")).into_iter().collect();
        lines.extend(
            lists.iter().filter(|(_, all)| !all.is_empty()).map(|(word, all)| format!("{word} {}", all.join(" | "))),
        );
        lines.extend(self.max_fields.iter().map(|field| format!("max {field}")));
        lines.extend(self.tag.iter().map(|tag| format!("tag {tag}")));
        if lines.is_empty() {
            return Err(Failure::usage("nothing is said by which the key is to be narrower")
                .hint("for example: keyward virtual-key narrow --ttl 15m --model gpt-4o-mini --tag user-4711"));
        }
        lines.iter().map(|line| line.parse().map_err(|error: RuleError| Failure::usage(error.to_string()))).collect()
    }

    fn key(&self) -> Result<Zeroizing<String>> {
        let mut text = Zeroizing::new(String::new());
        match &self.file {
            Some(path) => {
                let failed =
                    |error: std::io::Error| Failure::usage(format!("`{}` cannot be read: {error}", path.display()));
                let file = std::fs::File::open(path).map_err(failed)?;
                file.take(LONGEST_KEY).read_to_string(&mut text).map_err(failed)?;
            }
            None if std::io::stdin().is_terminal() => {
                text.push_str(terminal::hidden("the virtual key: ")?.expose());
            }
            None => {
                let read = std::io::stdin().lock().take(LONGEST_KEY).read_to_string(&mut text);
                read.map_err(|error| Failure::usage(format!("standard input cannot be read: {error}")))?;
            }
        }
        Ok(text)
    }
}

/// More than any key has.
const LONGEST_KEY: u64 = 8 * 1024;

fn end_of(caveat: &Caveat) -> Option<keyward_types::Timestamp> {
    match caveat {
        Caveat::Expires(end) => Some(*end),
        _ => None,
    }
}
