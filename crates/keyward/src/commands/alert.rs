use std::path::PathBuf;

use clap::Subcommand;
use keyward_client::{
    AlertSinkInfo, AlertWay, Code, Failure, Login, MadeAlertSink, MailInfo, NewAlertSinkInfo, Result,
};

use crate::commands::hidden::hidden;
use crate::commands::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// Where alerts go: signed webhooks, Slack, mail
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward alert add slack ops < url.txt")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a place that alerts go to
    #[command(after_help = "Example: keyward alert add slack ops < url.txt")]
    Add {
        #[command(subcommand)]
        way: Way,
    },
    /// List the places that alerts go to
    #[command(after_help = "Example: keyward alert list --json")]
    List,
    /// Send an alert now; exit 1: it was not taken
    #[command(after_help = "Example: keyward alert test ops")]
    Test {
        /// Which
        name: Login,
    },
    /// End a place that alerts go to
    #[command(after_help = "Example: keyward alert remove ops --yes")]
    Remove {
        /// Which
        name: Login,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Way {
    /// A signed POST (Standard Webhooks); the signing secret is shown this once
    #[command(after_help = "Example: keyward alert add webhook pager --only break_glass < url.txt")]
    Webhook {
        #[command(flatten)]
        common: Common,
        /// Read the URL from a file; default: standard input, or a hidden prompt
        #[arg(long, value_name = "PATH")]
        url_file: Option<PathBuf>,
    },
    /// An incoming webhook of Slack, or of what is compatible with it
    #[command(after_help = "Example: keyward alert add slack ops < url.txt")]
    Slack {
        #[command(flatten)]
        common: Common,
        /// Read the URL from a file; default: standard input, or a hidden prompt
        #[arg(long, value_name = "PATH")]
        url_file: Option<PathBuf>,
    },
    /// Mail by SMTP; the password comes from standard input or a hidden prompt
    #[command(
        after_help = "Example: keyward alert add email mail --host smtp.example.com --username ops --from ops@example.com --to all@example.com"
    )]
    Email {
        #[command(flatten)]
        common: Common,
        /// The mail server
        #[arg(long)]
        host: String,
        /// Its port; default: 465, 587 with `starttls`, 25 with `none`
        #[arg(long)]
        port: Option<u16>,
        /// How the connection is protected: implicit, starttls, or none to this machine
        #[arg(long, default_value = "implicit")]
        tls: String,
        /// The account at the mail server; default: it takes mail without
        #[arg(long, value_name = "USER")]
        username: Option<String>,
        /// Read the password from a file
        #[arg(long, value_name = "PATH", requires = "username")]
        password_file: Option<PathBuf>,
        /// Who the mail is from
        #[arg(long, value_name = "ADDRESS")]
        from: String,
        /// Who gets it; more than once: each of them
        #[arg(long, value_name = "ADDRESS", required = true)]
        to: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Common {
    /// What it is called: lower case
    name: Login,
    /// Only alerts of this kind, such as break_glass; more than once: each of them
    #[arg(long, value_name = "KIND")]
    only: Vec<String>,
    /// It may lie at a private address: this machine, or a network around it
    #[arg(long)]
    allow_private: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        match self.verb {
            Verb::Add { way } => {
                let new = way.sink()?;
                made(context, &context.connect()?.desk().add_alert_sink(new)?)?;
            }
            Verb::List => list(context, &context.connect()?.desk().alert_sinks()?)?,
            Verb::Test { name } => return test(context, name),
            Verb::Remove { name, yes } => {
                context.confirm(yes, &format!("send no more alerts to `{name}`?"))?;
                let gone = context.connect()?.desk().remove_alert_sink(name)?;
                match context.global.json {
                    true => output::json(&serde_json::json!({ "alert_sink": gone }))?,
                    false => output::note(format!("no alerts go to `{}` any more", gone.name)),
                }
            }
        }
        Ok(Exit::Done)
    }
}

impl Way {
    fn sink(self) -> Result<NewAlertSinkInfo> {
        let (common, way) = match self {
            Self::Webhook { common, url_file } => (common, AlertWay::Webhook(hidden("URL", url_file.as_deref())?)),
            Self::Slack { common, url_file } => (common, AlertWay::Slack(hidden("URL", url_file.as_deref())?)),
            Self::Email { common, host, port, tls, username, password_file, from, to } => {
                let password = match &username {
                    Some(user) => Some(hidden(&format!("Password of {user}"), password_file.as_deref())?),
                    None => None,
                };
                (common, AlertWay::Email(MailInfo { host, port, tls, username, password, from, to }))
            }
        };
        Ok(NewAlertSinkInfo { name: common.name, way, only: common.only, allow_private: common.allow_private })
    }
}

fn made(context: &Context, made: &MadeAlertSink) -> Result<()> {
    let secret = made.signing_secret.as_ref().map(|text| String::from_utf8_lossy(text.expose()));
    if context.global.json {
        return output::json(&serde_json::json!({ "alert_sink": made.sink, "signing_secret": secret }));
    }
    let sink = &made.sink;
    output::note(format!("alerts go to {} `{}` ({}) now", sink.kind, sink.name, sink.to));
    if let Some(secret) = secret {
        output::line(&secret)?;
        output::note("the receiver verifies signatures with this secret; it is not shown again");
    }
    output::hint(format!("`keyward alert test {}` tries it", sink.name));
    Ok(())
}

fn test(context: &Context, name: Login) -> Result<Exit> {
    let tried = context.connect()?.desk().test_alert_sink(name)?;
    if let Some(fault) = &tried.fault {
        let sink = &tried.sink;
        let message = format!("`{}` ({}) did not take the alert: {fault}", sink.name, sink.to);
        return Err(Failure::new(Code::No, message).hint("`keyward alert list` shows where alerts go"));
    }
    match context.global.json {
        true => output::json(&serde_json::json!({ "alert_test": tried }))?,
        false => output::note(format!("`{}` took the alert {}", tried.sink.name, tried.id)),
    }
    Ok(Exit::Done)
}

fn list(context: &Context, sinks: &[AlertSinkInfo]) -> Result<()> {
    if context.global.json {
        return output::listing("alert_sinks", sinks);
    }
    let rows: Vec<Vec<String>> = sinks
        .iter()
        .map(|sink| {
            let only = if sink.only.is_empty() { "all".to_owned() } else { sink.only.join(" ") };
            vec![sink.name.to_string(), sink.kind.clone(), sink.to.clone(), only, shown::day(sink.created_at)]
        })
        .collect();
    output::table(&["NAME", "KIND", "TO", "ALERTS", "SINCE"], &rows)
}
