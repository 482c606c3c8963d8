//! Both ends of a WebSocket, frame by frame.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER};
use sha1::{Digest as _, Sha1};

use crate::support::{Caller, Double, Setting, Site, json, read_answer};

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// An upstream that gives back what it gets, message by message. `raw:HEX` has it write those bytes, and
/// `flood` write without end.
pub(crate) struct Peer {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    heads: Mutex<Vec<String>>,
    open: AtomicUsize,
    written: AtomicUsize,
}

impl Peer {
    /// `answer`: what is said to a head.
    pub(crate) fn new(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let (ours, answer) = (Arc::clone(&state), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (state, answer, stream) = (Arc::clone(&ours), Arc::clone(&answer), stream.unwrap());
                state.open.fetch_add(1, Ordering::AcqRel);
                std::thread::spawn(move || {
                    let _ = serve(stream, &state, &*answer);
                    state.open.fetch_sub(1, Ordering::AcqRel);
                });
            }
        });
        Self { port, state }
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.state.heads.lock().unwrap().clone()
    }

    pub(crate) fn open(&self) -> usize {
        self.state.open.load(Ordering::Acquire)
    }

    pub(crate) fn written(&self) -> usize {
        self.state.written.load(Ordering::Acquire)
    }
}

fn serve(mut stream: TcpStream, state: &State, answer: &dyn Fn(&str) -> String) -> std::io::Result<()> {
    let head = read_head(&mut stream)?;
    state.heads.lock().unwrap().push(head.clone());
    stream.write_all(answer(&head).as_bytes())?;
    let mut message = Vec::new();
    let mut kind = TEXT;
    loop {
        let (fin, code, payload) = read_frame(&mut stream)?;
        match code {
            CLOSE => {
                stream.write_all(&frame(true, CLOSE, payload))?;
                return Ok(());
            }
            PING => stream.write_all(&frame(true, PONG, payload))?,
            _ => {
                kind = if code == 0 { kind } else { code };
                message.extend(payload);
            }
        }
        if code >= CLOSE || !fin {
            continue;
        }
        let message = std::mem::take(&mut message);
        if message == b"flood" {
            loop {
                state.written.fetch_add(stream.write(&frame(true, BINARY, [0; 30_000]))?, Ordering::AcqRel);
            }
        }
        match message.strip_prefix(b"raw:") {
            Some(raw) => stream.write_all(&HEXLOWER.decode(raw).unwrap())?,
            None => stream.write_all(&frame(true, kind, message))?,
        }
    }
}

/// The answer to a handshake's nonce.
pub(crate) fn accept(head: &str) -> String {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let nonce = lines.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key")).unwrap().1;
    BASE64.encode(&Sha1::digest(format!("{nonce}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")))
}

/// A gateway in front of one.
pub(crate) struct Socketed {
    pub(crate) site: Site,
    pub(crate) peer: Peer,
}

impl Socketed {
    pub(crate) fn new(change: impl FnOnce(&mut Setting)) -> Self {
        let good = |head: &str| {
            let protocol = head.contains("realtime, ").then_some("Sec-WebSocket-Protocol: realtime\r\n");
            format!(
                "HTTP/1.1 101 Switching\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n{}Sec-WebSocket-Accept: {}\r\n\r\n",
                protocol.unwrap_or_default(),
                accept(head)
            )
        };
        Self::at(Peer::new(good), change)
    }

    pub(crate) fn at(peer: Peer, change: impl FnOnce(&mut Setting)) -> Self {
        let site = Site::with(Double::new(|_| json("{}")), |setting| {
            setting.upstream.port = peer.port;
            change(setting);
        });
        Self { site, peer }
    }

    pub(crate) fn open(&self, target: &str, headers: &str) -> Socket {
        let Caller(mut stream) = self.site.caller();
        stream.write_all(opening(target, headers).as_bytes()).unwrap();
        let head = read_head(&mut stream).unwrap();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert!(head.contains(&format!("sec-websocket-accept: {}\r\n", accept(&opening(target, headers)))), "{head}");
        Socket { stream, head }
    }

    pub(crate) fn refused(&self, target: &str, headers: &str) -> (u16, String) {
        let Caller(mut stream) = self.site.caller();
        stream.write_all(opening(target, headers).as_bytes()).unwrap();
        let answer = read_answer(&mut stream);
        (answer.status, answer.refused().unwrap_or_default().to_owned())
    }
}

/// A caller's handshake.
pub(crate) fn opening(target: &str, headers: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n{headers}\r\n"
    )
}

/// A caller's end.
pub(crate) struct Socket {
    stream: TcpStream,
    pub(crate) head: String,
}

impl Socket {
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub(crate) fn send(&mut self, fin: bool, code: u8, payload: &[u8]) {
        let first = if fin { 0x80 | code } else { code };
        self.raw(&masked(first, [7, 0, 255, 90], payload));
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.send(true, TEXT, text.as_bytes());
    }

    pub(crate) fn frame(&mut self) -> (bool, u8, Vec<u8>) {
        self.stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        read_frame(&mut self.stream).unwrap()
    }

    /// All frames of a message.
    pub(crate) fn message(&mut self) -> (u8, Vec<u8>) {
        let (mut fin, code, mut all) = self.frame();
        while !fin {
            let (ends, more, payload) = self.frame();
            assert_eq!(more, 0);
            all.extend(payload);
            fin = ends;
        }
        (code, all)
    }

    /// Ends it as it is to be ended, and checks that the other side does, too.
    pub(crate) fn close(mut self) {
        self.send(true, CLOSE, &1000u16.to_be_bytes());
        assert_eq!(self.frame(), (true, CLOSE, 1000u16.to_be_bytes().to_vec()));
        assert_eq!(self.stream.read(&mut [0]).unwrap(), 0);
    }
}

/// A frame of an upstream's.
pub(crate) fn frame(fin: bool, code: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut out = vec![if fin { 0x80 | code } else { code }];
    length(&mut out, 0, payload.len());
    out.extend(payload);
    out
}

/// A frame of a caller's, with this first byte.
pub(crate) fn masked(first: u8, mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    length(&mut out, 0x80, payload.len());
    out.extend(mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

fn length(out: &mut Vec<u8>, mask: u8, length: usize) {
    match length {
        ..126 => out.push(mask | length as u8),
        126..65_536 => {
            out.push(mask | 126);
            out.extend((length as u16).to_be_bytes());
        }
        _ => {
            out.push(mask | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
}

fn read_frame(stream: &mut TcpStream) -> std::io::Result<(bool, u8, Vec<u8>)> {
    let mut head = [0; 2];
    stream.read_exact(&mut head)?;
    let length = match head[1] & 0x7f {
        126 => {
            let mut more = [0; 2];
            stream.read_exact(&mut more)?;
            usize::from(u16::from_be_bytes(more))
        }
        127 => {
            let mut more = [0; 8];
            stream.read_exact(&mut more)?;
            u64::from_be_bytes(more) as usize
        }
        length => usize::from(length),
    };
    let mut mask = [0; 4];
    if head[1] & 0x80 != 0 {
        stream.read_exact(&mut mask)?;
    }
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload)?;
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Ok((head[0] & 0x80 != 0, head[0] & 0x0f, payload))
}

fn read_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
