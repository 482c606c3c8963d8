//! Changes that are asked for again under the same key (`Idempotency-Key`): each is carried out once.
//!
//! The key is marked *in the change itself*, in the same commit: there is no moment at which the one
//! is durable and the other is not, whatever ends the process. The answer is known only later, and is
//! put beside the mark then, sealed. A process that ends in between leaves a mark without an answer:
//! whoever asks again hears that it was done, and it is not done again.
//!
//! Where a call makes several commits (an offboarding, a template of roles), the first one carries the
//! mark: after a crash in between, the key says "done", and what was left is to be looked at. What an
//! answer holds that is shown once (a token, a signing secret) is never kept: sealed or not, it would
//! make "shown once" untrue, and a thief of store and key would have what the store keeps hashes of.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keyward_access::{Caller, SystemTask};
use keyward_audit::Action as ActionName;
use keyward_store::Expect;
use keyward_types::{Keys, PrincipalId, Purpose, Record, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::actor::Actor;
use crate::change::Change;
use crate::crypto::context;
use crate::lead::Lead;
use crate::records::{self, Row};
use crate::value::hex;
use crate::{Error, Vault};

/// A request that was carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestRecord {
    /// A MAC of who asked and the key: neither can be read from the store.
    id: String,
    /// What was asked for: a hash, since a key is for one request.
    request: String,
    since: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Answered>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    status: u16,
    /// Base64; nothing where it held what is shown once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
}

/// A request that is to be carried out once: goes with its [`Actor`].
#[derive(Clone, Debug)]
pub struct Once(Arc<Marking>);

#[derive(Debug)]
struct Marking {
    record: RequestRecord,
    /// What is there still of a request of long ago under the same key.
    before: Expect,
    marked: AtomicBool,
}

/// A request that was carried out under the same key.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeated {
    /// Whether it asked for the same.
    pub same: bool,
    /// Its status, where the answer came to be known.
    pub status: Option<u16>,
    /// What was kept of the answer.
    pub answer: Option<Zeroizing<Vec<u8>>>,
}

/// How long a key is kept.
const KEPT: i64 = 24 * 60 * 60 * 1000;
/// Longest answer that is kept, in bytes.
const LONGEST: usize = 96 * 1024;
const SWEPT_AT_ONCE: usize = 256;
/// What the log calls who keeps answers.
const AGENT: &str = "keyward/requests";

impl Record for RequestRecord {
    const COLLECTION: &'static str = "request";

    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }
}

impl Once {
    /// Whether a change was committed with the mark.
    pub fn is_marked(&self) -> bool {
        self.0.marked.load(Ordering::Acquire)
    }

    /// What the first change of the request takes along; nothing for the others.
    pub(crate) fn mark(&self) -> Option<(Expect, &RequestRecord)> {
        (!self.is_marked()).then(|| (self.0.before.clone(), &self.0.record))
    }

    /// That change is durable.
    pub(crate) fn settle(&self) {
        self.0.marked.store(true, Ordering::Release);
    }

    /// Whether a change was refused because of the mark: somebody else asks for the same.
    pub(crate) fn is_in_the_way(expect: &Expect) -> bool {
        let (Expect::Absent { collection, .. } | Expect::Generation { collection, .. }) = expect else { return false };
        collection == RequestRecord::COLLECTION
    }
}

impl Vault {
    /// What was done under this key for this caller, `request` being the hash of what he asks now.
    ///
    /// # Errors
    /// When the store refuses or the answer was altered.
    pub fn repeated(&self, who: &PrincipalId, key: &str, request: [u8; 32]) -> Result<Option<Repeated>, Error> {
        let Some(row) = self.request_row(&self.request_id(who, key)?)? else { return Ok(None) };
        if self.is_over(&row.record) {
            return Ok(None);
        }
        let same = row.record.request == hex(&request);
        let answered = row.record.answer.as_ref().filter(|_| same);
        let answer = answered.and_then(|answered| answered.sealed.as_ref());
        let answer = answer.map(|sealed| self.unsealed_answer(&row.record, sealed)).transpose()?;
        Ok(Some(Repeated { same, status: answered.map(|answered| answered.status), answer }))
    }

