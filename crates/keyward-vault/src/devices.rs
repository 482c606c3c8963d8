//! `keyward login` on a machine without a browser (RFC 8628): the device shows a code, a person who
//! is signed in elsewhere types it, and the device gets a session in that person's name.

use keyward_access::credential::UserCode;
use keyward_access::lockout::neighbourhood;
use keyward_access::{DeviceLogin, DeviceState, Identity, Session, SessionKind, TokenHash};
use keyward_audit::Action as ActionName;
use keyward_types::token::{PlainToken, TokenKind};
use keyward_types::{PrincipalId, Record};

use crate::change::{Change, Names};
use crate::records::{self, Row};
use crate::sessions::SignedIn;
use crate::sign_in::{Visitor, at_the_door, from_where, shown};
use crate::{Error, Vault};

/// What a device gets that asks to be let in.
#[derive(Debug)]
pub struct DeviceGrant {
    /// What it asks with from now on; nobody else sees it.
    pub device_code: PlainToken,
    /// What it shows.
    pub user_code: UserCode,
    /// For how many seconds both last.
    pub expires_in: u64,
    /// How many seconds it waits between two questions.
    pub interval: u64,
}

/// The answer to a device that asks.
#[derive(Debug)]
pub enum DeviceAnswer {
    /// Nobody has typed the code.
    Pending,
    /// It asks too often: five seconds more between two questions from now on.
    SlowDown,
    /// A person said no.
    Denied,
    /// The code is over, used, or none.
    Expired,
    /// It is let in.
    Session(PlainToken, Box<Session>),
}

impl Vault {
    /// A device asks to be let in.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already, of this network or in all.
    pub fn begin_device(&self, from: &Visitor<'_>) -> Result<DeviceGrant, Error> {
        let (now, network) = (self.tools.clock.now(), from.address.map(neighbourhood).unwrap_or_default());
        let waiting = records::scan::<DeviceLogin>(&self.store, &[])?;
        let waiting: Vec<_> = waiting.iter().filter(|row| row.record.serves(now)).collect();
        let here = waiting.iter().filter(|row| row.record.network == network).count();
        if here >= DeviceLogin::IN_A_NETWORK || waiting.len() >= DeviceLogin::IN_ALL {
            return Err(Error::Busy);
        }
        let (code, user_code) =
            (PlainToken::generate(TokenKind::OneTime, &*self.tools.random)?, UserCode::generate(&*self.tools.random)?);
        let device = DeviceLogin {
            id: code.id().to_owned(),
            hash: TokenHash::of(&code, &*self.ring)?,
            user_code: user_code.hash(&*self.ring)?,
            agent: shown(from.agent),
            network,
            created_at: now,
            state: DeviceState::Waiting,
        };
        let names = from_where(Names::default().with("device", device.id.as_str()), from);
        let actor = at_the_door(from.agent);
        let mut change = Change::told(self, &actor, self.about_vault(ActionName::DeviceBegin).names(names));
        change.expect_free::<DeviceLogin>("user_code", device.user_code.as_bytes().to_vec());
        change.expect(records::absent(&device));
        change.put(&device);
        change.commit()?;
        let seconds = |milliseconds: i64| milliseconds.unsigned_abs() / 1000;
        let (expires_in, interval) = (seconds(DeviceLogin::LASTS), seconds(DeviceLogin::INTERVAL));
        Ok(DeviceGrant { device_code: code, user_code, expires_in, interval })
    }

    /// The device that shows this code, for the person to look at before he decides: from where it
    /// asks, with what and since when.
    ///
    /// # Errors
    /// [`Error::Missing`], and after too many wrong codes [`Error::TooManyAttempts`].
    pub fn device(&self, who: &SignedIn, code: &UserCode, from: &Visitor<'_>) -> Result<DeviceLogin, Error> {
        Ok(self.device_row(who, code, from)?.record)
    }

