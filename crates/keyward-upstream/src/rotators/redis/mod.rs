//! Redis by a user's several passwords.

mod resp;

use data_encoding::HEXLOWER;
use keyward_providers::{ConnectionString, Profile, RotationClass};
use keyward_types::{Secret, Verified};
use sha2::{Digest, Sha256};

use super::api;
use super::local::drawn;
use crate::http::escape;
use crate::{
    Call, Chosen, Ctx, Fault, Found, KeyId, KeyState, LastUsed, Minted, Minting, Preflight, Refusal, Rotator, Tag,
    Verdict,
};
use resp::{Answer, Connection, Place};

/// A password of a user of Redis 6 and later: a user has as many as one likes, so that the old and the
/// new one work side by side. The server is sent a password's SHA-256 alone, and that is its
/// [`KeyId`]. The value is a connection URL with user and password; the administrative credential
/// another, of a user who may `ACL`.
///
/// Redis keeps no name with a password: what counts as this rotation's is what the user has beside
/// the replaced one. Connections that are open stay so.
pub struct RedisAcl;

impl RedisAcl {
    fn admin(ctx: &Ctx<'_>) -> Result<Connection, Fault> {
        let admin = Url::parse(api::admin(ctx)?)
            .ok_or_else(|| Fault::refused(Refusal::Admin, "it is no connection URL of Redis"))?;
        let mut connection = Connection::open(&admin.place)?;
        match connection.ask(&["AUTH", &admin.user, admin.password.expose()])? {
            Answer::Error(code) => Err(Fault::refused(Refusal::Admin, format!("Redis answers `{code}`"))),
            _ => Ok(connection),
        }
    }

    fn set(ctx: &Ctx<'_>, rule: &str) -> Result<(), Fault> {
        let user = current(ctx)?.user;
        let mut connection = Self::admin(ctx)?;
        // A rule twice is as good as once, so that a lost answer is no riddle: the call is repeated.
        connection.ask(&["ACL", "SETUSER", &user, rule])?.good()?;
        keep(&mut connection)
    }

    /// Hashes of the user's passwords, and whether he needs none.
    fn passwords(ctx: &Ctx<'_>, connection: &mut Connection) -> Result<(Vec<String>, bool), Fault> {
        let user = current(ctx)?.user;
        let Answer::List(fields) = connection.ask(&["ACL", "GETUSER", &user])?.good()? else {
            return Err(Fault::refused(Refusal::Missing, format!("there is no user `{user}`")));
        };
        let field = |name: &str| fields.chunks(2).find(|pair| pair.first().and_then(Answer::text) == Some(name));
        let texts = |name: &str| match field(name).and_then(|pair| pair.get(1)) {
            Some(Answer::List(all)) => all.iter().filter_map(|one| one.text().map(str::to_owned)).collect(),
            _ => Vec::new(),
        };
        let open = texts("flags").iter().any(|flag| flag == "nopass");
        Ok((texts("passwords"), open))
    }
}

impl Rotator for RedisAcl {
    fn class(&self) -> RotationClass {
        RotationClass::ManyKeys
    }

    fn minting(&self) -> Minting {
        Minting::Chosen
    }

    fn is_reversible(&self) -> bool {
        true
    }

    fn plan(&self) -> Vec<Call> {
        let acl = |step: &str, text: &str| Call::new(step, "ACL", "the administrator's connection").with(text);
        vec![
            acl("preflight", "ACL GETUSER <user>"),
            acl("mint", "ACL SETUSER <user> #<SHA-256 of the new value>"),
            acl("mint", "ACL SAVE"),
            Call::new("test", "AUTH", "a connection with the new value"),
            acl("suspend", "ACL SETUSER <user> !<SHA-256 of the old value>"),
            acl("resume", "ACL SETUSER <user> #<SHA-256 of the old value>"),
        ]
    }

    fn preflight(&self, ctx: &Ctx<'_>) -> Result<Preflight, Fault> {
        let own = current(ctx)?.id();
        let mut connection = Self::admin(ctx)?;
        let (passwords, open) = Self::passwords(ctx, &mut connection)?;
        let mut warnings = Vec::new();
        if open {
            warnings.push("the user needs no password (`nopass`): a new one keeps nobody out".into());
        }
        if !is_kept(&mut connection)? {
            warnings.push("the server has no `aclfile`: what is changed is forgotten when it starts again".into());
        }
        let known = passwords.iter().any(|hash| hash == own.as_str());
        if !known {
            warnings.push("the current value is none of the user's passwords".into());
        }
        Ok(Preflight { current: known.then_some(own), slots: None, warnings })
    }

    fn choose(&self, ctx: &Ctx<'_>, _: &Tag) -> Result<Option<Chosen>, Fault> {
        let current = current(ctx)?;
        let password = drawn(ctx, Profile::Password, None)?;
        let value = current.with(&password);
        Ok(Some(Chosen { value, id: hashed(password.expose()), expires: None }))
    }

