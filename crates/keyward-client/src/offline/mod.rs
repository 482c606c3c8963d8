//! Values of a server for a while without it, where their environment allows that.
//!
//! What holds here:
//!
//! - **Values, never rights.** Nothing is kept but what was read and what the server said may be kept;
//!   a server that answers decides, and what it answers 401 to ends all that is kept of it here.
//! - **One holder.** What was read with one token or session opens with no other.
//! - **Its time.** It ends when the server said, by this machine's clock and by how long it has been up;
//!   while the clock stands behind what was seen before, nothing is given out.
//! - **On record.** Each use is written down here before anything is given out, and told to the server
//!   when it is reached again.

mod ledger;
mod moment;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use keyward_types::{Secret, Timestamp};
use keyward_vault::{Keeper, KeptKey};

use crate::home::private_folder;
use crate::signed::json_files;
use crate::wire::{Disclosed, NamedVersion, OfflineUse, Purpose, Selection, Where};
use crate::{Code, Failure, Home, Result, ServerUrl, SystemRandom};
use ledger::{Found, KeptNames, KeptValue, Ledger};
use moment::{Moments, Span, SystemMoments};

/// The machine's key, among the key files.
const KEY_FILE: &str = "offline.key";

/// What is kept of one server for whoever holds this token or session.
pub struct Offline {
    path: PathBuf,
    server: String,
    token: Secret<String>,
    serves: bool,
    host: Box<dyn OfflineHost>,
    moments: Box<dyn Moments>,
    /// What the environment had that was asked last.
    names: Mutex<Option<KeptNames>>,
}

/// The machine around it.
pub trait OfflineHost: Send + Sync {
    /// The machine's key, where there is one.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn key(&self) -> Result<Option<Secret<String>>>;

    /// Keeps a new key.
    ///
    /// # Errors
    /// When there is no place for it.
    fn keep_key(&self, key: &Secret<String>) -> Result<()>;

    /// Says something to the user, beside the results.
    fn tell(&self, words: &str);
}

/// What is kept of one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPlace {
    /// Which one.
    pub at: Where,
    /// How many values.
    pub values: u64,
    /// When the oldest was read.
    pub read: Timestamp,
    /// When the first of them ends.
    pub until: Timestamp,
}

impl Home {
    /// Servers of which something is kept, with its file, in the order of names.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn kept_offline(&self) -> Result<Vec<(String, PathBuf)>> {
        let files = json_files(&self.offline_folder())?;
        let server = |path: &Path| ledger::server_of(path).unwrap_or_else(|| path.display().to_string());
        let mut kept: Vec<_> = files.into_iter().map(|path| (server(&path), path)).collect();
        kept.sort();
        Ok(kept)
    }

    /// Forgets what is kept of a server.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn forget_offline(&self, url: &ServerUrl) -> Result<()> {
        ledger::remove(&self.offline_file(url))
    }

    /// The file of what is kept of a server.
    #[must_use]
    pub fn offline_file(&self, url: &ServerUrl) -> PathBuf {
        self.offline_folder().join(format!("{}.json", url.file_stem()))
    }

    /// The machine's key for what is kept, where it lies in a file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn offline_key(&self) -> Result<Option<Secret<String>>> {
        let path = self.keys.join(KEY_FILE);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(Secret::new("key of what is kept offline", text))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::file("read", &path, &error)),
        }
    }

    /// Keeps that key in a file of the user's alone.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_offline_key(&self, key: &Secret<String>) -> Result<()> {
        private_folder(&self.keys)?;
        crate::signed::write(&self.keys.join(KEY_FILE), key.expose().as_bytes())
    }

    fn offline_folder(&self) -> PathBuf {
        self.folder.join("offline")
    }
}

impl Offline {
    /// What is kept of this server for who shows this token; `serves`: it is also given out when the
    /// server cannot be reached.
    #[must_use]
    pub fn new(home: &Home, url: &ServerUrl, token: Secret<String>, serves: bool, host: Box<dyn OfflineHost>) -> Self {
        Self {
            path: home.offline_file(url),
            server: url.to_string(),
            token,
            serves,
            host,
            moments: Box::new(SystemMoments),
            names: Mutex::new(None),
        }
    }

    /// What is kept, environment by environment; `None` when that belongs to another token or cannot be
    /// opened.
    ///
    /// # Errors
    /// When the file or the key cannot be read.
    pub fn places(&self) -> Result<Option<Vec<KeptPlace>>> {
        let Some(keeper) = self.keeper(false)? else { return Ok(None) };
        let Found::Mine(mut ledger) = Ledger::read(&self.path, &self.server, &keeper)? else { return Ok(None) };
        ledger.prune(&*self.moments);
        let mut places: Vec<KeptPlace> = Vec::new();
        for value in &ledger.values {
            let (read, until) = (value.span.read, value.span.until);
            match places.iter_mut().find(|place| place.at == value.at) {
                Some(place) => {
                    place.values += 1;
                    (place.read, place.until) = (place.read.min(read), place.until.min(until));
                }
                None => places.push(KeptPlace { at: value.at.clone(), values: 1, read, until }),
            }
        }
        Ok(Some(places))
    }

