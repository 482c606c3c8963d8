//! Counts of wrong tries in the store: one of an account, one of a network.

use keyward_access::lockout::{Attempt, Attempts, AttemptsRecord, Limits, neighbourhood};
use keyward_types::{Keys, Purpose, Timestamp};

use crate::change::Change;
use crate::records::{self, Row};
use crate::sign_in::Visitor;
use crate::value::hex;
use crate::{Error, Vault};

/// How things stand for one try.
pub(crate) struct Tally {
    account: Option<Count>,
    network: Option<Count>,
}

struct Count {
    of: String,
    row: Option<Row<AttemptsRecord>>,
    limits: Limits,
}

impl Vault {
    /// What a count is kept under: a keyed hash, from which nothing can be read.
    pub(crate) fn tally_key(&self, sort: &str, of: &str) -> Result<String, Error> {
        let message = [b"keyward/attempts/1\0", sort.as_bytes(), b"\0", of.as_bytes()].concat();
        let hash = self.ring.mac(&Purpose::Credential, &message)?;
        Ok(format!("{sort}/{}", hex(&hash[..16])))
    }

    pub(crate) fn tally(&self, account: &str, network: Option<&str>) -> Result<Tally, Error> {
        let network = network.map(|network| self.tally_key(AttemptsRecord::NETWORK, network)).transpose()?;
        Ok(Tally {
            account: Some(self.count(account.to_owned(), Limits::ACCOUNT)?),
            network: network.map(|network| self.count(network, Limits::NETWORK)).transpose()?,
        })
    }

    /// How things stand for a network alone: where no account is known yet, or where whoever knows
    /// its name must not make it wait.
    pub(crate) fn tally_of_network(&self, from: &Visitor<'_>) -> Result<Tally, Error> {
        let network = from.address.map(neighbourhood);
        let network = network.map(|network| self.tally_key(AttemptsRecord::NETWORK, &network)).transpose()?;
        let network = network.map(|network| self.count(network, Limits::NETWORK)).transpose()?;
        Ok(Tally { account: None, network })
    }

    /// The same as it is now.
    pub(crate) fn tally_again(&self, tally: &Tally) -> Result<Tally, Error> {
        let again = |count: &Count| self.count(count.of.clone(), count.limits);
        Ok(Tally {
            account: tally.account.as_ref().map(again).transpose()?,
            network: tally.network.as_ref().map(again).transpose()?,
        })
    }

    fn count(&self, of: String, limits: Limits) -> Result<Count, Error> {
        let row = records::load::<AttemptsRecord>(&self.store, of.as_bytes())?;
        Ok(Count { of, row, limits })
    }
}

impl Tally {
    /// Until when nothing is tried.
    pub(crate) fn wait(&self, now: Timestamp) -> Option<Timestamp> {
        self.counts().filter_map(|count| count.attempts().wait(now)).max()
    }

    /// Whether a count is from a time that has not come.
    pub(crate) fn is_ahead(&self, now: Timestamp) -> bool {
        self.counts().any(|count| now < count.attempts().since)
    }

    /// Puts the counts after `event` into a change; gives what has to wait for long from now on.
    pub(crate) fn put(&self, change: &mut Change<'_>, event: Attempt, now: Timestamp) -> Vec<&'static str> {
        let mut locked = Vec::new();
        for count in self.counts() {
            let attempts = count.attempts().next(event, &count.limits, now);
            if event == Attempt::Wrong && attempts.is_locked(&count.limits, now) {
                locked.push(if count.limits.forgives { "account" } else { "network" });
            }
            let record = AttemptsRecord { of: count.of.clone(), attempts };
            change.expect(match &count.row {
                Some(row) => records::unchanged(row),
                None => records::absent(&record),
            });
            change.put(&record);
        }
        locked
    }

    /// Clears the counts that being right clears. A wrong try of another node in between makes the
    /// change fail, so that it is looked at again.
    pub(crate) fn clear(&self, change: &mut Change<'_>) {
        for count in self.counts().filter(|count| count.limits.forgives) {
            if let Some(row) = &count.row {
                change.expect(records::unchanged(row));
                change.delete::<AttemptsRecord>(count.of.as_bytes().to_vec());
            }
        }
    }

    fn counts(&self) -> impl Iterator<Item = &Count> {
        self.account.iter().chain(&self.network)
    }
}

impl Count {
    fn attempts(&self) -> Attempts {
        self.row.as_ref().map(|row| row.record.attempts).unwrap_or_default()
    }
}
