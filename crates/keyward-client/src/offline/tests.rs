use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use keyward_types::{Kind, Version};

use super::moment::Up;
use super::*;
use crate::Bytes;

/// A machine whose clocks stand where the test puts them.
#[derive(Default)]
struct Machine {
    now: AtomicI64,
    up: AtomicU64,
    key: Mutex<Option<Secret<String>>>,
    told: Mutex<Vec<String>>,
}

#[derive(Clone)]
struct At(Arc<Machine>);

impl Moments for At {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.now.load(Ordering::Relaxed))
    }

    fn up(&self) -> Option<Up> {
        Some(Up { boot: "one life".into(), seconds: self.0.up.load(Ordering::Relaxed) })
    }
}

impl OfflineHost for At {
    fn key(&self) -> Result<Option<Secret<String>>> {
        Ok(self.0.key.lock().unwrap().clone())
    }

    fn keep_key(&self, key: &Secret<String>) -> Result<()> {
        *self.0.key.lock().unwrap() = Some(key.clone());
        Ok(())
    }

    fn tell(&self, words: &str) {
        self.0.told.lock().unwrap().push(words.to_owned());
    }
}

/// A folder, a machine, and what is kept on it.
struct Site {
    folder: tempfile::TempDir,
    machine: Arc<Machine>,
}

const START: i64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;
const VALUE: &[u8] = b"a value that is kept for an hour";

impl Site {
    fn new() -> Self {
        let machine = Machine { now: AtomicI64::new(START), ..Machine::default() };
        Self { folder: tempfile::tempdir().unwrap(), machine: Arc::new(machine) }
    }

