use clap::Subcommand;
use keyward_client::{
    Blackout, Code, Desk, DueEntry, Failure, Result, ScheduleAbout, ScheduleInfo, ScheduleRule, UNKNOWN_AGE_DAYS,
    Where, Window,
};
use keyward_types::{Kind, SecretName};

use super::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// When secrets get new values: how often, in which hours, in which order, and whether by themselves
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: keyward schedule set DATABASE_URL --every 30d --window 'mon-fri 02:00-05:00' --zone Europe/Berlin --auto -e production"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the rules of an environment; the narrowest that is about a secret counts
    #[command(after_help = "Example: keyward schedule list -e production --json")]
    List,
    /// Set a rule of a secret, of a kind, or of every secret; what is not said stays as it is
    #[command(after_help = "Example: keyward schedule set --kind connection-string --every 60d --auto -e production")]
    Set(Box<Set>),
    /// Take a rule away
    #[command(after_help = "Example: keyward schedule clear DATABASE_URL -e production")]
    Clear {
        #[command(flatten)]
        about: About,
    },
    /// Begin nothing by itself, until `--resume`
    #[command(after_help = "Example: keyward schedule pause -e production")]
    Pause {
        #[command(flatten)]
        about: About,
        /// Go on
        #[arg(long)]
        resume: bool,
    },
}

#[derive(Debug, clap::Args)]
struct About {
    /// The secret; without one: every secret of the environment
    #[arg(value_name = "NAME", conflicts_with = "kind")]
    secret: Option<SecretName>,
    /// Every secret of this kind
    #[arg(long)]
    kind: Option<Kind>,
}

#[derive(Debug, clap::Args)]
struct Set {
    #[command(flatten)]
    about: About,
    /// From one value to the next: 30d; `never`
    #[arg(long, value_name = "DAYS", value_parser = every)]
    every: Option<u32>,
    /// When a rotation may begin by itself: `mon-fri 02:00-05:00`, `sat,sun`, `22:00-04:00`
    #[arg(long)]
    window: Option<Window>,
    /// The time zone of windows and blackouts, as IANA calls it; default: UTC
    #[arg(long)]
    zone: Option<String>,
    /// Days on which none begins by itself: 2026-12-20..2027-01-02
    #[arg(long = "blackout", value_name = "DAYS")]
    blackouts: Vec<Blackout>,
    /// Turn together with the secrets of this group, one after the other
    #[arg(long)]
    group: Option<String>,
    /// As which of the group
    #[arg(long, requires = "group")]
    order: Option<u32>,
    /// keyward begins what is due (`keyward up`, `keyward serve`), where it knows who makes the value
    #[arg(long, conflicts_with = "manual")]
    auto: bool,
    /// What is due is only told
    #[arg(long)]
    manual: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let place = context.place(&connection)?;
        let desk = connection.desk();
        let set = match self.verb {
            Verb::List => {
                list(context, &desk.schedules(place.at.clone())?)?;
                if !context.global.json {
                    tell_brought(&desk.calendar(place.at)?);
                }
                return Ok(Exit::Done);
            }
            Verb::Clear { about } => {
                let gone = desk.clear_schedule(place.at, about.into())?;
                match context.global.json {
                    true => output::json(&serde_json::json!({ "schedule": gone }))?,
                    false => output::note(format!("{} turns as usual again", called(&gone))),
                }
                return Ok(Exit::Done);
            }
            Verb::Set(set) => {
                let (about, before) = stood(desk, &place.at, &set.about)?;
                let rule = set.over(before.unwrap_or_default());
                desk.set_schedule(place.at, about, rule)?
            }
            Verb::Pause { about, resume } => {
                let (about, before) = stood(desk, &place.at, &about)?;
                let missing = || {
                    Failure::new(Code::NotFound, "there is no such rule, and without one nothing begins by itself")
                        .hint("`keyward schedule list` shows what there is")
                };
                let rule = ScheduleRule { paused: !resume, ..before.ok_or_else(missing)? };
                desk.set_schedule(place.at, about, rule)?
            }
        };
        match context.global.json {
            true => output::json(&serde_json::json!({ "schedule": set }))?,
            false => output::note(format!("{}: {}", called(&set), set.told)),
        }
        Ok(Exit::Done)
    }
}

impl Set {
    /// What is said, over what stood there.
    fn over(self, before: ScheduleRule) -> ScheduleRule {
        ScheduleRule {
            every_days: self.every.or(before.every_days),
            window: self.window.or(before.window),
            zone: self.zone.or(before.zone),
            blackouts: if self.blackouts.is_empty() { before.blackouts } else { self.blackouts },
            group: self.group.or(before.group),
            order: self.order.unwrap_or(before.order),
            acts: (before.acts || self.auto) && !self.manual,
            paused: before.paused,
        }
    }
}

impl From<About> for ScheduleAbout {
    fn from(about: About) -> Self {
        Self { secret: about.secret, kind: about.kind }
    }
}

/// The rule that stands there.
fn stood(desk: &dyn Desk, at: &Where, about: &About) -> Result<(ScheduleAbout, Option<ScheduleRule>)> {
    let rules = desk.schedules(at.clone())?;
    let same = |rule: &ScheduleInfo| rule.secret == about.secret && rule.kind == about.kind;
    let before = rules.into_iter().find(same).map(|rule| rule.rule);
    Ok((ScheduleAbout { secret: about.secret.clone(), kind: about.kind }, before))
}

fn called(rule: &ScheduleInfo) -> String {
    match (&rule.secret, rule.kind) {
        (Some(secret), _) => format!("`{secret}`"),
        (None, Some(kind)) => format!("every {kind}"),
        (None, None) => "every secret".to_owned(),
    }
}

fn list(context: &Context, rules: &[ScheduleInfo]) -> Result<()> {
    if context.global.json {
        return output::listing("schedules", rules);
    }
    let row = |rule: &ScheduleInfo| vec![called(rule), rule.told.clone(), shown::day(rule.set_at)];
    output::table(&["OF", "RULE", "SINCE"], &rules.iter().map(row).collect::<Vec<_>>())
}

/// Of what was brought here no rule says how old it is.
fn tell_brought(entries: &[DueEntry]) {
    let brought = entries.iter().filter(|entry| entry.age_unknown).count() as u64;
    if brought > 0 {
        let secrets = shown::counted(brought, "secret");
        output::note(format!("{secrets} of unknown age, due within {UNKNOWN_AGE_DAYS} days of being brought here"));
        output::hint("`keyward calendar` names them; a new value (`keyward set`, `keyward rotate`) ends it");
    }
}

/// `30d`; 0 for `never`.
fn every(text: &str) -> std::result::Result<u32, String> {
    if text == "never" {
        return Ok(0);
    }
    let days = text.strip_suffix('d').unwrap_or(text).parse::<u32>().ok().filter(|days| *days > 0);
    days.ok_or_else(|| "days are like `30d`, or `never`".to_owned())
}
