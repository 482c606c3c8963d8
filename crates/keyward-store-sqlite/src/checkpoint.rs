//! Emptying the write-ahead log into the database, off the writer's path.
//!
//! A thread of its own copies the log's frames while commits go on. Under load it never sees the last
//! of them, so it leaves the few that are new to the writer, between two commits: then the log starts
//! over in the same blocks of the disk, and a flush has no file growth to record. A process that
//! writes little (a single command) never starts the thread; it empties the log when it closes.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, MAIN_DB};

use crate::connection;

/// What the writer tells, and is told.
#[derive(Default)]
pub(crate) struct Progress {
    /// Frames in the log after the last commit.
    frames: AtomicUsize,
    /// Frames that are taken for many: more than usual after an attempt that a long read stood in the
    /// way of, as the log cannot start over while somebody reads from it.
    many: AtomicUsize,
    /// Frames at which the writer waits for readers to leave the log: twice as many after each time
    /// that one did not.
    too_many: AtomicUsize,
    /// Few frames are left: the writer copies them before its next group.
    nearly_done: AtomicBool,
    state: Mutex<State>,
    wake: Condvar,
}

impl Progress {
    /// To be called after each commit, by SQLite's hook.
    pub(crate) fn committed(&self, frames: usize) {
        if frames < self.frames.swap(frames, Ordering::Relaxed) {
            self.many.store(DUE_FRAMES, Ordering::Relaxed);
            self.too_many.store(TOO_MANY_FRAMES, Ordering::Relaxed);
        }
    }

    /// Is the log long enough to be emptied?
    pub(crate) fn is_due(&self) -> bool {
        self.frames.load(Ordering::Relaxed) >= self.many.load(Ordering::Relaxed).max(DUE_FRAMES)
    }

    /// Would whoever opens the file next be held up by reading the log?
    pub(crate) fn is_long_to_read(&self) -> bool {
        self.frames.load(Ordering::Relaxed) >= LONG_TO_READ_FRAMES
    }

    /// Should the writer copy the rest now? Says so once.
    pub(crate) fn take_nearly_done(&self) -> bool {
        let done = self.nearly_done.load(Ordering::Relaxed) && self.nearly_done.swap(false, Ordering::Relaxed);
        if done {
            self.put_off();
        }
        done
    }

    /// From now on the log is long only when it has grown a good deal more.
    fn put_off(&self) {
        self.many.store(self.frames.load(Ordering::Relaxed) + DUE_FRAMES, Ordering::Relaxed);
    }

