use std::path::PathBuf;

use keyward_client::{
    AgeRecipient, Bytes, Code, Connection, Failure, KeyFile, KmsKey, NewSlotInfo, Result, Share, SlotInfo, SystemRandom,
};

use crate::commands::shown;
use crate::context::Context;
use crate::keyring::Keyring;
use crate::output::{self, Exit};
use crate::{first_start, passphrase, recovery};

/// Ways into the vault: add, list and remove them
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward slot add passphrase")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Add a way into the vault
    #[command(after_help = "Example: keyward slot add recovery-code --file /media/stick/recovery.txt")]
    Add {
        /// What you call it
        #[arg(long, value_name = "TEXT", global = true)]
        label: Option<String>,
        #[command(subcommand)]
        kind: Kind,
    },
    /// List the ways into the vault
    #[command(after_help = "Example: keyward slot list --json")]
    List,
    /// Remove a way into the vault; the last one stays
    #[command(after_help = "Example: keyward slot remove k5x2")]
    Remove {
        /// Its id, or the beginning of it
        id: String,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, clap::Subcommand)]
enum Kind {
    /// A file on this machine, outside the database's folder
    #[command(after_help = "Example: keyward slot add key-file")]
    KeyFile {
        /// Write it here, for another machine
        #[arg(long, value_name = "PATH")]
        file: Option<PathBuf>,
    },
    /// A passphrase: typed, or from standard input or a file
    #[command(after_help = "Example: keyward slot add passphrase")]
    Passphrase {
        /// Read it from a file
        #[arg(long, value_name = "PATH")]
        file: Option<PathBuf>,
    },
    /// A code to write down; shown once
    #[command(after_help = "Example: keyward slot add recovery-code")]
    RecoveryCode {
        /// Write it to a new file instead
        #[arg(long, value_name = "PATH")]
        file: Option<PathBuf>,
    },
    /// This system's keyring, which opens with your session
    #[command(after_help = "Example: keyward slot add keyring")]
    Keyring,
    /// Somebody's public key: age1…, or an SSH key
    #[command(after_help = "Example: keyward slot add age \"$(cat ~/.ssh/id_ed25519.pub)\"")]
    Age {
        /// age1…, ssh-ed25519 … or ssh-rsa …
        recipient: String,
    },
    /// Shares, of which some are needed together; shown once
    #[command(after_help = "Example: keyward slot add shamir --shares 5 --threshold 3")]
    Shamir {
        /// How many there are
        #[arg(long, value_name = "N")]
        shares: u8,
        /// How many are needed
        #[arg(long, value_name = "K")]
        threshold: u8,
    },
    /// A key of AWS KMS, asked with the credentials in `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`
    ///
    /// Whoever may have that key decrypt opens a copy of the vault. The region is that of an ARN, or
    /// what `--region`, `AWS_REGION` or `AWS_DEFAULT_REGION` says.
    #[command(after_help = "Example: keyward slot add kms --key-id alias/keyward --region eu-central-1")]
    Kms {
        /// A symmetric key: its id, its alias or its ARN
        #[arg(long, value_name = "ID")]
        key_id: String,
        /// Where it is
        #[arg(long, value_name = "REGION")]
        region: Option<String>,
    },
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        match self.verb {
            Verb::Add { label, kind } => add(context, &connection, kind, label)?,
            Verb::List => list(context, &connection)?,
            Verb::Remove { id, yes } => remove(context, &connection, &id, yes)?,
        }
        Ok(Exit::Done)
    }
}

fn add(context: &Context, connection: &Connection, kind: Kind, label: Option<String>) -> Result<()> {
    let machine = context.config.machine.clone();
    let added = match kind {
        Kind::KeyFile { file } => add_key_file(context, connection, file, label.unwrap_or(machine))?,
        Kind::Passphrase { file } => {
            let typed = passphrase::from(file.as_deref(), "the vault")?;
            let slot = NewSlotInfo::Passphrase(Bytes::new(typed.expose().clone().into_bytes()));
            connection.desk().add_slot(slot, label.unwrap_or_else(|| "remembered".into()))?
        }
        Kind::RecoveryCode { file } => add_recovery_code(connection, file, label)?,
        Kind::Keyring => add_keyring(context, connection, label.unwrap_or(machine))?,
        Kind::Age { recipient } => {
            let key: AgeRecipient = recipient.parse()?;
            let comment = recipient.split_whitespace().nth(2).map(str::to_owned);
            let label = label.or(comment).unwrap_or_else(|| shortened(key.text()));
            connection.desk().add_slot(NewSlotInfo::Age(key.text().to_owned()), label)?
        }
        Kind::Shamir { shares, threshold } => add_shares(connection, shares, threshold, label)?,
        Kind::Kms { key_id, region } => add_kms(context, connection, (&key_id, region.as_deref()), label)?,
    };
    if context.global.json {
        return output::json(&serde_json::json!({ "slot": added }));
    }
    output::note(format!("added slot `{}`: {} `{}`", added.id, added.kind, added.label));
    Ok(())
}

