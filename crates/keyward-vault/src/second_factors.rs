//! Authenticators and recovery codes: taken on by their first code, given up with one.

use keyward_access::Session;
use keyward_access::credential::{AccountCredential, RecoveryCode, TotpCode, TotpSecret};
use keyward_audit::Action as ActionName;
use keyward_types::Secret;

use crate::change::{Change, Names};
use crate::passwords::Proof;
use crate::people::called;
use crate::records;
use crate::sessions::SignedIn;
use crate::sign_in::{Visitor, from_where};
use crate::write::raced;
use crate::{Error, Vault};

/// An authenticator's secret, to be shown once.
#[derive(Debug)]
pub struct Enrolment {
    /// To be typed.
    pub secret: Secret<String>,
    /// To be shown as a QR code.
    pub uri: Secret<String>,
}

/// What stands beside somebody's password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecondFactors {
    /// An authenticator is in force.
    pub authenticator: bool,
    /// One waits for its first code.
    pub waiting: bool,
    /// Recovery codes that were not used.
    pub recovery_codes: usize,
}

impl Vault {
    /// What stands beside the password of whoever is signed in.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn second_factors(&self, who: &SignedIn) -> Result<SecondFactors, Error> {
        let row = records::load::<AccountCredential>(&self.store, who.principal().as_str().as_bytes())?;
        let record = row.map(|row| row.record);
        Ok(SecondFactors {
            authenticator: record.as_ref().is_some_and(|record| record.totp.is_some()),
            waiting: record.as_ref().is_some_and(|record| record.pending.is_some()),
            recovery_codes: record.map_or(0, |record| record.recovery.len()),
        })
    }

    /// Begins with an authenticator: it is in force once its first code came. One that is in force
    /// stays so until then.
    ///
    /// # Errors
    /// As [`Vault::sign_in`].
    pub fn begin_totp(&self, who: &SignedIn, proof: &Proof<'_>, from: &Visitor<'_>) -> Result<Enrolment, Error> {
        let secret = TotpSecret::generate(&*self.tools.random)?;
        let account = self.account_row(who.principal())?.record;
        self.reprove(who, proof, from, ActionName::SecondFactorBegin, |left, _| {
            Ok(left.with_pending(&secret, &*self.ring, self.tools.clock.now())?)
        })?;
        Ok(Enrolment { secret: secret.text(), uri: secret.uri(called(&account)) })
    }

    /// Puts the authenticator in force with its first code, and gives the recovery codes. All other
    /// sessions of the person end; this one counts as with a second factor.
    ///
    /// # Errors
    /// [`Error::Refused`] when none waits or the code is not its; [`Error::Raced`].
    pub fn confirm_totp(&self, who: &SignedIn, code: TotpCode, from: &Visitor<'_>) -> Result<Vec<RecoveryCode>, Error> {
        let key = who.principal().as_str().as_bytes();
        let row = records::load::<AccountCredential>(&self.store, key)?;
        let row = row.filter(|row| row.record.pending.is_some());
        let row = row.ok_or_else(|| Error::Refused("no authenticator waits for its first code: begin anew".into()))?;
        let session =
            records::load::<Session>(&self.store, who.session().id.as_bytes())?.ok_or(Error::NotIdentified)?;
        let now = self.tools.clock.now();
        let confirmed = row.record.confirmed(code, &*self.ring, &*self.tools.random, now)?;
        let (record, codes) = confirmed.ok_or_else(|| {
            Error::Refused("this is not the code at this moment: look at the clock of the authenticator".into())
        })?;
        let names = from_where(Names::default().with("session", who.session().id.as_str()), from);
        let actor = who.actor(from);
        let mut change = Change::told(self, &actor, self.about_vault(ActionName::SecondFactorAdd).names(names));
        change.expect(records::unchanged(&row));
        change.put(&record);
        change.expect(records::unchanged(&session));
        change.put(&Session { second_factor: true, ..session.record.clone() });
        self.end_sessions_in(&mut change, who.principal(), Some(&who.session().id))?;
        change.commit().map_err(|error| raced(error, "the authenticator"))?;
        Ok(codes)
    }

    /// Makes fresh recovery codes; the old ones are dead.
    ///
    /// # Errors
    /// [`Error::Refused`] without an authenticator; else as [`Vault::sign_in`].
    pub fn renew_recovery_codes(
        &self,
        who: &SignedIn,
        proof: &Proof<'_>,
        from: &Visitor<'_>,
    ) -> Result<Vec<RecoveryCode>, Error> {
        let made = std::cell::RefCell::new(Vec::new());
        self.reprove(who, proof, from, ActionName::RecoveryCodesRenew, |left, _| {
            if left.totp.is_none() {
                return Err(Error::Refused("recovery codes stand in for an authenticator, and there is none".into()));
            }
            let (renewed, codes) = left.with_recovery_codes(&*self.ring, &*self.tools.random)?;
            made.replace(codes);
            Ok(renewed)
        })?;
        Ok(made.into_inner())
    }

    /// Gives the authenticator up, with a code of it or a recovery code.
    ///
    /// # Errors
    /// [`Error::Refused`] without an authenticator; else as [`Vault::sign_in`].
    pub fn remove_totp(&self, who: &SignedIn, proof: &Proof<'_>, from: &Visitor<'_>) -> Result<(), Error> {
        self.reprove(who, proof, from, ActionName::SecondFactorRemove, |left, change| {
            if left.totp.is_none() {
                return Err(Error::Refused("there is no authenticator".into()));
            }
            self.end_sessions_in(change, who.principal(), Some(&who.session().id))?;
            Ok(left.without_second_factor())
        })
    }
}
