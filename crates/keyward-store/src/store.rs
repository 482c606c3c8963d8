//! The store: verified reads and grouped commits over one engine.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use crate::cache::Cache;
use crate::pages;
use crate::queue::CommitQueue;
use crate::{Batch, Committed, Engine, Head, KeyRange, LogHead, LogRow, Reader, Record, RecordMac, Result};

/// A store, shared by all threads of its process.
pub struct Store {
    core: Arc<Core>,
    /// Commits for those who do not wait. It is there when the first of them came.
    committer: OnceLock<Option<JoinHandle<()>>>,
}

struct Core {
    engine: Box<dyn Engine>,
    mac: Arc<dyn RecordMac>,
    head: Arc<dyn LogHead>,
    queue: CommitQueue,
    cache: OnceLock<Cache>,
}

impl Store {
    /// Opens the store over an engine, once the keys behind `mac` and `head` are known.
    #[must_use]
    pub fn open(engine: Box<dyn Engine>, mac: Arc<dyn RecordMac>, head: Arc<dyn LogHead>) -> Self {
        let core = Core { engine, mac, head, queue: CommitQueue::default(), cache: OnceLock::new() };
        Self { core: Arc::new(core), committer: OnceLock::new() }
    }

    /// From now on keeps about `bytes` of lately used records in memory, verified: for a process that
    /// answers many requests. Nothing is kept where other processes change the store too; the first call
    /// counts.
    pub fn remember(&self, bytes: usize) {
        if self.core.engine.nodes().is_none() {
            self.core.cache.get_or_init(|| Cache::new(bytes));
        }
    }

    /// Whether it keeps any.
    #[must_use]
    pub fn remembers(&self) -> bool {
        self.core.cache.get().is_some()
    }

    /// Makes `batch` durable and returns the index of its first log entry. Waits for the group of
    /// batches that it is committed with.
    ///
    /// # Errors
    /// [`Error::Conflict`](crate::Error::Conflict) when it expected something else; any other error
    /// says that the store could not write, and the caller must act as if nothing was done.
    pub fn commit(&self, batch: Batch) -> Result<Committed> {
        batch.check_sizes()?;
        self.core.queue.commit(batch, |group| self.core.apply(group))
    }

    /// The same without waiting: `call` is made with the answer, on a thread that others wait for,
    /// so that it has to be quick. It is made for every batch that was taken.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge); [`Error::Io`](crate::Error::Io) when there can be
    /// no further thread. Nothing is committed then, and no call is made.
    pub fn submit(&self, batch: Batch, call: impl FnOnce(Result<Committed>) + Send + 'static) -> Result<()> {
        batch.check_sizes()?;
        if self.committer.get_or_init(|| self.start_committer()).is_none() {
            let detail = "the thread that commits could not be started".into();
            return Err(crate::Error::Io { action: "commit".into(), detail });
        }
        self.core.queue.submit(batch, Box::new(call));
        Ok(())
    }

    fn start_committer(&self) -> Option<JoinHandle<()>> {
        let core = Arc::clone(&self.core);
        let serve = move || core.queue.serve(|group| core.apply(group));
        thread::Builder::new().name("committer".into()).spawn(serve).ok()
    }