    /// A request that is to be carried out once.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn once(&self, who: &PrincipalId, key: &str, request: [u8; 32]) -> Result<Once, Error> {
        let id = self.request_id(who, key)?;
        let record = RequestRecord { id, request: hex(&request), since: self.tools.clock.now(), answer: None };
        let before = match self.request_row(&record.id)? {
            // One that is over makes room; one that is not is in the way when it comes to the change.
            Some(row) if self.is_over(&row.record) => records::unchanged(&row),
            _ => records::absent(&record),
        };
        Ok(Once(Arc::new(Marking { record, before, marked: AtomicBool::new(false) })))
    }

    /// Keeps the answer to a request whose change is durable. `answer` is left out where it holds
    /// what is shown once, or is too large.
    ///
    /// # Errors
    /// When the store refuses; the mark stays then, and the answer is not kept.
    pub fn keep_answer(&self, once: &Once, status: u16, answer: Option<&[u8]>) -> Result<(), Error> {
        let Some(row) = self.marked_row(once)? else { return Ok(()) };
        let answer = answer.filter(|answer| answer.len() <= LONGEST);
        let sealed = answer.map(|answer| self.ring.seal(&Purpose::Answer, &self.place_of_answer(&row.record), answer));
        let sealed = sealed.transpose()?.map(|sealed| data_encoding::BASE64.encode(&sealed));
        let record = RequestRecord { answer: Some(Answered { status, sealed }), ..row.record.clone() };
        let actor = keyward_itself(None);
        let mut change = Change::told(self, &actor, self.about_vault(ActionName::RequestKeep).count(1));
        change.expect(records::unchanged(&row));
        change.put(&record);
        change.commit().map(drop)
    }

    /// Frees the key of a request that failed after a change of it was durable: it may be tried again.
    ///
    /// # Errors
    /// When the store refuses; the mark stays then.
    pub fn forget_request(&self, once: &Once) -> Result<(), Error> {
        let Some(row) = self.marked_row(once)? else { return Ok(()) };
        let actor = keyward_itself(None);
        let mut change = Change::told(self, &actor, self.about_vault(ActionName::RequestSweep).count(1));
        change.expect(records::unchanged(&row));
        change.delete::<RequestRecord>(row.record.key());
        change.commit().map(drop)
    }

    /// Clears away keys that are over; answers how many.
    ///
    /// # Errors
    /// [`Error::Replaced`] when another process leads; when the store refuses.
    pub fn sweep_requests(&self, lead: &Lead) -> Result<u64, Error> {
        let mut over = records::scan::<RequestRecord>(&self.store, &[])?;
        over.retain(|row| self.is_over(&row.record));
        let mut gone = 0;
        for some in over.chunks(SWEPT_AT_ONCE) {
            let actor = keyward_itself(Some(lead));
            let telling = self.about_vault(ActionName::RequestSweep).count(some.len() as u64);
            let mut change = Change::told(self, &actor, telling);
            for row in some {
                change.expect(records::unchanged(row));
                change.delete::<RequestRecord>(row.record.key());
            }
            match change.commit() {
                Ok(_) => gone += some.len() as u64,
                // One of them was taken again: the next time.
                Err(Error::Raced(_) | Error::Store(keyward_store::Error::Conflict(_))) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(gone)
    }

    fn marked_row(&self, once: &Once) -> Result<Option<Row<RequestRecord>>, Error> {
        if !once.is_marked() {
            return Ok(None);
        }
        Ok(self.request_row(&once.0.record.id)?.filter(|row| row.record == once.0.record))
    }

    fn request_row(&self, id: &str) -> Result<Option<Row<RequestRecord>>, Error> {
        records::load::<RequestRecord>(&self.store, id.as_bytes())
    }

    fn request_id(&self, who: &PrincipalId, key: &str) -> Result<String, Error> {
        let message = context("keyward/request/1", &[who.as_str().as_bytes(), key.as_bytes()]);
        Ok(hex(&self.ring.mac(&Purpose::Token, &message)?))
    }

    /// A clock that was set back keeps a key no longer than it would have been kept.
    fn is_over(&self, record: &RequestRecord) -> bool {
        self.tools.clock.now().0.saturating_sub(record.since.0).abs() >= KEPT
    }

    fn unsealed_answer(&self, record: &RequestRecord, sealed: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let damaged = || Error::Damaged("the answer to a request is not what was sealed");
        let sealed = data_encoding::BASE64.decode(sealed.as_bytes()).map_err(|_| damaged())?;
        let opened = self.ring.unseal(&Purpose::Answer, &self.place_of_answer(record), &sealed);
        opened.map(Zeroizing::new).map_err(|_| damaged())
    }

    /// Where an answer belongs: to this request of this caller alone.
    fn place_of_answer(&self, record: &RequestRecord) -> Vec<u8> {
        let vault = self.id();
        context("keyward/answer/1", &[vault.as_bytes(), record.id.as_bytes(), record.request.as_bytes()])
    }
}

fn keyward_itself(lead: Option<&Lead>) -> Actor {
    Actor { lead: lead.cloned(), ..Actor::new(Caller::system(SystemTask::Requests), AGENT) }
}
