//! A gateway on one core with every feature on, in front of an upstream that keeps nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::Method;
use hyper::header::AUTHORIZATION;
use keyward_gateway::*;
use keyward_types::{Clock, Secret, SecretId, Timestamp, Version};

use crate::callers::Sums;

pub(crate) struct Site {
    address: SocketAddr,
    shared: Arc<Shared>,
    upstream: Arc<Upstream>,
    counted: Arc<Counted>,
    running: Option<Running>,
}

/// What was recorded, counted and not kept.
#[derive(Default)]
pub(crate) struct Counted {
    calls: AtomicU64,
    tagged: AtomicU64,
}

struct Still;
struct One(Arc<Lease>);
struct Plenty;

const SECRET: SecretId = SecretId::from_bytes([7; 16]);
const NOW: Timestamp = Timestamp(1_800_000_000_000);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
}

impl Leases for One {
    fn lease(&self, _: SecretId, _: Option<Version>) -> Option<Arc<Lease>> {
        Some(Arc::clone(&self.0))
    }
}

impl Budgets for Plenty {
    fn refill(&self, _: BudgetId, want: u64) -> Refill {
        Refill::Granted { amount: want.max(1_000_000), until: Timestamp(i64::MAX) }
    }
    fn give_back(&self, _: BudgetId, _: u64) {}
}

impl UsageSink for Counted {
    fn record(&self, _: u64, calls: &[UsageRecord], _: &[DenialCount]) -> Result<(), CannotRecord> {
        self.calls.fetch_add(calls.len() as u64, Ordering::AcqRel);
        let tagged = calls.iter().filter(|call| !call.tag.as_str().is_empty());
        self.tagged.fetch_add(tagged.count() as u64, Ordering::AcqRel);
        Ok(())
    }
}

/// The key that callers have.
pub(crate) fn key() -> String {
    ["kwv_", "Abcdefghijkl", &"0123456789".repeat(3), "00crc0"].concat()
}

impl Site {
    pub(crate) fn start() -> Self {
        let address = crate::upstream::start();
        let upstream = Arc::new(Upstream {
            provider: "openai".into(),
            host: "127.0.0.1".into(),
            port: address.port(),
            grpc_port: None,
            transport: Transport::Plain,
            base_path: "".into(),
            injection: Injection::Header(AUTHORIZATION, "Bearer ".into()),
            headers: [].into(),
            interface: Some(Interface::OpenAi),
            prices: Arc::new(Prices {
                models: vec![(Glob::name("gpt-*"), Price { input: 2_500_000, output: 10_000_000, ..Price::default() })],
                call: None,
            }),
            shape: Shape::OpenAi,
            redaction: true,
            private: true,
        });
        let value = ["sk-", "flat-", &"0123456789".repeat(4)].concat();
        let lease = Lease::new(SECRET, Version::FIRST, Secret::new("a value", value.into_bytes()), Timestamp(i64::MAX));
        let counted = Arc::<Counted>::default();
        let shared = Shared::new(
            snapshot(&upstream),
            Arc::new(One(Arc::new(lease))),
            Arc::new(Plenty),
            Arc::clone(&counted) as _,
            Arc::new(Still),
        );
        let shared = Arc::new(shared.unwrap());
        let mut config = Config::with_roots(([127, 0, 0, 1], 0).into(), tokio_rustls::rustls::RootCertStore::empty());
        config.cores = 1;
        let running = Gateway::bind(config, Arc::clone(&shared)).unwrap();
        Self { address: running.address(), shared, upstream, counted, running: Some(running) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Something changed that concerns no key: every core looks each up again.
    pub(crate) fn change(&self) {
        self.shared.publish(snapshot(&self.upstream));
    }

    /// Stops, and holds what was recorded against what callers saw.
    pub(crate) fn end(mut self, sums: &Sums) {
        self.running.take().unwrap().drain(Duration::from_secs(10));
        let calls = self.counted.calls.load(Ordering::Acquire);
        assert_eq!(calls, sums.answered + sums.failed + sums.gone, "each call that went on is recorded once");
        assert!(self.counted.tagged.load(Ordering::Acquire) > 0, "narrowed keys were among them");
    }
}

/// A key by its text; behind a `+` stands what its holder added, another one each time.
fn lookup(presented: &[u8]) -> Option<Presented> {
    let text = std::str::from_utf8(presented).ok()?;
    let (key, tag) = text.split_once('+').unwrap_or((text, ""));
    let narrowing = Narrowing {
        conditions: [Condition::Models([Glob::name("gpt-4o*")].into())].into(),
        maxima: [("max_tokens".into(), 500)].into(),
        tag: Short::new(tag),
    };
    let narrowing = (!tag.is_empty()).then(|| Arc::new(narrowing));
    Some(Presented { hash: *blake3::hash(key.as_bytes()).as_bytes(), narrowing })
}

fn snapshot(upstream: &Arc<Upstream>) -> Snapshot {
    let route = Route {
        provider: "openai".into(),
        upstream: Arc::clone(upstream),
        secret: SECRET,
        version: None,
        calls: [Call { methods: [Method::POST].into(), path: Glob::path("/v1/chat/*") }].into(),
        models: [Glob::name("gpt-4o*")].into(),
        maxima: [("max_tokens".into(), 1_000)].into(),
    };
    let budget = |n: u8, unit| Budget { id: BudgetId::from_bytes([n; 16]), unit };
    let grant = Grant {
        id: VirtualKeyId::from_bytes([9; 16]),
        routes: [route].into(),
        networks: ["127.0.0.0/8".parse().unwrap()].into(),
        origins: [].into(),
        rpm: Some(u32::MAX),
        tpm: Some(u32::MAX),
        parallel: Some(1_000),
        budgets: [budget(1, Unit::Money), budget(2, Unit::Tokens)].into(),
        expires: Some(Timestamp(i64::MAX)),
        uses_left: None,
        canary: false,
        max_stale: None,
    };
    let hash = *blake3::hash(key().as_bytes()).as_bytes();
    Snapshot::new(NOW, Arc::new(lookup)).with_key(hash, Arc::new(grant))
}