    /// Reads the live store.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader::live(self.core.engine.as_ref(), self.core.cache.get(), Arc::clone(&self.core.mac))
    }

    /// Reads the live store, for whoever goes over much of it once: nothing is remembered for others, nor
    /// in the place of what they use.
    #[must_use]
    pub fn passing(&self) -> Reader<'_> {
        Reader::live(self.core.engine.as_ref(), None, Arc::clone(&self.core.mac))
    }

    /// Reads the store as it is now, whatever is committed later.
    ///
    /// # Errors
    /// When the engine cannot read.
    pub fn snapshot(&self) -> Result<Reader<'_>> {
        Ok(Reader::snapshot(self.core.engine.snapshot()?, Arc::clone(&self.core.mac)))
    }

    /// The header ([`Reader::header`]).
    ///
    /// # Errors
    /// When the engine cannot read.
    pub fn header(&self) -> Result<Option<Vec<u8>>> {
        self.reader().header()
    }

    /// The record under `key` ([`Reader::get`]).
    ///
    /// # Errors
    /// [`Error::Tampered`](crate::Error::Tampered) when it does not verify.
    pub fn get(&self, collection: &str, key: &[u8]) -> Result<Option<Record>> {
        self.reader().get(collection, key)
    }

    /// The same for whoever only looks at it ([`Reader::shared`]).
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn shared(&self, collection: &str, key: &[u8]) -> Result<Option<Arc<Record>>> {
        self.reader().shared(collection, key)
    }

    /// Records that declare `value` under `index` ([`Reader::by_index`]).
    ///
    /// # Errors
    /// [`Error::Tampered`](crate::Error::Tampered) when one does not verify.
    pub fn by_index(&self, collection: &str, index: &str, value: &[u8]) -> Result<Vec<Record>> {
        self.reader().by_index(collection, index, value)
    }

    /// Records of a key range ([`Reader::scan`]).
    ///
    /// # Errors
    /// [`Error::Tampered`](crate::Error::Tampered) when one does not verify.
    pub fn scan(&self, collection: &str, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Vec<Record>> {
        self.reader().scan(collection, range, after, limit)
    }

    /// What `each` makes of every record of a key range as it is now, in the order of keys. Memory
    /// is taken for a page at a time, and long ranges are worked off on every core.
    ///
    /// # Errors
    /// [`Error::Tampered`](crate::Error::Tampered) when one does not verify; else what `each` answers.
    pub fn map<T: Send, E: From<crate::Error> + Send>(
        &self,
        collection: &str,
        range: &KeyRange,
        each: impl Fn(Record) -> Result<T, E> + Sync,
    ) -> Result<Vec<T>, E> {
        self.map_by(pages::cores(), collection, range, each)
    }

    /// The same in this thread alone: for work that those who wait for an answer should not feel.
    ///
    /// # Errors
    /// As [`Store::map`].
    pub fn map_aside<T: Send, E: From<crate::Error> + Send>(
        &self,
        collection: &str,
        range: &KeyRange,
        each: impl Fn(Record) -> Result<T, E> + Sync,
    ) -> Result<Vec<T>, E> {
        self.map_by(1, collection, range, each)
    }

    fn map_by<T: Send, E: From<crate::Error> + Send>(
        &self,
        threads: usize,
        collection: &str,
        range: &KeyRange,
        each: impl Fn(Record) -> Result<T, E> + Sync,
    ) -> Result<Vec<T>, E> {
        pages::map(self.core.engine.as_ref(), self.core.mac.as_ref(), collection, range, threads, each)
    }

    /// Size of the log and the state of its head.
    ///
    /// # Errors
    /// When the engine cannot read.
    pub fn log_head(&self) -> Result<Head> {
        self.reader().log_head()
    }

    /// At most `limit` log entries from index `first` on.
    ///
    /// # Errors
    /// When the engine cannot read.
    pub fn log(&self, first: u64, limit: usize) -> Result<Vec<LogRow>> {
        self.reader().log(first, limit)
    }

    /// Writes a consistent, durable copy to `path`, which must not exist, also while in use.
    ///
    /// # Errors
    /// When the copy cannot be written.
    pub fn backup_to(&self, path: &Path) -> Result<()> {
        self.core.engine.backup_to(path)
    }

    /// The engine below, for facts about this copy ([`Engine::put_meta`]) and its own checks.
    #[must_use]
    pub fn engine(&self) -> &dyn Engine {
        self.core.engine.as_ref()
    }
}

impl Drop for Store {
    /// Ends the committer, so that the engine is closed when this returns; or soon after, where it
    /// is the committer itself that lets go of the store, in a call that it makes.
    fn drop(&mut self) {
        self.core.queue.close();
        let committer = self.committer.take().flatten();
        if let Some(committer) = committer.filter(|committer| committer.thread().id() != thread::current().id()) {
            // It reports its panics itself.
            let _ = committer.join();
        }
    }
}

impl Core {
    fn apply(&self, group: &[Batch]) -> Vec<Result<Committed>> {
        let unanswered = Unanswered { cache: &self.cache, group };
        let answers = self.engine.apply(group, self.mac.as_ref(), self.head.as_ref());
        unanswered.answer(&answers);
        answers
    }
}

/// A group whose fate is not known: so it stays where the engine panics.
struct Unanswered<'a> {
    /// Looked at when there is an answer: a store may begin to remember meanwhile.
    cache: &'a OnceLock<Cache>,
    group: &'a [Batch],
}

impl Unanswered<'_> {
    /// Before anybody is told: who reads after his commit was acknowledged has to see it.
    fn answer(mut self, answers: &[Result<Committed>]) {
        let group = std::mem::take(&mut self.group);
        let Some(cache) = self.cache.get() else { return };
        for (batch, answer) in group.iter().zip(answers) {
            match answer {
                Ok(_) => cache.committed(batch),
                // It was refused before anything was written.
                Err(crate::Error::Conflict(_)) => cache.refused(batch),
                Err(_) => cache.unknown(batch),
            }
        }
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(cache) = self.cache.get() {
            self.group.iter().for_each(|batch| cache.unknown(batch));
        }
    }
}

/// The header of a store whose keys are not known yet: it says how to get them.
///
/// # Errors
/// When the engine cannot read.
pub fn peek_header(engine: &dyn Engine) -> Result<Option<Vec<u8>>> {
    engine.header()
}
