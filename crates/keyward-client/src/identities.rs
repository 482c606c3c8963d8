//! The local desk's calls about identity providers, identities and trusts.

use keyward_access::Login;
use keyward_access::oidc::{Condition, ConditionError};
use keyward_oidc::Issuer;
use keyward_types::{PrincipalId, Secret};
use keyward_vault::{Actor, IdentityLink, IdentityProvider, NewIdentityProvider, NewTrust, Vault, WorkloadTrust};

use crate::identity_wire::{IdentityInfo, IdentityProviderInfo, NewIdentityProviderInfo, NewTrustInfo, TrustInfo};
use crate::{Failure, Result};

/// Who is vouched for by whom, as one caller administers it.
pub(crate) struct Identities<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) actor: &'a Actor,
}

impl Identities<'_> {
    pub(crate) fn providers(&self) -> Result<Vec<IdentityProviderInfo>> {
        Ok(self.vault.identity_providers(self.actor)?.iter().map(provider_info).collect())
    }

    pub(crate) fn add_provider(&self, new: NewIdentityProviderInfo) -> Result<IdentityProviderInfo> {
        Issuer::new(&new.issuer, new.ca.clone(), new.allow_private).map_err(usage)?;
        let secret = |secret: crate::Bytes| Secret::new("client secret", secret.expose().to_vec());
        let new = NewIdentityProvider {
            name: new.name,
            title: new.title,
            issuer: new.issuer,
            client_id: new.client_id,
            client_secret: new.client_secret.map(secret),
            domains: new.domains,
            conditions: conditions(&new.claims)?,
            scim_claim: new.scim_claim,
            ca: new.ca,
            allow_private: new.allow_private,
        };
        Ok(provider_info(&self.vault.add_identity_provider(self.actor, new)?))
    }

    pub(crate) fn remove_provider(&self, name: &Login) -> Result<IdentityProviderInfo> {
        Ok(provider_info(&self.vault.remove_identity_provider(self.actor, name)?))
    }

    pub(crate) fn of_account(&self, login: &Login) -> Result<Vec<IdentityInfo>> {
        let found = self.vault.identities(self.actor, &self.principal(login)?)?;
        Ok(found.into_iter().map(IdentityInfo::from).collect())
    }

    pub(crate) fn unlink(&self, login: &Login, id: &str) -> Result<IdentityInfo> {
        Ok(self.vault.unlink_identity(self.actor, &self.principal(login)?, id)?.into())
    }

    pub(crate) fn trusts(&self, login: &Login) -> Result<Vec<TrustInfo>> {
        let trusts = self.vault.trusts(self.actor, &self.principal(login)?)?;
        trusts.iter().map(|trust| self.trust_info(trust)).collect()
    }

    pub(crate) fn add_trust(&self, login: &Login, new: NewTrustInfo) -> Result<TrustInfo> {
        Issuer::new(&new.issuer, new.ca.clone(), new.allow_private).map_err(usage)?;
        let scopes = new.scopes.iter().map(|text| text.parse());
        let new = NewTrust {
            account: self.principal(login)?,
            issuer: new.issuer,
            audience: new.audience,
            conditions: conditions(&new.claims)?,
            scopes: scopes.collect::<Result<_, keyward_access::ScopeError>>().map_err(usage)?,
            read_only: new.read_only,
            reusable: new.reusable,
            seconds: new.seconds.unwrap_or(WorkloadTrust::SECONDS),
            ca: new.ca,
            allow_private: new.allow_private,
        };
        self.trust_info(&self.vault.add_trust(self.actor, new)?)
    }

    pub(crate) fn remove_trust(&self, login: &Login, id: &str) -> Result<TrustInfo> {
        let id = id.parse().map_err(usage::<keyward_types::Error>)?;
        self.trust_info(&self.vault.remove_trust(self.actor, &self.principal(login)?, id)?)
    }

    fn principal(&self, login: &Login) -> Result<PrincipalId> {
        Ok(self.vault.account_named(self.actor, login)?.principal)
    }

    fn trust_info(&self, trust: &WorkloadTrust) -> Result<TrustInfo> {
        let login = |principal: &PrincipalId| -> Result<String> {
            let account = self.vault.account_of(principal)?;
            Ok(account.and_then(|account| account.login).map_or_else(|| principal.to_string(), String::from))
        };
        Ok(TrustInfo {
            id: trust.id.to_string(),
            account: login(&trust.account)?,
            issuer: trust.issuer.clone(),
            audience: trust.audience.clone(),
            claims: texts(&trust.conditions),
            scopes: trust.scopes.iter().map(|scope| scope.text.clone()).collect(),
            read_only: trust.read_only,
            reusable: trust.reusable,
            seconds: trust.seconds,
            own_ca: trust.ca.is_some(),
            allow_private: trust.allow_private,
            created_at: trust.created_at,
            created_by: login(&trust.created_by)?,
        })
    }
}

impl From<IdentityLink> for IdentityInfo {
    fn from(link: IdentityLink) -> Self {
        Self {
            id: link.id,
            issuer: link.issuer,
            subject: link.subject,
            by: link.by.as_str().to_owned(),
            created_at: link.created_at,
        }
    }
}

fn provider_info(provider: &IdentityProvider) -> IdentityProviderInfo {
    IdentityProviderInfo {
        name: provider.name.clone(),
        title: provider.title.clone(),
        issuer: provider.issuer.clone(),
        client_id: provider.client_id.clone(),
        has_secret: provider.has_secret(),
        domains: provider.domains.clone(),
        claims: texts(&provider.conditions),
        scim_claim: provider.scim_claim.clone(),
        own_ca: provider.ca.is_some(),
        allow_private: provider.allow_private,
        for_owners: provider.by_owner,
        created_at: provider.created_at,
        created_by: provider.created_by.to_string(),
    }
}

fn texts(conditions: &[Condition]) -> Vec<String> {
    conditions.iter().map(ToString::to_string).collect()
}

fn conditions(texts: &[String]) -> Result<Vec<Condition>> {
    texts.iter().map(|text| text.parse()).collect::<Result<_, ConditionError>>().map_err(usage)
}

fn usage<E: std::error::Error>(error: E) -> Failure {
    Failure::usage(error.to_string())
}
