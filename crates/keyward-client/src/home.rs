//! Where a local vault lives, and how it is opened: the process lock, the key slots in their
//! order, and the anchor outside the store.

use std::cell::Cell;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyward_store::Engine;
use keyward_store_sqlite::Sqlite;
use keyward_store_sqlite::lock::{Error as LockError, Lock};
use keyward_types::{Secret, VaultId};
use keyward_upstream::AccessKey;
use keyward_vault::{
    AgeIdentity, Anchor, Credential, Error as VaultError, Header, KeyFile, NewVault, Protection, RecoveryCode, Share,
    Standing, Vault,
};

use crate::kms;
use crate::system::{SystemClock, tools};
use crate::{Code, Desk, Failure, Held, LocalDesk, Occasion, RemoteDesk, Result, Running, SocketDesk, StoreAddress};

/// The folders of a local vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The database, its lock and its socket.
    pub folder: PathBuf,
    /// Key files and anchors; never the same folder as the database's.
    pub keys: PathBuf,
}

/// What may be asked to open a vault.
pub trait Ask {
    /// What the environment names to open the vault with, if it names anything: a passphrase, a
    /// recovery code, shares (one a line) or the text of an identity; each is known by its form.
    ///
    /// # Errors
    /// When a file that should hold it cannot be read.
    fn given(&self) -> Result<Option<Secret<String>>>;

    /// A passphrase or recovery code from whoever sits there; `None` without a terminal.
    ///
    /// # Errors
    /// When the terminal fails.
    fn prompt(&self) -> Result<Option<Secret<String>>>;

    /// The text of an age or SSH identity, where one is named for slots of that kind.
    ///
    /// # Errors
    /// When its file cannot be read.
    fn identity(&self) -> Result<Option<Secret<String>>> {
        Ok(None)
    }

    /// What the operating system's keyring holds for this vault.
    fn keyring(&self, vault: VaultId) -> Option<Secret<String>>;

    /// With what AWS is asked, where the environment says so.
    fn aws(&self) -> Option<AccessKey> {
        None
    }
}

/// An open way to a vault.
pub struct Connection {
    desk: Box<dyn Desk>,
    warnings: Vec<String>,
    /// Keeps the lock.
    owned: Option<Owned>,
}

/// A vault that this process owns, and the lock that says so. Dropping it leaves an anchor.
pub struct Owned {
    held: Arc<Held>,
    home: Home,
    address: StoreAddress,
    anchored: Option<u64>,
    /// Warnings that came up while it was opened.
    pub warnings: Vec<String>,
    lock: Lock,
}

/// How long a command waits for another one that owns the store.
pub(crate) const WAIT: Duration = Duration::from_secs(15);

impl Home {
    /// The database.
    pub fn database(&self) -> PathBuf {
        self.folder.join("vault.db")
    }

