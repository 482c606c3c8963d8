//! Calls over a Unix socket: to the process that owns the store, from other processes of the same
//! user. A message is its length (u32, big-endian) and JSON.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, RwLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::desk::{Transport, dispatch};
use crate::{Bytes, Call, Code, Desk, Failure, Result, SealInfo};

/// On what occasion calls are made; the first message on a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occasion {
    /// The program and command, for the log.
    pub agent: String,
    /// Why, in the caller's words.
    pub reason: Option<String>,
}

/// A desk in another process.
pub struct SocketDesk {
    /// `None`: an answer that was not waited for may come on the last one.
    stream: Mutex<Option<UnixStream>>,
    warnings: Vec<String>,
    socket: PathBuf,
    occasion: Occasion,
    patience: Duration,
}

/// What one connection is given.
pub(crate) struct Served {
    /// Makes the desk for a call: between calls a connection holds no vault, so that one that is
    /// left open does not keep a sealed server's keys.
    pub(crate) desk: Box<DeskMaker>,
    /// What the caller should be warned of.
    pub(crate) warnings: Vec<String>,
}

/// Makes a desk.
pub(crate) type DeskMaker = dyn Fn() -> Result<Box<dyn Desk>>;

/// What is sent to the owner of the store.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Message {
    /// First: who calls.
    Hello {
        /// Version of the protocol.
        protocol: u32,
        /// On what occasion.
        occasion: Occasion,
    },
    /// A call for the desk.
    Call(Box<Call>),
    /// For the agent: give up the store and end.
    Stop,
    /// First and last: for a server, which has no desk while it is sealed.
    Seal {
        /// Version of the protocol.
        protocol: u32,
        /// On what occasion.
        occasion: Occasion,
        /// What it is to do.
        ask: SealAsk,
    },
}

/// What a server is asked about its seal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SealAsk {
    /// How it stands.
    State,
    /// To take a share.
    Give(Bytes),
    /// To open the vault with the slot of its own that needs nobody.
    Alone,
    /// To give up its keys.
    Seal,
}

/// What comes back.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Done(serde_json::Value),
    Failed(Failure),
}

const PROTOCOL: u32 = 1;
/// 64 KiB values in base64, many at a time.
const MAX_MESSAGE: u32 = 64 << 20;
/// A process that owns the store and does not answer for so long is taken to be stuck.
const PATIENCE: Duration = Duration::from_secs(60);

impl SocketDesk {
    /// Connects to the owner of a store.
    ///
    /// # Errors
    /// [`Code::Locked`] when nobody answers.
    pub fn connect(socket: &Path, occasion: &Occasion) -> Result<Self> {
        Self::connect_within(socket, occasion, PATIENCE)
    }

    fn connect_within(socket: &Path, occasion: &Occasion, patience: Duration) -> Result<Self> {
        let (stream, warnings) = Self::greet(socket, occasion, patience)?;
        let (socket, occasion) = (socket.to_owned(), occasion.clone());
        Ok(Self { stream: Mutex::new(Some(stream)), warnings, socket, occasion, patience })
    }

    fn greet(socket: &Path, occasion: &Occasion, patience: Duration) -> Result<(UnixStream, Vec<String>)> {
        let unreachable = |error: std::io::Error| {
            Failure::new(Code::Locked, format!("the process that owns the vault does not answer: {error}"))
        };
        let (_folder, address) = reachable(socket).map_err(unreachable)?;
        let mut stream = UnixStream::connect(address).map_err(unreachable)?;
        stream.set_read_timeout(Some(patience)).map_err(unreachable)?;
        // Its owner may be ending: nothing was asked yet, so that this is no more than silence.
        let hello = Message::Hello { protocol: PROTOCOL, occasion: occasion.clone() };
        send(&mut stream, &hello).map_err(unreachable)?;
        let greeting = match receive::<Answer>(&mut stream).map_err(unreachable)? {
            Answer::Done(greeting) => greeting,
            Answer::Failed(failure) => return Err(failure),
        };
        Ok((stream, serde_json::from_value(greeting).unwrap_or_default()))
    }

