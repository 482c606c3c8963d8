//! The server's own work: what is to be done each second, minute or hour, by whoever leads.
//!
//! What holds here:
//!
//! - **One leads.** On a store that this process owns it is this process; on one that several nodes
//!   share it is whoever holds the lease, and each change of a job is refused once another node has
//!   taken over.
//! - **Jobs do not hold up each other**, nor the server: each runs on a thread of its own, once at a
//!   time. What fails or panics is counted, tried again with a wait, and told as an alert.

mod schedule;
mod work;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use keyward_client::{Alert, Code, Result, SystemClock, SystemRandom};
use keyward_types::{Clock, Random};
use keyward_vault::Lead;

use crate::app::App;
use crate::stop::Stop;
use schedule::Schedule;
use work::{Job, Work};

/// How long a lead lasts without word of its holder, how often he gives it, and how often the others
/// ask.
const LASTS: Duration = Duration::from_secs(15);
const KEEP_EVERY: Duration = Duration::from_secs(5);
const TRY_EVERY: Duration = Duration::from_secs(2);
/// How often it is looked whether the server ends.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long jobs that are under way have when it does, and how long alerts that wait.
const LAST_JOBS: Duration = Duration::from_secs(3);
const LAST_ALERTS: Duration = Duration::from_secs(2);

/// Jobs that run until the server ends.
pub(crate) struct Running(JoinHandle<()>);

