//! The one place where a permit becomes a recorded permit.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyward_access::{Cause, Denial, Object, Permit};
use keyward_audit::{Action as ActionName, Outcome};
use keyward_store::Committed;
use keyward_types::{Action, Operation, Place, Record as _, Timestamp, Version};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::records::{self, Holding, HoldingKind, Reads, reads_key};
use crate::value::hex;
use crate::{Error, Loaded, Vault};

/// A permit whose use is durably in the log. Private fields, no `Clone`, made in one function
/// alone: whoever holds one may open what it names, once.
#[derive(Debug)]
pub struct Recorded<P> {
    permit: P,
    index: u64,
    holding: Option<String>,
}

/// How a value leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// To a pipe, a terminal or an API client.
    Read,
    /// Into the environment of a child.
    Run,
    /// Into a file or a pipe as part of an environment.
    Export,
    /// To the clipboard.
    Copy,
    /// To a deployment target.
    Target,
    /// It does not leave: keyward applies it itself.
    Inside,
    /// It does not leave the gateway, which sends it to its service alone.
    Gateway,
}

impl<A: Action> Recorded<Permit<A>> {
    /// Index of the log entry that tells of it.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The holding that was opened for it, by which it can be closed.
    pub fn holding(&self) -> Option<&str> {
        self.holding.as_deref()
    }

    /// What it allows; using it up is the opener's duty.
    pub(crate) fn into_object(self) -> Object {
        *self.permit.object()
    }
}

impl Via {
    fn action(self) -> ActionName {
        match self {
            Self::Read => ActionName::SecretRead,
            Self::Run => ActionName::SecretRun,
            Self::Export | Self::Target => ActionName::SecretExport,
            Self::Copy => ActionName::SecretCopy,
            Self::Inside | Self::Gateway => ActionName::SecretUse,
        }
    }

    pub(crate) fn logged(self) -> keyward_audit::Via {
        match self {
            Self::Read => keyward_audit::Via::Read,
            Self::Run => keyward_audit::Via::Run,
            Self::Export => keyward_audit::Via::Export,
            Self::Copy => keyward_audit::Via::Copy,
            Self::Target => keyward_audit::Via::Target,
            Self::Inside => keyward_audit::Via::System,
            Self::Gateway => keyward_audit::Via::Gateway,
        }
    }

    fn holding(self) -> Option<HoldingKind> {
        match self {
            Self::Read | Self::Copy => Some(HoldingKind::Read),
            Self::Run => Some(HoldingKind::Run),
            Self::Export => Some(HoldingKind::Export),
            Self::Target => Some(HoldingKind::Target),
            // A gateway's holding is as long as its lease (`gateway_leases.rs`).
            Self::Inside | Self::Gateway => None,
        }
    }
}

/// A read that is to be put on record.
#[derive(Clone, Copy)]
struct Read {
    place: Place,
    version: Version,
    kind: HoldingKind,
    now: Timestamp,
}

/// How often a commit is tried again, in turn with others, when somebody else's first read of the same
/// version came between. Newcomers try once out of turn, so that a turn is soon successful.
pub(crate) const ATTEMPTS: usize = 64;

/// Turns of readers who were in each other's way: one of them opens a holding at a time.
pub(crate) struct Turns([Mutex<()>; 256]);

impl Default for Turns {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::new(())))
    }
}

impl Turns {
    /// Waits for the turn at these versions; always in the same order, so that no two wait for each
    /// other.
    fn take<'a>(&'a self, places: impl Iterator<Item = Place>) -> Vec<MutexGuard<'a, ()>> {
        // An id's last byte is random.
        let lanes: BTreeSet<usize> = places.map(|place| usize::from(place.secret.as_bytes()[15])).collect();
        lanes.into_iter().map(|lane| self.0[lane].lock().unwrap_or_else(PoisonError::into_inner)).collect()
    }
}

/// The proofs of permits whose use was committed, in their order: the one place that makes them.
pub(crate) fn proofs<A: Action>(
    permits: impl IntoIterator<Item = Permit<A>>,
    holdings: Vec<Option<String>>,
    committed: Committed,
) -> Vec<Recorded<Permit<A>>> {
    let indexes = committed.first_index..;
    let parts = permits.into_iter().zip(holdings).zip(indexes);
    parts.map(|((permit, holding), index)| Recorded { permit, index, holding }).collect()
}

