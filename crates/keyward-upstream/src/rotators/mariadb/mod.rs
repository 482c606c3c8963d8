//! MariaDB by two users that stand in for each other.

mod wire;

use data_encoding::HEXUPPER;
use keyward_providers::{ConnectionString, Profile, RotationClass, Tls};
use keyward_types::{Secret, Verified};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use super::api;
use super::local::drawn;
use crate::http::escape;
use crate::{
    Call, Chosen, Ctx, Fault, Found, KeyId, LastUsed, Minted, Minting, Preflight, Refusal, Rotator, Slots, Tag, Verdict,
};
use wire::{Connection, Login, Server};

/// A database's password by two users with the same grants: the one that nobody uses gets a new
/// password and is deployed, and the other rests once its last connection is gone. The server is
/// sent a password's hash alone.
///
/// The value is a connection URL, in which user and password change; the administrative credential
/// another, of a user with `CREATE USER`, `PROCESS` and `CONNECTION ADMIN`. MariaDB keeps no note
/// with a user, so that nothing is found by a tag: minting the same again is harmless.
pub struct TwoUsers {
    users: [String; 2],
    /// From where both sign in: `%`.
    host: String,
}

impl TwoUsers {
    /// These two users, from there.
    ///
    /// # Errors
    /// When they are one, or a name is none.
    pub fn new(one: &str, other: &str, host: &str) -> Result<Self, Fault> {
        let is_name = |name: &str| {
            !name.is_empty()
                && name.len() <= 80
                && !name.chars().any(|c| c.is_control() || matches!(c, '\'' | '\\' | '`'))
        };
        match is_name(one) && is_name(other) && is_name(host) && one != other {
            true => Ok(Self { users: [one.to_owned(), other.to_owned()], host: host.to_owned() }),
            false => Err(Fault::refused(Refusal::Input, "two names of users are needed, without quotes, and a host")),
        }
    }

    fn other(&self, user: &str) -> Result<&str, Fault> {
        match &self.users {
            [one, other] if one == user => Ok(other),
            [one, other] if other == user => Ok(one),
            [one, other] => {
                Err(Fault::refused(Refusal::Input, format!("the current user is neither `{one}` nor `{other}`")))
            }
        }
    }

    /// The account of one of the two, in SQL.
    fn account(&self, user: &str) -> Result<String, Fault> {
        self.other(user).map(|_| format!("'{user}'@'{}'", self.host))
    }

    fn admin(&self, ctx: &Ctx<'_>) -> Result<Connection, Fault> {
        let url = Url::parse(api::admin(ctx)?);
        let url = url.ok_or_else(|| Fault::refused(Refusal::Admin, "it is no connection URL of MariaDB"))?;
        match url.login()? {
            Login::In(connection) => Ok(connection),
            Login::Refused(code) if wire::is_passing(code) => {
                Err(Fault::Unreachable(format!("MariaDB answers {code}")))
            }
            Login::Refused(code) => Err(Fault::refused(Refusal::Admin, format!("MariaDB answers {code}"))),
        }
    }

    /// Statements, each of which is whole by itself, while nobody else changes these users.
    fn change(&self, connection: &mut Connection, statements: &[String]) -> Result<(), Fault> {
        let mut users = self.users.clone();
        users.sort();
        let name = format!("'keyward {}'", users.join(" "));
        // A moment, since a connection that was dropped holds it until the server notices.
        let lock = connection.query(&format!("SELECT GET_LOCK({name}, 3)"))?;
        if lock.first().and_then(|row| row.first()).map(String::as_str) != Some("1") {
            return Err(Fault::refused(Refusal::Busy, "another rotation of these users is under way"));
        }
        let done = statements.iter().try_for_each(|statement| connection.query(statement).map(|_| ()));
        connection.query(&format!("SELECT RELEASE_LOCK({name})"))?;
        done
    }

    fn sessions(connection: &mut Connection, user: &str) -> Result<Vec<String>, Fault> {
        let sql = format!("SELECT DISTINCT host FROM information_schema.processlist WHERE user = '{user}'");
        Ok(connection.query(&sql)?.concat())
    }

    /// What a user may, without who he is.
    fn grants(&self, connection: &mut Connection, user: &str) -> Result<Vec<String>, Fault> {
        let rows = connection.query(&format!("SHOW GRANTS FOR {}", self.account(user)?))?.concat();
        let bare = |row: &String| row.split(" TO ").next().unwrap_or_default().to_owned();
        let mut grants: Vec<String> = rows.iter().map(bare).collect();
        grants.sort();
        Ok(grants)
    }
}

