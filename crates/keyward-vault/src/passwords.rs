//! Choosing a password: with the old one, or with a link.

use keyward_access::credential::{AccountCredential, Checked, Password, SecondFactor};
use keyward_access::lockout::{AttemptsRecord, neighbourhood};
use keyward_access::{Identity, Invite};
use keyward_audit::Action as ActionName;
use keyward_types::token::PlainToken;
use keyward_types::{PrincipalId, Record, Secret};

use crate::change::{Change, Names, Telling};
use crate::people::called;
use crate::records::{self, Row};
use crate::sessions::SignedIn;
use crate::sign_in::{ROUNDS, Visitor, Who, from_where};
use crate::{Error, Vault};

/// What somebody shows before he changes how he proves himself.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// His present password.
    pub password: &'a Secret<String>,
    /// What comes beside it, if he has an authenticator.
    pub second: Option<&'a SecondFactor>,
}

impl Vault {
    /// Chooses another password. All other sessions of the person end.
    ///
    /// # Errors
    /// [`Error::WeakPassword`]; else as [`Vault::sign_in`]: whoever found an open session cannot
    /// guess here either.
    pub fn set_password(
        &self,
        who: &SignedIn,
        proof: &Proof<'_>,
        new: &Secret<String>,
        from: &Visitor<'_>,
    ) -> Result<(), Error> {
        let new = self.chosen(who.principal(), new)?;
        self.reprove(who, proof, from, ActionName::PasswordSet, |left, change| {
            self.end_sessions_in(change, who.principal(), Some(&who.session().id))?;
            Ok(left.with_password(&new, &*self.ring, &*self.tools.random, self.tools.clock.now())?)
        })
    }

    /// Whom a link is for, without using it up.
    ///
    /// # Errors
    /// [`Error::NotIdentified`].
    pub fn invited(&self, link: &PlainToken) -> Result<Identity, Error> {
        let (_, identity) = self.invite_row(link)?;
        Ok(identity.record)
    }

    /// Chooses a password with a link, which is used up by it. All sessions of the person end, and
    /// what failed before is forgotten. An authenticator stays in force and its code is asked for,
    /// unless the link was made to take it away.
    ///
    /// # Errors
    /// [`Error::NotIdentified`] for a link that is over, used or none; [`Error::WeakPassword`],
    /// [`Error::SecondFactor`], [`Error::TooManyAttempts`].
    pub fn choose_password(
        &self,
        link: &PlainToken,
        new: &Secret<String>,
        second: Option<&SecondFactor>,
        from: &Visitor<'_>,
    ) -> Result<Identity, Error> {
        let (invite, identity) = self.invite_row(link)?;
        let principal = identity.record.principal.clone();
        let new = self.chosen(&principal, new)?;
        let key = self.tally_key(AttemptsRecord::ACCOUNT, called(&identity.record))?;
        let network = from.address.map(neighbourhood);
        let _turn = self.door.turn(&key).ok_or(Error::Busy)?;
        let tally = self.tally(&key, network.as_deref())?;
        let now = self.tools.clock.now();
        let row = records::load::<AccountCredential>(&self.store, principal.as_str().as_bytes())?;
        let record = row.as_ref().map(|row| row.record.clone());
        let record = record.unwrap_or_else(|| AccountCredential::new(principal.clone(), now));
        let record = if invite.record.without_second_factor {
            record.without_second_factor()
        } else {
            // A code can be guessed at; a link cannot, and is what lifts a lock.
            if record.totp.is_some() {
                self.refuse_untimely(&tally, Some(&identity.record), from)?;
            }
            match record.check_second(second, &*self.ring, now)? {
                Checked::Right { left, .. } => left.map_or(record, |left| *left),
                Checked::NeedsSecondFactor => return Err(Error::SecondFactor),
                Checked::Wrong => return Err(self.count_wrong(&tally, Some(&identity.record), from)),
            }
        };
        let chosen = record.with_password(&new, &*self.ring, &*self.tools.random, now)?;
        let actor = self.in_person(&principal, from)?;
        let names = from_where(Names::default().with("link", invite.record.id.as_str()), from);
        let mut change = Change::told(self, &actor, self.about_vault(ActionName::PasswordSet).names(names));
        change.expect(records::unchanged(&invite));
        change.delete::<Invite>(invite.record.key());
        change.expect(records::unchanged(&identity));
        change.expect(match &row {
            Some(row) => records::unchanged(row),
            None => records::absent(&chosen),
        });
        change.put(&chosen);
        if invite.record.without_second_factor {
            self.delete_passkeys_in(&mut change, &principal)?;
        }
        self.end_sessions_in(&mut change, &principal, None)?;
        tally.clear(&mut change);
        match change.commit() {
            Ok(_) => Ok(identity.record),
            // It was used at the same moment.
            Err(Error::Store(keyward_store::Error::Conflict(_))) => Err(Error::NotIdentified),
            Err(error) => Err(error),
        }
    }