    /// The socket of the process that owns the store.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("keyward.sock")
    }

    /// The key file of a vault.
    pub fn key_file(&self, vault: VaultId) -> PathBuf {
        self.keys.join(format!("{vault}.key"))
    }

    /// Whether there is a vault.
    pub fn exists(&self) -> bool {
        self.database().exists()
    }

    /// What can be known of the vault without opening it.
    ///
    /// # Errors
    /// When there is none or it cannot be read.
    pub fn peek(&self) -> Result<Header> {
        Ok(Vault::peek(&Sqlite::open(&self.database(), clock)?)?)
    }

    /// A desk: over the socket of whoever owns the store, or over the vault in this process.
    ///
    /// # Errors
    /// [`Code::Locked`] when there is no vault, nothing opens it, or its owner stays busy.
    pub fn connect(&self, ask: &dyn Ask, occasion: &Occasion) -> Result<Connection> {
        // A server's store may lie elsewhere; its socket is here.
        if self.agent()?.is_none() {
            self.must_exist()?;
        }
        let started = Instant::now();
        loop {
            let socket = match self.own(ask, Reign::Command)? {
                Owner::Us(owned) => return Connection::over(*owned, occasion),
                Owner::Other(running) => running.socket,
            };
            match SocketDesk::connect(&socket, occasion) {
                Ok(desk) => return Ok(Connection::across(desk)),
                // It may just be ending: then the store is free in a moment.
                Err(failure) if failure.code == Code::Locked && started.elapsed() < WAIT => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Opens the vault in this process, whoever else may answer for it.
    ///
    /// # Errors
    /// [`Code::Locked`] when nothing opens it or its owner stays busy.
    pub fn open(&self, ask: &dyn Ask) -> Result<Owned> {
        self.must_exist()?;
        match self.own(ask, Reign::Lasting)? {
            Owner::Us(owned) => Ok(*owned),
            Owner::Other(running) => Err(running.in_the_way()),
        }
    }

    /// Why the folder's lock cannot be taken: whoever reads writes too, an entry of the log.
    fn unusable(&self, error: &LockError) -> Failure {
        let message = match error {
            LockError::Io { kind: ErrorKind::ReadOnlyFilesystem, .. } => {
                format!("the vault's folder `{}` is read-only", self.folder.display())
            }
            LockError::Io { kind: ErrorKind::PermissionDenied, .. } => {
                format!("the vault's folder `{}` is not yours to write", self.folder.display())
            }
            other => other.to_string(),
        };
        Failure::new(Code::Unavailable, message).hint(
            "every use of the vault is on record, so that its folder (`KEYWARD_HOME`) has to be yours and writable",
        )
    }

    fn must_exist(&self) -> Result<()> {
        if self.exists() {
            return Ok(());
        }
        self.not_moved()?;
        Err(Failure::new(Code::Locked, format!("there is no vault in `{}`", self.folder.display()))
            .hint("`keyward init` makes one"))
    }

    fn own(&self, ask: &dyn Ask, reign: Reign) -> Result<Owner> {
        let started = Instant::now();
        loop {
            // Short waits, so that an owner who announces his socket meanwhile is asked instead.
            match Lock::acquire(&self.folder, Duration::from_millis(50)) {
                Ok(lock) => return self.unlock(lock, ask, reign).map(|owned| Owner::Us(Box::new(owned))),
                Err(LockError::Held { owner }) => {
                    let who = owner.pid.map_or("another process".into(), |pid| format!("process {pid}"));
                    if let Some(running) = Running::of(owner) {
                        return Ok(Owner::Other(running));
                    }
                    if started.elapsed() > WAIT {
                        return Err(Failure::new(Code::Locked, format!("the vault is in use by {who}"))
                            .hint("wait for it to end, or end it"));
                    }
                }
                Err(error) => return Err(self.unusable(&error)),
            }
        }
    }

    fn unlock(&self, lock: Lock, ask: &dyn Ask, reign: Reign) -> Result<Owned> {
        let engine = Sqlite::open(&self.database(), clock)?;
        let header = Vault::peek(&engine)?;
        let vault = self.try_slots_at(engine, &header, ask, reign)?;
        let mut owned = Owned::new(vault, self.clone(), lock);
        owned.warnings.extend(readable_by_others(&self.key_file(header.vault), Others::Anybody));
        Ok(owned)
    }

    /// Tries the slots that need nobody first.
    pub(crate) fn try_slots(&self, header: &Header, ask: &dyn Ask, reign: Reign) -> Result<Vault> {
        self.try_slots_at(Sqlite::open(&self.database(), clock)?, header, ask, reign)
    }

    /// The same where the store is open already. It goes with what a wrong credential was tried at; for
    /// the next one it is opened anew.
    fn try_slots_at(&self, engine: Sqlite, header: &Header, ask: &dyn Ask, reign: Reign) -> Result<Vault> {
        let open = Cell::new(Some(engine));
        self.try_slots_of(header, ask, &|| {
            let engine = open.take().map_or_else(|| Sqlite::open(&self.database(), clock), Ok)?;
            Ok(Box::new(if reign == Reign::Command { engine.mapped() } else { engine }))
        })
    }

    /// The same for a store that lies elsewhere.
    pub(crate) fn try_slots_of(
        &self,
        header: &Header,
        ask: &dyn Ask,
        store: &dyn Fn() -> Result<Box<dyn Engine>, keyward_store::Error>,
    ) -> Result<Vault> {
        let open = |credential: &Credential<'_>| Vault::unlock(store()?, credential, tools());
        let has = |test: fn(&Protection) -> bool| header.slots.iter().any(|slot| test(&slot.protection));
        let mut reason = None;
        if has(|p| matches!(p, Protection::KeyFile { .. })) {
            match self.read_key_file(header.vault) {
                Ok(Some(file)) => match open(&Credential::KeyFile(&file)) {
                    Err(VaultError::WrongCredential(_)) => reason = Some("the key file is not this vault's".to_owned()),
                    done => return Ok(done?),
                },
                Ok(None) => {
                    reason = Some(format!("its key file `{}` is missing", self.key_file(header.vault).display()))
                }
                Err(failure) => reason = Some(failure.message),
            }
        }
        if has(|p| matches!(p, Protection::Keyring { .. }))
            && let Some(text) = ask.keyring(header.vault)
        {
            match open(&Credential::Keyring(&KeyFile::parse(text.expose())?)) {
                Err(VaultError::WrongCredential(_)) => {
                    reason = Some("the keyring's entry is not this vault's".to_owned())
                }
                done => return Ok(done?),
            }
        }
        if let Some(text) = ask.given()? {
            return open_with_text(&text, open);
        }
        if has(|p| matches!(p, Protection::Age { .. }))
            && let Some(text) = ask.identity()?
        {
            match open_with_text(&text, open) {
                Err(failure) if failure.code == Code::Locked => reason = Some(failure.message),
                done => return done,
            }
        }
        let mut remedy = None;
        if has(|p| matches!(p, Protection::Kms { .. })) {
            match kms::open(header, ask.aws().as_ref(), open) {
                Err(failure) if failure.code == Code::Locked => {
                    (reason, remedy) = (Some(failure.message), failure.hint);
                }
                done => return done,
            }
        }
        if has(|p| matches!(p, Protection::Passphrase { .. } | Protection::RecoveryCode { .. }))
            && let Some(text) = ask.prompt()?
        {
            return open_with_text(&text, open);
        }
        let message = match reason {
            Some(reason) => format!("the vault is locked: {reason}"),
            None => "the vault is locked".to_owned(),
        };
        Err(Failure::new(Code::Locked, message).hint(remedy.unwrap_or_else(|| "`keyward unlock` in a terminal, or `KEYWARD_PASSPHRASE` or `KEYWARD_PASSPHRASE_FILE` without one; a recovery code serves too".into())))
    }

    fn read_key_file(&self, vault: VaultId) -> Result<Option<KeyFile>> {
        let path = self.key_file(vault);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(KeyFile::parse(&text)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::file("read", &path, &error)),
        }
    }

    /// Makes a vault here.
    ///
    /// # Errors
    /// When there is one already or the store refuses.
    pub fn create(&self, new: &NewVault<'_>) -> Result<Owned> {
        private_folder(&self.folder)?;
        let lock = Lock::acquire(&self.folder, WAIT).map_err(|error| self.unusable(&error))?;
        if self.exists() {
            return Err(Failure::usage(format!("there is a vault in `{}` already", self.folder.display())));
        }
        self.not_moved()?;
        let vault = Vault::create(Box::new(Sqlite::create(&self.database(), clock)?), new, tools())?;
        Ok(Owned::new(vault, self.clone(), lock))
    }

    /// Writes a key file, readable by its owner alone.
    ///
    /// # Errors
    /// When there is one already or the folder cannot be written.
    pub fn write_key_file(&self, vault: VaultId, file: &KeyFile) -> Result<PathBuf> {
        private_folder(&self.keys)?;
        let path = self.key_file(vault);
        let text = file.text(vault);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&path).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| Failure::file("write", &path, &error))?;
        Ok(path)
    }

    fn anchor_file(&self, vault: VaultId) -> PathBuf {
        self.keys.join("anchors").join(format!("{vault}.json"))
    }

    fn read_anchor(&self, vault: VaultId) -> Option<Anchor> {
        Anchor::parse(&fs::read(self.anchor_file(vault)).ok()?)
    }

    /// Compares a vault that was just opened with what this machine last saw of it: where that does
    /// not go on, the vault is put into safe mode. Answers the size of the log at the anchor, and
    /// what to warn of.
    pub(crate) fn compare_with_anchor(&self, vault: &Arc<Vault>) -> Result<(Option<u64>, Option<String>)> {
        let Some(anchor) = self.read_anchor(vault.id()) else { return Ok((None, None)) };
        let why = match vault.standing(&anchor)? {
            Standing::Continues => return Ok((Some(anchor.size()), None)),
            Standing::Older => "the store is older than when this machine last saw it",
            Standing::Forked => "the store's log is not the one that this machine last saw",
            Standing::OtherLife => "the store is of another incarnation than the one this machine last saw",
        };
        if vault.safe_mode().is_none() {
            let occasion = Occasion { agent: "keyward".into(), reason: None };
            LocalDesk::new(Arc::clone(vault), occasion)?.enter_safe_mode(why)?;
        }
        Ok((None, Some(format!("{why}; nothing irreversible is done until `keyward store accept`"))))
    }

    /// Losing an anchor loses a means of detection, no data, so that failures are passed over.
    fn write_anchor(&self, vault: VaultId, anchor: &Anchor) {
        let path = self.anchor_file(vault);
        let Some(folder) = path.parent() else { return };
        if private_folder(folder).is_ok() {
            let draft = path.with_extension("new");
            let _ = fs::write(&draft, anchor.bytes()).and_then(|()| fs::rename(&draft, &path));
        }
    }
}

