use clap::Subcommand;
use keyward_client::{Code, Failure, KeyQuestion, KeyVerdict, Result};
use keyward_providers::{Basic, Detector, Provider, SendPlace, provider, providers};
use keyward_types::{SecretName, Verified, Version};
use serde::Serialize;

use crate::context::Context;
use crate::output::{self, Exit};

/// The catalogue of services: what their keys look like, how they are sent, asked about and replaced
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward provider show openai")]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every service, or those whose name has a word
    #[command(after_help = "Example: keyward provider list git")]
    List {
        /// Part of an id or a name
        word: Option<String>,
    },
    /// Ask a stored key's own service whether it lives
    #[command(after_help = "\
Example: keyward provider verify OPENAI_API_KEY -e production

The value goes to its own service alone, by the cheapest call that changes nothing, and its use is recorded
first. Only an answer that the service's documents have makes a key dead: no answer, 429 and 5xx say nothing.
Ends with 0 where the key works, 1 where it does not or nothing could be learned.")]
    Verify {
        /// The secret
        name: SecretName,
        /// An older version
        #[arg(long, value_name = "N")]
        version: Option<Version>,
        /// A part of the account that the service's address needs: `host=vault.example.com`
        #[arg(long, value_name = "PART=VALUE", value_parser = part)]
        account: Vec<(String, String)>,
    },
    /// All that is known of a service
    #[command(after_help = "Example: keyward provider show postgresql")]
    Show {
        /// Its id
        id: String,
    },
}

/// A service, as `--json` has it.
#[derive(Serialize)]
struct Service {
    id: &'static str,
    name: &'static str,
    homepage: &'static str,
    console: Option<&'static str>,
    hosts: &'static [&'static str],
    rotation: char,
    variables: Vec<Variable>,
    formats: Vec<Format>,
    send: Option<String>,
    base_url: Option<&'static str>,
    verify: Option<Verify>,
    create: Option<&'static str>,
    list: Option<&'static str>,
    disable: Option<&'static str>,
    delete: Option<&'static str>,
    note: Option<&'static str>,
}

#[derive(Serialize)]
struct Variable {
    name: &'static str,
    kind: String,
}

#[derive(Serialize)]
struct Format {
    rule: &'static str,
    description: &'static str,
    kind: String,
    form: String,
    length: [u32; 2],
    checksum: bool,
    context: &'static [&'static str],
    confidence: &'static str,
    confirmed: bool,
    advice: Option<&'static str>,
}

#[derive(Serialize)]
struct Verify {
    request: &'static str,
    valid: &'static [u16],
    invalid: &'static [u16],
    insufficient: &'static [u16],
    confirmed: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        match self.what {
            What::List { word } => list(context, word.as_deref()),
            What::Show { id } => show(context, &id),
            What::Verify { name, version, account } => verify(context, name, version, account),
        }
    }
}

