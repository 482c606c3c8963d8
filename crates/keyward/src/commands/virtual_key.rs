use std::collections::BTreeMap;
use std::time::Duration;

use clap::Subcommand;
use keyward_client::{
    Desk, Failure, KeyRulesInfo, KeySecretInfo, Login, MadeVirtualKey, NewVirtualKeyInfo, Result, VirtualKeyDetail,
    VirtualKeyInfo,
};
use keyward_types::SecretName;

use crate::commands::virtual_key_narrow::Narrow;
use crate::commands::{lasting, role, shown};
use crate::context::Context;
use crate::output::{self, Exit};

/// Virtual keys: what browsers, scripts and agents hold in the place of the real key
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "vk",
    after_help = "Example: keyward virtual-key create chat --secret OPENAI_API_KEY -e production --budget 5usd/day"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a virtual key; it is shown this once
    #[command(
        after_help = "Example: keyward virtual-key create chat --secret OPENAI_API_KEY -e production --model 'gpt-4o*' --rpm 60"
    )]
    Create(Box<Create>),
    /// List virtual keys, without their text
    #[command(after_help = "Example: keyward virtual-key list --json")]
    List,
    /// Show a virtual key: its rules, and what is left of its budgets
    #[command(after_help = "Example: keyward virtual-key show chat")]
    Show {
        /// Its name, its id or the beginning of that
        key: String,
    },
    /// Give a virtual key another text; it is shown this once
    #[command(after_help = "Example: keyward virtual-key rotate chat --grace 1h")]
    Rotate {
        /// Its name, its id or the beginning of that
        key: String,
        /// For how long the old text serves still: 30m, 1h, 7d; default: not at all
        #[arg(long, value_name = "TIME", value_parser = |text: &str| lasting::time(text, LONGEST_GRACE))]
        grace: Option<Duration>,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
    /// Make a narrower key of one that you hold, without asking anybody; it is known by that one
    #[command(
        after_help = "Example: keyward virtual-key narrow --ttl 15m --model gpt-4o-mini --tag user-4711 < key.txt"
    )]
    Narrow(Box<Narrow>),
    /// Revoke a virtual key at once, with its children
    #[command(after_help = "Example: keyward virtual-key revoke chat --yes")]
    Revoke {
        /// Its name, its id or the beginning of that
        key: String,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Create {
    /// What you call it
    name: Login,
    /// The secret it stands for; more than once: each at its own service
    #[arg(long = "secret", value_name = "NAME", required = true)]
    secrets: Vec<SecretName>,
    /// The service, where that is not the secret's own
    #[arg(long, value_name = "ID")]
    provider: Option<String>,
    /// Where requests go, for services with an address for each account
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// A program's account, whose rights it has a part of; default: yours, and it ends with your account
    #[arg(long = "for", value_name = "LOGIN")]
    account: Option<Login>,
    /// Models that may be asked: 'gpt-4o*'; more than once: each of them
    #[arg(long = "model", value_name = "GLOB")]
    models: Vec<String>,
    /// Requests that may be made: 'POST /v1/chat/*'; more than once: each of them
    #[arg(long = "allow", value_name = "RULE")]
    allow: Vec<String>,
    /// Whose pages may use it in a browser; more than once: each of them
    #[arg(long = "origin", value_name = "URL")]
    origins: Vec<String>,
    /// From where it may be used; more than once: from each of them
    #[arg(long = "network", value_name = "CIDR")]
    networks: Vec<String>,
    /// Requests a minute
    #[arg(long, value_name = "N")]
    rpm: Option<u64>,
    /// Tokens a minute
    #[arg(long, value_name = "N")]
    tpm: Option<u64>,
    /// Requests at the same time
    #[arg(long, value_name = "N")]
    parallel: Option<u64>,
    /// What it may cost: 5usd/day, 100000tokens/month, 20usd/total; more than once: all of them hold
    #[arg(long = "budget", value_name = "BUDGET")]
    budgets: Vec<String>,
    /// Reserve for each request by itself, so that several nodes together overspend nothing
    #[arg(long)]
    strict: bool,
    /// The most that a number of the body may be: max_tokens=1000; more than once: each of them
    #[arg(long = "max-field", value_name = "NAME=N", value_parser = max_field)]
    max_fields: Vec<(String, u64)>,
    /// How long it lives: 8h, 90d; default: until it is revoked
    #[arg(long, value_name = "TIME", value_parser = |text: &str| lasting::time(text, LONGEST))]
    ttl: Option<Duration>,
    /// How often it may be used
    #[arg(long, value_name = "N")]
    uses: Option<u64>,
    /// How long a node that hears nothing of the store goes on serving it; default: 30s
    #[arg(long, value_name = "TIME", value_parser = |text: &str| lasting::time(text, LONGEST_STALE))]
    max_stale: Option<Duration>,
    /// A word to find it by; more than once: each of them
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// A trap: it serves nobody, and whoever shows it raises an alarm
    #[arg(long)]
    canary: bool,
}

const LONGEST: Duration = Duration::from_secs(366 * 86400);
const LONGEST_GRACE: Duration = Duration::from_secs(7 * 86400);
const LONGEST_STALE: Duration = Duration::from_secs(3600);

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        if let Verb::Narrow(narrow) = self.verb {
            narrow.run(context)?;
            return Ok(Exit::Done);
        }
        let connection = context.connect()?;
        let desk = connection.desk();
        match self.verb {
            // It needs no desk.
            Verb::Narrow(_) => {}
            Verb::Create(new) => {
                let place = context.place(&connection)?;
                let owned = new.account.is_some();
                let key = desk.create_virtual_key(place.at, new.info()?)?;
                made(context, &key)?;
                if !owned && !context.global.json {
                    let account = &key.virtual_key.account;
                    output::hint(format!(
                        "it ends with the account `{account}`: `--for LOGIN` gives a key to a program"
                    ));
                }
            }
            Verb::List => list(context, &desk.virtual_keys()?)?,
            Verb::Show { key } => {
                let key = found(desk, &key)?;
                show(context, &desk.virtual_key(key.id)?)?;
            }
            Verb::Rotate { key, grace, yes } => {
                let key = found(desk, &key)?;
                let grace = grace.map_or(0, |grace| u32::try_from(grace.as_secs()).unwrap_or(u32::MAX));
                if grace == 0 {
                    let question = format!("replace {}? the old text is dead at once", called(&key));
                    context.confirm(yes, &question)?;
                }
                made(context, &desk.rotate_virtual_key(key.id, grace)?)?;
            }
            Verb::Revoke { key, yes } => {
                let key = found(desk, &key)?;
                context.confirm(yes, &format!("revoke {}?", called(&key)))?;
                let revoked = desk.revoke_virtual_key(key.id)?;
                match context.global.json {
                    true => output::json(&serde_json::json!({ "virtual_key": revoked }))?,
                    false => output::note(format!("the virtual key `{}` is dead", revoked.name)),
                }
            }
        }
        Ok(Exit::Done)
    }
}

