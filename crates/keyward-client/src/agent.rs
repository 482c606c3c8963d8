//! The agent: a process that keeps a vault open for its user and answers for it on a socket.
//!
//! It owns the store by the process lock, so that its death in whatever way blocks nobody. It ends
//! on time, when it is asked to, on a signal, and when its user's session or the store is gone.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use keyward_store_sqlite::lock::Lock;
use keyward_types::{Clock, Timestamp};
use rustix::fs::Mode;

use crate::held::sealed;
use crate::socket::{SealAsk, Served, ask_seal, reachable, serve};
use crate::{
    Bytes, Code, Desk, Failure, Held, Home, LocalDesk, Occasion, Owned, Result, SealInfo, Sealable, SocketDesk,
    SystemClock,
};

/// A vault that answers on a socket, before anybody was served.
pub struct Agent {
    owned: Owned,
    sealable: Option<Arc<dyn Sealable>>,
    listener: UnixListener,
    socket: PathBuf,
}

/// A process that keeps the vault of a home and answers for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its process id; `None` when it could not write it.
    pub pid: Option<u32>,
    /// Where it answers the commands of its own user.
    pub socket: PathBuf,
    /// Where it answers everybody else, when it is a server.
    pub server: Option<String>,
}

/// Why an agent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its time was over.
    Time,
    /// Somebody asked it to.
    Asked,
    /// A signal.
    Signal,
    /// The store or the session is gone.
    Gone,
}

/// What the threads of one agent share.
struct Shared {
    held: Arc<Held>,
    sealable: Option<Arc<dyn Sealable>>,
    warnings: Vec<String>,
    /// Held for reading by every call; whoever gets it for writing sees no call half done.
    calls: RwLock<()>,
    end: Mutex<Sender<End>>,
}

impl Running {
    pub(crate) fn of(owner: keyward_store_sqlite::lock::Owner) -> Option<Self> {
        Some(Self { pid: owner.pid, socket: owner.socket?, server: owner.server })
    }

    /// `process 2144`, or that there is one.
    #[must_use]
    pub fn process(&self) -> String {
        self.pid.map_or_else(|| "another process".into(), |pid| format!("process {pid}"))
    }

    /// Why nothing else can own the vault meanwhile, and what ends it.
    pub(crate) fn in_the_way(&self) -> Failure {
        let process = self.process();
        match &self.server {
            Some(server) => {
                let hint = "other commands reach it by themselves; Ctrl-C where it was started ends it";
                Failure::new(Code::Locked, format!("a server runs already at {server} ({process})")).hint(hint)
            }
            None => Failure::new(Code::Locked, format!("an agent keeps the vault open ({process})"))
                .hint("`keyward lock` ends what `keyward unlock` started"),
        }
    }
}

/// How often it looks at the clock, the session and the store.
const TICK: Duration = Duration::from_secs(2);
/// How often it leaves an anchor.
const ANCHOR_EVERY: Duration = Duration::from_secs(30);
/// How long it waits for calls that are under way when it ends.
const LAST_CALLS: Duration = Duration::from_secs(5);

