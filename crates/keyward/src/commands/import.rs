use std::path::PathBuf;
use std::str::FromStr;

use keyward_client::{Failure, Result, Source, SourceKind, StoreAsk, take_from};
use keyward_dotenv::Dialect;

use super::hidden::{certificates, hidden};
use crate::context::Context;
use crate::intake::exported::{self, Product};
use crate::intake::{self, files, read};
use crate::output::{self, Exit};

/// Bring the values of a file or of another store into the vault: .env in a dialect, JSON or YAML by
/// its ending
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples: keyward import .env.production -e production --dialect node\n          keyward import --from vault-kv https://vault.internal:8200/secret/shop -e production"
)]
pub(crate) struct Args {
    /// The file, or where the store is: `https://HOST/MOUNT/PATH` (vault-kv), `REGION[/PREFIX]` (aws-sm,
    /// aws-ssm), a vault's name (azure-kv), a project (gcp-sm)
    #[arg(value_name = "FILE|ADDR")]
    file: PathBuf,
    /// Whose it is: vault-kv, aws-sm, aws-ssm, azure-kv or gcp-sm, which are asked; doppler, infisical or
    /// 1password, whose exported file is read
    #[arg(long, value_name = "STORE", conflicts_with = "dialect")]
    from: Option<From>,
    /// What the store is signed in to with; default: standard input, or a hidden prompt
    #[arg(long, value_name = "FILE", requires = "from")]
    credential_file: Option<PathBuf>,
    /// Believe certificates of these authorities alone (PEM); for vault-kv
    #[arg(long, value_name = "FILE", requires = "from")]
    ca: Option<PathBuf>,
    /// A namespace of Vault or OpenBao
    #[arg(long, requires = "from")]
    namespace: Option<String>,
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
        let values = self.values(context)?;
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
        let source = match self.from {
            Some(From::Store(_, name)) => format!("`{name}` {}", self.file.display()),
            _ => format!("`{}`", self.file.display()),
        };
        let stored = intake::store(connection.desk(), &place.at, &source, sorted)?;
        if context.global.json {
            output::listing("secrets", &stored)?;
        }
        Ok(Exit::Done)
    }

    fn values(&self, context: &Context) -> Result<read::Values> {
        let in_file = |failure| intake::in_file(&self.file, failure);
        match self.from {
            None => {
                let environment = |name: &str| context.config.variable(name);
                read::file(&self.file, self.dialect, &environment).map_err(in_file)
            }
            Some(From::File(product)) => exported::file(&self.file, product).map_err(in_file),
            Some(From::Store(kind, name)) => self.store(kind, name),
        }
    }

    fn store(&self, kind: SourceKind, name: &str) -> Result<read::Values> {
        let address = self.file.to_str().ok_or_else(|| Failure::usage("an address is text"))?;
        let source = Source::parse(kind, address).map_err(|error| Failure::usage(error.to_string()))?;
        let credential = hidden(&format!("Credential for {name}"), self.credential_file.as_deref())?;
        let ask = StoreAsk { credential, ca: certificates(self.ca.as_deref())?, namespace: self.namespace.clone() };
        let taken = take_from(&source, ask)?;
        let none = taken.iter().filter(|one| one.value.is_none());
        let warnings = none.map(|one| match one.denied {
            true => format!("does not let this credential read `{}`: it is left out", one.from),
            false => format!("has something else than text at `{}`: it is left out", one.from),
        });
        Ok(read::Values {
            warnings: warnings.collect(),
            entries: taken.into_iter().filter(|one| !one.denied).map(|one| (one.name, one.value)).collect(),
            differences: Vec::new(),
        })
    }
}

/// Whose values are brought.
#[derive(Clone, Copy, Debug)]
enum From {
    /// A store that is asked, and how people call it.
    Store(SourceKind, &'static str),
    /// A file that it wrote.
    File(Product),
}

impl FromStr for From {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        Ok(match text {
            "vault-kv" => Self::Store(SourceKind::VaultKv, "vault-kv"),
            "aws-sm" => Self::Store(SourceKind::AwsSm, "aws-sm"),
            "aws-ssm" => Self::Store(SourceKind::AwsSsm, "aws-ssm"),
            "azure-kv" => Self::Store(SourceKind::AzureKv, "azure-kv"),
            "gcp-sm" => Self::Store(SourceKind::GcpSm, "gcp-sm"),
            "doppler" => Self::File(Product::Doppler),
            "infisical" => Self::File(Product::Infisical),
            "1password" => Self::File(Product::OnePassword),
            _ => {
                let all = "vault-kv, aws-sm, aws-ssm, azure-kv, gcp-sm, doppler, infisical or 1password";
                return Err(format!("one of {all} is meant"));
            }
        })
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