    /// Remembers what an environment has, for when values of it are kept.
    pub(crate) fn saw(&self, at: &Where, names: &[NamedVersion]) {
        let mut seen = self.names.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *seen = Some(KeptNames { at: at.clone(), names: names.to_vec() });
    }

    /// Keeps of what was read what the server lets be kept, and forgets what it does not; `report` is
    /// given the uses that the server does not know yet, and says whether it does now.
    pub(crate) fn keep(
        &self,
        at: &Where,
        read: &mut [Disclosed],
        server_now: Timestamp,
        report: impl FnOnce(&[OfflineUse]) -> bool,
    ) {
        let keeps = read.iter().any(|value| value.offline_until.is_some());
        if !keeps && !self.path.exists() {
            return;
        }
        if let Err(failure) = self.try_keep(at, read, server_now, report) {
            self.host.tell(&format!("warning: nothing is kept offline: {failure}"));
            return;
        }
        // They stay in this machine's hands when the child is gone.
        read.iter_mut().filter(|value| value.offline_until.is_some()).for_each(|value| value.holding = None);
    }

    fn try_keep(
        &self,
        at: &Where,
        read: &[Disclosed],
        server_now: Timestamp,
        report: impl FnOnce(&[OfflineUse]) -> bool,
    ) -> Result<()> {
        let keeps = read.iter().any(|value| value.offline_until.is_some());
        let Some(keeper) = self.keeper(keeps)? else { return ledger::remove(&self.path) };
        let _turn = self.turn()?;
        let mut ledger = match Ledger::read(&self.path, &self.server, &keeper)? {
            Found::Mine(ledger) => ledger,
            Found::Nothing => Ledger::default(),
            Found::Anothers | Found::Altered => {
                ledger::remove(&self.path)?;
                Ledger::default()
            }
        };
        ledger.values.retain(|kept| kept.at != *at || !read.iter().any(|value| value.name == kept.name));
        for value in read {
            let Some(end) = value.offline_until else { continue };
            let span = Span::new(&*self.moments, server_now, end);
            ledger.values.push(KeptValue::new(at, value, end, span, &self.server, &keeper)?);
        }
        if let Some(seen) = self.names.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
            ledger.names.retain(|names| names.at != seen.at);
            ledger.names.push(seen);
        }
        if !ledger.uses.is_empty() && report(&ledger.uses) {
            ledger.uses.clear();
        }
        ledger.seen = self.moments.now();
        ledger.prune(&*self.moments);
        ledger.write(&self.path, &self.server, &keeper)
    }

    /// What was refused is not kept either, nor a name that is not there: of a denial the whole
    /// environment, since it is not known how far that reaches.
    pub(crate) fn refused(&self, at: &Where, selection: &Selection, failure: &Failure) {
        match (failure.code, selection) {
            (Code::Denied, _) | (Code::NotFound, Selection::All) => self.forget(|value| value.at == *at),
            (Code::NotFound, Selection::Names(names)) => {
                self.forget(|value| value.at == *at && names.contains(&value.name));
            }
            _ => {}
        }
    }

    fn forget(&self, gone: impl Fn(&KeptValue) -> bool) {
        if !self.path.exists() {
            return;
        }
        let forgotten = || -> Result<()> {
            let Some(keeper) = self.keeper(false)? else { return Ok(()) };
            let _turn = self.turn()?;
            if let Found::Mine(mut ledger) = Ledger::read(&self.path, &self.server, &keeper)? {
                ledger.values.retain(|value| !gone(value));
                ledger.prune(&*self.moments);
                ledger.write(&self.path, &self.server, &keeper)?;
            }
            Ok(())
        };
        if let Err(failure) = forgotten() {
            self.host.tell(&format!("warning: what is kept offline stays there: {failure}"));
        }
    }

    /// Names of an environment, in the place of a server that is not reached.
    pub(crate) fn names_instead(&self, at: &Where, failure: Failure) -> Result<Vec<NamedVersion>> {
        let (_, ledger) = self.ledger(&failure)?;
        let kept = ledger.names.into_iter().find(|names| names.at == *at);
        kept.map(|kept| kept.names).ok_or_else(|| nothing_kept(failure, at))
    }

    /// Values, in the place of a server that is not reached: all that are asked for, or the failure.
    pub(crate) fn read_instead(
        &self,
        at: &Where,
        selection: &Selection,
        purpose: Purpose,
        failure: Failure,
    ) -> Result<Vec<Disclosed>> {
        let _turn = self.path.exists().then(|| self.turn()).transpose()?;
        let (keeper, mut ledger) = self.ledger(&failure)?;
        let wanted: Vec<_> = match selection {
            Selection::Names(names) => names.iter().map(|name| (name, None)).collect(),
            Selection::Version(name, version) => vec![(name, Some(*version))],
            // Whether that is all, the server alone could say.
            Selection::All => return Err(failure),
        };
        let mut chosen = Vec::with_capacity(wanted.len());
        for (name, version) in wanted {
            let is_it = |value: &&KeptValue| {
                value.at == *at && value.name == *name && version.is_none_or(|version| version == value.version)
            };
            let Some(value) = ledger.values.iter().find(is_it) else {
                let why =
                    format!("`{}/{}/{name}` is not kept offline, or its time is over", at.project, at.environment);
                return Err(Failure { hint: Some(why), ..failure });
            };
            chosen.push(value);
        }
        let opened: Option<Vec<Disclosed>> = chosen.iter().map(|value| value.open(&self.server, &keeper)).collect();
        let Some(opened) = opened else { return Err(self.altered(failure)) };
        let oldest = chosen.iter().map(|value| value.span.read).min().unwrap_or(Timestamp(0));
        let until = chosen.iter().map(|value| value.span.until).min().unwrap_or(Timestamp(0));
        let now = self.moments.now();
        note_use(&mut ledger.uses, at, purpose, opened.len() as u64, now);
        ledger.seen = ledger.seen.max(now);
        // On record here, or it is not given out.
        ledger.write(&self.path, &self.server, &keeper)?;
        self.host.tell(&format!(
            "offline: {} cannot be reached: values from {} ago, good until {}",
            self.server,
            spoken((now.0 - oldest.0).max(0)),
            clock_time(until, now)
        ));
        Ok(opened)
    }

    /// What is kept, when it may be given out at all.
    fn ledger(&self, failure: &Failure) -> Result<(Keeper, Ledger)> {
        if !self.serves || !self.path.exists() {
            return Err(failure.clone());
        }
        let Some(keeper) = self.keeper(false)? else { return Err(failure.clone()) };
        let mut ledger = match Ledger::read(&self.path, &self.server, &keeper)? {
            Found::Mine(ledger) => ledger,
            Found::Nothing => return Err(failure.clone()),
            Found::Anothers => {
                ledger::remove(&self.path)?;
                self.host.tell("what was kept offline belonged to another token or session, and is gone");
                return Err(failure.clone());
            }
            Found::Altered => return Err(self.altered(failure.clone())),
        };
        if moment::was_set_back(ledger.seen, &*self.moments) {
            let hint =
                "the clock of this machine was set back: what is kept offline is not given out until it is right";
            return Err(failure.clone().hint(hint));
        }
        ledger.prune(&*self.moments);
        Ok((keeper, ledger))
    }

    fn altered(&self, failure: Failure) -> Failure {
        let gone = ledger::remove(&self.path);
        self.host.tell(match gone {
            Ok(()) => "warning: what was kept offline is not what was written, and is gone",
            Err(_) => "warning: what is kept offline is not what was written, and cannot be removed",
        });
        failure
    }

    /// The key of this holder; one is made where something is to be kept and there is none.
    fn keeper(&self, make: bool) -> Result<Option<Keeper>> {
        let known = self.host.key()?;
        let key = match known {
            Some(text) => KeptKey::parse(text.expose()).ok_or_else(|| {
                Failure::usage("the key of what is kept offline cannot be read")
                    .hint("`keyward cache clear` begins anew with another one")
            })?,
            None if make => {
                let key = KeptKey::random(&SystemRandom)?;
                self.host.keep_key(&key.text())?;
                key
            }
            None => return Ok(None),
        };
        Ok(Some(key.keeper(&self.server, self.token.expose())))
    }

    /// Two commands at once do not lose what the other wrote down.
    fn turn(&self) -> Result<fs::File> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        private_folder(folder)?;
        let path = self.path.with_extension("lock");
        let failed = |error: std::io::Error| Failure::file("lock", &path, &error);
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(file)
    }
}