impl Create {
    fn info(self) -> Result<NewVirtualKeyInfo> {
        if self.secrets.len() > 1 && (self.provider.is_some() || self.upstream.is_some()) {
            return Err(Failure::usage("`--provider` and `--upstream` are for a key of one secret")
                .hint("set the service on each secret with `keyward edit NAME --provider ID`"));
        }
        let (provider, upstream) = (self.provider, self.upstream);
        let secret =
            |name| KeySecretInfo { secret: Some(name), provider: provider.clone(), upstream: upstream.clone() };
        let rules = KeyRulesInfo {
            allow: self.allow,
            models: self.models,
            max_fields: self.max_fields.into_iter().collect::<BTreeMap<_, _>>(),
            networks: self.networks,
            origins: self.origins,
            rpm: self.rpm,
            tpm: self.tpm,
            parallel: self.parallel,
            budgets: self.budgets,
            strict: self.strict,
            uses: self.uses,
            max_stale: self.max_stale.map(|time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX)),
            tags: self.tags,
            canary: self.canary,
        };
        Ok(NewVirtualKeyInfo {
            name: self.name,
            account: self.account,
            secrets: self.secrets.into_iter().map(secret).collect(),
            rules,
            expires_at: self.ttl.map(role::until),
        })
    }
}

fn max_field(text: &str) -> std::result::Result<(String, u64), String> {
    let wrong = || "write it like max_tokens=1000".to_owned();
    let (name, most) = text.split_once('=').ok_or_else(wrong)?;
    Ok((name.to_owned(), most.parse().map_err(|_| wrong())?))
}

/// The key of this name, id or beginning of an id. Of several of one name it is the one that lives.
fn found(desk: &dyn Desk, text: &str) -> Result<VirtualKeyInfo> {
    let keys = desk.virtual_keys()?;
    let named: Vec<&VirtualKeyInfo> = keys.iter().filter(|key| key.name.as_str() == text).collect();
    let live: Vec<&&VirtualKeyInfo> = named.iter().filter(|key| key.state == "live").collect();
    match (live.as_slice(), named.as_slice()) {
        ([one], _) => Ok((**one).clone()),
        ([], [one]) => Ok((*one).clone()),
        // Children are in no list, and have an id.
        ([], []) => match shown::by_id(&keys, text, "virtual key", |key| &key.id) {
            Ok(key) => Ok(key.clone()),
            Err(missing) => desk.virtual_key(text.to_owned()).map(|detail| detail.virtual_key).map_err(|_| missing),
        },
        _ => Err(Failure::usage(format!("there are several virtual keys `{text}`"))
            .hint("name one by its id: `keyward virtual-key list` shows them")),
    }
}

