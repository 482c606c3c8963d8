//! Signing in with a passkey: nobody types who he is, the passkey says it.
//!
//! What holds here:
//!
//! - What is not known, is another's, or is not signed by the key gets one answer; the log has the
//!   reason. Each is counted as a wrong password is: for the network, and for the account that the
//!   passkey is of.
//! - The session, the count of the passkey's signatures and the mark that the question was answered
//!   are one change.

use keyward_access::lockout::{AttemptsRecord, neighbourhood};
use keyward_access::passkey::{self, Passkey, Presented, Site};
use keyward_access::{Identity, Session, SessionKind};
use keyward_audit::Action as ActionName;
use keyward_types::Record;
use keyward_types::token::PlainToken;

use crate::change::{Change, Names};
use crate::passkey_ceremony::{Errand, PasskeyQuestion};
use crate::passkeys::{PasskeyAnswer, of_passkey};
use crate::people::called;
use crate::records::{self, Row};
use crate::sign_in::{ROUNDS, Visitor, from_where, may_sign_in};
use crate::tally::Tally;
use crate::{Error, Vault};

/// What somebody brings who signs in with a passkey.
#[derive(Clone, Copy, Debug)]
pub struct PasskeySignIn<'a> {
    /// What his authenticator answered.
    pub answer: PasskeyAnswer<'a>,
    /// Where the session will live.
    pub kind: SessionKind,
    /// From where he comes.
    pub from: Visitor<'a>,
}

/// A passkey, and whose it is.
type Found = (Row<Identity>, Row<Passkey>);

impl Vault {
    /// Asks for any passkey of the site.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] for a network that has to wait.
    pub fn begin_passkey_sign_in(&self, site: &Site, from: &Visitor<'_>) -> Result<PasskeyQuestion, Error> {
        self.refuse_untimely(&self.tally_of_network(from)?, None, from)?;
        self.seal_ceremony(passkey::begin_sign_in(site)?, Errand::SignIn, site)
    }

    /// Signs somebody in who shows a passkey; that counts as both factors.
    ///
    /// # Errors
    /// [`Error::Passkey`] for what cannot be read; [`Error::Refused`] for an answer to no question
    /// that stands; [`Error::NotIdentified`], whatever else is wrong; [`Error::TooManyAttempts`],
    /// [`Error::Busy`].
    pub fn sign_in_with_passkey(&self, with: &PasskeySignIn<'_>) -> Result<(PlainToken, Session), Error> {
        let presented = Presented::parse(with.answer.credential)?;
        for _ in 0..ROUNDS {
            match self.try_passkey(&presented, with) {
                // It was used elsewhere at this moment, or the account changed: it is looked at again.
                Err(Error::Store(keyward_store::Error::Conflict(_))) => {}
                done => return done,
            }
        }
        Err(Error::Busy)
    }

    fn try_passkey(&self, presented: &Presented, with: &PasskeySignIn<'_>) -> Result<(PlainToken, Session), Error> {
        let PasskeySignIn { answer, kind, from } = with;
        self.refuse_untimely(&self.tally_of_network(from)?, None, from)?;
        let standing = self.standing_ceremony(answer.ceremony, &Errand::SignIn, answer.site, None, from)?;
        let Some((identity, _)) = self.shown_passkey(presented)? else {
            let tally = self.tally_of_network(from)?;
            return Err(self.count_passkey(&tally, None, Names::default(), "unknown passkey", from));
        };
        let key = self.tally_key(AttemptsRecord::ACCOUNT, called(&identity.record))?;
        let network = from.address.map(neighbourhood);
        let account = Some(&identity.record);
        self.refuse_untimely(&self.tally(&key, network.as_deref())?, account, from)?;
        let _turn = self.door.turn(&key).ok_or(Error::Busy)?;
        let tally = self.tally(&key, network.as_deref())?;
        self.refuse_untimely(&tally, account, from)?;
        // As it is now that nobody else is tried.
        let Some((identity, row)) = self.shown_passkey(presented)? else { return Err(Error::NotIdentified) };
        let names = of_passkey(&row.record);
        let wrong = |why| self.count_passkey(&tally, Some(&identity.record), names.clone(), why, from);
        let now = self.tools.clock.now();
        let left = presented.check(answer.site, &standing.state, &row.record, now);
        let left = left.map_err(|error| wrong(error.as_str()))?;
        if !may_sign_in(&identity) {
            return Err(wrong("disabled account"));
        }
        let principal = &identity.record.principal;
        let (token, session) = self.new_session(principal, *kind, true, from)?;
        let actor = self.in_person(principal, from)?;
        let names = from_where(names.clone().with("session", session.id.as_str()), from).with("second_factor", "yes");
        let mut change = Change::told(self, &actor, self.about_vault(ActionName::SignIn).names(names));
        standing.spent.take_into(&mut change);
        change.expect(records::unchanged(&identity));
        change.expect(records::unchanged(&row));
        change.put(&left);
        tally.clear(&mut change);
        change.expect(records::absent(&session));
        change.put(&session);
        change.commit()?;
        Ok((token, session))
    }

    /// The passkey that somebody claims to show, and whose it is.
    fn shown_passkey(&self, presented: &Presented) -> Result<Option<Found>, Error> {
        let Some(row) = records::load::<Passkey>(&self.store, presented.id().as_bytes())? else { return Ok(None) };
        let identity = records::load::<Identity>(&self.store, row.record.principal.as_str().as_bytes())?;
        debug_assert_eq!(row.record.key(), presented.id().into_bytes(), "a record lies where its key says");
        Ok(identity.map(|identity| (identity, row)))
    }

    fn count_passkey(
        &self,
        tally: &Tally,
        account: Option<&Identity>,
        names: Names,
        why: &'static str,
        from: &Visitor<'_>,
    ) -> Error {
        match self.count_failed(tally, account, names, why, from) {
            Ok(()) => Error::NotIdentified,
            Err(error) => error,
        }
    }
}