    fn offline(&self, token: &str, serves: bool) -> Offline {
        Offline {
            path: self.file(),
            server: "https://kw.example".into(),
            token: Secret::new("token", token.to_owned()),
            serves,
            host: Box::new(At(Arc::clone(&self.machine))),
            moments: Box::new(At(Arc::clone(&self.machine))),
            names: Mutex::new(None),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offline/kw.json")
    }

    fn pass(&self, wall: i64, up: u64) {
        self.machine.now.fetch_add(wall, Ordering::Relaxed);
        self.machine.up.fetch_add(up, Ordering::Relaxed);
    }

    /// Keeps `A` for an hour, as a server whose clock is a day ahead says.
    fn keep(&self) {
        let server_now = Timestamp(START + 24 * HOUR);
        let mut read = [disclosed("A", Some(Timestamp(server_now.0 + HOUR)))];
        self.offline("mine", true).keep(&at(), &mut read, server_now, |_| panic!("nothing was used yet"));
        assert_eq!(read[0].holding, None, "it does not end with the child");
        assert!(self.file().exists(), "{:?}", self.machine.told);
    }

    fn get(&self, token: &str, name: &str) -> Result<Vec<u8>> {
        let selection = Selection::Names(vec![name.parse().unwrap()]);
        let read = self.offline(token, true).read_instead(&at(), &selection, Purpose::Run, unreached())?;
        Ok(read[0].value.expose().to_vec())
    }

    fn told(&self) -> String {
        self.machine.told.lock().unwrap().join("\n")
    }
}

fn at() -> Where {
    Where { project: "shop".parse().unwrap(), environment: "development".parse().unwrap() }
}

fn disclosed(name: &str, offline_until: Option<Timestamp>) -> Disclosed {
    Disclosed {
        name: name.parse().unwrap(),
        value: Bytes::new(VALUE.to_vec()),
        version: Version::FIRST,
        kind: Kind::ApiKey,
        bits: 128,
        environment: "development".parse().unwrap(),
        as_file: false,
        holding: Some("a holding".into()),
        offline_until,
    }
}

fn unreached() -> Failure {
    Failure::new(Code::Unavailable, "nothing answers there")
}

#[test]
fn a_value_is_given_out_until_its_end_and_says_so() {
    let site = Site::new();
    site.keep();
    site.pass(12 * 60_000, 12 * 60);
    assert_eq!(site.get("mine", "A").unwrap(), VALUE);
    assert!(site.told().contains("values from 12 minutes ago, good until "), "{}", site.told());
    let file = String::from_utf8(fs::read(site.file()).unwrap()).unwrap();
    assert!(!file.contains("shop") && !file.contains("a value"), "{file}");
    site.pass(48 * 60_000 - 1, 0);
    assert!(site.get("mine", "A").is_ok());
    site.pass(1, 0);
    let over = site.get("mine", "A").unwrap_err();
    assert_eq!(over.code, Code::Unavailable);
    assert!(over.hint.unwrap().contains("its time is over"));
}

#[test]
fn a_clock_that_is_set_back_wins_nothing() {
    let site = Site::new();
    site.keep();
    site.pass(30 * 60_000, 30 * 60);
    assert!(site.get("mine", "A").is_ok());
    site.pass(-20 * 60_000, 0);
    let refused = site.get("mine", "A").unwrap_err();
    assert!(refused.hint.unwrap().contains("set back"));
    site.pass(20 * 60_000, 0);
    assert!(site.get("mine", "A").is_ok(), "it is right again");
    // A wall clock that stands still, while the machine is up for longer than an hour.
    site.pass(0, 31 * 60);
    assert!(site.get("mine", "A").is_err());
}

#[test]
fn what_one_token_read_opens_with_no_other_and_is_gone_then() {
    let site = Site::new();
    site.keep();
    assert!(site.offline("another", true).places().unwrap().is_none());
    assert!(site.get("another", "A").is_err());
    assert!(site.told().contains("another token"), "{}", site.told());
    assert!(!site.file().exists());
    assert!(site.get("mine", "A").is_err());
}

#[test]
fn what_was_altered_is_given_out_to_nobody() {
    let site = Site::new();
    site.keep();
    let sound = fs::read(site.file()).unwrap();
    let sealed = sound.windows(10).position(|window| window == b"\"sealed\":\"").unwrap() + 10;
    for place in [sealed, sealed + 20, sealed + 200, sound.len() - 8] {
        let mut altered = sound.clone();
        altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
        fs::write(site.file(), altered).unwrap();
        assert!(site.get("mine", "A").is_err(), "byte {place}");
        assert!(!site.file().exists(), "byte {place}");
    }
    fs::write(site.file(), &sound[..sound.len() / 2]).unwrap();
    assert!(site.get("mine", "A").is_err());
    // The key of another machine opens nothing, and that is another holder.
    fs::write(site.file(), &sound).unwrap();
    *site.machine.key.lock().unwrap() = Some(KeptKey::random(&SystemRandom).unwrap().text());
    assert!(site.get("mine", "A").is_err());
}

#[test]
fn only_all_that_is_asked_for_is_given_out() {
    let site = Site::new();
    site.keep();
    let offline = site.offline("mine", true);
    let ask = |selection| offline.read_instead(&at(), &selection, Purpose::Read, unreached());
    let both = ["A", "B"].map(|name| name.parse().unwrap()).to_vec();
    assert!(ask(Selection::Names(both)).unwrap_err().hint.unwrap().contains("`shop/development/B` is not kept"));
    assert!(ask(Selection::All).is_err(), "whether that is all, nobody knows");
    assert!(ask(Selection::Version("A".parse().unwrap(), Version::FIRST)).is_ok());
    assert!(ask(Selection::Version("A".parse().unwrap(), Version::new(2).unwrap())).is_err());
    assert!(site.offline("mine", false).read_instead(&at(), &name_a(), Purpose::Read, unreached()).is_err());
    let elsewhere = Where { environment: "production".parse().unwrap(), ..at() };
    assert!(offline.read_instead(&elsewhere, &name_a(), Purpose::Read, unreached()).is_err());
}

fn name_a() -> Selection {
    Selection::Names(vec!["A".parse().unwrap()])
}

#[test]
fn names_are_those_that_were_there() {
    let site = Site::new();
    let offline = site.offline("mine", true);
    let names = [NamedVersion { name: "A".parse().unwrap(), version: Version::FIRST }];
    offline.saw(&at(), &names);
    let mut read = [disclosed("A", Some(Timestamp(START + HOUR)))];
    offline.keep(&at(), &mut read, Timestamp(START), |_| true);
    assert_eq!(site.offline("mine", true).names_instead(&at(), unreached()).unwrap(), names);
    let elsewhere = Where { environment: "production".parse().unwrap(), ..at() };
    assert!(offline.names_instead(&elsewhere, unreached()).is_err());
    site.pass(HOUR, 0);
    assert!(offline.names_instead(&at(), unreached()).is_err(), "they end with the values");
}

#[test]
fn what_the_server_no_longer_allows_is_forgotten() {
    let site = Site::new();
    site.keep();
    site.offline("mine", true).keep(&at(), &mut [disclosed("A", None)], Timestamp(START), |_| true);
    assert!(!site.file().exists());
    site.keep();
    let (all, refused) = (site.offline("mine", true), |code| Failure::new(code, "no"));
    all.refused(&at(), &Selection::Names(vec!["B".parse().unwrap()]), &refused(Code::NotFound));
    all.refused(&at(), &name_a(), &refused(Code::Unavailable));
    assert!(site.file().exists(), "of `A` nothing was said");
    all.refused(&at(), &name_a(), &refused(Code::NotFound));
    assert!(!site.file().exists());
    site.keep();
    all.refused(&at(), &Selection::Names(vec!["B".parse().unwrap()]), &refused(Code::Denied));
    assert!(!site.file().exists());
}

#[test]
fn who_signs_out_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home { folder: folder.path().join("home"), keys: folder.path().join("keys") };
    let url: ServerUrl = "https://kw.example".parse().unwrap();
    let file = home.offline_file(&url);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "kept").unwrap();
    assert_eq!(home.kept_offline().unwrap().len(), 1);
    home.forget_signed(&url).unwrap();
    assert!(!file.exists() && home.kept_offline().unwrap().is_empty());
}

#[test]
fn every_use_is_written_down_and_told_once() {
    let site = Site::new();
    site.keep();
    for _ in 0..3 {
        site.pass(1000, 1);
        site.get("mine", "A").unwrap();
    }
    let read = || [disclosed("A", Some(Timestamp(START + HOUR)))];
    let told = Mutex::new(Vec::new());
    site.offline("mine", true).keep(&at(), &mut read(), Timestamp(START), |_| false);
    site.offline("mine", true).keep(&at(), &mut read(), Timestamp(START), |uses| {
        told.lock().unwrap().extend(uses.to_vec());
        true
    });
    let (first, last) = (Timestamp(START + 1000), Timestamp(START + 3000));
    assert_eq!(*told.lock().unwrap(), [OfflineUse { at: at(), purpose: Purpose::Run, count: 3, first, last }]);
    site.offline("mine", true).keep(&at(), &mut read(), Timestamp(START), |_| panic!("it was told"));
    // Nothing is given out that cannot be written down.
    let folder = site.file().parent().unwrap().to_owned();
    fs::remove_file(site.file().with_extension("lock")).unwrap();
    fs::create_dir(site.file().with_extension("lock")).unwrap();
    assert!(site.get("mine", "A").is_err());
    assert!(folder.exists());
}
