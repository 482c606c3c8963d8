use std::time::Duration;

use keyward_client::{Desk, DueEntry, NewTokenInfo, Result, SystemClock, Where, calendar_feed};
use keyward_types::Clock;

use super::{lasting, role, shown};
use crate::context::Context;
use crate::output::{self, Exit};

/// What is due: new values and ends of values, the soonest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward calendar -e production --ics > keyward.ics")]
pub(crate) struct Args {
    /// As a file that calendar programs read (RFC 5545)
    #[arg(long, conflicts_with = "json")]
    ics: bool,
    /// Make an address at a server that a calendar program subscribes to. Whoever has it sees what is
    /// due; `keyward token revoke` ends it
    #[arg(long, conflicts_with = "ics")]
    subscribe: bool,
    /// How long that address lives: 90d
    #[arg(long, value_name = "TIME", default_value = "366d", requires = "subscribe", value_parser = |text: &str| lasting::time(text, LONGEST))]
    ttl: Duration,
}

const LONGEST: Duration = Duration::from_secs(366 * 86400);

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let place = context.place(&connection)?;
        if self.subscribe {
            return subscribe(context, connection.desk(), &place.at, self.ttl);
        }
        let entries = connection.desk().calendar(place.at)?;
        let now = SystemClock.now();
        if self.ics {
            output::bytes(calendar_feed(&entries, now).as_bytes())?;
            return Ok(Exit::Done);
        }
        if context.global.json {
            output::listing("calendar", &entries)?;
            return Ok(Exit::Done);
        }
        let row = |entry: &DueEntry| {
            let days = entry.at.days_since(now);
            let when = match days {
                0 => "today".to_owned(),
                days if days < 0 => format!("{} overdue", shown::counted(days.unsigned_abs(), "day")),
                days => format!("in {}", shown::counted(days.unsigned_abs(), "day")),
            };
            let what = match entry.age_unknown {
                true => format!("{} (age unknown)", entry.what.as_str()),
                false => entry.what.as_str().to_owned(),
            };
            let owner = entry.owner.clone().unwrap_or_else(|| "nobody".into());
            vec![shown::day(entry.at), when, what, entry.about.clone(), owner]
        };
        output::table(&["DAY", "", "WHAT", "OF", "OWNER"], &entries.iter().map(row).collect::<Vec<_>>())?;
        Ok(Exit::Done)
    }
}

/// A token that may only list there, in the address of the feed.
fn subscribe(context: &Context, desk: &dyn Desk, at: &Where, ttl: Duration) -> Result<Exit> {
    let (project, environment) = (&at.project, &at.environment);
    let new = NewTokenInfo {
        name: format!("calendar of {project}/{environment}"),
        account: None,
        scopes: vec![format!("list:{project}/{environment}/*")],
        read_only: true,
        networks: Vec::new(),
        uses: None,
        expires_at: Some(role::until(ttl)),
    };
    let made = desk.create_token(new)?;
    let server = context.server()?;
    let base = server.as_ref().map_or("http://127.0.0.1:8200", |server| server.as_str());
    let text = String::from_utf8_lossy(made.text.expose());
    let address = format!("{base}/calendar/{project}/{environment}/{text}.ics");
    if context.global.json {
        output::json(&serde_json::json!({ "url": address, "token": made.token }))?;
        return Ok(Exit::Done);
    }
    output::line(&address)?;
    let until = made.token.expires_at.map_or("it is revoked".to_owned(), shown::moment);
    output::note(format!("whoever has this address sees what is due, until {until}; it is not shown again"));
    if server.is_none() {
        output::note("it answers where `keyward up` listens, by itself on 127.0.0.1:8200");
    }
    output::hint(format!("`keyward token revoke {}` ends it", made.token.id));
    Ok(Exit::Done)
}
