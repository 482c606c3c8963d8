//! The way from a request to the vault: a token is taken from it, its holder is looked up, and a
//! desk that acts for him is asked on a thread that may block.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use keyward_access::Caller;
use keyward_client::{
    Begun, Desk, Disclosed, Examined, Expected, LocalDesk, Occasion, Purpose, Selection, Stored, Where, Written,
};
use keyward_types::token::PlainToken;
use keyward_types::{SecretName, Timestamp, Version};
use keyward_vault::{Once, Visitor};
use tokio::sync::oneshot;

use crate::address::Client;
use crate::app::App;
use crate::blocking::blocking;
use crate::credential::Credential;
use crate::etag;
use crate::problem::{Problem, Result};

/// Whoever sent a request: it holds a well-formed token, and nobody has looked it up yet.
pub(crate) struct Asker {
    app: Arc<App>,
    token: PlainToken,
    /// Who it is, when that was asked already.
    identified: Option<Caller>,
    from: Option<IpAddr>,
    occasion: Occasion,
    expected: Expected,
    once: Option<Once>,
    /// Whether it keeps what it reads, where that is allowed.
    keeps: bool,
}

/// Whoever holds the token of a request, for whom comes after.
#[derive(Clone)]
pub(crate) struct Identified(pub(crate) Caller);

/// A name and the version of it, or the active one.
pub(crate) type Wanted = (SecretName, Option<Version>);

/// What is answered once a value is durable, and whether it is.
type BegunWrite = ((Stored, Vec<String>), oneshot::Receiver<Written>);

/// Names of one call, and bytes of one body, that are made ready on a thread which others need.
const AT_ONCE: usize = 8;
const SMALL: usize = 4096;

/// Longest reason and program that go on record, in bytes.
const MAX_WORDS: usize = 200;

impl Asker {
    /// Whoever shows a token in the address alone: a program that can send no header.
    pub(crate) fn of_address(app: &Arc<App>, token: PlainToken, parts: &Parts) -> Self {
        let from = parts.extensions.get::<Client>().and_then(|client| client.0);
        let occasion = Occasion { agent: agent(&parts.headers), reason: None };
        let (app, expected) = (Arc::clone(app), Expected::default());
        Self { app, token, identified: None, from, occasion, expected, once: None, keeps: false }
    }

    /// The same as [`Asker::ask`], for callers of a kind; all others are refused as nobody is known.
    pub(crate) async fn ask_as<T: Send + 'static>(
        self,
        may: impl FnOnce(&Caller) -> bool + Send + 'static,
        call: impl FnOnce(&LocalDesk) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        blocking(move || {
            let caller = identify(&self.app, &self.token, &self.visitor())?;
            if !may(&caller) {
                return Err(Problem::unidentified());
            }
            call(&self.desk_for(caller))
        })
        .await
    }

    /// The same, which keeps what it reads for when it cannot ask, where that is allowed.
    pub(crate) fn keeping(mut self, keeps: bool) -> Self {
        self.keeps = keeps;
        self
    }

    /// The moment, by the clock that reads are told by.
    pub(crate) fn now(&self) -> Timestamp {
        self.app.vault.now()
    }

    /// Looks the holder up and carries `call` out for him. Both happen on one thread of the
    /// blocking pool, so that a request costs one change of threads.
    pub(crate) async fn ask<T: Send + 'static>(
        self,
        call: impl FnOnce(&LocalDesk) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        blocking(move || call(&self.desk()?)).await
    }

    /// Reads values. Where the store is on this machine and all goes well, no thread waits for the
    /// record of it: what takes time is the flush, which all who read at that moment share.
    pub(crate) async fn read(self, at: Where, names: Vec<Wanted>, purpose: Purpose) -> Result<Vec<Disclosed>> {
        if let Some(begun) = self.begin_read(&at, &names, purpose)
            && let Ok(begun) = begun.await
            && let Some(read) = begun.finish()?
        {
            return Ok(read);
        }
        let selection = match <[Wanted; 1]>::try_from(names) {
            Ok([(name, Some(version))]) => Selection::Version(name, version),
            Ok([(name, None)]) => Selection::Names(vec![name]),
            Err(names) => Selection::Names(names.into_iter().map(|(name, _)| name).collect()),
        };
        self.ask(move |desk| Ok(desk.read(at, selection, purpose)?)).await
    }

    /// Stores a value, as [`Asker::read`] reads one; what its owner should know comes with it. `look`
    /// is called when it is known who asks, and again where it has to be tried anew; it takes `bytes`.
    pub(crate) async fn write(
        self,
        at: Where,
        bytes: usize,
        look: impl Fn() -> Result<Examined> + Send + 'static,
    ) -> Result<(Stored, Vec<String>)> {
        if bytes <= SMALL
            && let Some((stored, told)) = self.begin_write(&at, &look)?
        {
            match told.await {
                Ok(Written::Durable) => return Ok(stored),
                Ok(Written::Failed(failure)) => return Err(failure.into()),
                Ok(Written::Raced) | Err(_) => {}
            }
        }
        self.ask(move |desk| {
            let Examined { secret, advice, .. } = look()?;
            let stored = desk.write(at, vec![secret])?.pop().ok_or_else(Problem::internal)?;
            Ok((stored, advice))
        })
        .await
    }

    fn begin_write(&self, at: &Where, look: impl Fn() -> Result<Examined>) -> Result<Option<BegunWrite>> {
        let Some(caller) = self.caller_at_once() else { return Ok(None) };
        let (tell, told) = oneshot::channel();
        let done = move |written| drop(tell.send(written));
        let Examined { secret, advice, .. } = look()?;
        let stored = self.desk_for(caller).begin_write(at, secret, done)?;
        Ok(stored.map(|stored| ((stored, advice), told)))
    }

    /// Who asks, where the store is on this machine and nothing has to be written down for that.
    fn caller_at_once(&self) -> Option<Caller> {
        // What is done once has its mark written with it, and waits for that.
        if self.once.is_some() || !self.app.vault.answers_at_once() {
            return None;
        }
        match &self.identified {
            Some(caller) => Some(caller.clone()),
            None => self.app.authenticate.caller_at_once(&self.app.vault, &self.token, &self.visitor()),
        }
    }

    fn begin_read(&self, at: &Where, names: &[Wanted], purpose: Purpose) -> Option<oneshot::Receiver<Begun>> {
        if names.len() > AT_ONCE {
            return None;
        }
        let caller = self.caller_at_once()?;
        let (tell, told) = oneshot::channel();
        // Whoever asked may be gone: then it was recorded, and is not opened.
        let done = move |begun| drop(tell.send(begun));
        let begun = self.desk_for(caller).begin_read(at, names, purpose, done);
        begun.unwrap_or(false).then_some(told)
    }

    fn desk(&self) -> Result<LocalDesk> {
        let caller = match &self.identified {
            Some(caller) => caller.clone(),
            None => identify(&self.app, &self.token, &self.visitor())?,
        };
        Ok(self.desk_for(caller))
    }

    fn visitor(&self) -> Visitor<'_> {
        Visitor { address: self.from, agent: &self.occasion.agent }
    }

    fn desk_for(&self, caller: Caller) -> LocalDesk {
        let (vault, occasion) = (Arc::clone(&self.app.vault), self.occasion.clone());
        let desk = LocalDesk::acting(vault, caller, occasion).expecting(self.expected.clone());
        let desk = desk.once(self.once.clone()).keeping(self.keeps);
        match self.from {
            Some(address) => desk.from_address(address.to_string()),
            None => desk,
        }
    }
}

