//! As much of the protocol as rotating needs: signing in by `mysql_native_password`, and texts.
//! <https://mariadb.com/kb/en/clientserver-protocol/>

use std::io::{self, Read, Write};

use sha1::{Digest, Sha1};

use crate::stream::{ReadWrite, connect};
use crate::{Fault, Refusal, tls};

/// Where a server is.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
}

/// A connection that has signed in.
pub(super) struct Connection {
    stream: Box<dyn ReadWrite>,
    next: u8,
}

/// What came of signing in.
pub(super) enum Login {
    In(Connection),
    /// The server's number of an error.
    Refused(u16),
}

const PROTOCOL_41: u32 = 0x0000_0200;
const SSL: u32 = 0x0000_0800;
const SECURE: u32 = 0x0000_8000;
const PLUGIN: u32 = 0x0008_0000;
const LONG_PASSWORD: u32 = 1;
const NATIVE: &[u8] = b"mysql_native_password";
const UTF8MB4: u8 = 45;
/// Largest packet that is read, and most rows.
const LARGEST: usize = 1 << 20;
const MOST_ROWS: usize = 10_000;

impl Connection {
    /// Signs in. Nothing of the password goes over the line but the answer to a challenge.
    pub(super) fn open(server: &Server, user: &str, password: &str) -> Result<Login, Fault> {
        let tcp = connect(&server.host, server.port)?;
        let mut connection = Self { stream: Box::new(tcp.try_clone().map_err(|error| lost(&error))?), next: 0 };
        let greeting = connection.read()?;
        if let Some(code) = error_code(&greeting) {
            return Ok(Login::Refused(code));
        }
        let greeting = Greeting::parse(&greeting).ok_or_else(odd)?;
        let flags = LONG_PASSWORD | PROTOCOL_41 | SECURE | PLUGIN | if server.tls { SSL } else { 0 };
        let mut head = flags.to_le_bytes().to_vec();
        head.extend(0x0100_0000_u32.to_le_bytes());
        head.push(UTF8MB4);
        head.extend([0; 23]);
        if server.tls {
            if greeting.flags & SSL == 0 {
                return Err(Fault::Unreachable("it does not speak TLS".into()));
            }
            connection.write(&head)?;
            let next = connection.next;
            connection = Self { stream: Box::new(tls::wrap(&server.host, tcp)?), next };
        }
        let answer = scrambled(password, &greeting.challenge);
        head.extend(user.as_bytes());
        head.push(0);
        head.push(u8::try_from(answer.len()).unwrap_or(0));
        head.extend(&answer);
        head.extend(NATIVE);
        head.push(0);
        connection.write(&head)?;
        connection.signed_in(password)
    }

    fn signed_in(mut self, password: &str) -> Result<Login, Fault> {
        let mut reply = self.read()?;
        // It asks for another way, with another challenge.
        if reply.first() == Some(&0xfe) {
            let (plugin, challenge) = split_nul(&reply[1..]).ok_or_else(odd)?;
            if plugin != NATIVE {
                return Err(Fault::refused(
                    Refusal::Input,
                    "the user signs in by a way that is not `mysql_native_password`",
                ));
            }
            let answer = scrambled(password, challenge.strip_suffix(&[0]).unwrap_or(challenge));
            self.write(&answer)?;
            reply = self.read()?;
        }
        match (reply.first(), error_code(&reply)) {
            (_, Some(code)) => Ok(Login::Refused(code)),
            (Some(0), _) => Ok(Login::In(self)),
            _ => Err(odd()),
        }
    }

    /// Rows of one statement, in texts; none of one that gives none.
    pub(super) fn query(&mut self, sql: &str) -> Result<Vec<Vec<String>>, Fault> {
        self.next = 0;
        let command = [&[3], sql.as_bytes()].concat();
        self.write(&command)?;
        let first = self.read()?;
        if let Some(code) = error_code(&first) {
            return Err(refusal(code));
        }
        if first.first() == Some(&0) {
            return Ok(Vec::new());
        }
        let columns = Text(&first).number().ok_or_else(odd)?;
        while !is_end(&self.read()?) {}
        let mut rows = Vec::new();
        loop {
            let packet = self.read()?;
            if let Some(code) = error_code(&packet) {
                return Err(refusal(code));
            }
            if is_end(&packet) {
                return Ok(rows);
            }
            let mut text = Text(&packet);
            let row: Option<Vec<String>> = (0..columns).map(|_| text.cell()).collect();
            rows.push(row.ok_or_else(odd)?);
            if rows.len() > MOST_ROWS {
                return Err(odd());
            }
        }
    }

