//! One call to an upstream, from its reservation to its record. Whatever becomes of the request, the
//! call ends exactly once: settled when its answer has ended, estimated when it broke off.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use keyward_types::Timestamp;

use crate::budget::Reserved;
use crate::endpoint::Endpoint;
use crate::grant::{Route, Unit};
use crate::lease::Lease;
use crate::meter::{Counts, Interface, Passed, Said};
use crate::price::Price;
use crate::redact::Patterns;
use crate::refusal::{Reason, Refusal};
use crate::shared::UnderWay;
use crate::usage::{End, Short, Truth, UsageRecord};
use crate::worker::{Known, Worker};

/// A call that was let through. It is moved about in a box, as it is large.
pub(crate) struct Call {
    worker: Rc<Worker>,
    known: Rc<Known>,
    lease: Arc<Lease>,
    record: UsageRecord,
    reserved: Vec<(Reserved, Unit)>,
    tokens: u64,
    estimate: Estimate,
    interface: Option<Interface>,
    began: u64,
    pursuit: Rc<Pursuit>,
    /// The upstream gave no answer that can be passed on.
    failed: bool,
    over: bool,
    _under_way: UnderWay,
}

/// What a call costs that has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charge {
    /// The upstream has done nothing for it.
    Nothing,
    /// It may have, and will charge what it was asked for.
    Estimate,
}

/// What a call is expected to use.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Estimate {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) price: Option<Price>,
    /// Whether such a call uses tokens, so that they are estimated where its answer says none.
    pub(crate) due: bool,
    /// Whether its answer is asked for as a stream.
    pub(crate) stream: bool,
}

/// How far a call has come, for whoever may have to go on with it alone.
#[derive(Debug, Default)]
pub(crate) struct Pursuit {
    /// It is at the upstream.
    sent: Cell<bool>,
    /// Bytes of its body that went there.
    pub(crate) uploaded: Cell<u64>,
    /// What is wrong with the rest of it.
    pub(crate) fault: Cell<Option<Reason>>,
    due: bool,
    stream: bool,
}

impl Pursuit {
    /// Whether it costs something that an answer would tell.
    pub(crate) fn is_worth_it(&self) -> bool {
        self.due && self.sent.get()
    }

    /// How long a stream is gone on with; whole answers have limits of their own.
    pub(crate) fn stream_patience(&self, worker: &Worker) -> Option<Duration> {
        self.stream.then_some(worker.config.times.read_on)
    }
}

impl Estimate {
    fn counts(&self) -> Counts {
        Counts { input: self.input, output: self.output, ..Counts::default() }
    }

    fn amount(&self, unit: Unit) -> Option<u64> {
        match unit {
            Unit::Money => self.price.map(|price| price.cost(&self.counts())),
            Unit::Tokens => Some(self.input.saturating_add(self.output)),
            Unit::Requests => Some(1),
        }
    }
}