fn nothing_kept(failure: Failure, at: &Where) -> Failure {
    let why = format!("nothing of `{}/{}` is kept offline, or its time is over", at.project, at.environment);
    Failure { hint: Some(why), ..failure }
}

/// Uses of one environment for one purpose are one line: how many values, from when to when.
fn note_use(uses: &mut Vec<OfflineUse>, at: &Where, purpose: Purpose, count: u64, now: Timestamp) {
    match uses.iter_mut().find(|line| line.at == *at && line.purpose == purpose) {
        Some(line) => {
            line.count = line.count.saturating_add(count);
            line.last = line.last.max(now);
        }
        None => uses.push(OfflineUse { at: at.clone(), purpose, count, first: now, last: now }),
    }
}

/// `12 minutes`, in the largest unit that fits.
fn spoken(milliseconds: i64) -> String {
    let seconds = milliseconds / 1000;
    let (number, unit) = match seconds {
        ..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// The time of day, with the day where it is another one.
fn clock_time(until: Timestamp, now: Timestamp) -> String {
    let zoned = |at: Timestamp| {
        let moment = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
        jiff::tz::TimeZone::system().to_datetime(moment)
    };
    let (until, now) = (zoned(until), zoned(now));
    let form = if until.date() == now.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    until.strftime(form).to_string()
}