/// How long a process is to own a store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reign {
    /// For one command.
    Command,
    /// While others send their calls to it.
    Lasting,
}

enum Owner {
    Us(Box<Owned>),
    Other(Running),
}

impl Connection {
    /// A desk over a vault that this process owns.
    ///
    /// # Errors
    /// When the owner's record cannot be read.
    pub fn over(owned: Owned, occasion: &Occasion) -> Result<Self> {
        let desk = Box::new(owned.desk(occasion.clone())?);
        Ok(Self { desk, warnings: owned.warnings.clone(), owned: Some(owned) })
    }

    /// A desk at a server.
    pub fn to_server(desk: RemoteDesk) -> Self {
        Self { desk: Box::new(desk), warnings: Vec::new(), owned: None }
    }

    fn across(desk: SocketDesk) -> Self {
        Self { warnings: desk.warnings().to_vec(), desk: Box::new(desk), owned: None }
    }

    /// The desk.
    pub fn desk(&self) -> &dyn Desk {
        &*self.desk
    }

    /// Warnings that came up while the vault was opened.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// This process opens the vault again soon, where it can without asking anybody, or is waited for.
    pub fn closes_briefly(&self) {
        let Some(owned) = &self.owned else { return };
        if let Ok(vault) = owned.vault()
            && owned.home().key_file(vault.id()).exists()
        {
            vault.closes_briefly();
        }
    }
}