/// The file is written before the slot exists, since a slot whose key was lost opens nothing.
fn add_key_file(context: &Context, connection: &Connection, file: Option<PathBuf>, label: String) -> Result<SlotInfo> {
    let vault = connection.desk().status()?.vault;
    let key = KeyFile::generate(&SystemRandom)?;
    let text = key.text(vault);
    let (path, aside) = match file {
        Some(path) => {
            recovery::save(&path, &text)?;
            (path, None)
        }
        None => {
            let home = context.home()?;
            refuse_second_key_file(connection, &home.key_file(vault))?;
            let aside = set_aside(&home.key_file(vault))?;
            (home.write_key_file(vault, &key)?, aside)
        }
    };
    let slot = NewSlotInfo::KeyFile(Bytes::new(text.as_bytes().to_vec()));
    let added = connection.desk().add_slot(slot, label).inspect_err(|_| {
        let _ = std::fs::remove_file(&path);
        if let Some(aside) = &aside {
            let _ = std::fs::rename(aside, &path);
        }
    })?;
    output::note(format!("wrote the key file `{}`", path.display()));
    Ok(added)
}

/// A key file that still opens the vault is not replaced.
fn refuse_second_key_file(connection: &Connection, path: &std::path::Path) -> Result<()> {
    let in_use = connection.desk().status()?.slots.iter().any(|slot| slot.kind == "key-file");
    if in_use && path.exists() {
        return Err(Failure::usage(format!("this machine has a key file already: `{}`", path.display()))
            .hint("`--file PATH` writes one for another machine; `keyward slot remove` ends this one first"));
    }
    Ok(())
}

/// A file that opens nothing any more makes room, and is not destroyed.
fn set_aside(path: &std::path::Path) -> Result<Option<PathBuf>> {
    if !path.exists() {
        return Ok(None);
    }
    let aside = (1..).map(|n| path.with_extension(format!("key.old-{n}"))).find(|aside| !aside.exists());
    let aside = aside.expect("some number is free");
    std::fs::rename(path, &aside).map_err(|error| Failure::file("rename", path, &error))?;
    output::note(format!("a key file that opens nothing any more is now `{}`", aside.display()));
    Ok(Some(aside))
}

fn add_recovery_code(connection: &Connection, file: Option<PathBuf>, label: Option<String>) -> Result<SlotInfo> {
    if file.is_none() {
        recovery::can_hand_out()?;
    }
    let (_, code) = recovery::generate()?;
    let slot = NewSlotInfo::RecoveryCode(Bytes::new(code.expose().clone().into_bytes()));
    if let Some(path) = &file {
        recovery::save_code(path, &code)?;
    }
    let label = label.unwrap_or_else(|| first_start::LABEL_OF_CODES.into());
    let added = connection.desk().add_slot(slot, label).inspect_err(|_| {
        if let Some(path) = &file {
            let _ = std::fs::remove_file(path);
        }
    })?;
    if file.is_none() {
        recovery::hand_out(&code)?;
    }
    Ok(added)
}

/// The entry is written before the slot exists, since a slot whose key was lost opens nothing.
fn add_keyring(context: &Context, connection: &Connection, label: String) -> Result<SlotInfo> {
    let keyring = context.keyring().filter(Keyring::is_usable);
    let keyring = keyring.ok_or_else(|| Failure::usage("there is no keyring in this session that can be used"))?;
    let status = connection.desk().status()?;
    if keyring.load(status.vault)?.is_some() && status.slots.iter().any(|slot| slot.kind == "keyring") {
        return Err(Failure::usage("this system's keyring holds a key of the vault already"));
    }
    let key = KeyFile::generate(&SystemRandom)?;
    let text = key.text(status.vault);
    keyring.store(status.vault, &text)?;
    let slot = NewSlotInfo::Keyring(Bytes::new(text.as_bytes().to_vec()));
    connection.desk().add_slot(slot, label).inspect_err(|_| drop(keyring.delete(status.vault)))
}

