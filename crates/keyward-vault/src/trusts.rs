//! Trust in what an issuer signs of its workloads: a build or a pod shows its token and gets one of
//! a program's account, for some minutes. No secret lies anywhere for it.

use keyward_access::oidc::{Claims, Condition};
use keyward_access::{IdentityKind, Object, ScopeText, TokenRecord, TokenScope};
use keyward_audit::Action as ActionName;
use keyward_types::{PrincipalId, Record, Timestamp, TrustId};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::people::{called, of_account};
use crate::records;
use crate::write::raced;
use crate::{Error, Vault};

/// What a program's account trusts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadTrust {
    /// Names it for ever.
    pub id: TrustId,
    /// Whose token it gives.
    pub account: PrincipalId,
    /// Who signs, to the letter.
    pub issuer: String,
    /// For whom the tokens are made that are shown here.
    pub audience: String,
    /// What they have to say; one of them names whose workloads they are.
    pub conditions: Vec<Condition>,
    /// What of the account's rights is given; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<TokenScope>,
    /// Whether what is given changes nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// Whether one token may be shown again: those of pods stay in their file for an hour.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reusable: bool,
    /// For how many seconds the given token lives.
    pub seconds: u32,
    /// Who signs the issuer's certificates, in PEM; `None`: whoever the server trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Whether the issuer may lie at a private address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_private: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// Who said so.
    pub created_by: PrincipalId,
}

/// A trust that is to be added.
#[derive(Clone, Debug)]
pub struct NewTrust {
    /// Whose token it gives.
    pub account: PrincipalId,
    /// Who signs, to the letter. Whether it can be spoken to is the caller's to judge.
    pub issuer: String,
    /// For whom the tokens are made that are shown here.
    pub audience: String,
    /// What they have to say.
    pub conditions: Vec<Condition>,
    /// What of the account's rights is given; empty: all.
    pub scopes: Vec<ScopeText>,
    /// Whether what is given changes nothing.
    pub read_only: bool,
    /// Whether one token may be shown again.
    pub reusable: bool,
    /// For how many seconds the given token lives.
    pub seconds: u32,
    /// Who signs the issuer's certificates, in PEM.
    pub ca: Option<String>,
    /// Whether the issuer may lie at a private address.
    pub allow_private: bool,
}

/// Most trusts of an account, and of a vault.
const OF_ONE: usize = 16;
const OF_ALL: usize = 256;
const LONGEST: usize = 512;
const LONGEST_CA: usize = 16 * 1024;
const PARTS: usize = 32;

impl Record for WorkloadTrust {
    const COLLECTION: &'static str = "workload_trust";

    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }

    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![("account", self.account.as_str().as_bytes().to_vec())]
    }
}

impl WorkloadTrust {
    /// For how many seconds a given token lives unless something else is said: a quarter of an hour.
    pub const SECONDS: u32 = 15 * 60;
    /// For how many it lives at least and at most.
    pub const ALLOWED: std::ops::RangeInclusive<u32> = 60..=60 * 60;

    /// Whether it is a workload of this trust. Issuer and audience were verified with the claims.
    pub fn admits(&self, claims: &Claims) -> bool {
        claims.issuer() == self.issuer && self.conditions.iter().all(|condition| condition.holds(claims))
    }
}