impl Owned {
    fn new(vault: Vault, home: Home, lock: Lock) -> Self {
        let address = StoreAddress::File(home.database());
        Self::keep(Arc::new(Held::with(Arc::new(vault))), home, address, lock)
    }

    /// For a vault that may be sealed.
    pub(crate) fn keep(held: Arc<Held>, home: Home, address: StoreAddress, lock: Lock) -> Self {
        let mut owned = Self { held, home, address, anchored: None, warnings: Vec::new(), lock };
        owned.look_at_anchor();
        owned
    }

    fn look_at_anchor(&mut self) {
        let Ok(vault) = self.held.vault() else { return };
        match self.home.compare_with_anchor(&vault) {
            Ok((anchored, warning)) => {
                self.anchored = anchored;
                self.warnings.extend(warning);
            }
            Err(failure) => {
                self.warnings.push(format!("the store could not be compared with its anchor: {failure}"));
            }
        }
    }

    /// A desk for an occasion.
    ///
    /// # Errors
    /// When the owner's record cannot be read.
    pub fn desk(&self, occasion: Occasion) -> Result<LocalDesk> {
        LocalDesk::new(self.vault()?, occasion)
    }

    /// Where it lives.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The vault.
    ///
    /// # Errors
    /// [`Code::Locked`] while the process is sealed.
    pub fn vault(&self) -> Result<Arc<Vault>> {
        self.held.vault()
    }

    /// Where the vault is while the process is open.
    pub fn held(&self) -> &Arc<Held> {
        &self.held
    }