impl Rotator for TwoUsers {
    fn class(&self) -> RotationClass {
        RotationClass::TwoSlots
    }

    fn minting(&self) -> Minting {
        Minting::Chosen
    }

    fn is_reversible(&self) -> bool {
        true
    }

    fn plan(&self) -> Vec<Call> {
        let sql = |step: &str, text: &str| Call::new(step, "SQL", "the administrator's connection").with(text);
        vec![
            sql("preflight", "SHOW GRANTS FOR <both users>"),
            sql("mint", "ALTER USER <idle user> IDENTIFIED VIA mysql_native_password USING '<hash>' ACCOUNT UNLOCK"),
            Call::new("test", "SQL", "a connection with the new value"),
            sql("watch", "SELECT DISTINCT host FROM information_schema.processlist WHERE user = <old user>"),
            sql("suspend", "ALTER USER <old user> ACCOUNT LOCK"),
            sql("retire", "ALTER USER <old user> IDENTIFIED VIA mysql_native_password USING '<a hash of nothing>'"),
            sql("retire", "KILL CONNECTION USER <old user>"),
        ]
    }

    fn preflight(&self, ctx: &Ctx<'_>) -> Result<Preflight, Fault> {
        let old = current(ctx)?.user;
        let idle = self.other(&old)?;
        let mut connection = self.admin(ctx)?;
        let mut warnings = Vec::new();
        if self.grants(&mut connection, &old)? != self.grants(&mut connection, idle)? {
            warnings.push(format!("`{old}` and `{idle}` do not have the same grants"));
        }
        let busy = Self::sessions(&mut connection, idle)?;
        if !busy.is_empty() {
            warnings.push(format!("`{idle}` should be idle, and is used from {}", busy.join(", ")));
        }
        Ok(Preflight { current: Some(KeyId::new(old)), slots: Some(Slots { used: 1, of: 2 }), warnings })
    }

    fn choose(&self, ctx: &Ctx<'_>, _: &Tag) -> Result<Option<Chosen>, Fault> {
        let current = current(ctx)?;
        let idle = self.other(&current.user)?;
        let password = drawn(ctx, Profile::Password, None)?;
        Ok(Some(Chosen { value: current.with(idle, &password), id: KeyId::new(idle), expires: None }))
    }

    fn mint(&self, ctx: &Ctx<'_>, _: &Tag, chosen: Option<&Chosen>) -> Result<Minted, Fault> {
        let chosen = chosen.ok_or_else(|| Fault::refused(Refusal::Input, "no value was chosen"))?;
        let url = Url::parse(&chosen.value).filter(|url| url.user == chosen.id.as_str());
        let url = url.ok_or_else(|| Fault::refused(Refusal::Input, "what was chosen is no value of this user"))?;
        let account = self.account(&url.user)?;
        if current(ctx)?.user == url.user {
            return Err(Fault::refused(Refusal::Input, "this user is the one in use"));
        }
        let mut connection = self.admin(ctx)?;
        let busy = Self::sessions(&mut connection, &url.user)?;
        // Where it was minted already, its password is this one.
        if !busy.is_empty() && !matches!(url.login()?, Login::In(_)) {
            let why = format!("`{}` should be idle, and is used from {}", url.user, busy.join(", "));
            return Err(Fault::refused(Refusal::Busy, why));
        }
        let hash = hashed(url.password.expose());
        let set = format!("ALTER USER {account} IDENTIFIED VIA mysql_native_password USING '{hash}' ACCOUNT UNLOCK");
        self.change(&mut connection, &[set])?;
        Ok(Minted { value: chosen.value.clone(), id: chosen.id.clone(), expires: None })
    }

    fn find(&self, _: &Ctx<'_>, _: &Tag) -> Result<Vec<Found>, Fault> {
        Ok(Vec::new())
    }

