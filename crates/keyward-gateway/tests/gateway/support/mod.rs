//! A gateway with doubles on its other side, an upstream that does what it is told, and a caller that
//! sends what it is told.

mod caller;
mod double;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::header::AUTHORIZATION;
use keyward_gateway::*;
use keyward_types::{Clock, Secret, SecretId, Timestamp, Version};

pub(crate) use caller::{Answer, Caller, read_answer};
pub(crate) use double::{Double, Received, Reply, json, reply};

/// The virtual key that callers have.
pub(crate) fn key() -> String {
    ["kwv_", "Abcdefghijkl", "0123456789abcdefghijABCDEFGHIJ", "00crc0"].concat()
}

/// The value that must be seen by the upstream alone.
pub(crate) fn value() -> String {
    ["sk-", "real/", "0123456789+abcdef", "ghijklmnop=="].concat()
}

pub(crate) const SECRET: SecretId = SecretId::from_bytes([5; 16]);
pub(crate) const KEY: VirtualKeyId = VirtualKeyId::from_bytes([9; 16]);
pub(crate) const NOW: i64 = 1_800_000_000_000;

/// A gateway under test and all that is around it.
pub(crate) struct Site {
    pub(crate) upstream: Double,
    pub(crate) shared: Arc<Shared>,
    pub(crate) vault: Arc<Vault>,
    running: Option<Running>,
    address: std::net::SocketAddr,
}

/// The other side: leases, budgets, records, the time.
pub(crate) struct Vault {
    pub(crate) now: AtomicI64,
    pub(crate) lease: Mutex<Option<Arc<Lease>>>,
    pub(crate) calls: Mutex<Vec<UsageRecord>>,
    pub(crate) denials: Mutex<Vec<DenialCount>>,
    pub(crate) recording: AtomicBool,
    pub(crate) left: AtomicU64,
    pub(crate) chunk: AtomicU64,
    pub(crate) given_back: AtomicU64,
}

/// What a site is made of; each part can be changed before it starts.
pub(crate) struct Setting {
    pub(crate) upstream: Upstream,
    pub(crate) grant: Grant,
    pub(crate) config: Config,
}

impl Setting {
    pub(crate) fn of(double: &Double) -> Self {
        let upstream = Upstream {
            provider: "openai".into(),
            host: "127.0.0.1".into(),
            port: double.port(),
            grpc_port: None,
            transport: Transport::Plain,
            base_path: "/base".into(),
            injection: Injection::Header(AUTHORIZATION, "Bearer ".into()),
            headers: [].into(),
            interface: Some(Interface::OpenAi),
            prices: Arc::new(Prices::default()),
            shape: Shape::OpenAi,
            redaction: true,
            private: true,
        };
        let grant = Grant {
            id: KEY,
            routes: [].into(),
            networks: [].into(),
            origins: [].into(),
            rpm: None,
            tpm: None,
            parallel: None,
            budgets: [].into(),
            expires: None,
            uses_left: None,
            canary: false,
            max_stale: None,
        };
        let mut config = Config::with_roots(([127, 0, 0, 1], 0).into(), tokio_rustls::rustls::RootCertStore::empty());
        config.cores = 1;
        config.times.idle = Duration::from_millis(700);
        config.times.first_byte = Duration::from_millis(700);
        config.times.connect = Duration::from_millis(700);
        config.times.head = Duration::from_millis(700);
        Self { upstream, grant, config }
    }
}

impl Site {
    /// A gateway in front of a double, with one key that may do everything.
    pub(crate) fn new(double: Double) -> Self {
        Self::with(double, |_| {})
    }

    pub(crate) fn with(double: Double, change: impl FnOnce(&mut Setting)) -> Self {
        Self::at(Arc::default(), double, change)
    }

    /// One more gateway at a vault that others have, too.
    pub(crate) fn at(vault: Arc<Vault>, double: Double, change: impl FnOnce(&mut Setting)) -> Self {
        let mut setting = Setting::of(&double);
        change(&mut setting);
        let Setting { upstream, mut grant, config } = setting;
        let upstream = Arc::new(upstream);
        if grant.routes.is_empty() {
            grant.routes = [route(&upstream)].into();
        } else {
            let here = |route: &Route| Route { upstream: Arc::clone(&upstream), ..route.clone() };
            grant.routes = grant.routes.iter().map(here).collect();
        }
        let shared = Shared::new(
            snapshot(grant),
            Arc::clone(&vault) as _,
            Arc::clone(&vault) as _,
            Arc::clone(&vault) as _,
            Arc::clone(&vault) as _,
        );
        let shared = Arc::new(shared.unwrap());
        let running = Gateway::bind(config, Arc::clone(&shared)).unwrap();
        let address = running.address();
        Self { upstream: double, shared, vault, running: Some(running), address }
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.address
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller::connect(self.address)
    }