impl Agent {
    /// Binds the socket, for this user alone, and announces it. A socket file that a dead process
    /// left is replaced: whoever has the lock is the only one who answers.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn bind(owned: Owned) -> Result<Self> {
        // As whoever serves it over HTTP has it remember.
        owned.vault()?.remember();
        Self::bind_as(owned, None)
    }

    /// The same for a server, which names its addresses, so that nobody ends it who means an agent.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn bind_server(owned: Owned, urls: &[String]) -> Result<Self> {
        Self::bind_as(owned, Some(&urls.join(", ")))
    }

    fn bind_as(mut owned: Owned, server: Option<&str>) -> Result<Self> {
        let socket = owned.home().socket();
        let failed = |error: std::io::Error| Failure::file("listen on", &socket, &error);
        let (_folder, address) = reachable(&socket).map_err(failed)?;
        match std::fs::remove_file(&socket) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let before = rustix::process::umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
        let bound = UnixListener::bind(address);
        rustix::process::umask(before);
        let listener = bound.map_err(failed)?;
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        owned.announce(&socket, server)?;
        Ok(Self { owned, sealable: None, listener, socket })
    }

    /// One for a server that can be sealed.
    #[must_use]
    pub fn sealable(self, server: Arc<dyn Sealable>) -> Self {
        Self { sealable: Some(server), ..self }
    }

    /// Answers calls until `lasts` is over, `ends` says so, or `session` does not stand any more.
    /// Nothing of the vault is open when it returns but what the process still holds in memory, so
    /// that the process should end then.
    pub fn run(mut self, lasts: Duration, ends: (Sender<End>, Receiver<End>), session: impl Fn() -> bool) -> End {
        let (end, ended) = ends;
        let shared = Arc::new(Shared {
            held: Arc::clone(self.owned.held()),
            sealable: self.sealable.take(),
            warnings: self.owned.warnings.clone(),
            calls: RwLock::new(()),
            end: Mutex::new(end),
        });
        let accepting = Arc::clone(&shared);
        let listener = self.listener.try_clone();
        if let Ok(listener) = listener {
            std::thread::spawn(move || accept(&listener, &accepting));
        }
        let why = self.wait(&Deadline::after(lasts), &ended, session);
        let _ = std::fs::remove_file(&self.socket);
        let started = Instant::now();
        // Whoever still calls now is told that the connection broke, and nothing was begun.
        while let Err(_busy) = shared.calls.try_write().map(std::mem::forget) {
            if started.elapsed() > LAST_CALLS {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.owned.leave_anchor();
        why
    }

    fn wait(&mut self, deadline: &Deadline, ended: &Receiver<End>, session: impl Fn() -> bool) -> End {
        let mut anchored = Instant::now();
        loop {
            let Some(left) = deadline.left() else { return End::Time };
            match ended.recv_timeout(left.min(TICK)) {
                Ok(why) => return why,
                Err(RecvTimeoutError::Disconnected) => return End::Signal,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if !session() || !self.owned.stands() {
                return End::Gone;
            }
            if anchored.elapsed() >= ANCHOR_EVERY {
                self.owned.leave_anchor();
                anchored = Instant::now();
            }
        }
    }
}

/// A time on both clocks: the wall clock goes on while a laptop sleeps, and the other one cannot be
/// set back.
struct Deadline {
    wall: Timestamp,
    steady: Instant,
}

impl Deadline {
    fn after(lasts: Duration) -> Self {
        let millis = i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
        Self { wall: Timestamp(SystemClock.now().0.saturating_add(millis)), steady: Instant::now() + lasts }
    }

    /// `None` once one of the clocks has passed it.
    fn left(&self) -> Option<Duration> {
        let wall = u64::try_from(self.wall.0 - SystemClock.now().0).ok().filter(|left| *left > 0)?;
        let steady = self.steady.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        Some(steady.min(Duration::from_millis(wall)))
    }
}

fn accept(listener: &UnixListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        match stream {
            Ok(stream) => {
                let shared = Arc::clone(shared);
                std::thread::spawn(move || answer(stream, &shared));
            }
            // Out of file descriptors, for example: others close theirs.
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn answer(stream: UnixStream, shared: &Shared) {
    let open = |occasion: Occasion| {
        let vault = shared.held.vault()?;
        let (_, caller) = vault.owner()?;
        let mut warnings = shared.warnings.clone();
        // Somebody has looked since.
        warnings.retain(|warning| vault.safe_mode().is_some() || !warning.contains("store accept"));
        let held = Arc::downgrade(&vault);
        let desk = move || {
            let vault = held.upgrade().ok_or_else(sealed)?;
            Ok(Box::new(LocalDesk::acting(vault, caller.clone(), occasion.clone())) as Box<dyn Desk>)
        };
        Ok(Served { desk: Box::new(desk), warnings })
    };
    let seal = |occasion: &Occasion, ask: SealAsk| {
        let no_server = || {
            Failure::new(Code::Conflict, "the process that owns the vault is no server that can be sealed")
                .hint("only `keyward serve` runs one; `keyward whoami` says what answers here")
        };
        let server = shared.sealable.as_ref().ok_or_else(no_server)?;
        match ask {
            SealAsk::State => server.seal_state(),
            SealAsk::Give(share) => server.give_share(&share, occasion),
            SealAsk::Alone => server.open_alone(occasion),
            SealAsk::Seal => server.seal(occasion),
        }
    };
    // A connection that breaks is its caller's affair.
    if let Ok(true) = serve(stream, &shared.calls, open, seal) {
        let end = shared.end.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = end.send(End::Asked);
    }
}

impl Home {
    /// Asks the process that keeps the vault open to end, and waits until it has given up the
    /// store; `false` when there is none.
    ///
    /// # Errors
    /// When it does not end.
    pub fn lock(&self, occasion: &Occasion) -> Result<bool> {
        let Some(Running { pid, socket, .. }) = self.agent()? else { return Ok(false) };
        let asked = SocketDesk::connect(&socket, occasion).and_then(|desk| desk.stop());
        if asked.is_err() {
            // It speaks another version's protocol or is stuck: it holds the lock, so it lives.
            let pid = pid.and_then(|pid| rustix::process::Pid::from_raw(pid.try_into().ok()?));
            if let Some(pid) = pid {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
        }
        let started = Instant::now();
        while self.agent()?.is_some_and(|now| now.pid == pid) {
            if started.elapsed() > LAST_CALLS * 2 {
                let who = pid.map_or("the process that owns the vault".into(), |pid| format!("process {pid}"));
                return Err(Failure::internal(format!("{who} does not end")).hint("end it yourself"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(true)
    }

    /// How the server of this home stands.
    ///
    /// # Errors
    /// [`Code::Locked`] when there is none.
    pub fn seal_state(&self, occasion: &Occasion) -> Result<SealInfo> {
        ask_seal(&self.server()?, occasion, SealAsk::State)
    }

    /// Hands a share to the server of this home.
    ///
    /// # Errors
    /// [`Code::Locked`] when there is none; what it refuses.
    pub fn give_share(&self, share: Bytes, occasion: &Occasion) -> Result<SealInfo> {
        ask_seal(&self.server()?, occasion, SealAsk::Give(share))
    }

    /// Has the server of this home open its vault with the slot of its own that needs nobody.
    ///
    /// # Errors
    /// [`Code::Locked`] when there is none, or the slot does not open it; what it refuses.
    pub fn open_alone(&self, occasion: &Occasion) -> Result<SealInfo> {
        ask_seal(&self.server()?, occasion, SealAsk::Alone)
    }

    /// Has the server of this home give up its keys.
    ///
    /// # Errors
    /// [`Code::Locked`] when there is none; what it refuses.
    pub fn seal(&self, occasion: &Occasion) -> Result<SealInfo> {
        ask_seal(&self.server()?, occasion, SealAsk::Seal)
    }

    fn server(&self) -> Result<PathBuf> {
        let nobody = || {
            Failure::new(Code::Locked, format!("no server answers in `{}`", self.folder.display()))
                .hint("`keyward serve` starts one; `KEYWARD_HOME` names its folder")
        };
        self.agent()?.map(|running| running.socket).ok_or_else(nobody)
    }

    /// The process that keeps the vault open, if one does.
    ///
    /// # Errors
    /// When the lock cannot be read.
    pub fn agent(&self) -> Result<Option<Running>> {
        if !Path::new(&self.folder).is_dir() {
            return Ok(None);
        }
        let owner = Lock::owner(&self.folder).map_err(|error| Failure::internal(error.to_string()))?;
        Ok(owner.and_then(Running::of))
    }
}
