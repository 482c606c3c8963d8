use std::net::IpAddr;
use std::sync::Arc;

use hyper::Method;
use proptest::prelude::*;

use super::*;
use crate::grant::{Grant, Route};
use crate::judge::{judge, judge_body};
use crate::refusal::Shape;
use crate::upstream::{Injection, Transport, Upstream};

/// A call as it is judged: by its head, and by what its body asks for.
#[derive(Clone, Debug)]
struct Asking {
    method: Method,
    provider: &'static str,
    path: &'static str,
    peer: IpAddr,
    origin: Option<&'static str>,
    body: String,
    now: Timestamp,
}

/// As `proxy.rs` does it: the grant, then what was added.
fn passes(grant: &Grant, narrowing: Option<&Narrowing>, asking: &Asking) -> bool {
    let Asking { method, provider, path, peer, origin, body, now } = asking;
    let head = RequestHead { method, provider, path, peer: *peer, origin: *origin };
    let judged = || -> Result<(), Reason> {
        let route = judge(grant, &head, *now)?;
        narrowing.map_or(Ok(()), |narrowing| narrowing.judge(&head, *now))?;
        let added = narrowing.map(|narrowing| &*narrowing.maxima).unwrap_or_default();
        let asked = Asked::read(body.as_bytes(), &[&*route.maxima, added].concat()).map_err(|_| Reason::Body)?;
        judge_body(route, &asked, None, true)?;
        narrowing.map_or(Ok(()), |narrowing| narrowing.judge_body(&asked, None, true))
    };
    judged().is_ok()
}

fn both(one: &Narrowing, other: &Narrowing) -> Narrowing {
    Narrowing {
        conditions: [&*one.conditions, &*other.conditions].concat().into(),
        maxima: [&*one.maxima, &*other.maxima].concat().into(),
        tag: one.tag,
    }
}

fn call(methods: &[Method], path: &str) -> Call {
    Call { methods: methods.into(), path: Glob::path(path) }
}

fn a_call() -> impl Strategy<Value = Call> {
    let methods = prop_oneof![Just(vec![]), Just(vec![Method::POST]), Just(vec![Method::GET])];
    let paths = prop_oneof![Just("/v1/**"), Just("/v1/*"), Just("/v1/a"), Just("/**")];
    (methods, paths).prop_map(|(methods, path)| call(&methods, path))
}

fn a_model() -> impl Strategy<Value = Glob> {
    prop_oneof![Just("a*"), Just("ab"), Just("*b"), Just("*")].prop_map(Glob::name)
}

fn an_origin() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("https://a.example"), Just("https://b.example")]
}

fn a_network() -> impl Strategy<Value = IpNet> {
    prop_oneof![Just("10.0.0.0/8"), Just("10.1.0.0/16"), Just("0.0.0.0/0")].prop_map(|text| text.parse().unwrap())
}

fn some<T: std::fmt::Debug + Clone>(one: impl Strategy<Value = T>, least: usize) -> impl Strategy<Value = Vec<T>> {
    proptest::collection::vec(one, least..3)
}

fn a_condition() -> impl Strategy<Value = Condition> {
    let boxed = |all: Vec<&'static str>| all.into_iter().map(Box::from).collect();
    prop_oneof![
        (0_i64..4).prop_map(|end| Condition::Until(Timestamp(end))),
        some(prop_oneof![Just("openai"), Just("other")], 1).prop_map(move |ids| Condition::Providers(boxed(ids))),
        some(a_call(), 1).prop_map(|calls| Condition::Calls(calls.into())),
        some(a_model(), 1).prop_map(|models| Condition::Models(models.into())),
        some(a_network(), 1).prop_map(|networks| Condition::Networks(networks.into())),
        some(an_origin(), 1).prop_map(move |origins| Condition::Origins(boxed(origins))),
    ]
}

fn a_narrowing() -> impl Strategy<Value = Narrowing> {
    let maxima = some((0_u64..4).prop_map(|most| (Box::from("max_tokens"), most)), 0);
    (proptest::collection::vec(a_condition(), 0..4), maxima).prop_map(|(conditions, maxima)| Narrowing {
        conditions: conditions.into(),
        maxima: maxima.into(),
        tag: Short::default(),
    })
}

fn a_route(calls: Vec<Call>, models: Vec<Glob>) -> Route {
    let upstream = Upstream {
        provider: "openai".into(),
        host: "127.0.0.1".into(),
        port: 1,
        grpc_port: None,
        transport: Transport::Plain,
        base_path: "".into(),
        injection: Injection::BasicUser,
        headers: Box::default(),
        interface: None,
        prices: Arc::default(),
        shape: Shape::Plain,
        redaction: true,
        private: true,
    };
    Route {
        provider: "openai".into(),
        upstream: Arc::new(upstream),
        secret: keyward_types::SecretId::from_bytes([1; 16]),
        version: None,
        calls: calls.into(),
        models: models.into(),
        maxima: Box::default(),
    }
}

