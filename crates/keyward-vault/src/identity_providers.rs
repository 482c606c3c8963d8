//! OpenID providers that people may sign in at. What may be seen of one is kept as it is; the secret
//! that it knows us by is sealed, and opened to redeem a code, on record.
//!
//! Who adds a provider says who somebody is. So an owner signs in only where an owner added it:
//! owners are above whoever administers.

use keyward_access::oidc::{Claims, Condition};
use keyward_access::{Login, Object, Role, SystemTask, authorize};
use keyward_audit::Action as ActionName;
use keyward_types::{IdentityProviderId, Keys, PrincipalId, Purpose, Record, Secret, Timestamp, Use};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::crypto::context;
use crate::records::{self, Row};
use crate::sign_in::{Visitor, shown};
use crate::write::raced;
use crate::{Error, Vault};

/// A provider that people sign in at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityProvider {
    /// Names it for ever.
    pub id: IdentityProviderId,
    /// What its address and the page call it.
    pub name: Login,
    /// What people read on its button.
    pub title: String,
    /// Its issuer, to the letter.
    pub issuer: String,
    /// As it knows us.
    pub client_id: String,
    /// The secret that it knows us by, sealed, in base64; without one PKCE alone shows that we are we.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
    /// Whose verified mail addresses are let in; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
    /// What it has to say of whoever is let in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The claim that is the `externalId` under which SCIM brought the same people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scim_claim: Option<String>,
    /// Who signs its certificates, in PEM; `None`: whoever the server trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Whether it may lie at a private address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_private: bool,
    /// Whether an owner added it.
    pub by_owner: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// Who added it.
    pub created_by: PrincipalId,
}

/// A provider that is to be added.
#[derive(Clone, Debug)]
pub struct NewIdentityProvider {
    /// What its address and the page call it.
    pub name: Login,
    /// What people read on its button; empty: the name.
    pub title: String,
    /// Its issuer, to the letter. Whether it can be spoken to is the caller's to judge.
    pub issuer: String,
    /// As it knows us.
    pub client_id: String,
    /// The secret that it knows us by.
    pub client_secret: Option<Secret<Vec<u8>>>,
    /// Whose verified mail addresses are let in; empty: all.
    pub domains: Vec<String>,
    /// What it has to say of whoever is let in.
    pub conditions: Vec<Condition>,
    /// The claim that is the `externalId` under which SCIM brought the same people.
    pub scim_claim: Option<String>,
    /// Who signs its certificates, in PEM.
    pub ca: Option<String>,
    /// Whether it may lie at a private address.
    pub allow_private: bool,
}

/// Most providers of a vault, and the longest text of one.
const MOST: usize = 32;
const LONGEST: usize = 512;
const LONGEST_SECRET: usize = 4096;
const LONGEST_CA: usize = 16 * 1024;
const MOST_PARTS: usize = 32;

impl Record for IdentityProvider {
    const COLLECTION: &'static str = "identity_provider";

    fn key(&self) -> Vec<u8> {
        self.name.as_str().as_bytes().to_vec()
    }
}

impl IdentityProvider {
    /// Whether there is a secret.
    pub fn has_secret(&self) -> bool {
        self.sealed.is_some()
    }

    /// Whether whoever it speaks of is let in, as far as that is known of him.
    pub(crate) fn admits(&self, claims: &Claims) -> bool {
        let domain = claims.verified_email().and_then(|address| address.rsplit_once('@')).map(|(_, domain)| domain);
        let at_home = |domain: &str| self.domains.iter().any(|ours| ours.eq_ignore_ascii_case(domain));
        (self.domains.is_empty() || domain.is_some_and(at_home)) && self.conditions.iter().all(|one| one.holds(claims))
    }
}

