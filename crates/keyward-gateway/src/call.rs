//! One call to an upstream, from its reservation to its record. Whatever becomes of the request, the
//! call ends exactly once: settled when its answer has ended, estimated when it broke off.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use keyward_types::Timestamp;

use crate::budget::Reserved;
use crate::grant::{Route, Unit};
use crate::lease::Lease;
use crate::meter::{Counts, Said};
use crate::price::Price;
use crate::redact::Patterns;
use crate::refusal::{Reason, Refusal};
use crate::shared::UnderWay;
use crate::usage::{End, Short, Truth, UsageRecord};
use crate::worker::{Known, Worker};

/// A call that was let through.
pub(crate) struct Call {
    worker: Rc<Worker>,
    known: Rc<Known>,
    lease: Arc<Lease>,
    record: UsageRecord,
    reserved: Vec<(Reserved, Unit)>,
    tokens: u64,
    price: Option<Price>,
    /// What the input is believed to be.
    input: u64,
    /// Whether the answer's tokens are counted at all.
    counted: bool,
    began: u64,
    pub(crate) uploaded: Rc<Cell<u64>>,
    sent: bool,
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
        (estimate, model): (Estimate, &str),
        now: Timestamp,
    ) -> Result<Self, Refusal> {
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
        Ok(Self {
            worker: Rc::clone(worker),
            known: Rc::clone(known),
            lease,
            record,
            reserved,
            tokens,
            price: estimate.price,
            input: estimate.input,
            counted: false,
            began,
            uploaded: Rc::default(),
            sent: false,
            failed: false,
            over: false,
            _under_way: under_way,
        })
    }

    /// The request goes out with this lease.
    pub(crate) fn sending(&mut self, lease: &Arc<Lease>) {
        self.sent = true;
        self.lease = Arc::clone(lease);
        self.record.version = lease.version;
    }

    /// The head of the answer has come. `counted`: its tokens are read.
    pub(crate) fn answered(&mut self, status: u16, counted: bool) {
        self.record.status = status;
        self.counted = counted;
        self.record.first_millis = self.millis();
    }

    /// The upstream gave no answer that can be passed on: what becomes of the call is not its caller's doing.
    pub(crate) fn fail(&mut self, charge: Charge) {
        self.failed = true;
        self.sent &= charge == Charge::Estimate;
    }

    /// The lease that it was made with.
    pub(crate) fn lease(&self) -> Arc<Lease> {
        Arc::clone(&self.lease)
    }

    /// What echoes are recognised by.
    pub(crate) fn patterns(&self) -> &Patterns {
        self.lease.patterns()
    }

    /// The answer has ended.
    pub(crate) fn end(mut self, end: End, said: &Said, passed: u64, hits: u64) {
        self.record.bytes_out = passed;
        self.record.redacted = u32::try_from(hits).unwrap_or(u32::MAX);
        self.close(end, said);
    }

    fn close(&mut self, end: End, said: &Said) {
        self.over = true;
        let failed = self.record.status >= 400;
        (self.record.counts, self.record.truth) = match said.counts {
            Some(counts) if end == End::Whole => (counts, Truth::Exact),
            Some(counts) => (Counts { output: counts.output.max(said.passed), ..counts }, Truth::Estimated),
            // Providers do not charge for what they refuse.
            None if failed || !self.sent => (Counts::default(), Truth::Uncounted),
            None if self.counted || self.record.status == 0 => {
                (Counts { input: self.input, output: said.passed, ..Counts::default() }, Truth::Estimated)
            }
            None => (Counts::default(), Truth::Uncounted),
        };
        if let Some(model) = said.model.as_deref() {
            self.record.model = Short::new(model);
        }
        let free = !self.sent || (failed && said.counts.is_none());
        self.record.cost = if free { 0 } else { self.price.map_or(0, |price| price.cost(&self.record.counts)) };
        (self.record.end, self.record.millis) = (end, self.millis());
        self.record.bytes_in = self.uploaded.get();
        self.settle(free);
        self.worker.ring.borrow_mut().end(self.record);
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
            let end = if self.sent && !self.failed { End::HungUp } else { End::CutOff };
            self.close(end, &Said::default());
        }
    }
}