    /// Whether the store is still where it was.
    pub(crate) fn stands(&self) -> bool {
        match &self.address {
            StoreAddress::File(path) => path.exists(),
            StoreAddress::Postgres(_) => true,
        }
    }

    /// Takes back a vault that was just made and that nothing would open.
    ///
    /// # Errors
    /// When the files cannot be removed.
    pub fn discard(mut self) -> Result<()> {
        // The vault that is no more needs no anchor.
        self.anchored = self.vault().ok().and_then(|vault| vault.log_size().ok());
        let database = self.home.database();
        drop(self);
        std::fs::remove_file(&database).map_err(|error| Failure::file("remove", &database, &error))
    }

    /// Tells other processes where this one answers, and whether it is a server.
    ///
    /// # Errors
    /// When the lock file cannot be written.
    pub fn announce(&mut self, socket: &Path, server: Option<&str>) -> Result<()> {
        self.lock.announce(socket, server).map_err(|error| Failure::internal(error.to_string()))
    }

    /// Leaves an anchor of the present state outside the store.
    pub fn leave_anchor(&mut self) {
        let Ok(vault) = self.vault() else { return };
        if vault.safe_mode().is_some() {
            return;
        }
        if let Ok(anchor) = vault.anchor()
            && self.anchored != Some(anchor.size())
        {
            self.home.write_anchor(vault.id(), &anchor);
            self.anchored = Some(anchor.size());
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.leave_anchor();
    }
}

/// All that opens a vault comes in by the same ways and is known by its form; what has no other is a
/// passphrase.
pub(crate) fn open_with_text(
    text: &Secret<String>,
    open: impl Fn(&Credential<'_>) -> Result<Vault, VaultError>,
) -> Result<Vault> {
    let form = text.expose().trim_start().get(..4).unwrap_or_default().to_ascii_uppercase();
    if form == "KWR-" {
        return Ok(open(&Credential::Recovery(&RecoveryCode::parse(text.expose())?))?);
    }
    if form == "KWS-" {
        let shares = text.expose().lines().filter(|line| !line.trim().is_empty()).map(Share::parse);
        return Ok(open(&Credential::Shares(&shares.collect::<Result<Vec<_>, _>>()?))?);
    }
    if AgeIdentity::is_like(text.expose()) {
        return Ok(open(&Credential::Age(&AgeIdentity::parse(text.expose())?))?);
    }
    Ok(open(&Credential::Passphrase(text))?)
}

/// Others on this machine who may read the key file need the database only. Who names a file may let
/// a group read it, as Kubernetes does with what it mounts for a user that is not root.
pub(crate) fn readable_by_others(path: &Path, others: Others) -> Option<String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
        let (mask, fit) = match others {
            Others::Anybody => (0o077, "600"),
            Others::OutsideTheGroup => (0o007, "640"),
        };
        if mode & mask != 0 {
            let path = path.display();
            return Some(format!("others may read the key file `{path}` (mode {mode:o}); `chmod {fit}` ends that"));
        }
    }
    None
}

/// Who is not meant to read a file.
#[derive(Clone, Copy)]
pub(crate) enum Others {
    /// Everybody but its owner.
    Anybody,
    /// Everybody but its owner and its group.
    OutsideTheGroup,
}

pub(crate) fn private_folder(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| Failure::file("make the folder", path, &error))
}

pub(crate) fn clock() -> i64 {
    keyward_types::Clock::now(&SystemClock).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_written_is_named_with_the_reason() {
        let home = Home { folder: "/a/home".into(), keys: "/a/keys".into() };
        let of = |kind: ErrorKind| {
            let (path, detail) = ("/a/home/keyward.lock".into(), kind.to_string());
            home.unusable(&LockError::Io { path, detail, kind })
        };
        let read_only = of(ErrorKind::ReadOnlyFilesystem);
        assert_eq!(read_only.message, "the vault's folder `/a/home` is read-only");
        assert!(of(ErrorKind::PermissionDenied).message.ends_with("is not yours to write"));
        assert!(of(ErrorKind::StorageFull).message.contains("keyward.lock"), "what else there is, is said as it is");
        assert!(read_only.code == Code::Unavailable && read_only.hint.is_some());
    }
}
