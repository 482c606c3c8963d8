//! Links by which somebody chooses a password: the first owner, a new colleague, or who has
//! forgotten his. No password exists that nobody chose.

use keyward_access::credential::AccountCredential;
use keyward_access::{IdentityKind, Invite, Object, TokenHash};
use keyward_audit::Action as ActionName;
use keyward_types::token::{PlainToken, TokenKind};
use keyward_types::{PrincipalId, Timestamp};

use crate::actor::Actor;
use crate::change::Change;
use crate::identity_links::IdentityLink;
use crate::people::{called, of_account};
use crate::records;
use crate::{Error, Vault};

impl Vault {
    /// Makes a link for a person; an earlier one for the same person is dead. It lasts an hour and
    /// serves once. `without_second_factor`: it takes the authenticator away too.
    ///
    /// # Errors
    /// [`Error::Refused`] for a program, a disabled account, one above the caller's rights, or a
    /// caller whose token has only a part of his rights; [`Error::Missing`], [`Error::Denied`].
    pub fn invite(
        &self,
        actor: &Actor,
        principal: &PrincipalId,
        without_second_factor: bool,
    ) -> Result<(PlainToken, Invite), Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::InviteCreate);
        let row = self.account_row(principal)?;
        let names = of_account(&row.record);
        let permit = self.permit_administer(actor, object, action, &names)?;
        self.refuse_above(actor, principal)?;
        self.refuse_to_invite(actor, &row.record)?;
        let token = PlainToken::generate(TokenKind::OneTime, &*self.tools.random)?;
        let now = self.tools.clock.now();
        let invite = Invite {
            id: token.id().to_owned(),
            hash: TokenHash::of(&token, &*self.ring)?,
            principal: principal.clone(),
            created_by: actor.principal().clone(),
            created_at: now,
            expires_at: Timestamp(now.0.saturating_add(Invite::LASTS)),
            without_second_factor,
        };
        let second = if without_second_factor { "taken away" } else { "kept" };
        let telling = self.about_vault(action).names(names.with("second_factor", second));
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::unchanged(&row));
        change.put(&invite);
        change.commit().map_err(|error| crate::write::raced(error, called(&row.record)))?;
        Ok((token, invite))
    }

    /// Whoever holds a link is the person it is for: it gives all of that person's rights.
    fn refuse_to_invite(&self, actor: &Actor, account: &keyward_access::Identity) -> Result<(), Error> {
        if account.kind != IdentityKind::Person {
            return Err(Error::Refused(format!("`{}` is a program: it signs in with a token", called(account))));
        }
        if !account.is_enabled() {
            return Err(Error::Refused(format!("`{}` is disabled", called(account))));
        }
        match actor.caller.restriction().is_some_and(|restriction| restriction.narrows()) {
            true => Err(Error::Refused("a link gives all rights of a person, and this token has only a part".into())),
            false => Ok(()),
        }
    }

    /// Whether anybody has ever chosen a password here, or an identity at a provider instead. If not,
    /// nobody can sign in before [`Vault::invite`].
    ///
    /// # Errors
    /// When the store refuses.
    pub fn has_passwords(&self) -> Result<bool, Error> {
        let credentials = records::scan::<AccountCredential>(&self.store, &[])?;
        let chosen = credentials.iter().any(|row| row.record.password.is_some());
        Ok(chosen || !records::scan::<IdentityLink>(&self.store, &[])?.is_empty())
    }
}
