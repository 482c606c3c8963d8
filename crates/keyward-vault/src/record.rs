//! The one place where a permit becomes a recorded permit.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_access::{Cause, Denial, Object, Permit};
use keyward_audit::{Action as ActionName, Outcome};
use keyward_store::Committed;
use keyward_types::{Action, Operation, Place, Timestamp, Version};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::counting::Turn;
use crate::records::{self, Holding, HoldingKind, Reads, Row, reads_key};
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

/// A read that is to be counted.
#[derive(Clone, Copy)]
struct Read {
    place: Place,
    version: Version,
    kind: HoldingKind,
    now: Timestamp,
}

/// How often a commit is tried again, in turn with others, when somebody else's read of the same
/// version came between. Newcomers try once out of turn, so that a turn is soon successful.
pub(crate) const ATTEMPTS: usize = 64;

/// Turns of readers who were in each other's way: one of them counts his read at a time.
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
    /// Makes the use of these permits durable: an entry each, the count of reads, and a holding
    /// for what leaves. Only then do the proofs exist.
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
        let (change, holdings) = self.told_uses(actor, permits, via, None)?;
        Ok((change.commit()?, holdings))
    }

    /// The change that records the use of these permits, and the holdings that it opens.
    pub(crate) fn told_uses<'a, A: Action>(
        &'a self,
        actor: &'a Actor,
        permits: &[(&Permit<A>, &Loaded)],
        via: Via,
        turn: Option<&mut Turn<'_>>,
    ) -> Result<(Change<'a>, Vec<Option<String>>), Error> {
        let now = self.tools.clock.now();
        let mut change: Option<Change<'_>> = None;
        let mut holdings = Vec::with_capacity(permits.len());
        let mut counted = HashMap::new();
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
                    Some(self.count_read(change, actor, read, &mut counted, turn.as_deref())?)
                }
                _ => None,
            });
        }
        if let Some(turn) = turn {
            turn.count(counted);
        }
        Ok((change.ok_or(Error::WrongProof)?, holdings))
    }

    /// Counts a read, and opens a holding for it: the reader's own where it ends by itself, else
    /// the one that his reads of this version have in common. `counted` are the rows as this change
    /// leaves them: what is asked for twice in it is counted twice.
    fn count_read(
        &self,
        change: &mut Change<'_>,
        actor: &Actor,
        read: Read,
        counted: &mut HashMap<Vec<u8>, Row<Reads>>,
        turn: Option<&Turn<'_>>,
    ) -> Result<String, Error> {
        let Read { place, version, kind, now } = read;
        let principal = actor.principal().clone();
        let key = reads_key(&principal, &place, version);
        let row = match counted.remove(&key) {
            Some(row) => row,
            None => match self.reads_row(&key, turn)? {
                Some(row) => {
                    change.expect(records::unchanged(&row));
                    row
                }
                None => {
                    let record = Reads { principal, place, version, first: now, last: now, n: 0, holding: None };
                    change.expect(records::absent(&record));
                    Row { record, generation: 0 }
                }
            },
        };
        let mut reads = Reads { last: now, n: row.record.n + 1, ..row.record };
        let holding = match &reads.holding {
            Some(open) if kind == HoldingKind::Read => open.clone(),
            _ => self.open_holding(change, actor, read)?,
        };
        if kind == HoldingKind::Read {
            reads.holding = Some(holding.clone());
        }
        change.put(&reads);
        counted.insert(key, Row { record: reads, generation: row.generation + 1 });
        Ok(holding)
    }

    /// The row of a version's reads, as it is or will be when what is under way is durable.
    fn reads_row(&self, key: &[u8], turn: Option<&Turn<'_>>) -> Result<Option<Row<Reads>>, Error> {
        match turn.and_then(|turn| turn.ahead(key)) {
            Some(ahead) => Ok(Some(ahead)),
            None => records::load(&self.store, key),
        }
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
