//! Where requests go, and in which form the key is put in. All of it comes from the catalogue or
//! the operator; nothing of it is ever taken from a request.

use std::sync::Arc;

use hyper::header::HeaderName;

use crate::meter::Interface;
use crate::price::Prices;
use crate::refusal::Shape;
use crate::signing::Signing;

/// A service behind the gateway.
#[derive(Debug)]
pub struct Upstream {
    /// The provider's name in the catalogue: `openai`.
    pub provider: Box<str>,
    /// Host name or address: what is resolved, verified and sent as `Host`.
    pub host: Box<str>,
    /// Port.
    pub port: u16,
    /// The port of its gRPC, where that is another.
    pub grpc_port: Option<u16>,
    /// Whether it is spoken to by TLS. Plain HTTP is for loopback, unless the operator says so.
    pub transport: Transport,
    /// What stands before the path of a request: `/v1` or nothing.
    pub base_path: Box<str>,
    /// How the key is sent.
    pub injection: Injection,
    /// Headers that are set on every request, over what the caller sent.
    pub headers: Box<[(HeaderName, hyper::header::HeaderValue)]>,
    /// Which answers are read for usage.
    pub interface: Option<Interface>,
    /// What calls cost.
    pub prices: Arc<Prices>,
    /// The shape of errors that its SDK reads.
    pub shape: Shape,
    /// Whether echoes of the key are looked for. Off for services that were seen to send none and
    /// whose answers are too large.
    pub redaction: bool,
    /// Whether private, loopback and link-local addresses may be dialled.
    pub private: bool,
}

/// How an upstream is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TLS with a verified certificate, HTTP/2 where the upstream offers it.
    Tls,
    /// Plain HTTP/1.1, to loopback alone.
    Plain,
    /// Plain HTTP/1.1 wherever the operator said so.
    PlainAnywhere,
}

/// In which form the key is put in.
#[derive(Clone, Debug)]
pub enum Injection {
    /// A header, and what stands before the key in it.
    Header(HeaderName, Box<str>),
    /// A parameter of the query.
    Query(Box<str>),
    /// HTTP basic authentication with the key as the password of this user.
    BasicPassword(Box<str>),
    /// HTTP basic authentication with the key as the user and no password.
    BasicUser,
    /// The whole of `user:password` is the value.
    Basic,
    /// It is not sent at all: the request is signed with it.
    Sign(Arc<Signing>),
    /// Several forms at once, as Supabase has it (`apikey` and `Authorization`).
    Both(Box<Injection>, Box<Injection>),
}

impl Upstream {
    /// Whether requests are signed, for which their bodies have to be there.
    pub(crate) fn signs(&self) -> bool {
        matches!(self.injection, Injection::Sign(_))
    }

    /// Where a call goes.
    pub(crate) fn port_of(&self, grpc: bool) -> u16 {
        self.grpc_port.filter(|_| grpc).unwrap_or(self.port)
    }

    /// `Host` as the upstream expects it: without the port where it is the scheme's own.
    pub(crate) fn authority(&self, port: u16) -> String {
        let own = match self.transport {
            Transport::Tls => 443,
            Transport::Plain | Transport::PlainAnywhere => 80,
        };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.to_string() };
        if port == own { host } else { format!("{host}:{port}") }
    }
}
