//! PostgreSQL by two roles that stand in for each other.

mod address;
mod by_hand;
mod session;

use keyward_providers::{Profile, RotationClass};
use keyward_types::{Secret, Verified};
use postgres_protocol::password::scram_sha_256;

use super::api;
use super::local::drawn;
use crate::{
    Call, Chosen, Ctx, Fault, Found, KeyId, KeyState, LastUsed, Minted, Minting, Preflight, Refusal, Rotator, Slots,
    Tag, Verdict,
};
pub(crate) use address::Address;
pub use by_hand::ByHand;
use session::Session;

/// A database's password by two roles: the one that nobody uses gets a new password and is deployed,
/// and the other rests once its last connection is gone. Both are members of one owner role, so that
/// what either makes belongs to neither.
///
/// The value is a connection URL, in which the user and the password change. The administrative
/// credential is another: of a superuser, or of a role with `CREATEROLE` and `ADMIN OPTION` on both.
/// A role's comment carries the tag. The password itself never reaches the server, its log or
/// `pg_stat_statements`: it is sent its SCRAM verifier (RFC 5802, RFC 7677).
pub struct TwoRoles {
    roles: [String; 2],
}

impl TwoRoles {
    /// These two roles.
    ///
    /// # Errors
    /// When they are one, or one is no name of a role.
    pub fn new(one: &str, other: &str) -> Result<Self, Fault> {
        let is_name = |name: &str| !name.is_empty() && name.len() <= 63 && !name.contains('\0');
        match is_name(one) && is_name(other) && one != other {
            true => Ok(Self { roles: [one.to_owned(), other.to_owned()] }),
            false => Err(Fault::refused(Refusal::Input, "two names of roles are needed, of 1 to 63 bytes")),
        }
    }

    /// What an administrator runs once, where there are no two roles yet.
    pub fn setup(&self, owner: &str) -> String {
        let (owner, [one, other]) = (quoted(owner), self.roles.each_ref().map(|role| quoted(role)));
        let each =
            |role: &str| format!("CREATE ROLE {role} LOGIN IN ROLE {owner};\nALTER ROLE {role} SET role = {owner};\n");
        format!("CREATE ROLE {owner} NOLOGIN;\n{}{}", each(&one), each(&other))
    }

    fn other(&self, role: &str) -> Result<&str, Fault> {
        match &self.roles {
            [one, other] if one == role => Ok(other),
            [one, other] if other == role => Ok(one),
            _ => Err(Fault::refused(
                Refusal::Input,
                format!("the current user is neither `{}` nor `{}`", self.roles[0], self.roles[1]),
            )),
        }
    }

    fn known(&self, id: &KeyId) -> Result<String, Fault> {
        self.other(id.as_str()).map(|_| quoted(id.as_str()))
    }

    fn admin(&self, ctx: &Ctx<'_>) -> Result<Session, Fault> {
        let address = Address::parse(api::admin(ctx)?)
            .ok_or_else(|| Fault::refused(Refusal::Admin, "it is no connection URL of PostgreSQL"))?;
        Session::open(&address).map_err(|failed| failed.of_admin())
    }

    fn current(&self, ctx: &Ctx<'_>) -> Result<Address, Fault> {
        Address::parse(api::current(ctx)?)
            .ok_or_else(|| Fault::refused(Refusal::Input, "the current value is no connection URL of PostgreSQL"))
    }

    fn set(&self, ctx: &Ctx<'_>, id: &KeyId, statements: &[String]) -> Result<(), Fault> {
        self.known(id)?;
        let mut session = self.admin(ctx)?;
        session.change(&self.lock(), statements)
    }

    /// Whoever changes one of the two keeps others out.
    fn lock(&self) -> String {
        let mut roles = self.roles.clone();
        roles.sort();
        format!("keyward rotation of {}", roles.join(" and "))
    }
}

