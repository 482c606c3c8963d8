//! Who keeps accounts and groups as an identity provider has them: whoever holds a token for that.

use std::net::IpAddr;

use keyward_access::{Caller, Identity, IdentityKind, Object, Role, ScopeText};
use keyward_audit::{Action as ActionName, Outcome};
use keyward_types::token::PlainToken;

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::tokens::{AGENT, from_where};
use crate::{Error, Vault};

impl Vault {
    /// Whoever holds a token for keeping accounts and groups.
    ///
    /// # Errors
    /// [`Error::NotIdentified`]; [`Error::Refused`] for a token that is for something else, which
    /// goes on record.
    pub fn provisioner_of_token(&self, token: &PlainToken, from: Option<IpAddr>) -> Result<Caller, Error> {
        let caller = self.caller_of_token(token, from)?;
        match caller.restriction() {
            Some(restriction) if restriction.provisions() => {
                Ok(Caller::provisioner(caller.principal().clone(), restriction))
            }
            _ => {
                let names = Names::default().with("token", token.id()).with("why", "it is not for provisioning");
                let telling = Telling::new(ActionName::TokenUse, Object::Vault(self.id()))
                    .outcome(Outcome::Denied)
                    .names(from_where(names, from));
                Change::told(self, &Actor::new(caller.clone(), AGENT), telling).commit()?;
                Err(Error::Refused("this token is not for provisioning: it needs the scope `scim` and no other".into()))
            }
        }
    }

    /// Who keeps accounts and groups can bring people into what owners have bound, so that owners
    /// alone let somebody do it: a program, which can do nothing else by that token.
    pub(crate) fn refuse_odd_provisioner(
        &self,
        actor: &Actor,
        account: &Identity,
        scopes: &[ScopeText],
    ) -> Result<(), Error> {
        if !scopes.iter().any(ScopeText::provisions) {
            return Ok(());
        }
        self.refuse_narrowed(actor)?;
        if scopes.len() > 1 || account.kind != IdentityKind::Service || !actor.caller.has_everywhere(Role::Owner) {
            return Err(Error::Refused(
                "a token with the scope `scim` is made by an owner, for a service account, and has no other scope"
                    .into(),
            ));
        }
        Ok(())
    }
}