fn list(context: &Context, word: Option<&str>) -> Result<Exit> {
    let word = word.unwrap_or_default().to_lowercase();
    let chosen = |one: &&Provider| one.id.contains(&word) || one.name.to_lowercase().contains(&word);
    let chosen: Vec<&Provider> = providers().iter().filter(chosen).collect();
    if context.global.json {
        output::listing("providers", &chosen.into_iter().map(Service::of).collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    let row = |one: &&Provider| {
        let verify = if one.verify.is_some() { "yes" } else { "-" };
        vec![
            one.id.to_owned(),
            one.name.to_owned(),
            one.detect.len().to_string(),
            verify.to_owned(),
            one.rotation.letter().to_string(),
        ]
    };
    output::table(&["ID", "NAME", "FORMATS", "ASKED", "ROTATION"], &chosen.iter().map(row).collect::<Vec<_>>())?;
    let formats: usize = chosen.iter().map(|one| one.detect.len()).sum();
    output::note(format!("{} services with {formats} formats", chosen.len()));
    Ok(Exit::Done)
}

pub(super) fn part(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("`{text}` is no part: parts are like `host=HOST`"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn verify(
    context: &Context,
    name: SecretName,
    version: Option<Version>,
    account: Vec<(String, String)>,
) -> Result<Exit> {
    let connection = context.connect()?;
    let place = context.place(&connection)?;
    let question = KeyQuestion { version, account: account.into_iter().collect() };
    let verdict = connection.desk().verify_key(place.at, name, question)?;
    if context.global.json {
        output::json(&serde_json::json!({ "verdict": verdict }))?;
    } else {
        output::lines(told(&verdict))?;
    }
    let works = matches!(verdict.verified, Verified::Valid | Verified::ValidInsufficient);
    Ok(if works { Exit::Done } else { Exit::No })
}

fn told(verdict: &KeyVerdict) -> String {
    let what = match verdict.verified {
        Verified::Valid => "works",
        Verified::ValidInsufficient => "works, with few rights",
        Verified::Invalid => "does not work",
        Verified::Blocked => "lives, and may not be used from here",
        Verified::RateLimited => "was not asked about: too many calls",
        Verified::NotChecked | Verified::Indeterminate => "nothing was learned of it",
    };
    let asked = verdict.provider.as_deref().map_or(String::new(), |provider| format!("{provider}: "));
    let whose = verdict.identity.as_deref().map_or(String::new(), |whose| format!(", of {whose}"));
    format!("{} (version {}): {what} ({asked}{}{whose})", verdict.name, verdict.version, verdict.why)
}

fn show(context: &Context, id: &str) -> Result<Exit> {
    let Some(found) = provider(&id.to_lowercase()) else {
        return Err(Failure::new(Code::NotFound, format!("no service `{id}` is in the catalogue"))
            .hint("`keyward provider list WORD` looks for one"));
    };
    let service = Service::of(found);
    if context.global.json {
        output::json(&serde_json::json!({ "provider": service }))?;
        return Ok(Exit::Done);
    }
    output::lines(format!("{} ({})", service.name, service.id))?;
    let mut facts: Vec<(&str, String)> = vec![("homepage", service.homepage.to_owned())];
    let mut fact = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    fact("console", service.console.map(str::to_owned));
    fact("sent as", service.send);
    fact("base URL", service.base_url.map(str::to_owned));
    fact(
        "asked by",
        service
            .verify
            .map(|verify| format!("{}{}", verify.request, if verify.confirmed { "" } else { " (unconfirmed)" })),
    );
    fact("made by", service.create.map(str::to_owned));
    fact("stopped by", service.disable.map(str::to_owned));
    fact("ended by", service.delete.map(str::to_owned));
    fact("rotation", Some(rotation(found)));
    fact("note", service.note.map(str::to_owned));
    for (name, value) in facts {
        output::lines(format!("  {name:<11} {value}"))?;
    }
    for format in service.formats {
        output::lines(format!("\n  {} ({})", format.rule, format.description))?;
        output::lines(format!("    {}", format.form))?;
        let near =
            if format.context.is_empty() { String::new() } else { format!(", near {}", format.context.join(", ")) };
        let sum = if format.checksum { ", with a checksum" } else { "" };
        let sure = if format.confirmed { "" } else { ", unconfirmed" };
        output::lines(format!("    {}, {} confidence{sure}{sum}{near}", format.kind, format.confidence))?;
        if let Some(advice) = format.advice {
            output::lines(format!("    {advice}"))?;
        }
    }
    if !service.variables.is_empty() {
        output::lines("\n  usual variables")?;
        for variable in service.variables {
            output::lines(format!("    {} ({})", variable.name, variable.kind))?;
        }
    }
    Ok(Exit::Done)
}

impl Service {
    fn of(one: &'static Provider) -> Self {
        Self {
            id: one.id,
            name: one.name,
            homepage: one.homepage,
            console: one.console,
            hosts: one.hosts,
            rotation: one.rotation.letter(),
            variables: one.env.iter().map(|(name, kind)| Variable { name, kind: kind.to_string() }).collect(),
            formats: one.detect.iter().map(Format::of).collect(),
            send: one.send.map(|send| sent(send.place)),
            base_url: one.send.and_then(|send| send.base_url),
            verify: one.verify.map(|verify| Verify {
                request: verify.request,
                valid: verify.valid,
                invalid: verify.invalid,
                insufficient: verify.insufficient,
                confirmed: verify.confirmed,
            }),
            create: one.manage.create,
            list: one.manage.list,
            disable: one.manage.disable,
            delete: one.manage.delete,
            note: one.manage.note,
        }
    }
}

impl Format {
    fn of(one: &'static Detector) -> Self {
        Self {
            rule: one.id,
            description: one.description,
            kind: one.kind.to_string(),
            form: one.regex().into_owned(),
            length: [one.min_len, one.max_len],
            checksum: one.checksum.is_some(),
            context: one.context,
            confidence: one.confidence.as_str(),
            confirmed: one.confirmed,
            advice: one.advice,
        }
    }
}

fn sent(place: SendPlace) -> String {
    match place {
        SendPlace::Header(name, prefix) => format!("header `{name}: {prefix}KEY`"),
        SendPlace::Query(name) => format!("query `{name}=KEY`"),
        SendPlace::Basic(Basic::User) => "user of HTTP basic authentication".to_owned(),
        SendPlace::Basic(Basic::Password) => "password of HTTP basic authentication".to_owned(),
    }
}

fn rotation(one: &Provider) -> String {
    let what = match one.rotation.letter() {
        'A' => "several keys live side by side",
        'B' => "two keys at most live side by side",
        'C' => "the old key lives on for a while",
        'D' => "a new key ends the old one at once",
        'E' => "old data needs the old key",
        _ => "by hand, in the console",
    };
    format!("{} ({what})", one.rotation.letter())
}