impl Call {
    /// Takes what the call needs of rates, budgets and room, all or nothing.
    pub(crate) async fn begin(
        worker: &Rc<Worker>,
        known: &Rc<Known>,
        (route, lease): (&Route, Arc<Lease>),
        (estimate, model, endpoint): (Estimate, &str, Endpoint),
        now: Timestamp,
    ) -> Result<Box<Self>, Refusal> {
        let (grant, live) = (&known.grant, &known.live);
        let began = worker.shared.nanos();
        let under_way = live.begin(grant.parallel).ok_or(Reason::Parallel)?;
        if let Some(most) = grant.rpm {
            live.requests.take(began, most, 1).map_err(|wait| Refusal { reason: Reason::Rate, wait: Some(wait) })?;
        }
        let tokens = estimate.input.saturating_add(estimate.output);
        if let Some(most) = grant.tpm {
            live.tokens
                .take(began, most, tokens)
                .map_err(|wait| Refusal { reason: Reason::Tokens, wait: Some(wait) })?;
        }
        let mut reserved = Vec::with_capacity(known.purses.len());
        for (purse, unit) in &known.purses {
            let taken = match estimate.amount(*unit) {
                None => Err(Reason::Unpriced.into()),
                Some(amount) => worker.shared.purses.reserve(purse, amount, now).await,
            };
            match taken {
                Ok(taken) => reserved.push((taken, *unit)),
                Err(refusal) => {
                    if let Some(most) = grant.tpm {
                        live.tokens.correct(most, tokens, 0);
                    }
                    return Err(refusal);
                }
            }
        }
        if !worker.ring.borrow_mut().begin() {
            return Err(Reason::Unrecorded.into());
        }
        let record = UsageRecord {
            at: now,
            key: grant.id,
            secret: lease.secret,
            version: lease.version,
            provider: Short::new(&route.provider),
            model: Short::new(model),
            tag: known.narrowing.as_ref().map(|narrowing| narrowing.tag).unwrap_or_default(),
            endpoint,
            status: 0,
            counts: Counts::default(),
            cost: 0,
            truth: Truth::Uncounted,
            end: End::CutOff,
            first_millis: 0,
            millis: 0,
            bytes_in: 0,
            bytes_out: 0,
            redacted: 0,
        };
        Ok(Box::new(Self {
            worker: Rc::clone(worker),
            known: Rc::clone(known),
            lease,
            record,
            reserved,
            tokens,
            estimate,
            interface: route.upstream.interface,
            began,
            pursuit: Rc::new(Pursuit { due: estimate.due, stream: estimate.stream, ..Pursuit::default() }),
            failed: false,
            over: false,
            _under_way: under_way,
        }))
    }

    /// It goes on, and has used so much by now: what it may use next is reserved before.
    ///
    /// # Errors
    /// When there is no more to be had.
    pub(crate) async fn go_on(&mut self, used: &Counts) -> Result<(), Refusal> {
        let (grant, live) = (&self.known.grant, &self.known.live);
        let tokens = used.input.saturating_add(used.output);
        let ahead = self.estimate.input.saturating_add(self.estimate.output);
        let due = tokens.saturating_add(ahead).saturating_sub(self.tokens);
        if let (Some(most), 1..) = (grant.tpm, due) {
            let taken = live.tokens.take(self.worker.shared.nanos(), most, due);
            taken.map_err(|wait| Refusal { reason: Reason::Tokens, wait: Some(wait) })?;
        }
        self.tokens = self.tokens.saturating_add(due);
        let now = self.worker.now();
        for ((reserved, unit), (purse, _)) in self.reserved.iter_mut().zip(&self.known.purses) {
            let price = self.estimate.price;
            let (used, ahead) = match unit {
                Unit::Money => (price.map_or(0, |price| price.cost(used)), self.estimate.amount(*unit)),
                Unit::Tokens => (tokens, self.estimate.amount(*unit)),
                Unit::Requests => continue,
            };
            let short = reserved.short_of(used.saturating_add(ahead.unwrap_or_default()));
            if short > 0 {
                reserved.grow(self.worker.shared.purses.reserve(purse, short, now).await?);
            }
        }
        Ok(())
    }

    /// The request goes out with this lease.
    pub(crate) fn sending(&mut self, lease: &Arc<Lease>) {
        self.pursuit.sent.set(true);
        self.lease = Arc::clone(lease);
        self.record.version = lease.version;
    }

    /// The head of the answer has come.
    pub(crate) fn answered(&mut self, status: u16) {
        self.record.status = status;
        self.record.first_millis = self.millis();
    }

    /// The upstream gave no answer that can be passed on: what becomes of the call is not its caller's doing.
    pub(crate) fn fail(&mut self, charge: Charge) {
        self.failed = true;
        self.pursuit.sent.set(self.pursuit.sent.get() && charge == Charge::Estimate);
    }