impl Vault {
    /// Makes the use of these permits durable: an entry each, and a holding for what leaves. Only then
    /// do the proofs exist.
    ///
    /// # Errors
    /// When nothing could be recorded; then nothing may be opened.
    pub fn record<A: Action>(
        &self,
        actor: &Actor,
        permits: Vec<(Permit<A>, &Loaded)>,
        via: Via,
    ) -> Result<Vec<Recorded<Permit<A>>>, Error> {
        // The types already keep uses and disclosures apart at the opener; the log must not mix
        // them up either.
        debug_assert_eq!(matches!(via, Via::Inside | Via::Gateway), A::OPERATION != Operation::Read);
        if permits.is_empty() {
            return Ok(Vec::new());
        }
        let uses: Vec<_> = permits.iter().map(|(permit, loaded)| (permit, *loaded)).collect();
        let (committed, holdings) = match self.commit_uses(actor, &uses, via) {
            Err(Error::Store(keyward_store::Error::Conflict(_))) => self.commit_in_turn(actor, &uses, via)?,
            done => done?,
        };
        self.count_reads_after(committed.first_index);
        Ok(proofs(permits.into_iter().map(|(permit, _)| permit), holdings, committed))
    }

    fn commit_in_turn<A: Action>(
        &self,
        actor: &Actor,
        permits: &[(&Permit<A>, &Loaded)],
        via: Via,
    ) -> Result<(Committed, Vec<Option<String>>), Error> {
        let _turn = self.turns.take(permits.iter().map(|(_, loaded)| loaded.head().place));
        let mut attempt = 1;
        loop {
            for (_, loaded) in permits {
                self.held.forget(&reads_key(actor.principal(), &loaded.head().place, loaded.version()));
            }
            match self.commit_uses(actor, permits, via) {
                Err(Error::Store(keyward_store::Error::Conflict(_))) if attempt < ATTEMPTS => attempt += 1,
                Err(Error::Store(keyward_store::Error::Conflict(_))) => return Err(Error::Raced("a read".into())),
                done => return done,
            }
        }
    }

    fn commit_uses<A: Action>(
        &self,
        actor: &Actor,
        permits: &[(&Permit<A>, &Loaded)],
        via: Via,
    ) -> Result<(Committed, Vec<Option<String>>), Error> {
        let (change, holdings) = self.told_uses(actor, permits, via)?;
        Ok((change.commit()?, holdings))
    }

