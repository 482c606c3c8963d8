//! A gateway with every feature on and a fixed snapshot, to be measured: `serve LISTEN UPSTREAM [KEYS]`,
//! both ports of loopback. It prints a virtual key and runs until it is ended (`cargo xtask bench gateway`).
//!
//! A thousand keys, if not said otherwise; each with models, calls, maxima, networks, rates, a limit of parallel requests and
//! budgets in money and tokens, in front of an upstream whose answers are metered and redacted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::Method;
use hyper::header::AUTHORIZATION;
use keyward_gateway::{
    Budget, BudgetId, Budgets, Call, CannotRecord, Config, DenialCount, Gateway, Glob, Grant, Injection, Interface,
    Lease, Leases, Price, Prices, Refill, Route, Shape, Shared, Snapshot, Transport, Unit, Upstream, UsageRecord,
    UsageSink, VirtualKeyId,
};
use keyward_types::{Clock, Secret, SecretId, Timestamp, Version};

struct System;

impl Clock for System {
    #[allow(clippy::disallowed_methods, reason = "an example has no binary's clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
    }
}

struct One(Arc<Lease>);

impl Leases for One {
    fn lease(&self, _: SecretId, _: Option<Version>) -> Option<Arc<Lease>> {
        Some(Arc::clone(&self.0))
    }
}

struct Plenty;

impl Budgets for Plenty {
    fn refill(&self, _: BudgetId, want: u64) -> Refill {
        Refill::Granted { amount: want.max(1_000_000_000), until: Timestamp(i64::MAX) }
    }
    fn give_back(&self, _: BudgetId, _: u64) {}
}

#[derive(Default)]
struct Sums(AtomicU64);

impl UsageSink for Sums {
    fn record(&self, _: u64, calls: &[UsageRecord], _: &[DenialCount]) -> Result<(), CannotRecord> {
        self.0.fetch_add(calls.iter().map(|call| call.counts.input).sum(), Ordering::Relaxed);
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given: Vec<u32> = std::env::args().skip(1).map(|number| number.parse()).collect::<Result<_, _>>()?;
    let (listen, upstream, keys) = match given[..] {
        [listen, upstream] => (listen, upstream, 1_000),
        [listen, upstream, keys] => (listen, upstream, keys),
        _ => return Err("serve LISTEN UPSTREAM [KEYS]".into()),
    };
    let (listen, upstream) = (u16::try_from(listen)?, u16::try_from(upstream)?);
    let value = Secret::new("OPENAI_API_KEY", ["sk-", "bench-", &"0123456789".repeat(16)].concat().into_bytes());
    let secret = SecretId::from_bytes([7; 16]);
    let lease = Lease::new(secret, Version::FIRST, value, Timestamp(i64::MAX));
    let upstream = Arc::new(Upstream {
        provider: "openai".into(),
        host: "127.0.0.1".into(),
        port: upstream,
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
    // A hash that stands for the vault's HMAC: it is asked once for a key.
    let lookup = |key: &[u8]| Some((*blake3::hash(key).as_bytes()).into());
    let mut snapshot = Snapshot::new(Timestamp(i64::MAX), Arc::new(lookup));
    let alike = Alike::new(&upstream, secret);
    for number in 0..keys {
        snapshot = snapshot.with_key(*blake3::hash(key(number).as_bytes()).as_bytes(), Arc::new(grant(number, &alike)));
    }
    let shared = Shared::new(
        snapshot,
        Arc::new(One(Arc::new(lease))),
        Arc::new(Plenty),
        Arc::new(Sums::default()),
        Arc::new(System),
    )?;
    let mut config = Config::with_roots(([127, 0, 0, 1], listen).into(), tokio_rustls::rustls::RootCertStore::empty());
    config.cores = 1;
    let running = Gateway::bind(config, Arc::new(shared))?;
    #[allow(clippy::print_stdout, reason = "what it is for")]
    {
        println!("http://{}/openai {}", running.address(), key(keys / 2));
    }
    loop {
        std::thread::park();
    }
}

fn key(number: u32) -> String {
    format!("kwv_{number:042}000000")
}

/// What all keys have in common, as those with the same rules have in the product, too.
struct Alike {
    routes: Arc<[Route]>,
    networks: Arc<[ipnet::IpNet]>,
    origins: Arc<[Box<str>]>,
}

impl Alike {
    fn new(upstream: &Arc<Upstream>, secret: SecretId) -> Self {
        let calls = [
            Call { methods: [Method::GET].into(), path: Glob::path("/v1/models") },
            Call { methods: [Method::POST].into(), path: Glob::path("/v1/chat/*") },
        ];
        let route = Route {
            provider: "openai".into(),
            upstream: Arc::clone(upstream),
            secret,
            version: None,
            calls: calls.into(),
            models: [Glob::name("gpt-4o*")].into(),
            maxima: [("max_tokens".into(), 1_000)].into(),
        };
        let networks = ["10.0.0.0/8", "127.0.0.0/8"].map(|network| network.parse().expect("it is a network"));
        Self { routes: [route].into(), networks: networks.into(), origins: [].into() }
    }
}

fn grant(number: u32, alike: &Alike) -> Grant {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let mut budget = |kind: u8, unit| {
        id[15] = kind;
        Budget { id: BudgetId::from_bytes(id), unit }
    };
    Grant {
        budgets: [budget(1, Unit::Money), budget(2, Unit::Tokens)].into(),
        id: VirtualKeyId::from_bytes(id),
        routes: Arc::clone(&alike.routes),
        networks: Arc::clone(&alike.networks),
        origins: Arc::clone(&alike.origins),
        rpm: Some(u32::MAX),
        tpm: Some(u32::MAX),
        parallel: Some(1_000),
        expires: Some(Timestamp(i64::MAX)),
        uses_left: None,
        canary: false,
        max_stale: None,
    }
}
