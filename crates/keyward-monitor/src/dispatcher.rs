//! The threads: one that keeps the outbox, one for each sink.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use keyward_types::{AlertSinkId, Clock, Random, RandomError, Timestamp};

use crate::outbox::{Event, Outbox, Parcel, SinkState, Step};
use crate::{Alert, Channel, Delivered, Error, Fault, Retry, Sink};

/// Sends alerts: one thread keeps the [`Outbox`], and each sink has one of its own, so that a sink
/// that hangs holds up nobody.
pub struct Dispatcher {
    desk: SyncSender<Message>,
    overrun: Arc<AtomicU64>,
    abandoned: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<SinkState>>>,
}

/// What the dispatcher takes from the world.
#[derive(Clone)]
pub struct Tools {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives ids and jitter.
    pub random: Arc<dyn Random>,
    /// When failures are tried again.
    pub retry: Retry,
    /// Names the log that alerts come from, whatever process reads it.
    pub log: String,
}

enum Message {
    Raised(Alert),
    Done(AlertSinkId, Result<Delivered, Fault>),
    Sinks(Vec<Sink>),
    States(SyncSender<Vec<SinkState>>),
    Close(Instant),
}

/// How many alerts may wait to be taken in.
const MOST_RAISED: usize = 1024;
/// A wait that is longer is cut, since the wall clock may jump meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl Dispatcher {
    /// Starts the threads.
    ///
    /// # Errors
    /// When there is no randomness or no thread.
    pub fn start(sinks: Vec<Sink>, tools: Tools) -> Result<Self, Error> {
        let mut bytes = [0; 8];
        tools.random.fill(&mut bytes)?;
        let outbox = Outbox::new(data_encoding::HEXLOWER.encode(&bytes), tools.log.clone(), tools.retry);
        let (desk, inbox) = sync_channel(MOST_RAISED);
        let overrun = Arc::new(AtomicU64::new(0));
        let abandoned = Arc::<AtomicBool>::default();
        let mut post = PostOffice {
            outbox,
            tools,
            desk: desk.clone(),
            overrun: Arc::clone(&overrun),
            abandoned: Arc::clone(&abandoned),
            workers: HashMap::new(),
        };
        let run = move || {
            post.replace(sinks);
            post.run(&inbox)
        };
        let thread = std::thread::Builder::new().name("alerts".into()).spawn(run);
        let thread = thread.map_err(|error| Error::Thread(error.to_string()))?;
        Ok(Self { desk, overrun, abandoned, thread: Some(thread) })
    }

    /// Takes an alert in; never waits. Where too many come at once, they are counted, and the
    /// count is sent.
    pub fn raise(&self, alert: Alert) {
        let count = alert.count;
        if let Err(TrySendError::Full(_)) = self.desk.try_send(Message::Raised(alert)) {
            self.overrun.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Takes an alert of the log in, and waits where too many come at once: the log has them all,
    /// so that none is to be dropped here. A sink that is dead or slow for long loses the least of
    /// what waits for it all the same, and is told how many: waiting for it would hold up the others.
    pub fn raise_in_turn(&self, alert: Alert) {
        // The thread lives as long as this does.
        let _ = self.desk.send(Message::Raised(alert));
    }

    /// From now on these are the sinks. Those that stay keep what waits for them.
    pub fn replace(&self, sinks: Vec<Sink>) {
        // The thread lives as long as this does.
        let _ = self.desk.send(Message::Sinks(sinks));
    }

    /// How each sink does.
    pub fn states(&self) -> Vec<SinkState> {
        let (tell, told) = sync_channel(1);
        let asked = self.desk.send(Message::States(tell));
        asked.ok().and_then(|()| told.recv().ok()).unwrap_or_default()
    }

    /// Sends what waits, for at most this long, and ends. Answers how each sink did.
    pub fn close(mut self, within: Duration) -> Vec<SinkState> {
        self.shut(within)
    }

    /// The same for who keeps it; what is raised from then on goes nowhere.
    pub fn shut(&mut self, within: Duration) -> Vec<SinkState> {
        let _ = self.desk.send(Message::Close(Instant::now() + within));
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Dispatcher {
    /// Without [`Dispatcher::close`] nothing is waited for.
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.abandoned.store(true, Ordering::Relaxed);
            // Wakes it; where the desk is full, what lies there does.
            let _ = self.desk.try_send(Message::Close(Instant::now()));
        }
    }
}

/// What the dispatcher's thread has.
struct PostOffice {
    outbox: Outbox,
    tools: Tools,
    desk: SyncSender<Message>,
    overrun: Arc<AtomicU64>,
    abandoned: Arc<AtomicBool>,
    workers: HashMap<AlertSinkId, Sender<(Parcel, Timestamp)>>,
}

impl PostOffice {
    fn run(&mut self, inbox: &Receiver<Message>) -> Vec<SinkState> {
        let mut until: Option<Instant> = None;
        loop {
            let is_over = until.is_some_and(|until| self.outbox.is_idle() || Instant::now() >= until);
            if is_over || self.abandoned.load(Ordering::Relaxed) {
                return self.outbox.states();
            }
            match inbox.recv_timeout(self.wait(until)) {
                Ok(Message::Raised(alert)) => self.step(Event::Raised(alert)),
                Ok(Message::Done(sink, Ok(Delivered { but: None }))) => self.step(Event::Sent(sink)),
                Ok(Message::Done(sink, Ok(Delivered { but: Some(who) }))) => self.step(Event::SentBut(sink, who)),
                Ok(Message::Done(sink, Err(fault))) => {
                    // Without randomness the wait is the longest.
                    let roll = roll(&*self.tools.random).unwrap_or(u32::MAX);
                    self.step(Event::Failed(sink, fault, roll));
                }
                Ok(Message::Sinks(sinks)) => self.replace(sinks),
                Ok(Message::States(tell)) => {
                    // Whoever asked may have gone.
                    let _ = tell.send(self.outbox.states());
                }
                Ok(Message::Close(at)) => {
                    until = Some(at);
                    self.step(Event::Closing);
                }
                // Not that nobody can send any more: it holds a sender itself.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => self.step(Event::Tick),
            }
            let overrun = self.overrun.swap(0, Ordering::Relaxed);
            if overrun > 0 {
                self.step(Event::Overrun(overrun));
            }
        }
    }

    fn wait(&self, until: Option<Instant>) -> Duration {
        let now = self.tools.clock.now();
        let due = self.outbox.wake().map_or(LONGEST_WAIT, |wake| {
            Duration::from_millis(u64::try_from(wake.0.saturating_sub(now.0)).unwrap_or_default())
        });
        let left = until.map_or(LONGEST_WAIT, |until| until.saturating_duration_since(Instant::now()));
        due.min(left).min(LONGEST_WAIT)
    }

    fn step(&mut self, event: Event) {
        let now = self.tools.clock.now();
        let mut steps = self.outbox.next(event, now);
        while let Some(Step::Send(sink, parcel)) = steps.pop() {
            let sent = self.workers.get(&sink).is_some_and(|worker| worker.send((parcel, now)).is_ok());
            if !sent {
                let failed = Event::Failed(sink, Fault::permanent("it has no thread"), u32::MAX);
                steps.extend(self.outbox.next(failed, now));
            }
        }
    }

    fn replace(&mut self, sinks: Vec<Sink>) {
        self.workers.retain(|id, _| sinks.iter().any(|sink| sink.id == *id));
        for sink in &sinks {
            if !self.workers.contains_key(&sink.id)
                && let Some(worker) = worker(sink, self.desk.clone())
            {
                self.workers.insert(sink.id, worker);
            }
        }
        self.step(Event::Sinks(sinks.into_iter().map(|sink| (sink.id, sink.name, sink.only, sink.from)).collect()));
    }
}

/// A thread that delivers to one sink, until its line is dropped.
fn worker(sink: &Sink, desk: SyncSender<Message>) -> Option<Sender<(Parcel, Timestamp)>> {
    let (line, parcels) = channel::<(Parcel, Timestamp)>();
    let (id, channel): (AlertSinkId, Arc<dyn Channel>) = (sink.id, Arc::clone(&sink.channel));
    let run = move || {
        while let Ok((parcel, at)) = parcels.recv() {
            let delivered = channel.deliver(&parcel, at);
            if desk.send(Message::Done(id, delivered)).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("alert-sink".into()).spawn(run).ok().map(|_| line)
}

fn roll(random: &dyn Random) -> Result<u32, RandomError> {
    let mut bytes = [0; 4];
    random.fill(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}