impl Running {
    /// Until they have ended, as far as they do so in time.
    pub(crate) fn wait(self) {
        let longest = Instant::now() + LAST_JOBS + LAST_ALERTS + LASTS;
        while !self.0.is_finished() && Instant::now() < longest {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Starts the jobs on a thread of their own.
pub(crate) fn start(app: Arc<App>, stop: Stop) -> std::io::Result<Running> {
    let work = Arc::new(Work::new(app));
    let labour = Arc::clone(&work);
    let perform: Perform = Arc::new(move |job, lead| labour.perform(job, lead));
    let run = move || Runner::new(work, perform).run(&stop);
    std::thread::Builder::new().name("keyward-jobs".into()).spawn(run).map(Running)
}

struct Runner {
    work: Arc<Work>,
    perform: Perform,
    clock: SystemClock,
    /// Unlike the name of every other process.
    holder: String,
    everybody: Schedule<Job>,
    leader: Schedule<Job>,
    lead: Option<Leading>,
    asked: Option<Instant>,
    /// That another process leads, and this one may be sending alerts still.
    to_be_silenced: bool,
    done: (Sender<Done>, Receiver<Done>),
}

/// Does a job: with the lead what is the leader's, without it what is everybody's.
type Perform = Arc<dyn Fn(Job, Option<&Lead>) -> Result<()> + Send + Sync>;

struct Leading {
    lead: Lead,
    /// When the store last said so.
    known: Instant,
}

/// How a job ended.
struct Done {
    job: Job,
    took: Duration,
    outcome: Outcome,
}

enum Outcome {
    Well,
    Failed(Code, String),
    Panicked,
}

impl Runner {
    fn new(work: Arc<Work>, perform: Perform) -> Self {
        let mut bytes = [0; 8];
        // Without randomness the process's number has to do: the epoch tells the lives apart.
        let _ = SystemRandom.fill(&mut bytes);
        let holder = format!("{}-{:016x}", std::process::id(), u64::from_be_bytes(bytes));
        let now = SystemClock.now();
        Self {
            work,
            perform,
            clock: SystemClock,
            holder,
            everybody: Schedule::new(Job::EVERYBODY, now),
            leader: Schedule::new(Job::LEADER, now),
            lead: None,
            asked: None,
            to_be_silenced: false,
            done: channel(),
        }
    }

    fn run(mut self, stop: &Stop) {
        while !stop.is_stopped() {
            self.see_to_lead();
            self.begin();
            self.take_in(self.wait());
        }
        self.end();
    }

    /// Takes the lead, keeps it, or learns that somebody else has it.
    fn see_to_lead(&mut self) {
        if self.to_be_silenced && self.work.stop_watching() {
            self.to_be_silenced = false;
        }
        let vault = &self.work.app.vault;
        match &mut self.lead {
            Some(leading) if leading.known.elapsed() < KEEP_EVERY => {}
            Some(leading) => {
                let begun = Instant::now();
                match vault.keep_lead(&leading.lead, LASTS) {
                    Ok(true) => leading.known = begun,
                    Ok(false) => self.lose_lead("another node has taken it"),
                    Err(_) if leading.known.elapsed() < LASTS => {}
                    Err(_) => self.lose_lead("the store does not answer"),
                }
            }
            None if self.asked.is_some_and(|asked| asked.elapsed() < TRY_EVERY) => {}
            None => {
                let begun = Instant::now();
                match vault.lead(&self.holder, LASTS) {
                    Ok(Some(lead)) => self.take_lead(lead, begun),
                    Ok(None) => {}
                    Err(error) => tracing::warn!(target: "keyward::job", %error, "the lead could not be asked for"),
                }
                self.asked = Some(Instant::now());
            }
        }
    }

    fn take_lead(&mut self, lead: Lead, known: Instant) {
        tracing::info!(target: "keyward::job", holder = self.holder, epoch = lead.epoch(), "this node runs the jobs");
        self.work.app.metrics.leads(true);
        self.to_be_silenced = false;
        self.lead = Some(Leading { lead, known });
    }

    fn lose_lead(&mut self, why: &str) {
        tracing::warn!(target: "keyward::job", why, "this node does not run the jobs any more");
        self.work.app.metrics.leads(false);
        self.lead = None;
        self.to_be_silenced = true;
    }

    fn begin(&mut self) {
        let now = self.clock.now();
        for job in self.everybody.start(now) {
            self.spawn(job, None);
        }
        if let Some(lead) = self.lead.as_ref().map(|leading| leading.lead.clone()) {
            for job in self.leader.start(now) {
                self.spawn(job, Some(lead.clone()));
            }
        }
    }

    fn spawn(&mut self, job: Job, lead: Option<Lead>) {
        let (perform, tell) = (Arc::clone(&self.perform), self.done.0.clone());
        let run = move || {
            let begun = Instant::now();
            // What a panic leaves behind is behind locks that are taken on as they are.
            let outcome = outcome(catch_unwind(AssertUnwindSafe(|| perform(job, lead.as_ref()))));
            let _ = tell.send(Done { job, took: begun.elapsed(), outcome });
        };
        let thread = std::thread::Builder::new().name(format!("job-{}", job.name()));
        if let Err(error) = thread.spawn(run) {
            let outcome = Outcome::Failed(Code::Internal, format!("there is no thread for it: {error}"));
            let _ = self.done.0.send(Done { job, took: Duration::ZERO, outcome });
        }
    }

    fn wait(&self) -> Duration {
        let now = self.clock.now();
        let idle = match self.lead {
            Some(_) => self.leader.idle(now).min(self.everybody.idle(now)),
            None => self.everybody.idle(now),
        };
        Duration::from_millis(u64::try_from(idle).unwrap_or_default()).clamp(Duration::from_millis(1), LOOK_EVERY)
    }

    /// Takes in how a job ended, if one does within this time.
    fn take_in(&mut self, within: Duration) {
        match self.done.1.recv_timeout(within) {
            Ok(done) => self.ended(&done),
            // The sender lives in `self`.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }

    fn ended(&mut self, done: &Done) {
        let (name, now) = (done.job.name(), self.clock.now());
        let micros = u64::try_from(done.took.as_micros()).unwrap_or(u64::MAX);
        let well = matches!(done.outcome, Outcome::Well);
        // One of them has it.
        let failures = self.everybody.ended(done.job, well, now) + self.leader.ended(done.job, well, now);
        let metrics = &self.work.app.metrics;
        match &done.outcome {
            Outcome::Well => {
                metrics.job(name, "done");
                tracing::debug!(target: "keyward::job", job = name, micros, "done");
            }
            Outcome::Failed(code, why) => {
                metrics.job(name, "failed");
                tracing::warn!(target: "keyward::job", job = name, micros, failures, why, "failed");
                // Somebody was faster: the next time will do. What stays so is told.
                if self.lead.is_some() && (*code != Code::Raced || failures > 2) {
                    self.work.raise(Alert::job_failed(name, now, "the server's log says why"));
                }
            }
            Outcome::Panicked => {
                metrics.job(name, "panicked");
                tracing::error!(target: "keyward::job", job = name, micros, failures, "panicked");
                if self.lead.is_some() {
                    self.work.raise(Alert::job_failed(name, now, "it panicked; this is a fault of keyward"));
                }
            }
        }
    }

    /// Jobs that are under way end, as far as they do so in time; then others may lead.
    fn end(mut self) {
        let longest = Instant::now() + LAST_JOBS;
        while (self.leader.is_busy() || self.everybody.is_busy()) && Instant::now() < longest {
            self.take_in(Duration::from_millis(50));
        }
        if let Some(Leading { lead, .. }) = self.lead.take() {
            self.work.app.metrics.leads(false);
            self.work.close(LAST_ALERTS);
            if let Err(error) = self.work.app.vault.give_up_lead(&lead) {
                tracing::warn!(target: "keyward::job", %error, "the lead could not be given up; it ends by itself");
            }
        }
    }
}

/// A panic's message may hold anything; the hook has reported it.
fn outcome(ended: std::thread::Result<Result<()>>) -> Outcome {
    match ended {
        Ok(Ok(())) => Outcome::Well,
        Ok(Err(failure)) => Outcome::Failed(failure.code, failure.message),
        Err(_panic) => Outcome::Panicked,
    }
}

#[cfg(test)]
mod tests;