    /// What the owner of the store warns of.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Asks the owner to give up the store and end.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn stop(&self) -> Result<()> {
        self.exchange(&Message::Stop).map(|_| ())
    }

    fn exchange(&self, message: &Message) -> Result<serde_json::Value> {
        let broken = |error: std::io::Error| {
            Failure::internal(format!("the connection to the process that owns the vault broke: {error}"))
        };
        let mut kept = self.stream.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let stream = match &mut *kept {
            Some(stream) => stream,
            none => none.insert(Self::greet(&self.socket, &self.occasion, self.patience)?.0),
        };
        send(stream, message).map_err(broken)?;
        match receive::<Answer>(stream) {
            Ok(Answer::Done(value)) => Ok(value),
            Ok(Answer::Failed(failure)) => Err(failure),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                *kept = None;
                let waited = self.patience.as_secs();
                let message = format!("the process that owns the vault has not answered for {waited} s");
                Err(Failure::new(Code::TimedOut, message).hint("what was asked may be under way there still"))
            }
            Err(error) => Err(broken(error)),
        }
    }
}

/// Asks the server behind a socket about its seal.
///
/// # Errors
/// [`Code::Locked`] when nobody answers; what the server refuses.
pub(crate) fn ask_seal(socket: &Path, occasion: &Occasion, ask: SealAsk) -> Result<SealInfo> {
    let unreachable = |error: std::io::Error| {
        Failure::new(Code::Locked, format!("the server does not answer: {error}"))
            .hint("`keyward serve` starts it; it answers the commands of its own user")
    };
    let (_folder, address) = reachable(socket).map_err(unreachable)?;
    let mut stream = UnixStream::connect(address).map_err(unreachable)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(unreachable)?;
    send(&mut stream, &Message::Seal { protocol: PROTOCOL, occasion: occasion.clone(), ask }).map_err(unreachable)?;
    match receive::<Answer>(&mut stream).map_err(unreachable)? {
        Answer::Done(state) => serde_json::from_value(state)
            .map_err(|_| Failure::internal("the server's answer cannot be read").hint("it has another version")),
        Answer::Failed(failure) => Err(failure),
    }
}

impl Transport for SocketDesk {
    fn send(&self, call: Call) -> Result<serde_json::Value> {
        self.exchange(&Message::Call(Box::new(call)))
    }
}

/// Answers one connection until it closes; `true` when it asked the owner to end. `open` gives
/// the desk for an occasion; `calls` is held for reading while a call is carried out. Only
/// processes of the same user are answered.
///
/// # Errors
/// When the peer belongs to somebody else or the connection breaks.
pub(crate) fn serve(
    mut stream: UnixStream,
    calls: &RwLock<()>,
    open: impl FnOnce(Occasion) -> Result<Served>,
    seal: impl FnOnce(&Occasion, SealAsk) -> Result<SealInfo>,
) -> std::io::Result<bool> {
    let peer = rustix::net::sockopt::socket_peercred(&stream)?;
    if peer.uid != rustix::process::getuid() {
        return Err(std::io::Error::other("the peer is another user"));
    }
    let occasion = match receive::<Message>(&mut stream)? {
        Message::Hello { protocol: PROTOCOL, occasion } => occasion,
        Message::Seal { protocol: PROTOCOL, occasion, ask } => {
            let state = seal(&occasion, ask);
            let answer = state.map(|state| serde_json::to_value(state).unwrap_or_default());
            send(&mut stream, &answer.map_or_else(Answer::Failed, Answer::Done))?;
            return Ok(false);
        }
        _ => {
            let failure = Failure::internal("this process speaks another version of keyward's protocol")
                .hint("`keyward lock` ends it; then run the command again");
            send(&mut stream, &Answer::Failed(failure))?;
            return Ok(false);
        }
    };
    let served = match open(occasion) {
        Ok(served) => served,
        Err(failure) => {
            send(&mut stream, &Answer::Failed(failure))?;
            return Ok(false);
        }
    };
    send(&mut stream, &Answer::Done(served.warnings.into()))?;
    loop {
        let answer = match receive::<Message>(&mut stream) {
            Ok(Message::Call(call)) => {
                let _under_way = calls.read().unwrap_or_else(std::sync::PoisonError::into_inner);
                let answer = (served.desk)().and_then(|desk| dispatch(&*desk, *call));
                // Within the guard, so that an owner who ends has answered.
                send(&mut stream, &answer.map_or_else(Answer::Failed, Answer::Done))?;
                continue;
            }
            Ok(Message::Stop) => {
                send(&mut stream, &Answer::Done(serde_json::Value::Null))?;
                return Ok(true);
            }
            Ok(Message::Hello { .. } | Message::Seal { .. }) => {
                Failure::internal("the second greeting on one connection")
            }
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        };
        send(&mut stream, &Answer::Failed(answer))?;
    }
}