    fn probe(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Verdict, Fault> {
        let Some(url) = Url::parse(value) else {
            return Ok(Verdict::new(Verified::Indeterminate, "it is no connection URL of MariaDB"));
        };
        Ok(match url.login()? {
            Login::In(_) => Verdict { identity: Some(url.user), ..Verdict::new(Verified::Valid, "connected") },
            Login::Refused(code) => {
                let verified = match code {
                    1045 => Verified::Invalid,
                    // The account is locked; the password must be changed first.
                    4151 | 1820 | 1862 => Verified::Blocked,
                    1044 | 1142 => Verified::ValidInsufficient,
                    _ => Verified::Indeterminate,
                };
                Verdict::new(verified, code.to_string())
            }
        })
    }

    fn identify(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Option<KeyId>, Fault> {
        let user = Url::parse(value).map(|url| url.user);
        Ok(user.filter(|user| self.users.contains(user)).map(KeyId::new))
    }

    fn last_used(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<LastUsed, Fault> {
        self.other(id.as_str())?;
        let open = Self::sessions(&mut self.admin(ctx)?, id.as_str())?;
        Ok(if open.is_empty() { LastUsed::Unknown } else { LastUsed::Now(open) })
    }

    fn suspend(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        let lock = format!("ALTER USER {} ACCOUNT LOCK", self.account(id.as_str())?);
        self.change(&mut self.admin(ctx)?, &[lock])
    }

    fn resume(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        let unlock = format!("ALTER USER {} ACCOUNT UNLOCK", self.account(id.as_str())?);
        self.change(&mut self.admin(ctx)?, &[unlock])
    }

    /// The user stays, to be the idle one of the next rotation, with a hash that is of nothing.
    fn retire(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        let account = self.account(id.as_str())?;
        let mut nothing = [0; 20];
        ctx.random.fill(&mut nothing).map_err(|error| Fault::Unreachable(error.to_string()))?;
        let hash = format!("*{}", HEXUPPER.encode(&nothing));
        // Unlocked, so that whoever tries the old password is told that it is wrong.
        let end = format!("ALTER USER {account} IDENTIFIED VIA mysql_native_password USING '{hash}' ACCOUNT UNLOCK");
        let mut connection = self.admin(ctx)?;
        self.change(&mut connection, &[end, format!("KILL CONNECTION USER {account}")])
    }
}

/// A connection URL with a user and a password.
struct Url {
    text: Secret<String>,
    server: Server,
    user: String,
    password: Secret<String>,
}

impl Url {
    fn parse(value: &Secret<String>) -> Option<Self> {
        let text = value.expose().trim();
        let parsed = ConnectionString::parse(text)?;
        if !matches!(parsed.scheme.as_str(), "mysql" | "mariadb") {
            return None;
        }
        let local = parsed.is_local();
        let [host] = parsed.hosts.as_slice() else { return None };
        let tls = !local && parsed.tls != Tls::Off;
        let server = Server { host: host.name.clone(), port: host.port.unwrap_or(3306), tls };
        let (user, password) = (parsed.user.filter(|user| !user.is_empty())?, parsed.password?);
        Some(Self { text: Secret::new("a connection URL", text.to_owned()), server, user, password })
    }

    fn login(&self) -> Result<Login, Fault> {
        Connection::open(&self.server, &self.user, self.password.expose())
    }

    fn with(&self, user: &str, password: &Secret<String>) -> Secret<String> {
        let text = self.text.expose();
        let start = text.find("://").map_or(0, |at| at + 3);
        let end = text[start..].find(['/', '?']).map_or(text.len(), |at| start + at);
        let behind = text[start..end].rfind('@').map_or(start, |at| start + at + 1);
        let password = Zeroizing::new(escape(password.expose()));
        let text = format!("{}{}:{}@{}", &text[..start], escape(user), *password, &text[behind..]);
        Secret::new("a connection URL", text)
    }
}

fn current(ctx: &Ctx<'_>) -> Result<Url, Fault> {
    Url::parse(api::current(ctx)?).ok_or_else(|| {
        Fault::refused(Refusal::Input, "the current value is no connection URL of MariaDB with user and password")
    })
}

/// What `mysql_native_password` keeps of a password.
fn hashed(password: &str) -> String {
    format!("*{}", HEXUPPER.encode(&Sha1::digest(Sha1::digest(password.as_bytes()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_what_the_server_keeps() {
        // SELECT PASSWORD('mariadb')
        assert_eq!(hashed("mariadb"), "*54958E764CE10E50764C2EECBB71D01F08549980");
    }

    #[test]
    fn names_with_quotes_are_none() {
        for (one, other, host) in
            [("a'", "b", "%"), ("a", "b\\", "%"), ("a", "a", "%"), ("a", "b", ""), ("a", "b", "'")]
        {
            assert!(TwoUsers::new(one, other, host).is_err(), "{one} {other} {host}");
        }
        let users = TwoUsers::new("a", "b", "%").unwrap();
        assert!(users.account("root").is_err(), "no other user is touched");
    }
}