    /// Has the log grown far beyond that?
    pub(crate) fn is_too_long(&self) -> bool {
        self.frames.load(Ordering::Relaxed) >= self.too_many.load(Ordering::Relaxed).max(TOO_MANY_FRAMES)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct State {
    wanted: bool,
    stopped: bool,
}

/// The thread; started when it is first needed, stopped when this is dropped.
pub(crate) struct Checkpointer {
    path: PathBuf,
    progress: Arc<Progress>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(crate) fn new(path: &Path, progress: Arc<Progress>) -> Self {
        Self { path: path.into(), progress, thread: None }
    }

    /// Wakes the thread when the log has become long.
    pub(crate) fn poke(&mut self) {
        if !self.progress.is_due() {
            return;
        }
        self.progress.state().wanted = true;
        self.progress.wake.notify_one();
        if self.thread.is_none() {
            let (path, progress) = (self.path.clone(), Arc::clone(&self.progress));
            let builder = std::thread::Builder::new().name("keyward-checkpoint".into());
            // Without a thread the log only grows; the next poke tries again.
            self.thread = builder.spawn(move || run(&path, &progress)).ok();
        }
    }

    /// Ends the thread, once what it is copying is copied.
    pub(crate) fn stop(&mut self) {
        self.progress.state().stopped = true;
        self.progress.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // It had a panic of its own; the log is whole whatever it did.
            let _ = thread.join();
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Copies what can be copied without waiting for anyone: frames in the log, and those left in it.
pub(crate) fn copy_frames(connection: &Connection) -> rusqlite::Result<(usize, usize)> {
    let (frames, copied) = connection.wal_checkpoint_v2(Some(MAIN_DB), CheckpointMode::PASSIVE)?;
    let frames = usize::try_from(frames).unwrap_or(0);
    Ok((frames, frames - usize::try_from(copied).unwrap_or(0).min(frames)))
}

/// Holds the writer back until all is copied and every reader has left the log, which then starts
/// over; for [`PATIENCE`] at most. Without it the log would grow without bound on a loaded machine.
pub(crate) fn catch_up(connection: &Connection, progress: &Progress) {
    let begin = Instant::now();
    let restart = || connection.wal_checkpoint_v2(Some(MAIN_DB), CheckpointMode::RESTART);
    // What fails leaves the log longer; the group's own writes find out what is wrong.
    if connection.busy_timeout(PATIENCE).is_ok() {
        // While the thread copies, an attempt is refused without waiting.
        while restart().is_err() && begin.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = connection.busy_timeout(connection::BUSY_TIMEOUT);
    }
    progress.too_many.store(2 * progress.frames.load(Ordering::Relaxed), Ordering::Relaxed);
}

fn run(path: &Path, progress: &Progress) {
    let Ok(connection) = connection::writer(path) else { return };
    while wait(progress) {
        copy_most(&connection, progress);
    }
}

/// Copies while commits go on, until few frames are left or somebody's long read keeps the others in the
/// log. Gives how often it went over the log.
fn copy_most(connection: &Connection, progress: &Progress) -> usize {
    let (mut passes, mut copied_before) = (0, None);
    // A failure leaves the log as it is: nothing is lost, and the next commit wakes us again.
    while let Ok((frames, left)) = copy_frames(connection) {
        passes += 1;
        if left <= FEW_FRAMES {
            progress.nearly_done.store(true, Ordering::Relaxed);
            break;
        }
        let copied = Some(frames - left);
        if copied == copied_before {
            // Nothing is to be had until the reader ends, which may be minutes.
            progress.put_off();
            break;
        }
        copied_before = copied;
        if progress.state().stopped {
            break;
        }
    }
    passes
}

/// Until there is work; no more when stopped.
fn wait(progress: &Progress) -> bool {
    let mut state = progress.state();
    while !state.wanted && !state.stopped {
        state = progress.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    state.wanted = false;
    !state.stopped
}

/// 2 MiB, read and summed within a millisecond.
const LONG_TO_READ_FRAMES: usize = 512;

/// 8 MiB of pages: within the first block of SQLite's frame index, so that lookups stay short.
const DUE_FRAMES: usize = 2_000;

/// 24 MiB: the thread cannot keep up, or readers follow one another without a gap.
const TOO_MANY_FRAMES: usize = 6_000;

/// How long a commit then waits at most.
const PATIENCE: Duration = Duration::from_secs(1);

/// Few enough to be copied between two commits.
const FEW_FRAMES: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::create;

    #[test]
    fn a_long_read_does_not_keep_the_thread_busy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        create::create(&path).unwrap();
        let (writer, checkpointer) = (connection::writer(&path).unwrap(), connection::writer(&path).unwrap());
        let reader = connection::reader(&path, false).unwrap();
        let put = |name: usize| {
            let value = vec![7_u8; 5_000 * FEW_FRAMES];
            writer.execute("INSERT INTO meta (name, value) VALUES (?1, ?2)", (name.to_string(), value)).unwrap();
        };
        put(1);
        reader.execute_batch("BEGIN; SELECT * FROM meta").unwrap();
        put(2);
        let progress = Progress::default();
        let (frames, left) = copy_frames(&checkpointer).unwrap();
        assert!(left > FEW_FRAMES && left < frames, "the reader keeps some: {left} of {frames}");
        progress.committed(frames.max(DUE_FRAMES));
        assert!(progress.is_due());
        assert!(copy_most(&checkpointer, &progress) <= 2);
        assert!(!progress.is_due() && !progress.take_nearly_done(), "it waits for the log to grow");
        reader.execute_batch("ROLLBACK").unwrap();
        assert!(copy_most(&checkpointer, &progress) <= 2);
        assert!(progress.take_nearly_done(), "now all is copied");
    }
}