impl Vault {
    /// Adds a trust: like a token it is never wider than its maker.
    ///
    /// # Errors
    /// [`Error::Refused`] for a person's account, when nothing says whose workloads they are, or
    /// when it would be wider than its maker; [`Error::Denied`], [`Error::Missing`].
    pub fn add_trust(&self, actor: &Actor, new: NewTrust) -> Result<WorkloadTrust, Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::TrustAdd);
        let account = self.account_row(&new.account)?;
        let names = of_account(&account.record).with("issuer", new.issuer.as_str());
        let permit = self.permit_administer(actor, object, action, &names)?;
        self.refuse_narrowed(actor)?;
        if account.record.kind != IdentityKind::Service {
            return Err(Error::Refused(format!("`{}` is a person, and signs in", called(&account.record))));
        }
        self.refuse_foreign(actor, &account.record)?;
        check(&new)?;
        let all = records::scan::<WorkloadTrust>(&self.store, &[])?;
        let of_one = all.iter().filter(|row| row.record.account == new.account).count();
        if of_one >= OF_ONE || all.len() >= OF_ALL {
            return Err(Error::Refused(format!("an account has at most {OF_ONE} trusts, and a vault {OF_ALL}")));
        }
        let scopes = new.scopes.into_iter().map(|scope| self.resolve(actor, scope)).collect::<Result<Vec<_>, _>>()?;
        let trust = WorkloadTrust {
            id: TrustId::random(&*self.tools.random)?,
            account: new.account,
            issuer: new.issuer,
            audience: new.audience,
            conditions: new.conditions,
            scopes,
            read_only: new.read_only,
            reusable: new.reusable,
            seconds: new.seconds,
            ca: new.ca,
            allow_private: new.allow_private,
            created_at: self.tools.clock.now(),
            created_by: actor.principal().clone(),
        };
        let names = names.with("trust", trust.id.to_string());
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        change.expect(records::unchanged(&account));
        change.expect(records::absent(&trust));
        change.put(&trust);
        change.commit().map_err(|error| raced(error, called(&account.record)))?;
        Ok(trust)
    }

    /// The trusts of an account, the oldest first.
    ///
    /// # Errors
    /// [`Error::Denied`] for who may not list the vault.
    pub fn trusts(&self, actor: &Actor, account: &PrincipalId) -> Result<Vec<WorkloadTrust>, Error> {
        self.permit_list_vault(actor)?;
        self.trusts_of(account)
    }

    /// Ends a trust, and every token that was given for it.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Denied`].
    pub fn remove_trust(&self, actor: &Actor, account: &PrincipalId, id: TrustId) -> Result<WorkloadTrust, Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::TrustRemove);
        let names = Names::default().with("trust", id.to_string());
        let permit = self.permit_administer(actor, object, action, &names)?;
        self.refuse_narrowed(actor)?;
        let missing = || Error::Missing { noun: "trust", name: id.to_string() };
        let row = records::load::<WorkloadTrust>(&self.store, id.as_bytes())?;
        let row = row.filter(|row| row.record.account == *account).ok_or_else(missing)?;
        let now = self.tools.clock.now();
        let tokens = records::find::<TokenRecord>(&self.store, "owner", account.as_str().as_bytes())?;
        let given = tokens.into_iter().map(|row| row.record).filter(|token| token.trust == Some(id));
        let alive: Vec<TokenRecord> = given.filter(|token| token.serves(now, None).is_ok()).collect();
        let telling = Telling::new(action, object).names(names).count(alive.len() as u64);
        let mut change = Change::permitted(self, actor, permit, telling);
        // A token that is given at this moment expects the trust to be there.
        change.expect(records::unchanged(&row));
        change.delete::<WorkloadTrust>(row.record.key());
        for token in alive {
            change.put(&TokenRecord { revoked_at: Some(now), ..token });
        }
        change.commit().map_err(|error| raced(error, "the trust"))?;
        Ok(row.record)
    }

    pub(crate) fn trusts_of(&self, account: &PrincipalId) -> Result<Vec<WorkloadTrust>, Error> {
        let rows = records::find::<WorkloadTrust>(&self.store, "account", account.as_str().as_bytes())?;
        let mut trusts: Vec<WorkloadTrust> = rows.into_iter().map(|row| row.record).collect();
        trusts.sort_by_key(|trust| (trust.created_at, trust.id));
        Ok(trusts)
    }
}

fn check(new: &NewTrust) -> Result<(), Error> {
    let refused = |why: String| Err(Error::Refused(why));
    let odd = |text: &String| text.is_empty() || text.len() > LONGEST || text.chars().any(char::is_control);
    if [&new.issuer, &new.audience].into_iter().any(odd) {
        return refused(format!("issuer and audience have 1 to {LONGEST} bytes and no control characters"));
    }
    if new.conditions.len() > PARTS || new.scopes.len() > PARTS {
        return refused(format!("a trust has at most {PARTS} conditions and as many scopes"));
    }
    if !new.conditions.iter().any(Condition::pins) {
        return refused(
            "nothing says whose workloads they are: `sub`, `repository` or `repository_id` has to, to the letter or with a `*` after the part that is yours (`repository=acme/*`, `sub=system:serviceaccount:shop:*`)"
                .into(),
        );
    }
    if new.scopes.iter().any(ScopeText::provisions) {
        return refused("accounts and groups are not kept by workloads: the scope `scim` needs a token".into());
    }
    if !WorkloadTrust::ALLOWED.contains(&new.seconds) {
        return refused("a given token lives between a minute and an hour".into());
    }
    match new.ca.as_ref().is_some_and(|ca| ca.len() > LONGEST_CA) {
        true => refused(format!("certificates have at most {LONGEST_CA} bytes")),
        false => Ok(()),
    }
}