fn add_shares(connection: &Connection, count: u8, threshold: u8, label: Option<String>) -> Result<SlotInfo> {
    let shares = Share::generate(&SystemRandom, count, threshold)?;
    let lines: Vec<_> = shares.iter().map(Share::text).collect();
    let text = zeroize::Zeroizing::new(lines.iter().map(|line| line.expose().as_str()).collect::<Vec<_>>().join("\n"));
    recovery::can_hand_out()?;
    let slot = NewSlotInfo::Shamir(Bytes::new(text.as_bytes().to_vec()));
    let label = label.unwrap_or_else(|| format!("{threshold} of {count} shares"));
    let added = connection.desk().add_slot(slot, label)?;
    recovery::hand_out_shares(&text, threshold)?;
    Ok(added)
}

fn add_kms(
    context: &Context,
    connection: &Connection,
    (id, region): (&str, Option<&str>),
    label: Option<String>,
) -> Result<SlotInfo> {
    // An ARN says its region itself, whatever the environment does.
    let usual = context.config.aws_region.as_deref().filter(|_| !id.starts_with("arn:"));
    let key = KmsKey::new(id, region.or(usual))?;
    let vault = connection.desk().status()?.vault;
    let slot = keyward_client::kms_slot(vault, &key, context.config.aws().as_ref())?;
    connection.desk().add_slot(NewSlotInfo::Kms(slot), label.unwrap_or_else(|| shortened(id)))
}

fn shortened(key: &str) -> String {
    let end = key.char_indices().nth(16).map_or(key.len(), |(at, _)| at);
    if end == key.len() { key.to_owned() } else { format!("{}…", &key[..end]) }
}

fn list(context: &Context, connection: &Connection) -> Result<()> {
    let slots = connection.desk().status()?.slots;
    if context.global.json {
        return output::listing("slots", &slots);
    }
    let rows: Vec<Vec<String>> = slots.iter().map(row).collect();
    output::table(&["ID", "KIND", "SINCE", "BACKUPS", "LABEL"], &rows)
}

fn row(slot: &SlotInfo) -> Vec<String> {
    let opens = if slot.portable { "opens" } else { "not" };
    vec![slot.id.to_string(), slot.kind.clone(), shown::day(slot.created_at), opens.into(), slot.label.clone()]
}

fn remove(context: &Context, connection: &Connection, id: &str, yes: bool) -> Result<()> {
    let slots = connection.desk().status()?.slots;
    let slot = find(&slots, id)?;
    if slots.len() == 1 {
        return Err(
            Failure::usage("this is the only way into the vault").hint("`keyward slot add` adds another one first")
        );
    }
    let mut question = format!("remove the slot {} `{}`", slot.kind, slot.label);
    if slot.portable && slots.iter().filter(|slot| slot.portable).count() == 1 {
        question.push_str(", the last that opens a backup or this vault on another machine");
    }
    context.confirm(yes, &format!("{question}?"))?;
    let removed = connection.desk().remove_slot(slot.id)?;
    if removed.kind == "keyring" && !slots.iter().any(|other| other.kind == "keyring" && other.id != removed.id) {
        // The entry opens nothing any more; what a keyring of another machine holds stays there.
        if let Some(keyring) = context.keyring() {
            keyring.delete(connection.desk().status()?.vault)?;
        }
    }
    if context.global.json {
        output::json(&serde_json::json!({ "slot": removed }))?;
    } else {
        output::note(format!("removed slot `{}`: {} `{}`", removed.id, removed.kind, removed.label));
    }
    output::hint("an older copy of the store still opens with it; `keyward rekey` gives the vault a new root key");
    Ok(())
}

/// The one slot whose id begins like this.
fn find<'a>(slots: &'a [SlotInfo], id: &str) -> Result<&'a SlotInfo> {
    let mut found = slots.iter().filter(|slot| !id.is_empty() && slot.id.to_string().starts_with(id));
    match (found.next(), found.next()) {
        (Some(slot), None) => Ok(slot),
        (Some(_), Some(_)) => Err(Failure::usage(format!("more than one slot begins with `{id}`"))),
        (None, _) => Err(Failure::new(Code::NotFound, format!("there is no slot `{id}`"))
            .hint("`keyward slot list` shows what there is")),
    }
}
