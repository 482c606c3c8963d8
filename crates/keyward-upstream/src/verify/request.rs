use std::collections::BTreeMap;

use data_encoding::BASE64;
use keyward_providers::{Basic, Provider, SendPlace, Verify};
use keyward_types::Secret;
use zeroize::Zeroizing;

use super::Account;
use crate::Fault;
use crate::http::{Answer, Ask, Http, Site, escape};

/// The call by which a service is asked about a key, with everything but the key.
pub(super) struct Request {
    site: Site,
    method: &'static str,
    path: String,
    place: SendPlace,
    /// The user of basic authentication, where the key is the password.
    user: Option<String>,
    headers: &'static [(&'static str, &'static str)],
    body: Option<&'static str>,
}

impl Request {
    /// Fills in the account's parts.
    ///
    /// # Errors
    /// Why it cannot be asked: a part is missing or is none, or it would go elsewhere.
    pub(super) fn of(provider: &Provider, verify: &Verify, account: &Account) -> Result<Self, String> {
        let send =
            provider.send.ok_or_else(|| format!("how {} is sent a key is not in the catalogue", provider.name))?;
        let (method, url) = verify.request.split_once(' ').ok_or("the catalogue's request is none")?;
        let rest = url.strip_prefix("https://").ok_or("the catalogue's request is not by TLS")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let base = format!("https://{}", filled(host, account, as_host)?);
        // A host that is a part of the account as a whole is one's own; a part of it stays the service's.
        let own = host.trim_end_matches(|c: char| c.is_ascii_digit() || c == ':');
        let site = match own.starts_with('{') && own.ends_with('}') {
            true if account.may_be_private() => Site::named(&base),
            true => Site::public(&base),
            false => Site::of(provider, &base),
        };
        let user = match send.place {
            SendPlace::Basic(Basic::Password) => {
                let user = account.part("user").ok_or_else(|| lacks("user"))?;
                Some(user.to_owned())
            }
            _ => None,
        };
        Ok(Self {
            site: site.map_err(|error| error.to_string())?,
            method,
            path: format!("/{}", filled(path, account, as_segment)?),
            place: send.place,
            user,
            headers: verify.headers,
            body: verify.body,
        })
    }

    /// Where it goes, without the key.
    pub(super) fn place(&self) -> String {
        format!("{}{}", self.site.as_str(), self.path)
    }

    /// Asks about this key.
    ///
    /// # Errors
    /// [`Fault`], where nobody answered.
    pub(super) fn send(&self, http: &Http, value: &Secret<String>) -> Result<Answer, Fault> {
        let mut path = Zeroizing::new(self.path.clone());
        let (name, text) = self.form(value, &mut path);
        let mut headers: Vec<(&str, &str)> = vec![("accept", "application/json")];
        headers.extend(self.headers);
        if self.body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        if let Some(name) = name {
            headers.push((name, text.as_str()));
        }
        let body = self.body.map(str::as_bytes);
        http.ask(&self.site, &Ask { method: self.method, path: &path, headers: &headers, body, reads: true })
    }

    fn form(&self, value: &Secret<String>, path: &mut String) -> (Option<&'static str>, Zeroizing<String>) {
        let value = value.expose();
        let basic = |pair: Zeroizing<String>| Zeroizing::new(format!("Basic {}", BASE64.encode(pair.as_bytes())));
        match self.place {
            SendPlace::Header(name, prefix) => (Some(name), Zeroizing::new(format!("{prefix}{value}"))),
            SendPlace::Query(name) => {
                path.push(if path.contains('?') { '&' } else { '?' });
                path.push_str(&format!("{name}={}", *Zeroizing::new(escape(value))));
                (None, Zeroizing::default())
            }
            SendPlace::Basic(Basic::User) => (Some("authorization"), basic(Zeroizing::new(format!("{value}:")))),
            SendPlace::Basic(Basic::Password) => {
                let user = self.user.as_deref().unwrap_or_default();
                (Some("authorization"), basic(Zeroizing::new(format!("{user}:{value}"))))
            }
        }
    }
}

/// The parts that a request needs of an account, and a user, with something in each.
pub(super) fn parts(provider: &Provider, verify: &Verify) -> BTreeMap<String, String> {
    let (host, _) = verify.request.trim_start_matches("GET https://").split_once('/').unwrap_or_default();
    let names = verify.request.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
    let part = |name: &str| match host.ends_with(&format!(".{{{name}}}")) {
        // Which of its domains.
        true => provider.hosts.first().copied().unwrap_or_default().to_owned(),
        false => "example".to_owned(),
    };
    names.chain(["user"]).map(|name| (name.to_owned(), part(name))).collect()
}

/// Puts the account's parts in the places of `{name}`.
fn filled(text: &str, account: &Account, check: fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').ok_or("the catalogue's request is none")?;
        let value = account.part(name).ok_or_else(|| lacks(name))?;
        out.push_str(before);
        out.push_str(&check(value).ok_or_else(|| format!("`{name}` is no part of an address"))?);
        rest = behind;
    }
    Ok(out + rest)
}

fn lacks(name: &str) -> String {
    format!("the account's `{name}` is needed to ask")
}

fn as_host(value: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
    (!value.is_empty() && value.bytes().all(fits)).then(|| value.to_owned())
}

fn as_segment(value: &str) -> Option<String> {
    (!matches!(value, "" | "." | "..")).then(|| escape(value))
}
