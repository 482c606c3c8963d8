//! Traces for a collector: OTLP over HTTP in its JSON form, set up by the variables of OpenTelemetry.
//!
//! A span says which route or job ran, when, for how long and how it ended. There is no way to put a
//! value, a token or a name of a secret into one: attributes have fixed names, and what they hold are
//! routes as patterns, methods, codes and numbers.
//!
//! Whoever is traced waits for nobody: spans go into a bounded queue, and a thread of its own sends
//! them. What a collector does not take is given up, and counted.

mod otlp;
mod settings;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use keyward_types::{Random, Timestamp};

pub use self::otlp::{Attribute, Parent, Span, SpanKind};
pub use self::settings::TelemetrySettings;
use crate::http::Poster;

/// Sends spans until it is dropped; then what waits is sent first, as long as the collector takes it.
pub struct Telemetry {
    shared: Arc<Shared>,
    random: Arc<dyn Random>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    settings: TelemetrySettings,
    patience: Duration,
    queue: Mutex<Queue>,
    wake: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Queue {
    spans: VecDeque<Span>,
    ended: bool,
}

/// Most spans that wait; the newest are given up.
const MOST: usize = 2048;
/// As many go into one request.
const BATCH: usize = 512;
/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl Telemetry {
    /// Starts to send.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(settings: TelemetrySettings, random: Arc<dyn Random>) -> std::io::Result<Self> {
        Self::start_with(settings, random, PATIENCE)
    }

    fn start_with(settings: TelemetrySettings, random: Arc<dyn Random>, patience: Duration) -> std::io::Result<Self> {
        let (queue, wake, dropped) = (Mutex::default(), Condvar::new(), AtomicU64::new(0));
        let shared = Arc::new(Shared { settings, patience, queue, wake, dropped });
        let sending = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("keyward-traces".into()).spawn(move || sending.send())?;
        Ok(Self { shared, random, thread: Some(thread) })
    }

    /// A span, if this trace is one of those that are sent. `parent` is what the caller says of his
    /// own span (W3C `traceparent`).
    pub fn begin(&self, kind: SpanKind, start: Timestamp, parent: Option<&str>) -> Option<Span> {
        let parent = parent.and_then(Parent::parse);
        let mut ids = [0; 24];
        // Without randomness there is no trace, which harms nobody else.
        self.random.fill(&mut ids).ok()?;
        let span = Span::new(kind, start, ids, parent);
        self.shared.settings.samples(&span).then_some(span)
    }

    /// Hands an ended span over.
    pub fn end(&self, span: Span) {
        let mut queue = self.shared.queue();
        if queue.spans.len() >= MOST {
            self.shared.dropped.fetch_add(1, Relaxed);
            return;
        }
        queue.spans.push_back(span);
        if queue.spans.len() >= BATCH {
            self.shared.wake.notify_one();
        }
    }

    /// Spans that were given up.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Relaxed)
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.shared.queue().ended = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self) {
        let poster = Poster::patient(self.settings.endpoint.clone(), true, self.patience);
        let headers = self.settings.headers.iter().map(|(name, value)| (name.as_str(), value.expose().as_str()));
        let headers: Vec<(&str, &str)> = headers.collect();
        loop {
            let (spans, ended) = self.take();
            if !spans.is_empty() {
                let body = otlp::request(&self.settings.resource, &spans);
                if poster.post(&headers, &body).is_err() {
                    self.drop_with(spans.len());
                }
            }
            if ended && self.queue().spans.is_empty() {
                return;
            }
        }
    }

    /// Counts spans that the collector did not take. Once nothing comes any more, the rest goes with
    /// them: a collector that hangs would hold the end up for as long again with each request.
    fn drop_with(&self, refused: usize) {
        let mut queue = self.queue();
        let rest = if queue.ended { std::mem::take(&mut queue.spans).len() } else { 0 };
        self.dropped.fetch_add((refused + rest) as u64, Relaxed);
    }

    /// What waits, once it is a batch or has waited long enough.
    fn take(&self) -> (Vec<Span>, bool) {
        let idle = |queue: &mut Queue| queue.spans.len() < BATCH && !queue.ended;
        let waited = self.wake.wait_timeout_while(self.queue(), self.settings.delay, idle);
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let n = queue.spans.len().min(BATCH);
        (queue.spans.drain(..n).collect(), queue.ended)
    }
}

#[cfg(test)]
mod tests;
