//! Counters in the text form of Prometheus. Routes stand in them as patterns, so that no name gets
//! into a time series.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::gateway::Tally;

/// What one server counted since it started.
#[derive(Default)]
pub(crate) struct Metrics {
    /// By route.
    requests: Mutex<BTreeMap<String, Answers>>,
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    micros: AtomicU64,
    in_flight: AtomicI64,
    connections: AtomicI64,
    unidentified: AtomicU64,
    refused: AtomicU64,
    store_failures: AtomicU64,
    jobs: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    leads: AtomicU64,
    sealed: AtomicBool,
    gateway: OnceLock<Arc<Tally>>,
}

/// How many by method and status.
type Answers = BTreeMap<(&'static str, u16), u64>;

/// Upper bounds of the buckets of durations, in microseconds and as they are written.
const BOUNDS: [(u64, &str); 9] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (100_000, "0.1"),
    (1_000_000, "1"),
    (10_000_000, "10"),
];

/// One that is under way, until it is dropped.
pub(crate) struct Gauge<'a>(&'a AtomicI64);

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn hold(gauge: &AtomicI64) -> Gauge<'_> {
    gauge.fetch_add(1, Relaxed);
    Gauge(gauge)
}

impl Metrics {
    /// A request is under way until the answer is dropped.
    pub(crate) fn request(&self) -> Gauge<'_> {
        hold(&self.in_flight)
    }

    /// A connection stands until the answer is dropped.
    pub(crate) fn connection(&self) -> Gauge<'_> {
        hold(&self.connections)
    }

    /// A request was answered.
    pub(crate) fn answered(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = BOUNDS.iter().position(|(bound, _)| micros <= *bound) {
            self.buckets[bucket].fetch_add(1, Relaxed);
        }
        self.count.fetch_add(1, Relaxed);
        self.micros.fetch_add(micros, Relaxed);
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        // A route is new once.
        if !requests.contains_key(route) {
            requests.insert(route.to_owned(), BTreeMap::new());
        }
        if let Some(of_route) = requests.get_mut(route) {
            *of_route.entry((method, status)).or_default() += 1;
        }
    }

    /// A request identified nobody.
    pub(crate) fn unidentified(&self) {
        self.unidentified.fetch_add(1, Relaxed);
    }

    /// A connection was turned away.
    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// The store failed at a request.
    pub(crate) fn store_failed(&self) {
        self.store_failures.fetch_add(1, Relaxed);
    }

    /// At how many requests the store failed.
    pub(crate) fn store_failures(&self) -> u64 {
        self.store_failures.load(Relaxed)
    }

    /// A job ended: `done`, `failed` or `panicked`.
    pub(crate) fn job(&self, job: &'static str, outcome: &'static str) {
        *self.jobs.lock().unwrap_or_else(PoisonError::into_inner).entry((job, outcome)).or_default() += 1;
    }

    /// Whether this process does the vault's own work.
    pub(crate) fn leads(&self, leads: bool) {
        self.leads.store(u64::from(leads), Relaxed);
    }

    /// The server is sealed, or is not any more.
    pub(crate) fn sealed(&self, sealed: bool) {
        self.sealed.store(sealed, Relaxed);
    }

    /// There is a gateway, which counts for itself.
    pub(crate) fn also_of(&self, gateway: Arc<Tally>) {
        // A server has one.
        let _ = self.gateway.set(gateway);
    }

    /// The text form, with the size of the log where that is known.
    pub(crate) fn text(&self, log_size: Option<u64>) -> String {
        let mut text = String::new();
        head(&mut text, "keyward_http_requests_total", "counter", "requests answered");
        for (route, of_route) in self.requests.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            for ((method, status), n) in of_route {
                let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
                let _ = writeln!(text, "keyward_http_requests_total{{{labels}}} {n}");
            }
        }
        head(&mut text, "keyward_http_request_seconds", "histogram", "time to the answer");
        let mut below = 0;
        for (bucket, (_, bound)) in self.buckets.iter().zip(BOUNDS) {
            below += bucket.load(Relaxed);
            let _ = writeln!(text, "keyward_http_request_seconds_bucket{{le=\"{bound}\"}} {below}");
        }
        let count = self.count.load(Relaxed);
        let seconds = self.micros.load(Relaxed) as f64 / 1e6;
        let _ = writeln!(text, "keyward_http_request_seconds_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(text, "keyward_http_request_seconds_sum {seconds}");
        let _ = writeln!(text, "keyward_http_request_seconds_count {count}");
        let mut one = |name: &str, kind: &str, help: &str, value: String| {
            head(&mut text, name, kind, help);
            let _ = writeln!(text, "{name} {value}");
        };
        let load = |n: &AtomicI64| n.load(Relaxed).to_string();
        one("keyward_http_requests_in_flight", "gauge", "requests under way", load(&self.in_flight));
        one("keyward_connections", "gauge", "open connections", load(&self.connections));
        let (unidentified, refused) = (self.unidentified.load(Relaxed), self.refused.load(Relaxed));
        one("keyward_unidentified_total", "counter", "requests without a valid token", unidentified.to_string());
        one("keyward_refused_connections_total", "counter", "connections turned away", refused.to_string());
        one(
            "keyward_store_failures_total",
            "counter",
            "requests at which the store failed",
            self.store_failures().to_string(),
        );
        one("keyward_leader", "gauge", "whether this node runs the jobs", self.leads.load(Relaxed).to_string());
        let sealed = u8::from(self.sealed.load(Relaxed)).to_string();
        one("keyward_sealed", "gauge", "1 while the server has no key", sealed);
        if let Some(size) = log_size {
            one("keyward_log_entries", "gauge", "entries in the audit log", size.to_string());
        }
        head(&mut text, "keyward_job_runs_total", "counter", "jobs that ended");
        for ((job, outcome), n) in self.jobs.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = writeln!(text, "keyward_job_runs_total{{job=\"{job}\",outcome=\"{outcome}\"}} {n}");
        }
        if let Some(gateway) = self.gateway.get() {
            text.push_str(&gateway.text());
        }
        text
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_can_be_read() {
        let metrics = Metrics::default();
        metrics.answered("GET", "/healthz", 200, Duration::from_micros(700));
        metrics.answered("GET", "/healthz", 200, Duration::from_secs(60));
        let held = metrics.connection();
        let text = metrics.text(Some(7));
        for line in [
            "keyward_http_requests_total{method=\"GET\",route=\"/healthz\",status=\"200\"} 2",
            "keyward_http_request_seconds_bucket{le=\"0.0005\"} 0",
            "keyward_http_request_seconds_bucket{le=\"0.001\"} 1",
            "keyward_http_request_seconds_bucket{le=\"+Inf\"} 2",
            "keyward_connections 1",
            "keyward_log_entries 7",
        ] {
            assert!(text.lines().any(|there| there == line), "{line} is missing in\n{text}");
        }
        drop(held);
        assert!(metrics.text(None).contains("\nkeyward_connections 0\n"));
    }
}
