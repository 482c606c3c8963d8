//! Checking the store against its log, copying it, and carrying the log out.

use std::path::Path;

use keyward_access::Object;
use keyward_audit::Action as ActionName;
use keyward_audit::LogProof;
use keyward_audit::head::Head;
use keyward_audit::private::SealPrivate;
use keyward_audit::verify::{ReadCounter, Verifier};
use keyward_store::{Engine, KeyRange, Reader};
use keyward_types::Record as _;

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::counting::Uncounted;
use crate::records::{self, Reads};
use crate::{Error, Slot, Vault};

/// What a verification found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// Entries that were read.
    pub entries: u64,
    /// Records that were compared with them.
    pub records: u64,
    /// The signed checkpoint of the state that was verified.
    pub checkpoint: String,
    /// What is wrong, each in one sentence; nothing when all is well.
    pub faults: Vec<String>,
}

impl Vault {
    /// Checks the log's form, tree and signature, replays it against every record, and compares
    /// it with a checkpoint that was kept outside. Reads a snapshot; nothing is changed.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`] when `against` is none, or of another vault; when the store cannot be
    /// read at all.
    pub fn verify(&self, against: Option<&str>) -> Result<Verified, Error> {
        against.map_or(Ok(()), |note| self.is_ours(note))?;
        let reader = self.store.snapshot()?;
        let against: Vec<String> = against.map(str::to_owned).into_iter().collect();
        let counters = read_counters(&reader);
        let head = reader.log_head()?.state.ok_or(Error::Damaged("the log has no head"))?;
        let open = |entry: &keyward_audit::Entry, sealed: &[u8]| {
            let principal = entry.principal.parse().map_err(|_| "the entry names no principal".to_owned())?;
            self.knows_subject(&principal).map_err(|error| error.to_string())?;
            self.ring.open(&entry.principal, sealed, &entry.private_context())
        };
        let keys = std::slice::from_ref(self.verifier());
        let mut verifier = Verifier::new(keys).against(&against).open_private(&open);
        if let Ok(counters) = &counters {
            verifier = verifier.reads(counters);
        }
        let report = verifier.store(&reader)?;
        let mut faults: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
        faults.extend(counters.as_ref().err().map(|error| format!("the counts of reads cannot be read: {error}")));
        if report.more > 0 {
            faults.push(format!("and {} more", report.more));
        }
        faults.extend(self.store.engine().check()?);
        let checkpoint = Head::decode(&head)?.checkpoint;
        Ok(Verified { entries: report.size, records: report.records, checkpoint, faults })
    }

    /// Refuses what says nothing of this store: another file, or another vault's checkpoint. One that
    /// bears this log's name and does not fit is a fault.
    fn is_ours(&self, note: &str) -> Result<(), Error> {
        let checkpoint = keyward_audit::Checkpoint::parse_unverified(note)
            .map_err(|error| Error::NoCheckpoint(error.to_string()))?;
        match checkpoint.origin == self.verifier().name() {
            true => Ok(()),
            false => Err(Error::NoCheckpoint("it is of another vault".into())),
        }
    }

    /// A proof (C2SP tlog-proof) that the entry at `index` is in the log.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is no such entry.
    pub fn prove(&self, index: u64) -> Result<String, Error> {
        let reader = self.store.snapshot()?;
        let head = reader.log_head()?;
        if index >= head.size {
            return Err(Error::Refused(format!("the log has {} entries, beginning with 0", head.size)));
        }
        let state = head.state.ok_or(Error::Damaged("the log has no head"))?;
        let checkpoint = Head::decode(&state)?.checkpoint;
        let keys = std::slice::from_ref(self.verifier());
        Ok(LogProof::from_log(&reader, index, &checkpoint, keys)?.to_string())
    }

    /// Writes a consistent copy of the store to a file that must not exist, without the slots that
    /// work only on this machine; answers the number of the log's entries in it.
    ///
    /// # Errors
    /// [`Error::Refused`] when no slot of it would open elsewhere.
    pub fn backup(
        &self,
        actor: &Actor,
        path: &Path,
        reopen: impl FnOnce(&Path) -> Result<Box<dyn Engine>, keyward_store::Error>,
    ) -> Result<u64, Error> {
        let portable: Vec<Slot> = self.header().slots.into_iter().filter(Slot::is_portable).collect();
        if portable.is_empty() {
            return Err(Error::Refused(
                "no slot would open this backup: the key file and the keyring stay on this machine".into(),
            ));
        }
        let object = Object::Vault(self.id());
        let names = Names::default().with("path", path.display().to_string());
        let permit = self.permit_administer(actor, object, ActionName::Backup, &names)?;
        let telling = Telling::new(ActionName::Backup, object).names(names);
        let committed = Change::permitted(self, actor, permit, telling).commit()?;
        self.store.backup_to(path)?;
        let copy = Self::assemble(reopen(path)?, self.header(), self.ring.root(), self.tools.clone())?;
        copy.keep_slots(actor, portable)?;
        Ok(committed.first_index + 1)
    }
}

/// What the store counts of disclosures, as it was when the snapshot was taken: what its rows do not hold
/// yet is counted as they will be.
fn read_counters(snapshot: &Reader<'_>) -> Result<Vec<ReadCounter>, Error> {
    const PAGE: usize = 1024;
    let uncounted = Uncounted::of(snapshot, None)?;
    let (mut counters, mut after) = (Vec::new(), None);
    loop {
        let rows = snapshot.scan(Reads::COLLECTION, &KeyRange::prefix(&[]), after.as_deref(), PAGE)?;
        for row in &rows {
            let mut reads = records::parse::<Reads>(row)?.record;
            uncounted.add_to(&mut reads);
            counters.push(ReadCounter {
                principal: reads.principal.to_string(),
                secret: reads.place.secret.to_string(),
                version: reads.version.get(),
                count: reads.n,
            });
        }
        match rows.into_iter().last() {
            Some(last) => after = Some(last.key),
            None => return Ok(counters),
        }
    }
}
