//! The desk over the API of a server, in another process or on another machine.
//!
//! What holds here:
//!
//! - **One address.** Every request goes to the server that was named, by TLS, or in the clear to
//!   this machine alone; no redirect is followed, no proxy asked, no cookie kept.
//! - **Nothing is changed twice.** Reads are tried again when a connection breaks; changes are, too,
//!   but under one `Idempotency-Key`, by which the server knows that it did them.
//! - **The server decides.** What it refuses comes back as the [`Failure`](crate::Failure) that a
//!   local vault would answer, with the same exit code.
//! - **Values do not stay.** Bodies with values are wiped here; the buffers of TLS and HTTP below
//!   are their libraries', and are not.

mod answers;
mod desk;
mod folders;
mod http;
mod path;
mod refusal;
mod root;
mod team;

pub use folders::{Folders, ServedFolder};
pub use root::Authority;

use keyward_types::Secret;

use crate::{Occasion, Offline, Result, ServerUrl};
pub(crate) use http::Http;

/// A desk at a server.
pub struct RemoteDesk {
    http: Http,
    folders: Folders,
    offline: Option<Offline>,
}

/// Where a server is and how one gets in.
#[derive(Debug)]
pub struct ServerAccess {
    /// Where it is.
    pub url: ServerUrl,
    /// A token or a session; without one, the server answers nobody.
    pub token: Option<Secret<String>>,
    /// Who signed its certificate.
    pub authority: Authority,
}

impl RemoteDesk {
    /// A desk at this server. Nothing is asked yet.
    ///
    /// # Errors
    /// When the authority's file holds no certificate.
    pub fn new(access: ServerAccess, occasion: &Occasion, folders: Folders) -> Result<Self> {
        Ok(Self { http: Http::new(access, occasion)?, folders, offline: None })
    }

    /// The same, which keeps what it reads for when the server is not reached, where that is allowed.
    #[must_use]
    pub fn keeping(mut self, offline: Offline) -> Self {
        self.offline = Some(offline);
        self
    }

    /// The same; where the server knows the token or session no more, this file ends.
    #[must_use]
    pub fn forgetting(mut self, kept: std::path::PathBuf) -> Self {
        self.http.forget_when_unknown(kept);
        self
    }

    /// Where the server is.
    pub fn url(&self) -> &ServerUrl {
        self.http.url()
    }
}