    /// How far it has come.
    pub(crate) fn pursuit(&self) -> &Rc<Pursuit> {
        &self.pursuit
    }

    /// The core that makes it.
    pub(crate) fn worker(&self) -> &Rc<Worker> {
        &self.worker
    }

    /// The lease that it was made with.
    pub(crate) fn lease(&self) -> Arc<Lease> {
        Arc::clone(&self.lease)
    }

    /// What echoes are recognised by.
    pub(crate) fn patterns(&self) -> &Patterns {
        self.lease.patterns()
    }

    /// The answer has ended. `all`: it was read to its end, whoever took it.
    pub(crate) fn end(mut self: Box<Self>, (end, all): (End, bool), said: &Said, passed: u64, hits: u64) {
        self.record.bytes_out = passed;
        self.record.redacted = u32::try_from(hits).unwrap_or(u32::MAX);
        self.close((end, all), said);
    }

    fn close(&mut self, (end, all): (End, bool), said: &Said) {
        self.over = true;
        if let Some(model) = said.model.as_deref() {
            self.record.model = Short::new(model);
        }
        let failed = self.record.status >= 400;
        let sent = self.pursuit.sent.get();
        (self.record.counts, self.record.truth) = match said.counts {
            Some(counts) if all => (counts, Truth::Exact),
            Some(counts) => {
                let output = counts.output.saturating_add(self.guess(said.since));
                (Counts { output, ..counts }, Truth::Estimated)
            }
            // Providers do not charge for what they refuse, nor for what uses no tokens.
            None if failed || !sent || !self.estimate.due => (Counts::default(), Truth::Uncounted),
            // Nothing is known of it but what it may have been.
            None if self.record.status == 0 && !self.estimate.stream => (self.estimate.counts(), Truth::Estimated),
            None => {
                let output = self.guess(said.since);
                (Counts { input: self.estimate.input, output, ..Counts::default() }, Truth::Estimated)
            }
        };
        if self.record.truth == Truth::Exact && self.estimate.stream {
            self.learn(said);
        }
        let free = !sent || (failed && said.counts.is_none());
        let price = self.estimate.price;
        self.record.cost = if free { 0 } else { price.map_or(0, |price| price.cost(&self.record.counts)) };
        (self.record.end, self.record.millis) = (end, self.millis());
        self.record.bytes_in = self.pursuit.uploaded.get();
        self.settle(free);
        self.worker.ring.borrow_mut().end(self.record);
    }

    fn guess(&self, passed: Passed) -> u64 {
        self.interface.map_or(0, |of| self.worker.paces.guess(of, self.record.model.as_str(), passed))
    }

    fn learn(&self, said: &Said) {
        let (counts, model) = (&self.record.counts, self.record.model.as_str());
        let visible = counts.output.saturating_sub(counts.reasoning);
        if let Some(of) = self.interface {
            self.worker.paces.learn(of, model, said.passed, visible);
        }
    }

    fn settle(&mut self, free: bool) {
        let counts = &self.record.counts;
        let used = counts.input.saturating_add(counts.output);
        for (reserved, unit) in self.reserved.drain(..) {
            reserved.settle(match unit {
                Unit::Money => self.record.cost,
                Unit::Tokens => used,
                Unit::Requests => u64::from(!free),
            });
        }
        if let Some(most) = self.known.grant.tpm {
            self.known.live.tokens.correct(most, self.tokens, used);
        }
    }

    fn millis(&self) -> u32 {
        u32::try_from((self.worker.shared.nanos() - self.began) / 1_000_000).unwrap_or(u32::MAX)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.over {
            // Before an answer came: the caller hung up, or the upstream could not be reached.
            let left = self.pursuit.fault.get().is_some() || (self.pursuit.sent.get() && !self.failed);
            let end = if left { End::HungUp } else { End::CutOff };
            self.close((end, false), &Said::default());
        }
    }
}
