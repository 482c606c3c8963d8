//! The first start: a vault is made, with the best way to open it that this machine has.
//!
//! The operating system's keyring where there is one; else the passphrase that the environment
//! gives or, on a terminal, a person types; else a key file outside the database's folder. A
//! recovery code is the second way, on a terminal or where a file for it is named.

use std::path::{Path, PathBuf};

use keyward_client::{
    Bytes, Connection, Cost, Desk, Failure, Home, KeyFile, NewSlot, NewSlotInfo, NewVault, Owned, RecoveryCode, Result,
    SystemRandom,
};
use keyward_types::Secret;

use crate::context::Context;
use crate::{keyring, output, passphrase, recovery, terminal};

/// What the vault is opened with from now on.
enum Way {
    Keyring(keyring::Keyring, KeyFile),
    Passphrase(Secret<String>),
    KeyFile(KeyFile),
}

/// Opens the vault of this machine, which is made first where there is none, or the one of the server
/// that is meant. Where a file is named, a recovery code is added and written to it.
pub(crate) fn connect(context: &Context, recovery_file: Option<&Path>) -> Result<Connection> {
    if context.server()?.is_none() && !context.home()?.exists() {
        return Connection::over(make(context, recovery_file)?, &context.occasion());
    }
    let connection = context.connect()?;
    if recovery_file.is_some() {
        add_code(connection.desk(), recovery_file)?;
    }
    Ok(connection)
}

/// The vault of this machine for a process that keeps it, which is made first where there is none.
pub(crate) fn own(context: &Context) -> Result<Owned> {
    let home = context.home()?;
    if home.exists() { home.open(context) } else { make(context, None) }
}

/// Makes sure that losing one way into the vault does not lose the vault: where there is only one
/// slot, a recovery code becomes the second, if there is somebody to write it down.
pub(crate) fn ensure_second_slot(desk: &dyn Desk) -> Result<()> {
    if desk.status()?.slots.len() > 1 {
        return Ok(());
    }
    if !terminal::interactive() {
        return Err(Failure::usage("the vault has one key slot only, and whoever loses that loses every value")
            .hint("`--recovery-file PATH` writes a recovery code to a new file; `keyward slot add` adds other slots"));
    }
    add_code(desk, None)
}

/// Adds a recovery code, which goes to a new file or is shown.
fn add_code(desk: &dyn Desk, file: Option<&Path>) -> Result<()> {
    let (_, code) = recovery::generate()?;
    if let Some(path) = file {
        recovery::save_code(path, &code)?;
    }
    let slot = NewSlotInfo::RecoveryCode(Bytes::new(code.expose().clone().into_bytes()));
    let added = desk.add_slot(slot, LABEL_OF_CODES.into());
    match file {
        // A code that opens nothing would give false comfort.
        Some(path) => added.map(drop).inspect_err(|_| drop(std::fs::remove_file(path))),
        None => added.and_then(|_| recovery::show(&code)),
    }
}

/// What recovery codes are called.
pub(crate) const LABEL_OF_CODES: &str = "written down";

fn make(context: &Context, recovery_file: Option<&Path>) -> Result<Owned> {
    let home = context.home()?;
    home.not_moved()?;
    let way = choose(context)?;
    let code = match recovery_file {
        Some(path) => {
            let (code, text) = recovery::generate()?;
            recovery::save_code(path, &text)?;
            Some((code, text))
        }
        None if terminal::interactive() => Some(recovery::generate()?),
        None => None,
    };
    let made = create(context, &home, &way, code.as_ref().map(|(code, _)| code));
    let owned = made.inspect_err(|_| {
        if let Some(path) = recovery_file {
            let _ = std::fs::remove_file(path);
        }
    })?;
    if let (Some((_, text)), None) = (&code, recovery_file) {
        recovery::show(text)?;
    }
    Ok(owned)
}

fn choose(context: &Context) -> Result<Way> {
    if let Some(keyring) = context.keyring().filter(keyring::Keyring::is_usable) {
        return Ok(Way::Keyring(keyring, KeyFile::generate(&SystemRandom)?));
    }
    if let Some(given) = context.config.passphrase()? {
        passphrase::check(&given)?;
        return Ok(Way::Passphrase(given));
    }
    if terminal::interactive() {
        output::note("there is no vault yet; a passphrase will open it");
        return passphrase::prompt("the vault").map(Way::Passphrase);
    }
    KeyFile::generate(&SystemRandom).map(Way::KeyFile).map_err(Failure::from)
}

fn create(context: &Context, home: &Home, way: &Way, code: Option<&RecoveryCode>) -> Result<Owned> {
    let slot = match way {
        Way::Keyring(_, key) => NewSlot::Keyring(key),
        Way::Passphrase(passphrase) => NewSlot::Passphrase(passphrase, Cost::STANDARD),
        Way::KeyFile(key) => NewSlot::KeyFile(key),
    };
    let mut slots = vec![(slot, context.config.machine.clone())];
    slots.extend(code.map(|code| (NewSlot::Recovery(code), LABEL_OF_CODES.to_owned())));
    let owner = context.config.user.clone();
    let owned = home.create(&NewVault { slots, owner, agent: context.occasion().agent })?;
    let folder = home.folder.display();
    match keep(home, way, &owned) {
        Ok(kept) => {
            let how = match (way, kept) {
                (Way::Keyring(..), _) => "opened by this system's keyring".to_owned(),
                (_, Some(path)) => format!("opened by the key file `{}`", path.display()),
                (Way::Passphrase(_), _) => "opened by your passphrase".to_owned(),
                (Way::KeyFile(_), None) => unreachable!("a key file has a path"),
            };
            output::note(format!("made a vault in `{folder}`, {how}"));
            Ok(owned)
        }
        // Nothing is in it yet, and nothing would ever open it.
        Err(failure) => owned.discard().and(Err(failure)),
    }
}

/// Puts the private half where it belongs; the path, where it is a file.
fn keep(home: &Home, way: &Way, owned: &Owned) -> Result<Option<PathBuf>> {
    let vault = owned.vault()?.id();
    match way {
        Way::Keyring(keyring, key) => keyring.store(vault, &key.text(vault)).map(|()| None),
        Way::Passphrase(_) => Ok(None),
        Way::KeyFile(key) => home.write_key_file(vault, key).map(Some),
    }
}
