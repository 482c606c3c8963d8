//! What went wrong in gateways of others, a test each (`security.md`, "Lessons of the field").
//!
//! Where the lesson is about framing, budgets under load or names of keys, its test stands in the file of
//! that matter: request smuggling is `framing::{cl_te, te_cl, te_te, two_lengths, obs_fold, http_1_0,
//! upgrade}`, plaintext after `CONNECT` `framing::{connect, plaintext_after_connect}`, SQL in a key
//! `keys::sql_in_a_key_is_a_key_that_is_not_known`, a budget that is checked and then taken
//! `budgets::a_thousand_against_a_budget_for_ten`, a path with two readings `framing::paths_with_two_readings`.
//! That a child is never wider than its parent, and that no request writes what is not its own to say, is
//! tested where keys are made: `keyward-vault/tests/access/virtual_keys.rs`, `keyward-server/tests/routes`.

use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::Method;
use keyward_gateway::*;

use crate::support::*;

const ID: BudgetId = BudgetId::from_bytes([3; 16]);

fn of_requests(setting: &mut Setting) {
    setting.grant.budgets = [Budget { id: ID, unit: Unit::Requests }].into();
}

/// A key for one model, one call and one provider.
fn narrow() -> Site {
    Site::with(Double::new(|_| json("{}")), |setting| {
        let mut route = any_route(setting);
        route.models = [Glob::name("small")].into();
        route.calls = [Call { methods: [Method::POST].into(), path: Glob::path("/v1/chat/completions") }].into();
        setting.grant.routes = [route].into();
    })
}

#[test]
fn names_in_another_spelling_are_other_names() {
    let site = narrow();
    let ask = |path: &str, model: &str| site.send(post(path, &format!("{{\"model\":\"{model}\"}}"))).status;
    assert_eq!(ask("/openai/v1/chat/completions", "small"), 200);
    let paths = [
        "/OpenAI/v1/chat/completions",
        "/openai/v1/Chat/completions",
        "/openai/v1/chat/completions/",
        "/openai//v1/chat/completions",
        "/openai/v1/x/../chat/completions",
        "/openai/v1/chat/%63ompletions",
        "/openai/v1/chat/completions%20",
        "/openai/v1/chat/completions;x",
        "/openai/v1/chat%2Fcompletions",
    ];
    for path in paths {
        assert!((400..500).contains(&ask(path, "small")), "{path}");
    }
    for model in ["Small", "small ", " small", "sma\u{212a}l", "ѕmall", "small\\u0000", "small/../large", "large,small"]
    {
        assert_eq!(ask("/openai/v1/chat/completions", model), 403, "{model}");
    }
    assert_eq!(site.received().len(), 1);
}

#[test]
fn a_client_names_no_upstream() {
    let other = Double::new(|_| json("{}"));
    let site = Site::new(Double::new(|_| json("{}")));
    let there = format!("127.0.0.1:{}", other.port());
    // Headers and members by which gateways of others were told where to send the key.
    let headers = [
        format!("x-portkey-custom-host: http://{there}"),
        format!("x-portkey-config: {{\"custom_host\":\"http://{there}\"}}"),
        format!("helicone-openai-api-base: http://{there}"),
        format!("helicone-target-url: http://{there}"),
        format!("cf-aig-custom-host: {there}"),
        format!("x-forwarded-host: {there}"),
        format!("x-original-url: http://{there}/"),
        format!("x-keyward-upstream: http://{there}"),
        format!("forwarded: host={there}"),
    ];
    for header in &headers {
        let head = get("/openai/v1/models").replace("\r\n\r\n", &format!("\r\n{header}\r\n\r\n"));
        assert_eq!(site.send(head).status, 200, "{header}");
    }
    for member in ["api_base", "base_url", "custom_llm_provider", "api_key", "proxy"] {
        let body = format!("{{\"model\":\"m\",\"{member}\":\"http://{there}\"}}");
        assert_eq!(site.chat(&body).status, 200, "{member}");
    }
    for query in ["base_url", "url", "host"] {
        assert_eq!(site.send(get(&format!("/openai/v1/models?{query}=http://{there}"))).status, 200, "{query}");
    }
    // As the target itself, in all of its forms.
    let odd = [
        format!("GET http://{there}/openai/v1/models HTTP/1.1\r\nHost: {there}\r\nx-api-key: {}\r\n\r\n", key()),
        format!("GET //{there}/v1/models HTTP/1.1\r\nHost: localhost\r\nx-api-key: {}\r\n\r\n", key()),
        format!("GET /openai@{there}/v1 HTTP/1.1\r\nHost: localhost\r\nx-api-key: {}\r\n\r\n", key()),
        format!("GET @{there}/openai/v1 HTTP/1.1\r\nHost: localhost\r\nx-api-key: {}\r\n\r\n", key()),
    ];
    for request in odd {
        // Whether it is refused or understood: it goes where the catalogue says, or nowhere.
        let _ = site.send(&request);
    }
    assert_eq!(other.connections(), 0);
    assert!(site.received().len() >= headers.len() + 8);
}

#[test]
fn no_template_is_filled_in() {
    let site = Site::new(Double::new(|request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        json(&body)
    }));
    for placeholder in [
        "{{OPENAI_API_KEY}}",
        "{{secret}}",
        "${OPENAI_API_KEY}",
        "$OPENAI_API_KEY",
        "%(key)s",
        "{0}",
        "keyward://shop/a",
    ] {
        let body = format!("{{\"model\":\"{placeholder}\"}}");
        assert_eq!(site.chat(&body).text(), body, "neither on its way nor back");
        let query = placeholder.replace(['{', '}', '%'], "_");
        assert_eq!(site.send(get(&format!("/openai/v1/models?format={query}"))).status, 200);
    }
    for request in site.received() {
        assert_eq!(request.head.matches(&value()).count(), 1, "{request:?}");
        assert!(!String::from_utf8_lossy(&request.body).contains(&value()));
    }
}