    /// Sends one request over a connection of its own.
    pub(crate) fn send(&self, request: impl AsRef<[u8]>) -> Answer {
        self.caller().send(request)
    }

    /// A chat completion with this body.
    pub(crate) fn chat(&self, body: &str) -> Answer {
        self.send(post("/openai/v1/chat/completions", body))
    }

    /// Stops, and gives what was recorded.
    pub(crate) fn stop(&mut self, patience: Duration) {
        if let Some(running) = self.running.take() {
            running.drain(patience);
        }
    }

    /// What was recorded, once it has been handed over.
    pub(crate) fn records(&self, wanted: usize) -> Vec<UsageRecord> {
        wait(|| {
            let calls = self.vault.calls.lock().unwrap().clone();
            (calls.len() >= wanted).then_some(calls)
        })
    }

    /// How often something was refused for this reason, once it was handed over.
    pub(crate) fn denied(&self, reason: Reason) -> u32 {
        wait(|| {
            let denials = self.vault.denials.lock().unwrap();
            let sum: u32 = denials.iter().filter(|denial| denial.reason == reason).map(|denial| denial.count).sum();
            (sum > 0).then_some(sum)
        })
    }

    /// What arrived at the upstream, in all connections.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.upstream.received()
    }
}

impl Default for Vault {
    fn default() -> Self {
        Self {
            now: AtomicI64::new(NOW),
            lease: Mutex::new(Some(Arc::new(lease(&value(), Version::FIRST)))),
            calls: Mutex::default(),
            denials: Mutex::default(),
            recording: AtomicBool::new(true),
            left: AtomicU64::new(u64::MAX),
            chunk: AtomicU64::new(1),
            given_back: AtomicU64::new(0),
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop(Duration::from_millis(200));
    }
}

/// Tries until there is something; panics when there is nothing in five seconds.
pub(crate) fn wait<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "it never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn route(upstream: &Arc<Upstream>) -> Route {
    Route {
        provider: upstream.provider.clone(),
        upstream: Arc::clone(upstream),
        secret: SECRET,
        version: None,
        calls: [].into(),
        models: [].into(),
        maxima: [].into(),
    }
}

/// A route to be changed; the upstream in it is put in when the site starts.
pub(crate) fn any_route(setting: &Setting) -> Route {
    let upstream = Upstream {
        provider: setting.upstream.provider.clone(),
        host: "127.0.0.1".into(),
        port: 1,
        grpc_port: None,
        transport: Transport::Plain,
        base_path: "".into(),
        injection: Injection::Query("key".into()),
        headers: [].into(),
        interface: None,
        prices: Arc::default(),
        shape: Shape::Plain,
        redaction: true,
        private: true,
    };
    route(&Arc::new(upstream))
}

pub(crate) fn hash(key: &[u8]) -> Option<[u8; 32]> {
    key.starts_with(b"kwv_").then(|| *blake3::hash(key).as_bytes())
}

/// Makes of a key what it is found by.
pub(crate) fn lookup(key: &[u8]) -> Option<Presented> {
    hash(key).map(Presented::from)
}

pub(crate) fn snapshot(grant: Grant) -> Snapshot {
    let hashed = hash(key().as_bytes()).unwrap();
    Snapshot::new(Timestamp(NOW), Arc::new(lookup)).with_key(hashed, Arc::new(grant))
}

pub(crate) fn lease(value: &str, version: Version) -> Lease {
    let value = Secret::new("OPENAI_API_KEY", value.as_bytes().to_vec());
    Lease::new(SECRET, version, value, Timestamp(NOW + 60_000))
}

pub(crate) fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        key(),
        body.len()
    )
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n", key())
}

impl Clock for Vault {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::Acquire))
    }
}

impl Leases for Vault {
    fn lease(&self, secret: SecretId, _: Option<Version>) -> Option<Arc<Lease>> {
        let lease = self.lease.lock().unwrap().clone();
        lease.filter(|lease| lease.secret == secret)
    }
}

impl UsageSink for Vault {
    fn record(&self, _: u64, calls: &[UsageRecord], denials: &[DenialCount]) -> Result<(), CannotRecord> {
        if !self.recording.load(Ordering::Acquire) {
            return Err(CannotRecord("the double says so".into()));
        }
        self.calls.lock().unwrap().extend_from_slice(calls);
        self.denials.lock().unwrap().extend_from_slice(denials);
        Ok(())
    }
}

impl Budgets for Vault {
    fn refill(&self, _: BudgetId, want: u64) -> Refill {
        let chunk = want.max(self.chunk.load(Ordering::Acquire));
        let until = Timestamp(NOW + 86_400_000);
        let left = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| Some(left - left.min(chunk)));
        match left.unwrap().min(chunk) {
            0 => Refill::Exhausted { until },
            amount => Refill::Granted { amount, until },
        }
    }

    fn give_back(&self, _: BudgetId, amount: u64) {
        self.given_back.fetch_add(amount, Ordering::AcqRel);
    }
}
