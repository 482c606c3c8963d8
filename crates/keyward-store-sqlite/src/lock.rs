//! The process lock: one process owns a local store and says how to reach it.
//!
//! It is an advisory lock of the operating system (`flock`) on `keyward.lock`, so a process that dies
//! in whatever way has released it: a dead lock blocks nobody. The file names its owner and stays
//! where it is, as removing it would let two processes hold locks on two files of one name.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The lock on a store's folder. Dropping it releases it.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock in `folder`, waiting for its owner at most `wait`.
    ///
    /// # Errors
    /// [`Error::Held`] when somebody else has it; [`Error::Io`] when the file cannot be used.
    pub fn acquire(folder: &Path, wait: Duration) -> Result<Self, Error> {
        let mut file = open(folder, OpenOptions::new().read(true).write(true).create(true))?;
        if !lock_within(&mut file, wait.max(SHORTEST_WAIT)).map_err(|e| failed(folder, &e))? {
            return Err(Error::Held { owner: read_owner(&mut file) });
        }
        let mut lock = Self { file };
        // On a full disk the lock holds nevertheless; it only does not say whose it is.
        let _ = lock.write(None, None);
        Ok(lock)
    }

    /// Tells others the socket on which this process answers for the store, and, of a server, where it
    /// answers everybody else.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be written or the path cannot be a line of text.
    pub fn announce(&mut self, socket: &Path, server: Option<&str>) -> Result<(), Error> {
        let failed =
            |e: io::Error| Error::Io { path: socket.display().to_string(), detail: e.to_string(), kind: e.kind() };
        let line = socket.to_str().filter(|text| !text.contains('\n'));
        let line = line.ok_or_else(|| failed(io::Error::other("not a line of text")))?;
        self.write(Some(line), server.filter(|text| !text.contains('\n'))).map_err(failed)
    }

    /// Who owns the store in `folder`, if anybody does.
    ///
    /// # Errors
    /// [`Error::Io`] when there is a lock file and it cannot be read.
    pub fn owner(folder: &Path) -> Result<Option<Owner>, Error> {
        let mut file = match File::open(folder.join(FILE)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|e| failed(folder, &e))?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(read_owner(&mut file))),
            Err(TryLockError::Error(e)) => Err(failed(folder, &e)),
        }
    }

    /// One write, so that a reader sees all of it or nothing; what an earlier, longer text left behind
    /// its third line is not read.
    fn write(&mut self, socket: Option<&str>, server: Option<&str>) -> io::Result<()> {
        let (socket, server) = (socket.unwrap_or_default(), server.unwrap_or_default());
        let text = format!("{}\n{socket}\n{server}\n", std::process::id());
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(text.as_bytes())?;
        self.file.set_len(text.len() as u64)
    }
}

/// The process that holds a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// Its process id; `None` when it could not write it.
    pub pid: Option<u32>,
    /// The Unix socket on which it answers, once it has announced one.
    pub socket: Option<PathBuf>,
    /// Where it answers everybody else, when it is a server.
    pub server: Option<String>,
}

/// Why the lock was not taken or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process has it.
    #[error("the store is in use by {}", of(.owner))]
    Held {
        /// The other process.
        owner: Owner,
    },
    /// The lock file cannot be used.
    #[error("lock `{path}`: {detail}")]
    Io {
        /// The lock file or socket.
        path: String,
        /// What the system said.
        detail: String,
        /// What sort of refusal that is.
        kind: io::ErrorKind,
    },
}

fn open(folder: &Path, options: &mut OpenOptions) -> Result<File, Error> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(folder.join(FILE)).map_err(|e| failed(folder, &e))
}

fn lock_within(file: &mut File, wait: Duration) -> io::Result<bool> {
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(e)) => return Err(e),
            Err(TryLockError::WouldBlock) if start.elapsed() >= wait => return Ok(false),
            Err(TryLockError::WouldBlock) => std::thread::sleep(POLL),
        }
    }
}

fn read_owner(file: &mut File) -> Owner {
    let mut text = String::new();
    // A lock whose owner cannot be read is held all the same.
    let _ = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(8192).read_to_string(&mut text));
    let mut lines = text.lines();
    let pid = lines.next().and_then(|line| line.parse().ok());
    let socket = lines.next().filter(|line| !line.is_empty()).map(PathBuf::from);
    let server = lines.next().filter(|line| !line.is_empty()).map(str::to_owned);
    Owner { pid, socket, server }
}

fn of(owner: &Owner) -> String {
    owner.pid.map_or_else(|| "another process".into(), |pid| format!("process {pid}"))
}

fn failed(folder: &Path, error: &io::Error) -> Error {
    Error::Io { path: folder.join(FILE).display().to_string(), detail: error.to_string(), kind: error.kind() }
}

const FILE: &str = "keyward.lock";

const POLL: Duration = Duration::from_millis(2);

/// Someone asking who owns the store holds the lock, shared, for a moment: that is waited out.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_owner_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Lock::owner(folder.path()), Ok(None), "no file, no owner");
        let mut lock = Lock::acquire(folder.path(), Duration::ZERO).unwrap();
        let mut me = Owner { pid: Some(std::process::id()), socket: None, server: None };
        assert_eq!(Lock::owner(folder.path()), Ok(Some(me.clone())));
        lock.announce(Path::new("/run/user/1/keyward.sock"), Some("http://127.0.0.1:8200")).unwrap();
        me.socket = Some("/run/user/1/keyward.sock".into());
        me.server = Some("http://127.0.0.1:8200".into());
        assert_eq!(Lock::owner(folder.path()), Ok(Some(me.clone())));
        let refused = Lock::acquire(folder.path(), Duration::ZERO).unwrap_err();
        assert_eq!(refused, Error::Held { owner: me });
        assert!(refused.to_string().contains(&std::process::id().to_string()));
        drop(lock);
        assert_eq!(Lock::owner(folder.path()), Ok(None), "the text is still there, the lock is not");
    }

    #[test]
    fn a_waiter_gets_the_lock_when_it_is_released() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::acquire(folder.path(), Duration::ZERO).unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| Lock::acquire(folder.path(), Duration::from_secs(30)).map(drop));
            std::thread::sleep(Duration::from_millis(30));
            assert!(!waiter.is_finished());
            drop(lock);
            assert_eq!(waiter.join().unwrap(), Ok(()));
        });
    }

    #[test]
    fn an_announcement_leaves_nothing_of_a_longer_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut lock = Lock::acquire(folder.path(), Duration::ZERO).unwrap();
        lock.announce(Path::new("/a/very/long/path/to/a.sock"), Some("unix:/b")).unwrap();
        lock.announce(Path::new("/b.sock"), None).unwrap();
        let owner = Lock::owner(folder.path()).unwrap().unwrap();
        assert_eq!((owner.socket, owner.server), (Some("/b.sock".into()), None));
        assert!(lock.announce(Path::new("/a\nb"), None).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_the_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let _lock = Lock::acquire(folder.path(), Duration::ZERO).unwrap();
        let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
