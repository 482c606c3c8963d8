//! Leases: who does a job.
//!
//! A claim takes the head of the log first, as commits do. So a job's transaction either ends before
//! somebody else's claim begins, or finds the new epoch.

use std::time::Duration;

use keyward_store::{Lease, Nodes, Result, Watch};

use crate::engine::Postgres;
use crate::questions::Questions;
use crate::rows;
use crate::transaction::LOCK_HEAD;
use crate::watch::Watching;

impl Nodes for Postgres {
    fn claim(&self, job: &str, holder: &str, time: Duration) -> Result<Option<Lease>> {
        let epoch = self.writer().run(|session| {
            let mut questions = Questions::new(session);
            questions.ask("BEGIN", []);
            questions.ask(LOCK_HEAD, []);
            questions.ask(CLAIM, [Box::new(job), Box::new(holder), Box::new(milliseconds(time))]);
            questions.ask("COMMIT", []);
            questions.answers()?[2].first().map(|row| Ok(rows::column::<i64>(row, 0)?.unsigned_abs())).transpose()
        })?;
        Ok(epoch.map(|epoch| Lease { job: job.into(), holder: holder.into(), epoch }))
    }

    fn renew(&self, lease: &Lease, time: Duration) -> Result<bool> {
        self.extend(lease, time)
    }

    fn release(&self, lease: &Lease) -> Result<()> {
        self.extend(lease, Duration::ZERO).map(drop)
    }

    fn watch(&self) -> Result<Box<dyn Watch>> {
        // Whoever stays to listen stays long enough to tell.
        self.notifier.start();
        Ok(Box::new(Watching::begin(&self.connector)?))
    }
}

impl Postgres {
    fn extend(&self, lease: &Lease, time: Duration) -> Result<bool> {
        let epoch = i64::try_from(lease.epoch).unwrap_or(i64::MAX);
        self.writer().run(|session| {
            let rows = session.run(session.query(EXTEND, &[&lease.job, &lease.holder, &epoch, &milliseconds(time)]))?;
            Ok(!rows.is_empty())
        })
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 2)
}

const CLAIM: &str = "INSERT INTO lease (job, holder, epoch, until) \
    VALUES ($1, $2, 1, clock_timestamp() + $3::bigint * interval '1 millisecond') \
    ON CONFLICT (job) DO UPDATE \
    SET holder = excluded.holder, epoch = lease.epoch + 1, until = excluded.until \
    WHERE lease.until <= clock_timestamp() OR lease.holder = excluded.holder RETURNING epoch";

const EXTEND: &str = "UPDATE lease SET until = clock_timestamp() + $4::bigint * interval '1 millisecond' \
    WHERE job = $1 AND holder = $2 AND epoch = $3 RETURNING epoch";