    fn read(&mut self) -> Result<Vec<u8>, Fault> {
        let mut head = [0; 4];
        self.stream.read_exact(&mut head).map_err(|error| lost(&error))?;
        let length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
        if length > LARGEST {
            return Err(odd());
        }
        self.next = head[3].wrapping_add(1);
        let mut packet = vec![0; length];
        self.stream.read_exact(&mut packet).map_err(|error| lost(&error))?;
        Ok(packet)
    }

    fn write(&mut self, packet: &[u8]) -> Result<(), Fault> {
        let length = u32::try_from(packet.len()).ok().filter(|length| *length < 0x00ff_ffff);
        let length = length.ok_or_else(|| Fault::refused(Refusal::Input, "a statement is too long"))?;
        let [a, b, c, _] = length.to_le_bytes();
        let whole = [&[a, b, c, self.next], packet].concat();
        self.next = self.next.wrapping_add(1);
        self.stream.write_all(&whole).and_then(|()| self.stream.flush()).map_err(|error| lost(&error))
    }
}

/// What a server says first.
struct Greeting {
    flags: u32,
    challenge: Vec<u8>,
}

impl Greeting {
    fn parse(packet: &[u8]) -> Option<Self> {
        let (version, rest) = packet.split_first()?;
        let (_, rest) = split_nul(rest)?;
        let (first, rest) = rest.get(4..)?.split_at_checked(8)?;
        let low = u16::from_le_bytes([*rest.get(1)?, *rest.get(2)?]);
        let high = u16::from_le_bytes([*rest.get(6)?, *rest.get(7)?]);
        // One of length, ten of filler; then the second part of the challenge.
        let second = rest.get(19..31)?;
        let flags = u32::from(high) << 16 | u32::from(low);
        (*version == 10 && flags & PROTOCOL_41 != 0).then(|| Self { flags, challenge: [first, second].concat() })
    }
}

/// A packet of texts, each with its length before it.
struct Text<'a>(&'a [u8]);

impl Text<'_> {
    fn number(&mut self) -> Option<usize> {
        let (first, rest) = self.0.split_first()?;
        let (count, base) = match first {
            0xfc => (2, 0),
            0xfd => (3, 0),
            0xfe => (8, 0),
            0xfb | 0xff => return None,
            small => (0, usize::from(*small)),
        };
        let (bytes, rest) = rest.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes.iter().rev().fold(base, |sum, byte| sum << 8 | usize::from(*byte)))
    }

    /// A text; NULL is an empty one.
    fn cell(&mut self) -> Option<String> {
        if self.0.first() == Some(&0xfb) {
            self.0 = &self.0[1..];
            return Some(String::new());
        }
        let length = self.number()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(String::from_utf8_lossy(text).into_owned())
    }
}

/// Whether the server has no room or no time.
pub(super) fn is_passing(code: u16) -> bool {
    // Too many connections, of this user too; shutting down.
    matches!(code, 1040 | 1203 | 1226 | 1053)
}

fn refusal(code: u16) -> Fault {
    let what = match code {
        1044 | 1142 | 1227 | 1410 => Refusal::Permission,
        1141 | 1396 | 1133 | 1269 => Refusal::Missing,
        1205 => Refusal::Busy,
        code if is_passing(code) => return Fault::Unreachable(format!("MariaDB answers {code}")),
        _ => Refusal::Input,
    };
    Fault::refused(what, format!("MariaDB answers {code}"))
}

fn error_code(packet: &[u8]) -> Option<u16> {
    match packet {
        [0xff, a, b, ..] => Some(u16::from_le_bytes([*a, *b])),
        _ => None,
    }
}

fn is_end(packet: &[u8]) -> bool {
    packet.first() == Some(&0xfe) && packet.len() < 9
}

fn split_nul(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// `SHA1(password) XOR SHA1(challenge + SHA1(SHA1(password)))`
fn scrambled(password: &str, challenge: &[u8]) -> Vec<u8> {
    let once = Sha1::digest(password.as_bytes());
    let mut hash = Sha1::new();
    hash.update(challenge);
    hash.update(Sha1::digest(once));
    once.iter().zip(hash.finalize()).map(|(a, b)| a ^ b).collect()
}

/// Every statement of ours may be given twice, so that a loss is no riddle.
fn lost(error: &io::Error) -> Fault {
    Fault::Unreachable(format!("the connection broke: {}", error.kind()))
}

fn odd() -> Fault {
    Fault::nonsense("what it answered is not the protocol of MariaDB")
}
