//! Passkeys of people: made by who is signed in and proves himself once more, given up likewise, and
//! taken away by who may administer accounts. They stand beside a password, so that without them a
//! way in is left.

use keyward_access::passkey::{self, Handle, Passkey, PasskeyError, Site};
use keyward_access::{Object, Session};
use keyward_audit::Action as ActionName;
use keyward_types::{PrincipalId, Record, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::passkey_ceremony::{Errand, PasskeyQuestion};
use crate::passwords::Proof;
use crate::people::{called, of_account};
use crate::records::{self, Row};
use crate::sessions::SignedIn;
use crate::sign_in::{Visitor, from_where};
use crate::write::raced;
use crate::{Error, Vault};

/// What a browser brings after an authenticator answered.
#[derive(Clone, Copy, Debug)]
pub struct PasskeyAnswer<'a> {
    /// What it was given with the question.
    pub ceremony: &'a str,
    /// The answer: a `PublicKeyCredential` as JSON.
    pub credential: &'a Value,
    /// The site that passkeys are for.
    pub site: &'a Site,
}

impl Vault {
    /// Asks for a new passkey for whoever is signed in and proves himself once more.
    ///
    /// # Errors
    /// [`Error::Refused`] when there are too many; else as [`Vault::sign_in`].
    pub fn begin_passkey(
        &self,
        who: &SignedIn,
        proof: &Proof<'_>,
        site: &Site,
        from: &Visitor<'_>,
    ) -> Result<PasskeyQuestion, Error> {
        let account = self.account_row(who.principal())?.record;
        self.reprove(who, proof, from, ActionName::PasskeyBegin, |left, _| Ok(left))?;
        let known = self.passkeys(who)?;
        refuse_more(&known)?;
        // An authenticator that has the account already is known by it.
        let handle = match known.first() {
            Some(passkey) => passkey.handle,
            None => {
                let mut handle = Handle([0; 32]);
                self.tools.random.fill(&mut handle.0)?;
                handle
            }
        };
        let asked = passkey::begin_registration(site, handle, called(&account), &account.name, &known)?;
        self.seal_ceremony(asked, errand(who), site)
    }

    /// Takes the passkey that an authenticator made.
    ///
    /// # Errors
    /// [`Error::Passkey`] for what is wrong with it; [`Error::Refused`] when it was not asked for, or
    /// too long ago; [`Error::Exists`].
    pub fn add_passkey(
        &self,
        who: &SignedIn,
        answer: &PasskeyAnswer<'_>,
        name: &str,
        from: &Visitor<'_>,
    ) -> Result<Passkey, Error> {
        let account = self.account_row(who.principal())?.record;
        let name = named(name)?;
        let standing = self.standing_ceremony(answer.ceremony, &errand(who), answer.site, Some(&account), from)?;
        let made = passkey::finish_registration(answer.site, &standing.state, answer.credential);
        let made = made.map_err(|error| self.refuse_passkey(&account, error, from))?;
        let passkey = made.of(who.principal().clone(), name, answer.site, self.tools.clock.now());
        refuse_more(&self.passkeys(who)?)?;
        if records::load::<Passkey>(&self.store, &passkey.key())?.is_some() {
            return Err(Error::Exists { noun: "passkey", name: passkey.id });
        }
        let session = records::load::<Session>(&self.store, who.session().id.as_bytes())?;
        let session = session.ok_or(Error::NotIdentified)?;
        let names = of_passkey(&passkey).with("session", who.session().id.as_str());
        let telling = self.about_vault(ActionName::PasskeyAdd).names(from_where(names, from));
        let actor = who.actor(from);
        let mut change = Change::told(self, &actor, telling);
        standing.spent.take_into(&mut change);
        change.expect(records::unchanged(&session));
        change.expect(records::absent(&passkey));
        change.put(&passkey);
        change.commit().map_err(|error| raced(error, "the passkey"))?;
        Ok(passkey)
    }