/// An address that fits into what the system allows for sockets (108 bytes with the final zero,
/// unix(7)): a longer path is reached through its open folder, which has to stay open meanwhile.
pub(crate) fn reachable(socket: &Path) -> std::io::Result<(Option<OwnedFd>, PathBuf)> {
    let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
        return Ok((None, socket.to_owned()));
    };
    if socket.as_os_str().len() < 108 || !cfg!(target_os = "linux") {
        return Ok((None, socket.to_owned()));
    }
    let folder: OwnedFd = std::fs::File::open(folder)?.into();
    let number = std::os::fd::AsRawFd::as_raw_fd(&folder);
    let address = Path::new("/proc/self/fd").join(number.to_string()).join(name);
    Ok((Some(folder), address))
}

fn send<T: Serialize>(stream: &mut impl Write, message: &T) -> std::io::Result<()> {
    let mut bytes = Zeroizing::new(vec![0; 4]);
    serde_json::to_writer(&mut *bytes, message)?;
    let length = u32::try_from(bytes.len() - 4).ok().filter(|length| *length <= MAX_MESSAGE);
    let length = length.ok_or_else(|| std::io::Error::other("the message is too long"))?;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    stream.write_all(&bytes)
}

fn receive<T: for<'de> Deserialize<'de>>(stream: &mut impl Read) -> std::io::Result<T> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > MAX_MESSAGE {
        return Err(std::io::Error::other("the message is too long"));
    }
    let mut bytes = Zeroizing::new(vec![0; length as usize]);
    stream.read_exact(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use serde_json::{Value, json};

    use super::*;
    use crate::{RotateAsk, RotationInfo, Where, awaited};

    fn rotation(id: &str, doing: Option<&str>, over: bool) -> Value {
        let state = if over { "done" } else { "deployed" };
        json!({ "id": id, "name": "API_KEY", "state": state, "phase": state, "doing": doing, "why": null, "actions": [],
            "old": 1, "new": 2, "targets": [], "holders": [], "emergency": true, "revokes": false, "over": over,
            "due": null, "begun_at": "2026-11-26T00:00:00.000Z", "begun_by": "ada",
            "written_at": "2026-11-26T00:00:00.000Z" })
    }

    /// An owner who answers what he is told to, one text a call; without one he says nothing more on that
    /// connection, and is not gone.
    fn owner(listener: UnixListener, connections: Vec<Vec<Answer>>) {
        let mut open = Vec::new();
        for answers in connections {
            let (mut stream, _) = listener.accept().unwrap();
            assert!(matches!(receive::<Message>(&mut stream).unwrap(), Message::Hello { .. }));
            send(&mut stream, &Answer::Done(json!([]))).unwrap();
            for answer in answers {
                assert!(matches!(receive::<Message>(&mut stream).unwrap(), Message::Call(_)));
                send(&mut stream, &answer).unwrap();
            }
            open.push(stream);
        }
        // Until everybody has gone.
        let mut rest = [0; 1 << 12];
        while open.last_mut().is_some_and(|stream| stream.read(&mut rest).is_ok_and(|read| read > 0)) {}
    }

    fn asked(connections: Vec<Vec<Answer>>) -> Result<RotationInfo> {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("keyward.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let answering = std::thread::spawn(move || owner(listener, connections));
        let occasion = Occasion { agent: "test".into(), reason: None };
        let desk = SocketDesk::connect_within(&socket, &occasion, Duration::from_millis(300)).unwrap();
        let at = Where { project: "shop".parse().unwrap(), environment: "production".parse().unwrap() };
        let name = "API_KEY".parse().unwrap();
        let asked = awaited(&desk, &at, &name, |desk| {
            desk.rotate(at.clone(), "API_KEY".parse().unwrap(), RotateAsk::default())
        });
        drop(desk);
        answering.join().unwrap();
        asked
    }

    fn never() -> Answer {
        Answer::Failed(Failure::new(Code::NotFound, "it was never rotated"))
    }

    #[test]
    fn a_rotation_that_takes_longer_than_a_call_is_waited_for() {
        let going_on = || Answer::Done(rotation("a", Some("deploy"), false));
        let done = asked(vec![vec![never()], vec![going_on(), going_on(), Answer::Done(rotation("a", None, true))]]);
        assert!(done.unwrap().over);
    }

    #[test]
    fn what_was_not_begun_is_not_taken_for_what_was_before() {
        let before = || Answer::Done(rotation("the last one", None, true));
        let failure = asked(vec![vec![before()], vec![before()]]).unwrap_err();
        assert_eq!(failure.code, Code::TimedOut, "{failure}");
        assert!(failure.message.contains("has not answered") && failure.hint.is_some(), "{failure:?}");
        let failure = asked(vec![vec![never()], vec![never()]]).unwrap_err();
        assert_eq!(failure.code, Code::TimedOut, "{failure}");
    }
}