impl Vault {
    /// Adds a provider.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Refused`] when there are too many or it is too large,
    /// [`Error::Denied`].
    pub fn add_identity_provider(&self, actor: &Actor, new: NewIdentityProvider) -> Result<IdentityProvider, Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::IdentityProviderAdd);
        let names = of_provider(&new.name, &new.issuer);
        let permit = self.permit_administer(actor, object, action, &names)?;
        self.refuse_narrowed(actor)?;
        check(&new)?;
        if records::scan::<IdentityProvider>(&self.store, &[])?.len() >= MOST {
            return Err(Error::Refused(format!("there are {MOST} identity providers already")));
        }
        let id = IdentityProviderId::random(&*self.tools.random)?;
        let seal =
            |secret: &Secret<Vec<u8>>| self.ring.seal(&Purpose::Provider, &self.place_of_secret(id), secret.expose());
        let sealed = new.client_secret.as_ref().map(seal).transpose()?;
        let provider = IdentityProvider {
            id,
            title: if new.title.is_empty() { new.name.to_string() } else { new.title },
            name: new.name,
            issuer: new.issuer,
            client_id: new.client_id,
            sealed: sealed.map(|sealed| data_encoding::BASE64.encode(&sealed)),
            domains: new.domains,
            conditions: new.conditions,
            scim_claim: new.scim_claim,
            ca: new.ca,
            allow_private: new.allow_private,
            by_owner: actor.caller.has_everywhere(Role::Owner),
            created_at: self.tools.clock.now(),
            created_by: actor.principal().clone(),
        };
        if records::load::<IdentityProvider>(&self.store, &provider.key())?.is_some() {
            return Err(Error::Exists { noun: "identity provider", name: provider.name.to_string() });
        }
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        change.expect(records::absent(&provider));
        change.put(&provider);
        change.commit().map_err(|error| raced(error, provider.name.as_str()))?;
        Ok(provider)
    }

    /// Every provider, in the order of names.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list the vault.
    pub fn identity_providers(&self, actor: &Actor) -> Result<Vec<IdentityProvider>, Error> {
        self.permit_list_vault(actor)?;
        self.providers_on_page()
    }

    /// The same for the page on which people sign in, which shows names alone.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn providers_on_page(&self) -> Result<Vec<IdentityProvider>, Error> {
        Ok(records::scan::<IdentityProvider>(&self.store, &[])?.into_iter().map(|row| row.record).collect())
    }

    /// Removes a provider: nobody signs in there any more. Whose identity is whose stays known, for
    /// when the same issuer is added anew.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Denied`].
    pub fn remove_identity_provider(&self, actor: &Actor, name: &Login) -> Result<IdentityProvider, Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::IdentityProviderRemove);
        let names = Names::default().with("identity_provider", name.as_str());
        let permit = self.permit_administer(actor, object, action, &names)?;
        self.refuse_narrowed(actor)?;
        let row = self.identity_provider(name)?;
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        change.expect(records::unchanged(&row));
        change.delete::<IdentityProvider>(row.record.key());
        change.commit().map_err(|error| raced(error, name.as_str()))?;
        Ok(row.record)
    }

    pub(crate) fn identity_provider(&self, name: &Login) -> Result<Row<IdentityProvider>, Error> {
        let missing = || Error::Missing { noun: "identity provider", name: name.to_string() };
        records::load::<IdentityProvider>(&self.store, name.as_str().as_bytes())?.ok_or_else(missing)
    }

    /// The secret that a provider knows us by, for one code. That it is opened is on record first.
    pub(crate) fn open_provider(
        &self,
        provider: &IdentityProvider,
        from: &Visitor<'_>,
    ) -> Result<Option<Secret<Vec<u8>>>, Error> {
        let Some(sealed) = &provider.sealed else { return Ok(None) };
        let actor = Actor::new(keyward_access::Caller::system(SystemTask::Provider), shown(from.agent));
        let object = Object::Vault(self.id());
        let permit = authorize::<Use>(&actor.caller, &object)?;
        let telling = Telling::new(ActionName::IdentityProviderUse, object);
        let names = of_provider(&provider.name, &provider.issuer);
        Change::permitted(self, &actor, permit, telling.names(names)).commit()?;
        let damaged = || Error::Damaged("the secret of an identity provider is not what was sealed");
        let sealed = data_encoding::BASE64.decode(sealed.as_bytes()).map_err(|_| damaged())?;
        let place = self.place_of_secret(provider.id);
        let opened = self.ring.unseal(&Purpose::Provider, &place, &sealed).map_err(|_| damaged())?;
        Ok(Some(Secret::new("secret of an identity provider", opened)))
    }

    /// Where a provider's secret belongs.
    fn place_of_secret(&self, provider: IdentityProviderId) -> Vec<u8> {
        context("keyward/identity-provider/1", &[self.id().as_bytes(), provider.as_bytes()])
    }
}

pub(crate) fn of_provider(name: &Login, issuer: &str) -> Names {
    Names::default().with("identity_provider", name.as_str()).with("issuer", issuer)
}

fn check(new: &NewIdentityProvider) -> Result<(), Error> {
    let texts = [&new.title, &new.issuer, &new.client_id].into_iter().chain(&new.domains).chain(&new.scim_claim);
    let odd = |text: &String| text.len() > LONGEST || text.chars().any(char::is_control);
    if texts.clone().any(odd) {
        let why = format!("each text has at most {LONGEST} bytes and no control characters");
        return Err(Error::Refused(why));
    }
    if new.client_id.is_empty() || new.domains.iter().any(|domain| domain.is_empty() || domain.contains('@')) {
        return Err(Error::Refused("a client id and a domain are not empty, and a domain has no `@`".into()));
    }
    if new.domains.len() > MOST_PARTS || new.conditions.len() > MOST_PARTS {
        return Err(Error::Refused(format!("there are at most {MOST_PARTS} domains and as many conditions")));
    }
    let secret = new.client_secret.as_ref().is_some_and(|secret| secret.expose().len() > LONGEST_SECRET);
    if secret || new.ca.as_ref().is_some_and(|ca| ca.len() > LONGEST_CA) {
        let why = format!("a client secret has at most {LONGEST_SECRET} bytes, and certificates {LONGEST_CA}");
        return Err(Error::Refused(why));
    }
    Ok(())
}
