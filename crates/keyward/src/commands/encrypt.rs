use std::path::PathBuf;

use keyward_client::{AgeRecipient, Failure, Result};

use crate::age_files::{Target, To, encrypt, source};
use crate::context::Context;
use crate::output::{self, Exit};
use crate::{passphrase, terminal};

/// Encrypt a file in age's format: for a passphrase, or for age and SSH keys
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward encrypt dump.sql -r age1…\nExample: keyward encrypt notes.txt")]
pub(crate) struct Args {
    /// The file; `-` for standard input
    file: PathBuf,
    /// Somebody who can decrypt it: age1…, ssh-ed25519 … or ssh-rsa …; may be given more than once
    #[arg(short, long = "recipient", value_name = "KEY")]
    recipients: Vec<String>,
    /// A file of such keys, one a line
    #[arg(short = 'R', long = "recipients-file", value_name = "PATH")]
    recipients_files: Vec<PathBuf>,
    /// A file that holds the passphrase
    #[arg(long, value_name = "PATH", conflicts_with_all = ["recipients", "recipients_files"])]
    passphrase_file: Option<PathBuf>,
    /// Where to write; default: the file's name and `.age`; `-` for standard output
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Write text instead of bytes
    #[arg(short, long)]
    armor: bool,
}

impl Args {
    pub(crate) fn run(self, _context: &Context) -> Result<Exit> {
        let to = self.to()?;
        let mut from = source(&self.file)?;
        let path = self.output.unwrap_or_else(|| match self.file.as_os_str() == "-" {
            true => "-".into(),
            false => {
                let mut name = self.file.clone().into_os_string();
                name.push(".age");
                name.into()
            }
        });
        Target::make(&path, false)?.fill(|into| encrypt(&mut *from, into, &to, self.armor))?;
        if path.as_os_str() != "-" {
            output::note(format!("wrote `{}`; `{}` is still there", path.display(), self.file.display()));
        }
        Ok(Exit::Done)
    }

    fn to(&self) -> Result<To> {
        let mut keys = self.recipients.clone();
        for path in &self.recipients_files {
            let text = std::fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error))?;
            keys.extend(
                text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).map(str::to_owned),
            );
        }
        if !keys.is_empty() {
            let keys = keys.iter().map(|key| key.parse::<AgeRecipient>());
            return Ok(To::Recipients(keys.collect::<Result<_, _>>()?));
        }
        if self.passphrase_file.is_none() && !terminal::interactive() {
            return Err(Failure::usage("nobody is named who could decrypt the file")
                .hint("`--recipient KEY` names a key, `--passphrase-file PATH` a passphrase"));
        }
        passphrase::from(self.passphrase_file.as_deref(), "the file").map(To::Passphrase)
    }
}