    /// Changes the credential of somebody who proves himself once more.
    pub(crate) fn reprove(
        &self,
        who: &SignedIn,
        proof: &Proof<'_>,
        from: &Visitor<'_>,
        action: ActionName,
        changed: impl Fn(AccountCredential, &mut Change<'_>) -> Result<AccountCredential, Error>,
    ) -> Result<(), Error> {
        self.reprove_about(who, proof, from, self.about_vault(action), changed)
    }

    /// The same with more to tell of it.
    pub(crate) fn reprove_about(
        &self,
        who: &SignedIn,
        proof: &Proof<'_>,
        from: &Visitor<'_>,
        telling: Telling,
        changed: impl Fn(AccountCredential, &mut Change<'_>) -> Result<AccountCredential, Error>,
    ) -> Result<(), Error> {
        let names = telling.names.clone().with("session", who.session().id.as_str());
        let telling = telling.names(from_where(names, from));
        for _ in 0..ROUNDS {
            let mut proven = self.believe(&Who::Known(who.principal()), proof.password, proof.second, from)?;
            let actor = who.actor(from);
            let mut change = Change::told(self, &actor, telling.clone());
            proven.left = changed(proven.left.clone(), &mut change)?;
            proven.take_into(&mut change);
            match change.commit() {
                Err(Error::Store(keyward_store::Error::Conflict(_))) => {}
                done => return done.map(drop),
            }
        }
        Err(Error::Busy)
    }

    /// A password that is good for this person.
    pub(crate) fn chosen(&self, principal: &PrincipalId, text: &Secret<String>) -> Result<Password, Error> {
        let identity = self.account_row(principal)?.record;
        let projects: Vec<String> =
            records::scan::<crate::Project>(&self.store, &[])?.iter().map(|row| row.record.name.to_string()).collect();
        let mut about: Vec<&str> = vec![&identity.name, called(&identity)];
        about.extend(projects.iter().take(MAX_WORDS).map(String::as_str));
        Ok(Password::chosen(text.clone(), &about)?)
    }

    pub(crate) fn invite_row(&self, link: &PlainToken) -> Result<(Row<Invite>, Row<Identity>), Error> {
        let presented = keyward_access::TokenHash::of(link, &*self.ring)?;
        let found = records::find::<Invite>(&self.store, "id", link.id().as_bytes())?;
        let right = |invite: &Row<Invite>| invite.record.hash.matches(&presented);
        let invite = found.into_iter().find(right).ok_or(Error::NotIdentified)?;
        let identity = self.account_row(&invite.record.principal)?;
        match invite.record.serves(self.tools.clock.now()) && identity.record.is_enabled() {
            true => Ok((invite, identity)),
            false => Err(Error::NotIdentified),
        }
    }
}

/// So many projects' names count as known to a guesser.
const MAX_WORDS: usize = 200;