    /// Lets a device in, in one's own name, or not.
    ///
    /// # Errors
    /// As [`Vault::device`].
    pub fn decide_device(
        &self,
        who: &SignedIn,
        code: &UserCode,
        let_in: bool,
        from: &Visitor<'_>,
    ) -> Result<DeviceLogin, Error> {
        let row = self.device_row(who, code, from)?;
        let (action, state) = match let_in {
            false => (ActionName::DeviceDeny, DeviceState::Denied),
            true => (
                ActionName::DeviceApprove,
                DeviceState::Approved {
                    by: who.principal().clone(),
                    session: who.session().id.clone(),
                    second_factor: who.session().second_factor,
                },
            ),
        };
        let device = DeviceLogin { state, ..row.record.clone() };
        let names = Names::default()
            .with("device", device.id.as_str())
            .with("device_agent", device.agent.as_str())
            .with("device_network", device.network.as_str());
        let actor = who.actor(from);
        let mut change = Change::told(self, &actor, self.about_vault(action).names(from_where(names, from)));
        change.expect(records::unchanged(&row));
        change.put(&device);
        change.commit().map_err(|error| crate::write::raced(error, "the device"))?;
        Ok(device)
    }

    /// A device asks whether it is let in.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn ask_for_device(&self, code: &PlainToken, from: &Visitor<'_>) -> Result<DeviceAnswer, Error> {
        let now = self.tools.clock.now();
        let presented = TokenHash::of(code, &*self.ring)?;
        let row = records::load::<DeviceLogin>(&self.store, code.id().as_bytes())?;
        let right = |row: &Row<DeviceLogin>| row.record.hash.matches(&presented) && row.record.serves(now);
        let Some(row) = row.filter(right) else {
            return Ok(DeviceAnswer::Expired);
        };
        if self.door.asks_too_soon(&row.record.id, now) {
            return Ok(DeviceAnswer::SlowDown);
        }
        match &row.record.state {
            DeviceState::Waiting => Ok(DeviceAnswer::Pending),
            DeviceState::Denied => Ok(DeviceAnswer::Denied),
            DeviceState::Approved { by, session, second_factor } => {
                match self.let_in(&row, by, session, *second_factor, from) {
                    Err(Error::NotIdentified) => Ok(DeviceAnswer::Expired),
                    // It asked twice at once, or the person's session was marked: it will ask again.
                    Err(Error::Store(keyward_store::Error::Conflict(_))) => Ok(DeviceAnswer::Pending),
                    done => done,
                }
            }
        }
    }

    /// The device's session, in one change with the end of its code. The session in which it was
    /// let in has to live, and the person too.
    fn let_in(
        &self,
        row: &Row<DeviceLogin>,
        by: &PrincipalId,
        session: &str,
        second_factor: bool,
        from: &Visitor<'_>,
    ) -> Result<DeviceAnswer, Error> {
        let actor = self.in_person(by, from)?;
        let identity = self.account_row(by)?;
        let approved = records::load::<Session>(&self.store, session.as_bytes())?.ok_or(Error::NotIdentified)?;
        approved.record.serves(self.tools.clock.now()).map_err(|_| Error::NotIdentified)?;
        let (token, session) = self.new_session(by, SessionKind::Device, second_factor, from)?;
        let names = Names::default().with("session", session.id.as_str()).with("device", row.record.id.as_str());
        let telling = self.about_vault(ActionName::SignIn).names(from_where(names, from));
        let mut change = Change::told(self, &actor, telling);
        change.expect(records::unchanged(row));
        change.delete::<DeviceLogin>(row.record.key());
        change.expect(records::unchanged::<Identity>(&identity));
        change.expect(records::unchanged(&approved));
        change.expect(records::absent(&session));
        change.put(&session);
        change.commit()?;
        Ok(DeviceAnswer::Session(token, Box::new(session)))
    }

    /// The device that waits behind a typed code. Wrong codes are counted under the person who
    /// types them, so that nobody tries until one fits.
    fn device_row(&self, who: &SignedIn, code: &UserCode, from: &Visitor<'_>) -> Result<Row<DeviceLogin>, Error> {
        let account = self.account_row(who.principal())?.record;
        let key = self.tally_key("device", who.principal().as_str())?;
        let tally = self.tally(&key, None)?;
        self.refuse_untimely(&tally, Some(&account), from)?;
        let (now, hash) = (self.tools.clock.now(), code.hash(&*self.ring)?);
        let found = records::find::<DeviceLogin>(&self.store, "user_code", hash.as_bytes())?;
        let waits = |row: &Row<DeviceLogin>| {
            row.record.user_code.matches(&hash) && row.record.serves(now) && row.record.state == DeviceState::Waiting
        };
        match found.into_iter().find(waits) {
            Some(row) => Ok(row),
            None => match self.count_wrong(&tally, Some(&account), from) {
                Error::NotIdentified => Err(Error::Missing { noun: "device that shows", name: "this code".into() }),
                error => Err(error),
            },
        }
    }
}