    /// The passkeys of whoever is signed in, the newest first.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn passkeys(&self, who: &SignedIn) -> Result<Vec<Passkey>, Error> {
        let mut found: Vec<Passkey> = self.passkey_rows(who.principal())?.into_iter().map(|row| row.record).collect();
        found.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        Ok(found)
    }

    /// Gives a passkey up. All other sessions of the person end, those that it began among them.
    ///
    /// # Errors
    /// [`Error::Missing`]; else as [`Vault::sign_in`].
    pub fn remove_passkey(&self, who: &SignedIn, proof: &Proof<'_>, id: &str, from: &Visitor<'_>) -> Result<(), Error> {
        let row = records::load::<Passkey>(&self.store, id.as_bytes())?;
        let row = row.filter(|row| row.record.principal == *who.principal());
        let row = row.ok_or_else(|| Error::Missing { noun: "passkey", name: shown(id) })?;
        let telling = self.about_vault(ActionName::PasskeyRemove).names(of_passkey(&row.record)).count(1);
        self.reprove_about(who, proof, from, telling, |left, change| {
            // Nothing is expected: that it is used meanwhile must not keep it.
            change.delete::<Passkey>(row.record.key());
            self.end_sessions_in(change, who.principal(), Some(&who.session().id))?;
            Ok(left)
        })
    }

    /// Takes all passkeys of an account away, and ends its sessions. Gives how many there were.
    ///
    /// # Errors
    /// [`Error::Refused`] for one above the caller's rights; [`Error::Missing`], [`Error::Denied`].
    pub fn reset_passkeys(&self, actor: &Actor, principal: &PrincipalId) -> Result<u64, Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::PasskeyRemove);
        let account = self.account_row(principal)?;
        let names = of_account(&account.record);
        let permit = self.permit_administer(actor, object, action, &names)?;
        self.refuse_above(actor, principal)?;
        let count = self.passkey_rows(principal)?.len() as u64;
        let telling = Telling::new(action, object).names(names).count(count);
        let mut change = Change::permitted(self, actor, permit, telling);
        self.delete_passkeys_in(&mut change, principal)?;
        self.end_sessions_in(&mut change, principal, None)?;
        change.commit()?;
        Ok(count)
    }

    /// How many passkeys people have.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list the vault.
    pub fn passkey_counts(&self, actor: &Actor) -> Result<BTreeMap<PrincipalId, u64>, Error> {
        self.permit_list_vault(actor)?;
        let mut counts = BTreeMap::new();
        for row in records::scan::<Passkey>(&self.store, &[])? {
            *counts.entry(row.record.principal).or_default() += 1;
        }
        Ok(counts)
    }

    /// How many passkeys one account has.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn passkey_count(&self, principal: &PrincipalId) -> Result<u64, Error> {
        Ok(self.passkey_rows(principal)?.len() as u64)
    }

    /// Since when somebody has a passkey, which is a second factor by itself.
    pub(crate) fn passkey_since(&self, principal: &PrincipalId) -> Result<Option<Timestamp>, Error> {
        Ok(self.passkey_rows(principal)?.into_iter().map(|row| row.record.created_at).min())
    }

    /// Takes all passkeys of an account away within another change.
    pub(crate) fn delete_passkeys_in(&self, change: &mut Change<'_>, principal: &PrincipalId) -> Result<(), Error> {
        for row in self.passkey_rows(principal)? {
            change.delete::<Passkey>(row.record.key());
        }
        Ok(())
    }

    fn passkey_rows(&self, principal: &PrincipalId) -> Result<Vec<Row<Passkey>>, Error> {
        let rows = records::find::<Passkey>(&self.store, "principal", principal.as_str().as_bytes())?;
        // The index is not authentic by itself.
        Ok(rows.into_iter().filter(|row| row.record.principal == *principal).collect())
    }

    fn refuse_passkey(&self, account: &keyward_access::Identity, error: PasskeyError, from: &Visitor<'_>) -> Error {
        match self.tell_refusal(Some(account), from, error.as_str()) {
            Ok(()) => error.into(),
            Err(error) => error,
        }
    }
}

fn errand(who: &SignedIn) -> Errand {
    Errand::Register { principal: who.principal().clone(), session: who.session().id.clone() }
}

fn refuse_more(known: &[Passkey]) -> Result<(), Error> {
    match known.len() < Passkey::MOST {
        true => Ok(()),
        false => Err(Error::Refused(format!("an account has at most {} passkeys: remove one first", Passkey::MOST))),
    }
}

fn named(name: &str) -> Result<&str, Error> {
    let name = name.trim();
    let fits = (1..=Passkey::LONGEST_NAME).contains(&name.len()) && !name.chars().any(char::is_control);
    fits.then_some(name).ok_or_else(|| {
        let most = Passkey::LONGEST_NAME;
        Error::Refused(format!("a passkey's name has 1 to {most} bytes and no control characters"))
    })
}

pub(crate) fn of_passkey(passkey: &Passkey) -> Names {
    Names::default().with("passkey", passkey.id.as_str()).with("passkey_name", passkey.name.as_str())
}

fn shown(id: &str) -> String {
    id.chars().take(60).flat_map(char::escape_debug).collect()
}
