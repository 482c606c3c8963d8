use keyward_client::{Code, Connection, Result, SystemClock};
use keyward_types::Clock;

use crate::check::{self, Facts, Files, Outcome, RULES, Stored};
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
        let folder = Folder::nearest(&context.current)?;
        let (here, needs) = folder.map_or_else(
            || (context.current.clone(), Default::default()),
            |folder| (folder.path, folder.manifest.needs),
        );
        let connection = a_vault(context)?;
        let place = connection.as_ref().and_then(|connection| context.place(connection).ok());
        let project = place.as_ref().map(|place| &place.at.project);
        let stored = match &connection {
            Some(connection) => {
                Some(Stored::collect(connection.desk(), context.home()?, SystemClock.now(), project, needs)?)
            }
            None => None,
        };
        let facts = Facts { files: Files::of(&here), stored };
        let outcomes = check::all(&facts);
        let broken = outcomes.iter().filter(|outcome| !outcome.ok).count();
        if context.global.json {
            output::listing("checks", &outcomes)?;
        } else {
            match (&connection, project) {
                (None, _) => output::note("there is no vault yet (`keyward init` makes one): only files were checked"),
                (Some(_), None) => {
                    output::note("no project is named or trusted here: only files and the vault were checked");
                }
                (Some(_), Some(_)) => {}
            }
            show(&outcomes)?;
        }
        Ok(if broken == 0 { Exit::Done } else { Exit::No })
    }
}

/// The way to the vault; `None` where nobody has made one. Rules about files need none, and are what
/// somebody new asks about first.
fn a_vault(context: &Context) -> Result<Option<Connection>> {
    match context.connect() {
        Ok(connection) => Ok(Some(connection)),
        Err(failure) if failure.code == Code::Locked && context.server()?.is_none() && !context.home()?.exists() => {
            Ok(None)
        }
        Err(failure) => Err(failure),
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