    /// The change that records the use of these permits, and the holdings that it opens.
    pub(crate) fn told_uses<'a, A: Action>(
        &'a self,
        actor: &'a Actor,
        permits: &[(&Permit<A>, &Loaded)],
        via: Via,
    ) -> Result<(Change<'a>, Vec<Option<String>>), Error> {
        let now = self.tools.clock.now();
        let mut change: Option<Change<'_>> = None;
        let mut holdings = Vec::with_capacity(permits.len());
        let mut left = HashMap::new();
        for (permit, loaded) in permits {
            let Object::Secret(place, Some(version)) = *permit.object() else { return Err(Error::WrongProof) };
            let head = loaded.head().version(version).ok_or(Error::WrongProof)?;
            let telling = Telling::new(via.action(), *permit.object())
                .version(version, &head.fingerprint)
                .via(via.logged())
                .names(match loaded.kept_until(actor) {
                    Some(until) => loaded.names().with("offline_until", until.to_string()),
                    None => loaded.names(),
                });
            let change = match &mut change {
                Some(change) => {
                    change.also(telling);
                    change
                }
                None => change.insert(Change::told(self, actor, telling)),
            };
            if via == Via::Gateway {
                self.extend_holding(change, actor, place, version, now)?;
            }
            holdings.push(match (A::OPERATION, via.holding()) {
                (Operation::Read, Some(kind)) => {
                    // What is kept does not end with the child that it was read for.
                    let kept = loaded.kept_until(actor).is_some() && kind == HoldingKind::Run;
                    let kind = if kept { HoldingKind::Read } else { kind };
                    let read = Read { place, version, kind, now };
                    Some(self.hold(change, actor, read, &mut left)?)
                }
                _ => None,
            });
        }
        Ok((change.ok_or(Error::WrongProof)?, holdings))
    }

    /// The holding of a read: the reader's own where it ends by itself, else the one that his reads of
    /// this version have in common. His first read makes the row that he is counted in. `left` are the
    /// rows as this change leaves them.
    fn hold(
        &self,
        change: &mut Change<'_>,
        actor: &Actor,
        read: Read,
        left: &mut HashMap<Vec<u8>, Arc<Reads>>,
    ) -> Result<String, Error> {
        let Read { place, version, kind, now } = read;
        let key = reads_key(actor.principal(), &place, version);
        if kind == HoldingKind::Read
            && let Some((open, generation)) = self.held.of(&key)
        {
            change.expect(records::written(Holding::COLLECTION, open.as_bytes(), generation));
            return Ok(open.into());
        }
        let row = match left.get(&key) {
            Some(reads) => Some((Arc::clone(reads), None)),
            // Of these two, what is read again is remembered above the store, in [`Held`].
            None => records::load_passing::<Reads>(&self.store, &key)?
                .map(|row| (Arc::new(row.record), Some(row.generation))),
        };
        let Some((reads, generation)) = row else {
            let principal = actor.principal().clone();
            let reads = Reads { principal, place, version, first: now, last: now, n: 1, counted: None, holding: None };
            change.expect(records::absent(&reads));
            return self.hold_anew(change, actor, read, reads, left);
        };
        if kind != HoldingKind::Read {
            return self.open_holding(change, actor, read);
        }
        match &reads.holding {
            // As this change has just opened it.
            Some(open) if generation.is_none() => Ok(open.clone()),
            // It is his as long as nobody closes it.
            Some(open) if self.expect_open(change, &key, open)? => Ok(open.clone()),
            _ => {
                let expect = generation.map(|generation| records::written(Reads::COLLECTION, &key, generation));
                expect.into_iter().for_each(|expect| change.expect(expect));
                let reads = Reads { last: now.max(reads.last), n: reads.n + 1, ..Reads::clone(&reads) };
                self.hold_anew(change, actor, read, reads, left)
            }
        }
    }

    /// Opens a holding and puts the row, with the read counted in it, which says so by this very change.
    fn hold_anew(
        &self,
        change: &mut Change<'_>,
        actor: &Actor,
        read: Read,
        mut reads: Reads,
        left: &mut HashMap<Vec<u8>, Arc<Reads>>,
    ) -> Result<String, Error> {
        let holding = self.open_holding(change, actor, read)?;
        if read.kind == HoldingKind::Read {
            reads.holding = Some(holding.clone());
        }
        change.put(&reads);
        left.insert(reads.key(), Arc::new(reads));
        Ok(holding)
    }

    /// Makes the change fail when somebody closes this holding of a row meanwhile; false where it is not
    /// there.
    fn expect_open(&self, change: &mut Change<'_>, key: &[u8], id: &str) -> Result<bool, Error> {
        let Some(row) = records::load_passing::<Holding>(&self.store, id.as_bytes())? else { return Ok(false) };
        if row.record.until.is_some() {
            return Ok(false);
        }
        self.held.keep(key, id, row.generation);
        change.expect(records::unchanged(&row));
        Ok(true)
    }

    fn open_holding(&self, change: &mut Change<'_>, actor: &Actor, read: Read) -> Result<String, Error> {
        let Read { place, version, kind, now } = read;
        let mut id = [0; 16];
        self.tools.random.fill(&mut id)?;
        let principal = actor.principal().clone();
        let holding = Holding { id: hex(&id), principal, place, version, kind, since: now, until: None };
        change.put(&holding);
        Ok(holding.id)
    }

    /// Records a denial, and hands it back as the error it is.
    pub(crate) fn denied(&self, actor: &Actor, denial: Denial, action: ActionName, names: Names) -> Error {
        let denial = Denial { known: self.known_name(actor, &names).into_iter().collect(), ..denial };
        let names = match &denial.cause {
            Cause::Rights => names,
            Cause::Network(_) => names.with("why", "not from the project's networks"),
        };
        let telling = Telling::new(action, denial.object).outcome(Outcome::Denied).names(names);
        match Change::told(self, actor, telling).commit() {
            Ok(_) => Error::Denied(denial),
            Err(error) => error,
        }
    }

    /// Records that something was asked for and not there.
    pub(crate) fn not_found(
        &self,
        actor: &Actor,
        object: Object,
        action: ActionName,
        names: Names,
        error: Error,
    ) -> Error {
        let telling = Telling::new(action, object).outcome(Outcome::NotFound).names(names);
        match Change::told(self, actor, telling).commit() {
            Ok(_) => error,
            Err(failed) => failed,
        }
    }
}
