use data_encoding::HEXLOWER;
use keyward_providers::{Provider, provider};
use keyward_types::Secret;
use serde_json::Value;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::http::{Answer, Ask, escape};
use crate::{Account, Ctx, Fault, Found, Http, KeyId, KeyState, Preflight, Refusal, Site, Verdict};

/// A service's administrative interface in JSON.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub(super) http: Http,
    site: Site,
    /// The header that carries the administrative credential, and what stands before it.
    header: &'static str,
    prefix: &'static str,
    more: &'static [(&'static str, &'static str)],
    /// What the administrative credential is turned into before it is sent.
    exchange: Option<Exchange>,
}

type Exchange = fn(&Http, &Ctx<'_>) -> Result<Secret<String>, Fault>;

/// Pages that a list is read of; more keys than that nobody has.
const MOST_PAGES: usize = 50;

impl Api {
    /// One of a service of the catalogue.
    pub(super) fn new(http: Http, id: &str, base: &str, header: &'static str, prefix: &'static str) -> Self {
        let site = Site::of(service(id), base).expect("a rotator's address is one of its service");
        Self { http, site, header, prefix, more: &[], exchange: None }
    }

    /// The same with these headers.
    pub(super) fn with(self, more: &'static [(&'static str, &'static str)]) -> Self {
        Self { more, ..self }
    }

    /// The same, and the administrative credential is turned into another first.
    pub(super) fn exchanging(self, exchange: Exchange) -> Self {
        Self { exchange: Some(exchange), ..self }
    }

    /// The whole address of a path, for plans.
    pub(super) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.site.as_str())
    }

    pub(super) fn get(&self, ctx: &Ctx<'_>, path: &str) -> Result<Answer, Fault> {
        self.call(ctx, "GET", path, None)
    }

    pub(super) fn call(
        &self,
        ctx: &Ctx<'_>,
        method: &'static str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Fault> {
        let admin = match self.exchange {
            Some(exchange) => exchange(&self.http, ctx)?,
            None => admin(ctx)?.clone(),
        };
        let text = Zeroizing::new(format!("{}{}", self.prefix, admin.expose()));
        let mut headers = vec![("accept", "application/json"), (self.header, text.as_str())];
        headers.extend(self.more);
        let body = body.map(|body| Zeroizing::new(body.to_string()));
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let bytes = body.as_ref().map(|body| body.as_bytes());
        let ask = Ask { method, path, headers: &headers, body: bytes, reads: method == "GET" };
        self.http.ask(&self.site, &ask)
    }

    /// Every item of a list that gives a cursor; `next` finds it in a page, `path` makes the next
    /// page's of it.
    pub(super) fn pages(
        &self,
        ctx: &Ctx<'_>,
        path: impl Fn(Option<&str>) -> String,
        items: &str,
        next: impl Fn(&Value) -> Option<String>,
    ) -> Result<Vec<Value>, Fault> {
        let mut found = Vec::new();
        let mut cursor = None;
        for _ in 0..MOST_PAGES {
            let mut page: Value = self.get(ctx, &path(cursor.as_deref()))?.good()?.json()?;
            cursor = next(&page);
            match page.get_mut(items).map(Value::take) {
                Some(Value::Array(more)) => found.extend(more),
                // Of nothing some services say nothing.
                None | Some(Value::Null) if page.is_object() => {}
                _ => return Err(Fault::nonsense("a list that cannot be read")),
            }
            if cursor.is_none() {
                return Ok(found);
            }
        }
        Err(Fault::nonsense("a list without an end"))
    }
}

/// A service that the catalogue has.
pub(super) fn service(id: &str) -> &'static Provider {
    provider(id).expect("the catalogue has every service that a rotator is for")
}

/// The administrative credential.
pub(super) fn admin<'a>(ctx: &Ctx<'a>) -> Result<&'a Secret<String>, Fault> {
    ctx.admin.ok_or_else(|| Fault::refused(Refusal::Admin, "none was given"))
}

/// The value that is to be replaced.
pub(super) fn current<'a>(ctx: &Ctx<'a>) -> Result<&'a Secret<String>, Fault> {
    ctx.current.ok_or_else(|| Fault::refused(Refusal::Input, "there is no current value"))
}

/// Asks the service about a value as the catalogue says, without a control.
pub(super) fn probe(http: &Http, id: &str, value: &Secret<String>, account: &Account) -> Result<Verdict, Fault> {
    crate::verify::probe(http, service(id), value, account)
}

/// A key's id as a part of a path.
pub(super) fn part(id: &str) -> Result<String, Fault> {
    match id {
        "" | "." | ".." => Err(Fault::refused(Refusal::Input, "this is no id of a key")),
        id => Ok(escape(id)),
    }
}

/// A text of an answer.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// An id of an answer: a text or a number.
pub(super) fn id(value: &Value) -> Result<KeyId, Fault> {
    match value.get("id") {
        Some(Value::String(id)) if !id.is_empty() => Ok(KeyId::new(id)),
        Some(Value::Number(id)) => Ok(KeyId::new(id.to_string())),
        _ => Err(Fault::nonsense("a key without an id")),
    }
}

/// What stands for an id where the service has none for a value: a part of its hash.
pub(super) fn hashed(value: &Secret<String>) -> KeyId {
    KeyId::new(HEXLOWER.encode(&Sha256::digest(value.expose().as_bytes())[..8]))
}

/// An active key of a list.
pub(super) fn found(id: KeyId, created: Option<keyward_types::Timestamp>) -> Found {
    Found { id, created, state: KeyState::Active }
}

/// What is known before a rotation where a service has no slots.
pub(super) fn preflight(current: Option<KeyId>, unknown: &str) -> Preflight {
    let warnings = if current.is_none() { vec![unknown.to_owned()] } else { Vec::new() };
    Preflight { current, slots: None, warnings }
}

/// Whether a value is the one of which a list shows both ends: `sk-ab…yz`, `sk-ab***yz`, `sk-ab...yz`.
pub(super) fn fits_hint(value: &str, hint: &str) -> bool {
    let is_mask = |c: char| matches!(c, '*' | '…' | '•') || c == '.';
    let Some(start) = hint.find(is_mask) else { return false };
    let end = hint.rfind(is_mask).map_or(start, |at| at + hint[at..].chars().next().map_or(1, char::len_utf8));
    let (head, tail) = (&hint[..start], &hint[end..]);
    tail.len() >= 3 && value.len() > head.len() + tail.len() && value.starts_with(head) && value.ends_with(tail)
}

/// Ended: done now, or before.
pub(super) fn ended(answer: Answer) -> Result<(), Fault> {
    match answer.status {
        404 | 410 => Ok(()),
        _ => answer.good().map(|_| ()),
    }
}

/// A moment in seconds since 1970, or as RFC 3339 has it.
pub(super) fn moment(value: Option<&Value>) -> Option<keyward_types::Timestamp> {
    match value? {
        Value::Number(seconds) => Some(keyward_types::Timestamp(seconds.as_i64()?.checked_mul(1000)?)),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_tells_one_key_from_another() {
        assert!(fits_hint("sk-abcdefgh", "sk-ab***fgh") && fits_hint("sk-abcdefgh", "sk-a...fgh"));
        assert!(fits_hint("sk-abcdefgh", "sk-a…fgh"));
        assert!(!fits_hint("sk-abcdefgh", "sk-ab***xgh") && !fits_hint("sk-abcdefgh", "sk-abcdefgh"));
        assert!(!fits_hint("sk-abcdefgh", "sk-***h") && !fits_hint("sk-abc", "sk-abc***abc"));
    }
}