impl Rotator for TwoRoles {
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
            sql("preflight", PRESENT),
            sql("mint", "ALTER ROLE <idle role> WITH LOGIN PASSWORD '<SCRAM verifier>'"),
            sql("mint", "COMMENT ON ROLE <idle role> IS 'keyward <tag>'"),
            Call::new("test", "SQL", "a connection with the new value").with("SELECT 1"),
            sql("watch", SESSIONS),
            sql("suspend", "ALTER ROLE <old role> NOLOGIN"),
            sql("retire", "ALTER ROLE <old role> WITH NOLOGIN PASSWORD NULL"),
            sql("retire", TERMINATE),
        ]
    }

    fn preflight(&self, ctx: &Ctx<'_>) -> Result<Preflight, Fault> {
        let old = self.current(ctx)?.user().to_owned();
        let idle = self.other(&old)?;
        let mut session = self.admin(ctx)?;
        for role in &self.roles {
            let there = session.rows(PRESENT, &[role])?;
            let [row] = there.as_slice() else {
                let why = format!("there is no role `{role}`; once, as an administrator:\n{}", self.setup("app_owner"));
                return Err(Fault::refused(Refusal::Missing, why));
            };
            if row.first().map(String::as_str) != Some("true") {
                let why =
                    format!("this administrator may not alter `{role}`: CREATEROLE and ADMIN OPTION on it are needed");
                return Err(Fault::refused(Refusal::Permission, why));
            }
        }
        let mut warnings = Vec::new();
        let owners = |session: &mut Session, role: &str| session.rows(OWNERS, &[role]);
        if owners(&mut session, &old)? != owners(&mut session, idle)? {
            warnings
                .push(format!("`{old}` and `{idle}` are not members of the same roles, or do not act as the same one"));
        }
        let busy = session.rows(SESSIONS, &[idle])?.concat();
        if !busy.is_empty() {
            warnings.push(format!("`{idle}` should be idle, and is used by {}", busy.join(", ")));
        }
        Ok(Preflight { current: Some(KeyId::new(old)), slots: Some(Slots { used: 1, of: 2 }), warnings })
    }

    fn choose(&self, ctx: &Ctx<'_>, _: &Tag) -> Result<Option<Chosen>, Fault> {
        let current = self.current(ctx)?;
        let idle = self.other(current.user())?;
        let password = drawn(ctx, Profile::Password, None)?;
        Ok(Some(Chosen { value: current.with(idle, &password), id: KeyId::new(idle), expires: None }))
    }

    fn mint(&self, ctx: &Ctx<'_>, tag: &Tag, chosen: Option<&Chosen>) -> Result<Minted, Fault> {
        let chosen = chosen.ok_or_else(|| Fault::refused(Refusal::Input, "no value was chosen"))?;
        let address = Address::parse(&chosen.value);
        let address = address.filter(|address| address.user() == chosen.id.as_str());
        let address =
            address.ok_or_else(|| Fault::refused(Refusal::Input, "what was chosen is no value of this role"))?;
        let role = self.known(&chosen.id)?;
        if ctx.current.and_then(Address::parse).is_some_and(|current| current.user() == chosen.id.as_str()) {
            return Err(Fault::refused(Refusal::Input, "this role is the one in use"));
        }
        let mut session = self.admin(ctx)?;
        let tagged = session.rows(TAGGED, &[&comment(tag)])?.concat().contains(&chosen.id.as_str().to_owned());
        let busy = session.rows(SESSIONS, &[chosen.id.as_str()])?.concat();
        if !tagged && !busy.is_empty() {
            let why = format!("`{}` should be idle, and is used by {}", chosen.id, busy.join(", "));
            return Err(Fault::refused(Refusal::Busy, why));
        }
        let verifier = scram_sha_256(address.password().expose().as_bytes());
        session.change(
            &self.lock(),
            &[
                format!("ALTER ROLE {role} WITH LOGIN PASSWORD '{verifier}'"),
                format!("COMMENT ON ROLE {role} IS '{}'", comment(tag)),
            ],
        )?;
        Ok(Minted { value: chosen.value.clone(), id: chosen.id.clone(), expires: None })
    }

    fn find(&self, ctx: &Ctx<'_>, tag: &Tag) -> Result<Vec<Found>, Fault> {
        let found = self.admin(ctx)?.rows(TAGGED, &[&comment(tag)])?;
        let ours = found.concat().into_iter().filter(|role| self.roles.contains(role));
        Ok(ours.map(|role| Found { id: KeyId::new(role), created: None, state: KeyState::Active }).collect())
    }

    fn probe(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Verdict, Fault> {
        connected(value)
    }

    fn identify(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Option<KeyId>, Fault> {
        let user = Address::parse(value).map(|address| address.user().to_owned());
        Ok(user.filter(|user| self.roles.contains(user)).map(KeyId::new))
    }

    fn last_used(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<LastUsed, Fault> {
        self.known(id)?;
        let open = self.admin(ctx)?.rows(SESSIONS, &[id.as_str()])?.concat();
        Ok(if open.is_empty() { LastUsed::Unknown } else { LastUsed::Now(open) })
    }

    fn suspend(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        self.set(ctx, id, &[format!("ALTER ROLE {} NOLOGIN", self.known(id)?)])
    }

    fn resume(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        self.set(ctx, id, &[format!("ALTER ROLE {} LOGIN", self.known(id)?)])
    }

    /// The role stays, to be the idle one of the next rotation; connections that are still open are
    /// ended.
    fn retire(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        let role = self.known(id)?;
        self.set(
            ctx,
            id,
            &[format!("ALTER ROLE {role} WITH NOLOGIN PASSWORD NULL"), format!("COMMENT ON ROLE {role} IS NULL")],
        )?;
        self.admin(ctx)?.rows(TERMINATE, &[id.as_str()]).map(|_| ())
    }
}

/// Whether this administrator may alter a role; no row: there is none.
const PRESENT: &str = "SELECT (me.rolsuper OR (me.rolcreaterole AND (current_setting('server_version_num')::int < 160000 \
     OR EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = r.oid AND m.member = me.oid AND m.admin_option))))::text \
     FROM pg_roles r, pg_roles me WHERE r.rolname = $1 AND me.rolname = current_user";
/// What roles a role is a member of, and as which it acts.
const OWNERS: &str = "SELECT o.rolname::text FROM pg_auth_members m JOIN pg_roles o ON o.oid = m.roleid \
     JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = $1 \
     UNION ALL SELECT unnest(rolconfig) FROM pg_roles WHERE rolname = $1 ORDER BY 1";
/// Who is connected as a role: programs and where they are.
const SESSIONS: &str = "SELECT DISTINCT coalesce(nullif(application_name, ''), 'a program without a name') \
     || coalesce(' at ' || host(client_addr), ' on the database''s machine') \
     FROM pg_stat_activity WHERE usename = $1 AND backend_type = 'client backend' ORDER BY 1";
/// Roles with a comment.
const TAGGED: &str = "SELECT rolname::text FROM pg_roles WHERE shobj_description(oid, 'pg_authid') = $1";
const TERMINATE: &str = "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE usename = $1";

/// Whether a connection URL lets one in.
fn connected(value: &Secret<String>) -> Result<Verdict, Fault> {
    let Some(address) = Address::parse(value) else {
        return Ok(Verdict::new(Verified::Indeterminate, "it is no connection URL of PostgreSQL"));
    };
    match Session::open(&address).and_then(|mut session| session.alive()) {
        Ok(()) => {
            Ok(Verdict { identity: Some(address.user().to_owned()), ..Verdict::new(Verified::Valid, "connected") })
        }
        Err(failed) => failed.verdict(),
    }
}

fn comment(tag: &Tag) -> String {
    format!("keyward {tag}")
}

/// A name in SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        let roles = TwoRoles::new("a\"; DROP ROLE x; --", "b").unwrap();
        assert!(roles.setup("o").contains("CREATE ROLE \"a\"\"; DROP ROLE x; --\" LOGIN"));
        assert!(TwoRoles::new("a", "a").is_err() && TwoRoles::new("", "a").is_err());
        assert!(roles.known(&KeyId::new("postgres")).is_err(), "no other role is touched");
    }
}
