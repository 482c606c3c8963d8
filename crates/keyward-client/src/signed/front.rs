//! What a server is asked by who signs in or out: a device's code, whether it was let in, the end.

use std::path::Path;
use std::time::Duration;

use keyward_types::token::PlainToken;
use keyward_types::{Secret, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use super::{ServerUrl, Signed};
use crate::remote::Http;
use crate::{Authority, Code, Failure, Occasion, Result, SealInfo, ServerAccess};

/// The front of a server: what it answers to who is not signed in yet.
pub struct Front {
    http: Http,
    url: ServerUrl,
    ca: Option<std::path::PathBuf>,
}

/// What a device shows, and what it asks with.
pub struct DeviceCode {
    code: Zeroizing<String>,
    /// What a person types elsewhere.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// The same with the code in it.
    pub complete_uri: String,
    /// For how long.
    pub expires_in: Duration,
    /// How long to wait between two questions.
    pub interval: Duration,
}

/// What became of a device so far.
pub enum Polled {
    /// Nobody has typed its code.
    Pending,
    /// It asked too often, and waits longer from now on.
    SlowDown,
    /// It is let in.
    Signed(Box<Signed>),
}

#[derive(Deserialize)]
struct Begun {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    expires_in: u64,
    interval: u64,
}

#[derive(Deserialize)]
struct LetIn {
    access_token: String,
    account: String,
    expires_at: String,
}

impl Front {
    /// The server at an address, whose certificate is checked by the system's authorities or by
    /// one's own. `agent` is what the person who lets the device in reads of it.
    ///
    /// # Errors
    /// When the authority's file cannot be used.
    pub fn new(url: ServerUrl, ca: Option<&Path>, agent: &str) -> Result<Self> {
        let ca = ca.map(|path| std::path::absolute(path).map_err(|error| Failure::file("find", path, &error)));
        let ca = ca.transpose()?;
        let authority = ca.clone().map_or(Authority::System, Authority::File);
        let occasion = Occasion { agent: agent.to_owned(), reason: None };
        let access = ServerAccess { url: url.clone(), token: None, authority };
        Ok(Self { http: Http::new(access, &occasion)?, url, ca })
    }

    /// Asks for a code.
    ///
    /// # Errors
    /// When the server cannot be reached, or takes no more devices at present.
    pub fn begin(&self) -> Result<DeviceCode> {
        let begun: Begun = self.http.granted(&self.http.exchange("/auth/device/authorization", None, &json!({}))?)?;
        Ok(DeviceCode {
            code: Zeroizing::new(begun.device_code),
            user_code: shown(&begun.user_code),
            verification_uri: shown(&begun.verification_uri),
            complete_uri: shown(&begun.verification_uri_complete),
            expires_in: Duration::from_secs(begun.expires_in),
            interval: Duration::from_secs(begun.interval.max(1)),
        })
    }

    /// Asks whether somebody let the device in.
    ///
    /// # Errors
    /// [`Code::Denied`] when a person said no, or the code is over.
    pub fn poll(&self, device: &DeviceCode) -> Result<Polled> {
        let asked = json!({ "device_code": *device.code });
        let answer = self.http.exchange("/auth/device/token", None, &asked)?;
        match (answer.status, answer.code().as_str()) {
            (400, "authorization_pending") => Ok(Polled::Pending),
            (400, "slow_down") => Ok(Polled::SlowDown),
            (400, "access_denied") => Err(Failure::new(Code::Denied, "whoever was asked said no")),
            (400, "expired_token") => {
                Err(Failure::new(Code::Denied, "the code is over, and nobody let this device in")
                    .hint("`keyward login` shows another one"))
            }
            _ => {
                let let_in: LetIn = self.http.granted(&answer)?;
                Ok(Polled::Signed(Box::new(self.signed(let_in)?)))
            }
        }
    }

    fn signed(&self, let_in: LetIn) -> Result<Signed> {
        let session = Zeroizing::new(let_in.access_token);
        let strange = || Failure::internal("the server's session is not one that keyward knows");
        let token: PlainToken = session.parse().map_err(|_| strange())?;
        let expires_at: Timestamp = let_in.expires_at.parse().map_err(|_| strange())?;
        Ok(Signed { url: self.url.clone(), account: shown(&let_in.account), token, ca: self.ca.clone(), expires_at })
    }

    /// Whether the server is sealed, and how far its unsealing is.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub fn seal_state(&self) -> Result<SealInfo> {
        self.http.get("/seal")
    }

    /// Gives a sealed server a share. It is sent once: whether one that got no answer arrived, the
    /// server's state says.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses it.
    pub fn give_share(&self, share: &Secret<String>) -> Result<SealInfo> {
        #[derive(Serialize)]
        struct Given<'a> {
            share: &'a str,
        }
        self.http.granted(&self.http.exchange("/unseal", None, &Given { share: share.expose() })?)
    }

    /// Ends a session; gives whether it still lived.
    ///
    /// # Errors
    /// When the server cannot be reached or fails.
    pub fn sign_out(&self, token: &PlainToken) -> Result<bool> {
        let answer = self.http.exchange("/auth/sign-out", Some(token.expose()), &json!({}))?;
        match answer.status {
            204 => Ok(true),
            401 => Ok(false),
            _ => Err(self.http.refusal(&answer)),
        }
    }
}

/// What a server wants shown, fit for a terminal.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
