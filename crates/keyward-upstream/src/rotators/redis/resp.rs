use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use zeroize::Zeroizing;

use crate::http::word;
use crate::{Fault, Refusal};

/// Where a server is.
pub(super) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
}

/// A connection that speaks RESP2.
pub(super) struct Connection {
    stream: BufReader<Box<dyn ReadWrite>>,
}

/// What a server answers.
#[derive(Debug)]
pub(super) enum Answer {
    Text(String),
    List(Vec<Answer>),
    Nothing,
    /// The first word of an error.
    Error(String),
}

pub(super) trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

const PATIENCE: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
/// Longest text and list of an answer, and how deep lists go.
const LONGEST: usize = 1024 * 1024;
const MOST: usize = 100_000;
const DEEPEST: usize = 4;

impl Connection {
    pub(super) fn open(place: &Place) -> Result<Self, Fault> {
        let unreached = |error: io::Error| Fault::Unreachable(format!("the connection failed: {}", error.kind()));
        let found = (place.host.as_str(), place.port).to_socket_addrs();
        let found = found.map_err(|_| Fault::Unreachable("its host name leads nowhere".into()))?;
        let mut last = Fault::Unreachable("its host name leads nowhere".into());
        for address in found {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(tcp) => {
                    tcp.set_read_timeout(Some(PATIENCE))
                        .and_then(|()| tcp.set_write_timeout(Some(PATIENCE)))
                        .map_err(unreached)?;
                    let stream: Box<dyn ReadWrite> =
                        if place.tls { Box::new(tls(&place.host, tcp)?) } else { Box::new(tcp) };
                    return Ok(Self { stream: BufReader::new(stream) });
                }
                Err(error) => last = unreached(error),
            }
        }
        Err(last)
    }

    /// One command.
    pub(super) fn ask(&mut self, words: &[&str]) -> Result<Answer, Fault> {
        let mut command = Zeroizing::new(format!("*{}\r\n", words.len()));
        for word in words {
            command.push_str(&format!("${}\r\n", word.len()));
            command.push_str(word);
            command.push_str("\r\n");
        }
        let lost = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidData => Fault::nonsense("what it answered is not RESP"),
            // Every command of ours may be given twice.
            kind => Fault::Unreachable(format!("the connection broke: {kind}")),
        };
        let stream = self.stream.get_mut();
        stream.write_all(command.as_bytes()).and_then(|()| stream.flush()).map_err(lost)?;
        self.answer(0).map_err(lost)
    }

    fn answer(&mut self, depth: usize) -> io::Result<Answer> {
        let line = self.line()?;
        let odd = || io::Error::from(io::ErrorKind::InvalidData);
        let (kind, rest) = line.split_at_checked(1).ok_or_else(odd)?;
        match kind {
            "+" | ":" => Ok(Answer::Text(rest.to_owned())),
            "-" => Ok(Answer::Error(rest.split(' ').next().and_then(word).unwrap_or_else(|| "ERR".into()))),
            "$" | "*" if rest == "-1" => Ok(Answer::Nothing),
            "$" => {
                let length: usize = rest.parse().map_err(|_| odd())?;
                let mut text = vec![0; length.min(LONGEST) + 2];
                self.stream.read_exact(&mut text)?;
                text.truncate(length);
                if length > LONGEST { Err(odd()) } else { String::from_utf8(text).map(Answer::Text).map_err(|_| odd()) }
            }
            "*" => {
                let count: usize = rest.parse().map_err(|_| odd())?;
                if count > MOST || depth > DEEPEST {
                    return Err(odd());
                }
                (0..count).map(|_| self.answer(depth + 1)).collect::<io::Result<_>>().map(Answer::List)
            }
            _ => Err(odd()),
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        (&mut self.stream).take(4096).read_until(b'\n', &mut line)?;
        match line.strip_suffix(b"\r\n").map(<[u8]>::to_vec).map(String::from_utf8) {
            Some(Ok(line)) => Ok(line),
            _ if line.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl Answer {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Anything but an error.
    pub(super) fn good(self) -> Result<Self, Fault> {
        match self {
            Self::Error(code) if code == "NOPERM" => {
                Err(Fault::refused(Refusal::Permission, "the administrator may not `ACL` or `CONFIG`"))
            }
            Self::Error(code) if code == "LOADING" || code == "MASTERDOWN" => {
                Err(Fault::Unreachable(format!("Redis answers `{code}`")))
            }
            Self::Error(code) => Err(Fault::refused(Refusal::Input, format!("Redis answers `{code}`"))),
            good => Ok(good),
        }
    }
}

fn tls(host: &str, tcp: TcpStream) -> Result<StreamOwned<ClientConnection, TcpStream>, Fault> {
    let down = |why: String| Fault::Unreachable(why);
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| down(error.to_string()))?;
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|_| down("its name is none of a host".into()))?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(|error| down(error.to_string()))?;
    Ok(StreamOwned::new(connection, tcp))
}
