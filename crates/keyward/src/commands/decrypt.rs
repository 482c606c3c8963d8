use std::path::PathBuf;

use keyward_client::{AgeIdentity, Failure, Result};

use crate::age_files::{Encrypted, Target, With, source, wants_passphrase};
use crate::config::read_secret;
use crate::context::Context;
use crate::output::{self, Exit};
use crate::terminal;

/// Decrypt a file in age's format
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward decrypt dump.sql.age -i ~/.config/age/key.txt")]
pub(crate) struct Args {
    /// The file; `-` for standard input
    file: PathBuf,
    /// An age identity file or SSH private key; may be given more than once [env: KEYWARD_AGE_IDENTITY]
    #[arg(short, long = "identity", value_name = "PATH")]
    identities: Vec<PathBuf>,
    /// A file that holds the passphrase
    #[arg(long, value_name = "PATH")]
    passphrase_file: Option<PathBuf>,
    /// Where to write; default: the file's name without `.age`; `-` for standard output
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let encrypted = wants_passphrase(source(&self.file)?)?;
        let with = self.with(context, &encrypted)?;
        let path = self.target()?;
        Target::make(&path, true)?.fill(|into| encrypted.decrypt(into, &with))?;
        if path.as_os_str() != "-" {
            output::note(format!("wrote `{}`", path.display()));
        }
        Ok(Exit::Done)
    }

    fn target(&self) -> Result<PathBuf> {
        if let Some(path) = &self.output {
            return Ok(path.clone());
        }
        if self.file.as_os_str() == "-" {
            return Ok("-".into());
        }
        match self.file.extension() {
            Some(end) if end == "age" => Ok(self.file.with_extension("")),
            _ => Err(Failure::usage(format!("`{}` does not end with `.age`", self.file.display()))
                .hint("`--output PATH` says where to write")),
        }
    }

    fn with(&self, context: &Context, encrypted: &Encrypted) -> Result<With> {
        if encrypted.wants_passphrase() {
            let passphrase = match &self.passphrase_file {
                Some(path) => read_secret(path)?,
                None if terminal::interactive() => terminal::hidden("Passphrase of the file")?,
                None => {
                    return Err(Failure::usage("the file wants a passphrase")
                        .hint("`--passphrase-file PATH` names a file that holds it"));
                }
            };
            return Ok(With::Passphrase(passphrase));
        }
        let mut texts = self.identities.iter().map(|path| read_secret(path)).collect::<Result<Vec<_>>>()?;
        if texts.is_empty() {
            texts.extend(context.config.identity()?);
        }
        if texts.is_empty() {
            return Err(Failure::usage("the file wants a key").hint("`--identity PATH` names the file that holds it"));
        }
        let identities = texts.iter().map(|text| AgeIdentity::parse(text.expose()));
        Ok(With::Identities(identities.collect::<Result<_, _>>()?))
    }
}
