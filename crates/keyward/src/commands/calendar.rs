use keyward_client::{DueEntry, Result, SystemClock, calendar_feed};
use keyward_types::Clock;

use super::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// What is due: new values and ends of values, the soonest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward calendar -e production --ics > keyward.ics")]
pub(crate) struct Args {
    /// As a file that calendar programs read (RFC 5545)
    #[arg(long, conflicts_with = "json")]
    ics: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let place = context.place(&connection)?;
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
            let owner = entry.owner.clone().unwrap_or_else(|| "nobody".into());
            vec![shown::day(entry.at), when, entry.what.as_str().to_owned(), entry.about.clone(), owner]
        };
        output::table(&["DAY", "", "WHAT", "OF", "OWNER"], &entries.iter().map(row).collect::<Vec<_>>())?;
        Ok(Exit::Done)
    }
}