#[test]
fn deep_and_wide_json_takes_neither_memory_nor_time() {
    let site = narrow();
    let deep = format!("{{\"model\":\"small\",\"a\":{}1{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let wide = format!(
        "{{{}\"model\":\"small\"}}",
        (0..200_000).map(|n| format!("\"max_tokens_{n}\":1,")).collect::<String>()
    );
    let long = format!("{{\"model\":\"{}\"}}", "a".repeat(4 << 20));
    let twice = format!("{{{}\"model\":\"small\"}}", "\"n\":1,".repeat(300_000));
    let began = Instant::now();
    assert_eq!(site.chat(&deep).refused(), Some("body"));
    assert_eq!(site.chat(&wide).status, 200);
    assert_eq!(site.chat(&long).refused(), Some("model_not_granted"));
    assert_eq!(site.chat(&twice).refused(), Some("body_twice"));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn budgets_hold_on_every_route_and_method() {
    let site = Site::with(Double::new(|_| json("{}")), of_requests);
    site.vault.left.store(6, Ordering::Release);
    let calls = [
        get("/openai/v1/models"),
        get("/openai/anything/at/all"),
        get("/openai/v1/models").replace("GET ", "DELETE "),
        post("/openai/v1/files", "no json"),
        post("/openai/v1/embeddings", "{}"),
        get("/openai/v1/models").replace("GET ", "PROPFIND "),
    ];
    for call in &calls {
        assert_eq!(site.send(call).status, 200, "{call}");
    }
    for call in &calls {
        assert_eq!(site.send(call).refused(), Some("budget"), "{call}");
    }
}

#[test]
fn several_gateways_together_spend_one_budget_once() {
    let vault: Arc<Vault> = Arc::default();
    vault.left.store(10, Ordering::Release);
    let gateway = || Site::at(Arc::clone(&vault), Double::new(|_| json("{}")), of_requests);
    let sites = [gateway(), gateway(), gateway()];
    let passed = std::thread::scope(|scope| {
        let threads = sites.iter().map(|site| {
            scope.spawn(move || (0..20).filter(|_| site.send(get("/openai/v1/models")).status == 200).count())
        });
        threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    assert_eq!(passed, 10);
}

#[test]
fn a_budget_is_spent_by_whoever_hangs_up() {
    let answer = r#"{"usage":{"prompt_tokens":0,"completion_tokens":10}}"#;
    let slow = Double::new(move |_| Reply::default().then(200, json(answer).pieces.remove(0).1));
    let site = Site::with(slow, |setting| {
        setting.grant.budgets = [Budget { id: ID, unit: Unit::Tokens }].into();
    });
    let request = post("/openai/v1/chat/completions", r#"{"model":"m","max_tokens":10}"#);
    site.vault.left.store(60, Ordering::Release);
    for round in 1..=3 {
        let mut caller = site.caller();
        caller.0.write_all(request.as_bytes()).unwrap();
        wait(|| (site.received().len() == round).then_some(()));
        drop(caller);
    }
    let spent: u64 = site.records(3).iter().map(|record| record.counts.output).sum();
    assert_eq!(spent, 30);
    // Of sixty thirty are spent, and each call reserves twenty before it goes out.
    let more = (0..9).filter(|_| site.chat(r#"{"model":"m","max_tokens":10}"#).status == 200).count();
    assert_eq!(more, 2);
}

/// Everything that the gateway writes to its log.
struct Log(Mutex<String>);

static LOG: Log = Log(Mutex::new(String::new()));

struct Collector;

impl tracing::Subscriber for Collector {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        span.record(&mut Writer);
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        values.record(&mut Writer);
    }
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut Writer);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

struct Writer;

impl tracing::field::Visit for Writer {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        LOG.0.lock().unwrap().push_str(&format!("{}={value:?}\n", field.name()));
    }
}

#[test]
fn neither_headers_nor_bodies_are_in_any_log() {
    tracing::subscriber::set_global_default(Collector).unwrap();
    let site = Site::new(Double::new(|request| {
        let echo = format!("{request:?}").replace(['"', '\\'], "'");
        json(&format!("{{\"error\":\"{echo}\"}}"))
    }));
    let marked = |call: String| call.replace("\r\n\r\n", "\r\nX-Private: of-a-header\r\nCookie: of-a-cookie\r\n\r\n");
    assert_eq!(site.send(marked(get("/openai/v1/models?q=of-a-query"))).status, 200);
    assert_eq!(
        site.send(marked(post("/openai/v1/chat/completions", r#"{"model":"m","user":"of-a-body"}"#))).status,
        200
    );
    let unknown = key().replace("Abc", "Xyz");
    assert_eq!(site.send(marked(get("/openai/v1/models")).replace(&key(), &unknown)).status, 401);
    assert_eq!(site.send(marked(get("/nobody/v1/of-a-path"))).status, 404);
    wait(|| LOG.0.lock().unwrap().contains("unknown_key").then_some(()));
    assert!(site.records(2).len() >= 2);
    let written = format!("{:?}{:?}", site.vault.calls.lock().unwrap(), site.vault.denials.lock().unwrap());
    let log = LOG.0.lock().unwrap().clone() + &written;
    for private in [&*value(), &key(), &unknown, "of-a-header", "of-a-cookie", "of-a-query", "of-a-body", "of-a-path"] {
        assert!(!log.contains(private), "{private} is in the log:\n{log}");
    }
}