    fn mint(&self, ctx: &Ctx<'_>, _: &Tag, chosen: Option<&Chosen>) -> Result<Minted, Fault> {
        let chosen = chosen.ok_or_else(|| Fault::refused(Refusal::Input, "no value was chosen"))?;
        Self::set(ctx, &format!("#{}", chosen.id))?;
        Ok(Minted { value: chosen.value.clone(), id: chosen.id.clone(), expires: None })
    }

    fn find(&self, ctx: &Ctx<'_>, _: &Tag) -> Result<Vec<Found>, Fault> {
        let replaced = current(ctx)?.id();
        let (passwords, _) = Self::passwords(ctx, &mut Self::admin(ctx)?)?;
        let others = passwords.into_iter().filter(|hash| hash != replaced.as_str());
        Ok(others.map(|hash| Found { id: KeyId::new(hash), created: None, state: KeyState::Active }).collect())
    }

    fn probe(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Verdict, Fault> {
        let Some(url) = Url::parse(value) else {
            return Ok(Verdict::new(Verified::Indeterminate, "it is no connection URL of Redis"));
        };
        let answer = Connection::open(&url.place)?.ask(&["AUTH", &url.user, url.password.expose()])?;
        Ok(match answer {
            Answer::Error(code) if code == "WRONGPASS" => Verdict::new(Verified::Invalid, code),
            Answer::Error(code) if code == "NOPERM" => Verdict::new(Verified::ValidInsufficient, code),
            Answer::Error(code) => Verdict::new(Verified::Indeterminate, code),
            _ => Verdict { identity: Some(url.user), ..Verdict::new(Verified::Valid, "OK") },
        })
    }

    fn identify(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Option<KeyId>, Fault> {
        Ok(Url::parse(value).map(|url| url.id()))
    }

    fn last_used(&self, _: &Ctx<'_>, _: &KeyId) -> Result<LastUsed, Fault> {
        // Redis tells who is connected as a user, not by which of his passwords.
        Ok(LastUsed::Unknown)
    }

    fn suspend(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        let hash = is_hash(id)?;
        let (passwords, _) = Self::passwords(ctx, &mut Self::admin(ctx)?)?;
        // Removing what is not there is an error to Redis.
        if passwords.iter().any(|one| one == hash) { Self::set(ctx, &format!("!{hash}")) } else { Ok(()) }
    }

    fn resume(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        Self::set(ctx, &format!("#{}", is_hash(id)?))
    }

    fn retire(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        self.suspend(ctx, id)
    }
}

/// A connection URL with a user and a password.
struct Url {
    text: Secret<String>,
    place: Place,
    user: String,
    password: Secret<String>,
}

impl Url {
    fn parse(value: &Secret<String>) -> Option<Self> {
        let text = value.expose().trim();
        let parsed = ConnectionString::parse(text)?;
        let tls = match parsed.scheme.as_str() {
            "redis" => false,
            "rediss" => true,
            _ => return None,
        };
        let [host] = parsed.hosts.as_slice() else { return None };
        let place = Place { host: host.name.clone(), port: host.port.unwrap_or(6379), tls };
        let user = parsed.user.filter(|user| !user.is_empty()).unwrap_or_else(|| "default".into());
        Some(Self { text: Secret::new("a connection URL", text.to_owned()), place, user, password: parsed.password? })
    }

    fn id(&self) -> KeyId {
        hashed(self.password.expose())
    }

    fn with(&self, password: &Secret<String>) -> Secret<String> {
        let text = self.text.expose();
        let start = text.find("://").map_or(0, |at| at + 3);
        let end = text[start..].find(['/', '?']).map_or(text.len(), |at| start + at);
        let behind = text[start..end].rfind('@').map_or(start, |at| start + at + 1);
        let password = zeroize::Zeroizing::new(escape(password.expose()));
        let text = format!("{}{}:{}@{}", &text[..start], escape(&self.user), *password, &text[behind..]);
        Secret::new("a connection URL", text)
    }
}

fn current(ctx: &Ctx<'_>) -> Result<Url, Fault> {
    Url::parse(api::current(ctx)?).ok_or_else(|| {
        Fault::refused(Refusal::Input, "the current value is no connection URL of Redis with a password")
    })
}

fn hashed(password: &str) -> KeyId {
    KeyId::new(HEXLOWER.encode(&Sha256::digest(password.as_bytes())))
}

fn is_hash(id: &KeyId) -> Result<&str, Fault> {
    let id = id.as_str();
    let fits = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then_some(id).ok_or_else(|| Fault::refused(Refusal::Input, "this is no hash of a password"))
}

fn is_kept(connection: &mut Connection) -> Result<bool, Fault> {
    match connection.ask(&["CONFIG", "GET", "aclfile"])? {
        Answer::List(pair) => Ok(pair.get(1).and_then(Answer::text).is_some_and(|file| !file.is_empty())),
        // Managed servers keep users themselves and show no configuration.
        _ => Ok(true),
    }
}

/// Writes users to their file, where there is one.
fn keep(connection: &mut Connection) -> Result<(), Fault> {
    if is_kept(connection)? && matches!(connection.ask(&["CONFIG", "GET", "aclfile"])?, Answer::List(_)) {
        connection.ask(&["ACL", "SAVE"])?.good()?;
    }
    Ok(())
}