impl FromRequestParts<Arc<App>> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let Credential { token, .. } = Credential::of(parts).inspect_err(|_| app.metrics.unidentified())?;
        let from = parts.extensions.get::<Client>().and_then(|client| client.0);
        let agent = agent(&parts.headers);
        let reason = words(&parts.headers, "x-keyward-reason");
        let expected = etag::expected(&parts.method, &parts.headers)?;
        let identified = parts.extensions.get::<Identified>().map(|Identified(caller)| caller.clone());
        let once = parts.extensions.get::<Once>().cloned();
        let (app, occasion) = (Arc::clone(app), Occasion { agent, reason });
        Ok(Self { app, token, identified, from, occasion, expected, once, keeps: false })
    }
}

/// What a program calls itself.
pub(crate) fn agent(headers: &HeaderMap) -> String {
    words(headers, header::USER_AGENT.as_str()).unwrap_or_else(|| "unnamed program".into())
}

/// The caller behind a token. May block.
pub(crate) fn identify(app: &App, token: &PlainToken, from: &Visitor<'_>) -> Result<Caller> {
    let found = app.authenticate.caller(&app.vault, token, from)?;
    found.ok_or_else(|| {
        app.metrics.unidentified();
        Problem::unidentified()
    })
}

/// What a header says, fit for the log.
fn words(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(headers.get(name)?.as_bytes()).into_owned();
    let mut text: String = text.chars().filter(|c| !c.is_control()).collect();
    let end = (0..=MAX_WORDS.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.truncate(end);
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&str, &str)| {
            (name.parse::<axum::http::HeaderName>().unwrap(), axum::http::HeaderValue::from_str(value).unwrap())
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn words_for_the_log_are_short_and_harmless() {
        let long = "ä".repeat(300);
        let headers = headers(&[("user-agent", "curl/8\t"), ("x-keyward-reason", "because")]);
        assert_eq!(words(&headers, "x-keyward-reason").as_deref(), Some("because"));
        assert_eq!(words(&headers, "user-agent").as_deref(), Some("curl/8"));
        let mut headers = HeaderMap::new();
        headers.insert("user-agent", axum::http::HeaderValue::from_bytes(long.as_bytes()).unwrap());
        assert!(words(&headers, "user-agent").unwrap().len() <= MAX_WORDS);
        assert_eq!(words(&headers, "x-keyward-reason"), None);
    }
}
