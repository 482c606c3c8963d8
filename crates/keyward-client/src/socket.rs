//! Calls over a Unix socket: to the process that owns the store, from other processes of the same
//! user. A message is its length (u32, big-endian) and JSON.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::desk::{Transport, dispatch};
use crate::{Call, Code, Desk, Failure, Result};

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
    stream: Mutex<UnixStream>,
}

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
        let unreachable = |error: std::io::Error| {
            Failure::new(Code::Locked, format!("the process that owns the vault does not answer: {error}"))
        };
        let stream = UnixStream::connect(socket).map_err(unreachable)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(unreachable)?;
        let desk = Self { stream: Mutex::new(stream) };
        desk.exchange(&Message::Hello { protocol: PROTOCOL, occasion: occasion.clone() })?;
        Ok(desk)
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
        let mut stream = self.stream.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        send(&mut *stream, message).map_err(broken)?;
        match receive::<Answer>(&mut *stream).map_err(broken)? {
            Answer::Done(value) => Ok(value),
            Answer::Failed(failure) => Err(failure),
        }
    }
}

impl Transport for SocketDesk {
    fn send(&self, call: Call) -> Result<serde_json::Value> {
        self.exchange(&Message::Call(Box::new(call)))
    }
}

/// Answers one connection until it closes; `true` when it asked the owner to end. `open` gives
/// the desk for an occasion. Only processes of the same user are answered.
///
/// # Errors
/// When the peer belongs to somebody else or the connection breaks.
pub fn serve(mut stream: UnixStream, open: impl FnOnce(Occasion) -> Result<Box<dyn Desk>>) -> std::io::Result<bool> {
    let peer = rustix::net::sockopt::socket_peercred(&stream)?;
    if peer.uid != rustix::process::getuid() {
        return Err(std::io::Error::other("the peer is another user"));
    }
    let occasion = match receive::<Message>(&mut stream)? {
        Message::Hello { protocol: PROTOCOL, occasion } => occasion,
        _ => {
            let failure = Failure::internal("this process speaks another version of keyward's protocol")
                .hint("`keyward lock` ends it; then run the command again");
            send(&mut stream, &Answer::Failed(failure))?;
            return Ok(false);
        }
    };
    let desk = match open(occasion) {
        Ok(desk) => desk,
        Err(failure) => {
            send(&mut stream, &Answer::Failed(failure))?;
            return Ok(false);
        }
    };
    send(&mut stream, &Answer::Done(serde_json::Value::Null))?;
    loop {
        let answer = match receive::<Message>(&mut stream) {
            Ok(Message::Call(call)) => dispatch(&*desk, *call),
            Ok(Message::Stop) => {
                send(&mut stream, &Answer::Done(serde_json::Value::Null))?;
                return Ok(true);
            }
            Ok(Message::Hello { .. }) => Err(Failure::internal("the second greeting on one connection")),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        };
        send(&mut stream, &answer.map_or_else(Answer::Failed, Answer::Done))?;
    }
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
