//! The log as its owner reads it, and the state that is kept outside the store to compare with.

use keyward_audit::head::Head;
use keyward_audit::merkle::leaf_hash;
use keyward_audit::{Entry, PrivatePart};
use keyward_store::LogRow;

use crate::value::hex;
use crate::{Error, Vault};

/// One entry with what can be known of it.
#[derive(Clone)]
pub struct LogLine {
    /// Its place in the log.
    pub index: u64,
    /// The public part.
    pub entry: Entry,
    /// The private part; `None` when it was erased.
    pub private: Option<PrivatePart>,
}

impl Vault {
    /// Number of entries.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn log_size(&self) -> Result<u64, Error> {
        Ok(self.store.log_head()?.size)
    }

    /// At most `limit` entries from `first` on, opened as far as they can be.
    ///
    /// # Errors
    /// [`Error::Audit`] when an entry cannot be read.
    pub fn log(&self, first: u64, limit: usize) -> Result<Vec<LogLine>, Error> {
        self.store.log(first, limit)?.iter().map(|row| self.log_line(row)).collect()
    }

    /// The same of those entries alone whose action `wants`: the others are not opened, and of a log that
    /// tells of reads mostly that is nearly all. How many there were of both comes with it.
    ///
    /// # Errors
    /// [`Error::Audit`] when an entry that is wanted cannot be read.
    pub fn log_of(
        &self,
        first: u64,
        limit: usize,
        wants: impl Fn(&str) -> bool,
    ) -> Result<(Vec<LogLine>, usize), Error> {
        let rows = self.store.log(first, limit)?;
        // What does not look like an entry is opened, to be complained of.
        let wanted = rows.iter().filter(|row| keyward_audit::action_in(&row.public).is_none_or(&wants));
        let lines = wanted.map(|row| self.log_line(row)).collect::<Result<_, _>>()?;
        Ok((lines, rows.len()))
    }

    fn log_line(&self, row: &LogRow) -> Result<LogLine, Error> {
        let entry = Entry::parse(&row.public)?;
        let principal = entry.principal.parse().map_err(|_| Error::Damaged("an entry names no principal"))?;
        // Without a key, the private part was erased, and opens to nothing.
        self.knows_subject(&principal)?;
        let private = PrivatePart::open(&entry, &entry.principal, &row.private, &*self.ring)?;
        Ok(LogLine { index: row.index, entry, private })
    }
}

/// What is kept outside the store: the life of the vault and the log's head as they were last
/// seen. A later state of the same store continues it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    incarnation: String,
    state: Vec<u8>,
    size: u64,
}

/// How a store relates to an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The anchor's state, or one that grew from it.
    Continues,
    /// A state before the anchor's.
    Older,
    /// Another history of the same length or longer.
    Forked,
    /// Restored from a backup since.
    OtherLife,
}

impl Anchor {
    /// How many entries the log had.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes to keep.
    pub fn bytes(&self) -> Vec<u8> {
        let fields = serde_json::json!({ "incarnation": self.incarnation, "head": hex(&self.state) });
        format!("{fields}\n").into_bytes()
    }

    /// Reads what [`Anchor::bytes`] wrote; `None` for anything else.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct Fields {
            incarnation: String,
            head: String,
        }
        let Fields { incarnation, head } = serde_json::from_slice(bytes).ok()?;
        let state = data_encoding::HEXLOWER.decode(head.as_bytes()).ok()?;
        let size = Head::decode(&state).ok()?.frontier.size();
        Some(Self { incarnation, state, size })
    }
}

impl Vault {
    /// The present state, to be kept outside the store.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn anchor(&self) -> Result<Anchor, Error> {
        let head = self.store.log_head()?;
        let state = head.state.ok_or(Error::Damaged("the log has no head"))?;
        Ok(Anchor { incarnation: self.header().incarnation, state, size: head.size })
    }

    /// How this store relates to what was seen of it before.
    ///
    /// # Errors
    /// When the store refuses, or the anchor was not made by this vault.
    pub fn standing(&self, anchor: &Anchor) -> Result<Standing, Error> {
        if anchor.incarnation != self.header().incarnation {
            return Ok(Standing::OtherLife);
        }
        let keys = std::slice::from_ref(self.verifier());
        let (seen, _) = Head::open(&anchor.state, keys)?;
        // Others go on writing: the head and what it is of are read at one moment.
        let reader = self.store.snapshot()?;
        let now = reader.log_head()?;
        let state = now.state.ok_or(Error::Damaged("the log has no head"))?;
        let (now, _) = Head::open(&state, keys)?;
        let mut frontier = seen.frontier;
        if now.frontier.size() < frontier.size() {
            return Ok(Standing::Older);
        }
        while frontier.size() < now.frontier.size() {
            let left = usize::try_from(now.frontier.size() - frontier.size()).unwrap_or(usize::MAX);
            let rows = reader.log(frontier.size(), left.min(1024))?;
            if rows.is_empty() {
                return Ok(Standing::Forked);
            }
            rows.iter().for_each(|row| frontier.push(leaf_hash(&row.public)));
        }
        Ok(if frontier.root() == now.frontier.root() { Standing::Continues } else { Standing::Forked })
    }

    /// The newest signed checkpoint.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn checkpoint(&self) -> Result<String, Error> {
        let state = self.store.log_head()?.state.ok_or(Error::Damaged("the log has no head"))?;
        Ok(Head::decode(&state)?.checkpoint)
    }
}
