use std::path::PathBuf;

use keyward_client::{Failure, Result};
use keyward_dotenv::Dialect;

use crate::context::Context;
use crate::intake::{self, files, read};
use crate::output::{self, Exit};

/// Bring the values of a file into the vault: .env in a dialect, JSON or YAML by its ending
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward import .env.production -e production --dialect node")]
pub(crate) struct Args {
    /// The file
    file: PathBuf,
    /// Whose reading of .env counts: python, node, node-builtin, dotenvx, ruby or compose;
    /// default: node beside a package.json, else python
    #[arg(long)]
    dialect: Option<Dialect>,
    /// Only say what would be stored
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run --json: the values, exactly as the dialect reads them
    #[arg(long, requires = "dry_run")]
    reveal: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        if files::is_template(&self.file) {
            return Err(Failure::usage(format!("`{}` is a template: its values are no values", self.file.display()))
                .hint("`keyward init` takes the names from it that a program needs"));
        }
        let environment = |name: &str| context.config.variable(name);
        let values = read::file(&self.file, self.dialect, &environment)
            .map_err(|failure| intake::in_file(&self.file, failure))?;
        if self.dry_run && self.reveal && context.global.json {
            return reveal(values);
        }
        for sentence in values.warnings.iter().chain(&values.differences) {
            output::note(format!("warning: `{}` {sentence}", self.file.display()));
        }
        let sorted = intake::sort(values);
        if self.dry_run {
            return preview(context, &sorted);
        }
        let connection = context.connect()?;
        let place = context.place(&connection)?;
        let source = format!("`{}`", self.file.display());
        let stored = intake::store(connection.desk(), &place.at, &source, sorted)?;
        if context.global.json {
            output::listing("secrets", &stored)?;
        }
        Ok(Exit::Done)
    }
}

/// The object name -> value, null where the library gives none.
fn reveal(values: read::Values) -> Result<Exit> {
    let mut object = serde_json::Map::new();
    for (name, value) in values.entries {
        let value = value.map(|value| String::from_utf8_lossy(value.expose()).into_owned());
        object.insert(name, value.into());
    }
    output::json(&object)?;
    Ok(Exit::Done)
}

fn preview(context: &Context, sorted: &intake::Sorted) -> Result<Exit> {
    if context.global.json {
        let secrets: Vec<_> = sorted
            .examined
            .iter()
            .map(|one| {
                serde_json::json!({
                    "name": one.secret.name, "kind": one.recognition.kind, "provider": one.recognition.provider,
                    "advice": one.advice,
                })
            })
            .collect();
        output::listing("secrets", &secrets)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = sorted
        .examined
        .iter()
        .map(|one| {
            vec![
                one.secret.name.to_string(),
                one.recognition.kind.to_string(),
                one.recognition.provider.unwrap_or("-").to_owned(),
            ]
        })
        .collect();
    output::table(&["NAME", "KIND", "PROVIDER"], &rows)?;
    for (name, why) in &sorted.left_out {
        output::note(format!("warning: `{name}` would be left out: {why}"));
    }
    Ok(Exit::Done)
}
