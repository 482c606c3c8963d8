use keyward_client::{Code, Detail, Purpose, Result, Selection};
use keyward_types::{SecretName, visible};

use crate::commands::shown::{self, Logins};
use crate::context::Context;
use crate::output::{self, Exit};

/// Show what is known of a secret, and who has it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward show OPENAI_API_KEY -e production")]
pub(crate) struct Args {
    /// The secret
    name: SecretName,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let place = context.place(&connection)?;
        let desk = connection.desk();
        let detail = desk.show(place.at.clone(), self.name)?;
        if context.global.json {
            output::json(&detail)?;
            return Ok(Exit::Done);
        }
        let value = if detail.secret.kind.is_secret() || detail.secret.version.is_none() {
            "hidden".to_owned()
        } else {
            let selection = Selection::Names(vec![detail.secret.name.clone()]);
            match desk.read(place.at.clone(), selection, Purpose::Read) {
                Ok(values) => values
                    .first()
                    .map_or_else(String::new, |one| String::from_utf8_lossy(one.value.expose()).into_owned()),
                // Who may list it sees the rest.
                Err(failure) if failure.code == Code::Denied => "hidden: you may not read it".to_owned(),
                Err(failure) => return Err(failure),
            }
        };
        let title = format!("{}/{}/{}", place.at.project, place.at.environment, detail.secret.name);
        let logins = shown::logins_here(context, desk);
        output::line(text(&title, &value, &detail, &logins))?;
        Ok(Exit::Done)
    }
}

fn text(title: &str, value: &str, detail: &Detail, logins: &Logins) -> String {
    let called = |principal| shown::called(logins, principal);
    let secret = &detail.secret;
    let none = || "-".to_owned();
    let mut lines = vec![title.to_owned()];
    // What others wrote is no line of ours.
    let mut add = |label: &str, value: String| lines.push(format!("  {label:<12} {}", visible(&value)));
    add("value", value.to_owned());
    add("kind", secret.kind.to_string());
    add("version", format!("{} of {}", shown::version(secret), secret.versions.len()));
    add("written", secret.created_at.to_string());
    if secret.age_unknown {
        add("age", "unknown: it was brought here; due within 14 days of that".into());
    }
    add("size", format!("{}, about {} bits", shown::counted(u64::from(secret.size), "byte"), secret.bits));
    add("provider", secret.provider.clone().unwrap_or_else(none));
    add("access", secret.access.map_or_else(none, |access| access.to_string()));
    add("expires", secret.expires_at.map_or_else(none, |moment| moment.to_string()));
    add("rotate", secret.rotate_every_days.map_or_else(none, |days| format!("every {days} days")));
    add("owner", secret.owner.clone().unwrap_or_else(none));
    add("description", secret.description.clone().unwrap_or_else(none));
    add("tags", if secret.tags.is_empty() { none() } else { secret.tags.join(", ") });
    if secret.as_file {
        add("as file", "`run` hands it over as a private file".into());
    }
    if !detail.same_as.is_empty() {
        add("same value", detail.same_as.join(", "));
    }
    for reads in &detail.reads {
        let times = shown::counted(reads.n, "time");
        add("read", format!("version {} by {}, {times}, last {}", reads.version, called(&reads.principal), reads.last));
    }
    for known in &detail.uses {
        let key = known.name.as_deref().unwrap_or(&known.virtual_key);
        let times = shown::counted(known.requests, "call");
        add(
            "called",
            format!(
                "version {} by virtual key {key}, {times} since yesterday, last in the hour of {}",
                known.version, known.last
            ),
        );
    }
    for holding in detail.holdings.iter().filter(|holding| holding.until.is_none()) {
        add(
            "held",
            format!(
                "version {} by {} ({}) since {}",
                holding.version,
                called(&holding.principal),
                holding.kind,
                holding.since
            ),
        );
    }
    lines.join("\n")
}
