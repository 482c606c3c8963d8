use keyward_client::{Result, SystemClock};
use keyward_types::Clock;

use crate::check::{self, Facts, Outcome, RULES};
use crate::context::Context;
use crate::folder::Folder;
use crate::output::{self, Exit};

/// Check the rules of good key hygiene: this folder's files, the project's secrets, the vault
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward check --json")]
pub(crate) struct Args {
    /// Only list the rules
    #[arg(long)]
    list: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        if self.list {
            return list(context);
        }
        let connection = context.connect()?;
        let place = context.place(&connection).ok();
        let folder = Folder::nearest(&context.current)?;
        let here = folder.map_or_else(
            || (context.current.clone(), Default::default()),
            |folder| (folder.path, folder.manifest.needs),
        );
        let project = place.as_ref().map(|place| &place.at.project);
        let facts =
            Facts::collect(connection.desk(), context.home()?, SystemClock.now(), project, Some((&here.0, here.1)))?;
        let outcomes = check::all(&facts);
        let broken = outcomes.iter().filter(|outcome| !outcome.ok).count();
        if context.global.json {
            output::listing("checks", &outcomes)?;
        } else {
            if project.is_none() {
                output::note("no project is named or trusted here: only files and the vault were checked");
            }
            show(&outcomes)?;
        }
        Ok(if broken == 0 { Exit::Done } else { Exit::No })
    }
}

fn list(context: &Context) -> Result<Exit> {
    if context.global.json {
        let rules: Vec<_> = RULES
            .iter()
            .map(|rule| serde_json::json!({ "id": rule.id, "title": rule.title, "why": rule.why, "mend": rule.mend, "guide": rule.guide }))
            .collect();
        output::listing("checks", &rules)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = RULES.iter().map(|rule| vec![rule.id.into(), rule.title.into()]).collect();
    output::table(&["ID", "RULE"], &rows)?;
    Ok(Exit::Done)
}

fn show(outcomes: &[Outcome]) -> Result<()> {
    let broken: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.ok).collect();
    let mut text = String::new();
    for outcome in &broken {
        text.push_str(&format!("{} not so: {}\n", outcome.id, outcome.title));
        outcome.findings.iter().for_each(|finding| text.push_str(&format!("      {finding}\n")));
        text.push_str(&format!("      why:  {}\n      mend: {}\n", outcome.why, outcome.mend));
        text.push_str(&format!("      guide: {}\n", outcome.guide.join(", ")));
    }
    text.push_str(&format!("{} of {} rules hold\n", outcomes.len() - broken.len(), outcomes.len()));
    output::bytes(text.as_bytes())
}
