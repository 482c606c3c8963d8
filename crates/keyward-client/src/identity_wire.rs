//! What calls about identity providers, identities and trusts take and give.

use keyward_access::Login;
use keyward_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Bytes;

/// A provider that people sign in at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdentityProviderInfo {
    /// What its address and the page call it.
    pub name: Login,
    /// What people read on its button.
    pub title: String,
    /// Its issuer, to the letter.
    pub issuer: String,
    /// As it knows us.
    pub client_id: String,
    /// Whether it knows us by a secret too.
    pub has_secret: bool,
    /// Whose verified mail addresses are let in; empty: all.
    pub domains: Vec<String>,
    /// What it has to say of whoever is let in, as `CLAIM=VALUE`.
    pub claims: Vec<String>,
    /// The claim that is the `externalId` under which SCIM brought the same people.
    pub scim_claim: Option<String>,
    /// Whether its certificates are signed by an authority of one's own.
    pub own_ca: bool,
    /// Whether it may lie at a private address.
    pub allow_private: bool,
    /// Whether owners may sign in there: an owner added it.
    pub for_owners: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// Who added it.
    pub created_by: String,
}

/// A provider that is to be added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewIdentityProviderInfo {
    /// What its address and the page call it.
    pub name: Login,
    /// What people read on its button; empty: the name.
    #[serde(default)]
    pub title: String,
    /// Its issuer, to the letter.
    pub issuer: String,
    /// As it knows us.
    pub client_id: String,
    /// The secret that it knows us by; `None`: PKCE alone.
    #[serde(default)]
    pub client_secret: Option<Bytes>,
    /// Whose verified mail addresses are let in; empty: all.
    #[serde(default)]
    pub domains: Vec<String>,
    /// What it has to say of whoever is let in, as `CLAIM=VALUE`.
    #[serde(default)]
    pub claims: Vec<String>,
    /// The claim that is the `externalId` under which SCIM brought the same people.
    #[serde(default)]
    pub scim_claim: Option<String>,
    /// Who signs its certificates, in PEM.
    #[serde(default)]
    pub ca: Option<String>,
    /// Whether it may lie at a private address.
    #[serde(default)]
    pub allow_private: bool,
}

/// An identity at a provider that belongs to an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdentityInfo {
    /// Names it here.
    pub id: String,
    /// Who vouches for it.
    pub issuer: String,
    /// For whom, in the issuer's words.
    pub subject: String,
    /// `invite`, `person` or `scim`: how it came to the account.
    pub by: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// What a program's account trusts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrustInfo {
    /// Names it.
    pub id: String,
    /// Whose token it gives.
    pub account: String,
    /// Who signs, to the letter.
    pub issuer: String,
    /// For whom the tokens are made that are shown.
    pub audience: String,
    /// What they have to say, as `CLAIM=VALUE`.
    pub claims: Vec<String>,
    /// What of the account's rights is given; empty: all.
    pub scopes: Vec<String>,
    /// Whether what is given changes nothing.
    pub read_only: bool,
    /// Whether one token may be shown again.
    pub reusable: bool,
    /// For how many seconds the given token lives.
    pub seconds: u32,
    /// Whether the issuer's certificates are signed by an authority of one's own.
    pub own_ca: bool,
    /// Whether the issuer may lie at a private address.
    pub allow_private: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// Who said so.
    pub created_by: String,
}

/// A trust that is to be added.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NewTrustInfo {
    /// Who signs, to the letter.
    pub issuer: String,
    /// For whom the tokens are made that are shown.
    pub audience: String,
    /// What they have to say, as `CLAIM=VALUE`.
    pub claims: Vec<String>,
    /// What of the account's rights is given; empty: all.
    pub scopes: Vec<String>,
    /// Whether what is given changes nothing.
    pub read_only: bool,
    /// Whether one token may be shown again.
    pub reusable: bool,
    /// For how many seconds the given token lives; `None`: a quarter of an hour.
    pub seconds: Option<u32>,
    /// Who signs the issuer's certificates, in PEM.
    pub ca: Option<String>,
    /// Whether the issuer may lie at a private address.
    pub allow_private: bool,
}