fn called(key: &VirtualKeyInfo) -> String {
    match (&key.project, &key.environment) {
        (Some(project), Some(environment)) => format!("the virtual key `{}` of {project}/{environment}", key.name),
        _ => format!("the virtual key `{}`", key.name),
    }
}

fn made(context: &Context, made: &MadeVirtualKey) -> Result<()> {
    let text = String::from_utf8_lossy(made.text.expose());
    let key = &made.virtual_key;
    let urls = base_urls(context.config.gateway(made.gateway.as_deref()), key);
    if context.global.json {
        let mut value = serde_json::to_value(key).map_err(|error| Failure::internal(error.to_string()))?;
        value["key"] = text.into();
        value["base_url"] = urls.values().next().cloned().into();
        value["base_urls"] = serde_json::json!(urls);
        return output::json(&serde_json::json!({ "virtual_key": value }));
    }
    output::line(&text)?;
    let until = key.expires_at.map_or("it is revoked".to_owned(), shown::moment);
    output::note(format!("the virtual key `{}` of `{}`, until {until}; it is not shown again", key.name, key.account));
    for url in urls.values() {
        output::note(format!("base URL: {url}"));
    }
    Ok(())
}

/// What an official SDK is given as its base URL, by service.
fn base_urls(gateway: &str, key: &VirtualKeyInfo) -> BTreeMap<String, String> {
    let services = key.secrets.iter().filter_map(|secret| secret.provider.clone());
    services
        .map(|id| {
            let url = format!("{gateway}/{id}{}", keyward_providers::sdk_path(&id));
            (id, url)
        })
        .collect()
}

fn list(context: &Context, keys: &[VirtualKeyInfo]) -> Result<()> {
    if context.global.json {
        return output::listing("virtual_keys", keys);
    }
    let rows: Vec<Vec<String>> = keys.iter().map(row).collect();
    output::table(&["ID", "NAME", "PLACE", "SERVICES", "ACCOUNT", "STATE", "UNTIL"], &rows)
}

fn row(key: &VirtualKeyInfo) -> Vec<String> {
    let place = key.project.as_ref().zip(key.environment.as_ref());
    let services: Vec<&str> = key.secrets.iter().filter_map(|secret| secret.provider.as_deref()).collect();
    vec![
        key.id.clone(),
        key.name.to_string(),
        place.map_or("-".to_owned(), |(project, environment)| format!("{project}/{environment}")),
        services.join(" "),
        key.account.clone(),
        if key.rules.canary { format!("{} (trap)", key.state) } else { key.state.clone() },
        key.expires_at.map_or("-".to_owned(), shown::moment),
    ]
}

fn show(context: &Context, detail: &VirtualKeyDetail) -> Result<()> {
    if context.global.json {
        return output::json(detail);
    }
    let key = &detail.virtual_key;
    let mut rows = vec![["id".to_owned(), key.id.clone()], ["name".into(), key.name.to_string()]];
    rows.push(["state".into(), key.state.clone()]);
    rows.push(["account".into(), key.account.clone()]);
    for secret in &key.secrets {
        let name = secret.secret.as_ref().map_or("(gone)".to_owned(), ToString::to_string);
        let at = secret.upstream.as_ref().map(|url| format!(" at {url}")).unwrap_or_default();
        rows.push(["secret".into(), format!("{name} for {}{at}", secret.provider.as_deref().unwrap_or("-"))]);
    }
    let rules = &key.rules;
    let lists = [
        ("allow", &rules.allow),
        ("model", &rules.models),
        ("network", &rules.networks),
        ("origin", &rules.origins),
        ("tag", &rules.tags),
    ];
    for (word, texts) in lists {
        rows.extend(texts.iter().map(|text| [word.to_owned(), text.clone()]));
    }
    rows.extend(rules.max_fields.iter().map(|(name, most)| ["max-field".to_owned(), format!("{name}={most}")]));
    for (word, number) in [("rpm", rules.rpm), ("tpm", rules.tpm), ("parallel", rules.parallel)] {
        rows.extend(number.map(|number| [word.to_owned(), number.to_string()]));
    }
    for cap in &detail.budgets {
        let share = u128::from(cap.used) * 100 / u128::from(cap.amount.max(1));
        rows.push(["budget".into(), format!("{}, {share} % reserved or spent", cap.budget)]);
    }
    rows.extend(key.expires_at.map(|end| ["until".to_owned(), shown::moment(end)]));
    rows.extend(key.previous_until.map(|end| ["old text until".to_owned(), shown::moment(end)]));
    if detail.children > 0 {
        rows.push(["children".into(), detail.children.to_string()]);
    }
    output::table(&["WHAT", "VALUE"], &rows)
}