fn a_grant() -> impl Strategy<Value = Grant> {
    (some(a_call(), 0), some(a_model(), 0), some(a_network(), 0), some(an_origin(), 0), proptest::option::of(0_i64..4))
        .prop_map(|(calls, models, networks, origins, end)| {
            let route = a_route(calls, models);
            Grant {
                id: crate::grant::VirtualKeyId::from_bytes([2; 16]),
                routes: [route].into(),
                networks: networks.into(),
                origins: origins.into_iter().map(Box::from).collect(),
                rpm: None,
                tpm: None,
                parallel: None,
                budgets: Box::default(),
                expires: end.map(Timestamp),
                uses_left: None,
                canary: false,
                max_stale: None,
            }
        })
}

fn an_asking() -> impl Strategy<Value = Asking> {
    let bodies = prop_oneof![
        Just("{}".to_owned()),
        ("(ab|aa|bb|b)", 0_u64..5).prop_map(|(model, most)| format!("{{\"model\":\"{model}\",\"max_tokens\":{most}}}")),
        Just("{\"model\":\"ab\"}".to_owned()),
    ];
    let peers = prop_oneof![Just("10.1.2.3"), Just("10.2.2.3"), Just("192.0.2.1")];
    (
        prop_oneof![Just(Method::GET), Just(Method::POST)],
        prop_oneof![3 => Just("openai"), 1 => Just("other")],
        prop_oneof![Just("/v1/a"), Just("/v1/b"), Just("/v1/a/b"), Just("/x")],
        peers,
        proptest::option::of(an_origin()),
        bodies,
        0_i64..4,
    )
        .prop_map(|(method, provider, path, peer, origin, body, now)| Asking {
            method,
            provider,
            path,
            peer: peer.parse().unwrap(),
            origin,
            body,
            now: Timestamp(now),
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Whatever is added, and however often: what passes afterwards passed before.
    #[test]
    fn a_chain_only_narrows(grant in a_grant(), one in a_narrowing(), other in a_narrowing(), asking in an_asking()) {
        let chain = both(&one, &other);
        let (plain, once, twice) =
            (passes(&grant, None, &asking), passes(&grant, Some(&one), &asking), passes(&grant, Some(&chain), &asking));
        prop_assert!(plain || !once, "wider than its parent");
        prop_assert!(once || !twice, "wider than what it was made of");
        // And it is exactly both.
        prop_assert_eq!(twice, once && passes(&grant, Some(&other), &asking));
    }
}

#[test]
fn each_condition_says_why() {
    let head = RequestHead {
        method: &Method::GET,
        provider: "openai",
        path: "/v1/models",
        peer: [192, 0, 2, 1].into(),
        origin: None,
    };
    let of =
        |condition| Narrowing { conditions: [condition].into(), ..Narrowing::default() }.judge(&head, Timestamp(5));
    assert_eq!(of(Condition::Until(Timestamp(5))), Err(Reason::ExpiredKey));
    assert_eq!(of(Condition::Until(Timestamp(6))), Ok(()));
    assert_eq!(of(Condition::Providers(["cohere".into()].into())), Err(Reason::NotGranted));
    assert_eq!(of(Condition::Calls([call(&[Method::POST], "/v1/models")].into())), Err(Reason::Call));
    assert_eq!(of(Condition::Networks(["10.0.0.0/8".parse().unwrap()].into())), Err(Reason::Network));
    assert_eq!(of(Condition::Origins(["https://a.example".into()].into())), Err(Reason::Origin), "it is for a page");
    let models = Narrowing { conditions: [Condition::Models([Glob::name("a")].into())].into(), ..Narrowing::default() };
    assert!(models.reads_body() && !Narrowing::default().reads_body());
    assert_eq!(models.judge_body(&Asked::default(), None, false), Err(Reason::Model), "one has to be named");
    assert_eq!(models.judge_body(&Asked::default(), Some("b"), false), Err(Reason::Model));
    assert_eq!(models.judge_body(&Asked::default(), Some("a"), false), Ok(()));
}

/// What is said in a socket is judged when it is opened, by the query alone.
#[test]
fn a_socket_is_held_to_what_was_added() {
    let route = a_route(Vec::new(), Vec::new());
    let models = |all: &[&str]| Condition::Models(all.iter().map(|model| Glob::name(model)).collect());
    let narrowing = |conditions: Vec<Condition>| Narrowing { conditions: conditions.into(), ..Narrowing::default() };
    let opens = |narrowing: &Narrowing, query: Option<&str>| crate::socket::judge(&route, Some(narrowing), query);
    assert_eq!(opens(&narrowing(vec![]), None), Ok(()));
    let one = narrowing(vec![models(&["gpt-realtime*"])]);
    assert_eq!(opens(&one, Some("model=gpt-realtime-mini")), Ok(()));
    for query in [None, Some(""), Some("model=gpt-4o"), Some("model=gpt-realtime&model=gpt-4o"), Some("x=gpt-realtime")]
    {
        assert_eq!(opens(&one, query), Err(Reason::Model), "{query:?}");
    }
    let both = narrowing(vec![models(&["gpt-realtime*"]), models(&["*-mini"])]);
    assert_eq!(opens(&both, Some("model=gpt-realtime")), Err(Reason::Model), "each has to fit");
    let most = Narrowing { maxima: [("max_tokens".into(), 5)].into(), ..Narrowing::default() };
    assert_eq!(opens(&most, Some("model=gpt-realtime")), Err(Reason::Field));
}
