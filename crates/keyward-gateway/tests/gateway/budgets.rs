//! Limits hold, however many come at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use keyward_gateway::*;

use crate::support::*;

const ID: BudgetId = BudgetId::from_bytes([3; 16]);

fn budget(unit: Unit) -> impl FnOnce(&mut Setting) {
    move |setting| {
        let price = Price { output: 1_000_000, max_output: 10, ..Price::default() };
        setting.upstream.prices = Arc::new(Prices { models: vec![(Glob::name("m"), price)], call: None });
        setting.grant.budgets = [Budget { id: ID, unit }].into();
        setting.config.cores = 2;
        setting.config.times.first_byte = Duration::from_secs(20);
    }
}

/// Sends a thousand calls at once and gives how many passed.
fn thousand(site: &Site) -> usize {
    let request = post("/openai/v1/chat/completions", r#"{"model":"m","max_tokens":10}"#);
    // Four threads hold all connections open, so that the calls are truly under way together.
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut callers: Vec<_> = (0..250).map(|_| site.caller()).collect();
                    for caller in &mut callers {
                        std::io::Write::write_all(&mut caller.0, request.as_bytes()).unwrap();
                    }
                    callers
                        .iter_mut()
                        .map(|caller| read_answer(&mut caller.0))
                        .filter(|answer| answer.status == 200)
                        .count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

fn slow_answer() -> Double {
    // It takes so long that nothing is settled while others still ask.
    Double::new(|_| {
        Reply::default().then(1_500, b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 55\r\n\r\n{\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":10}}   ".to_vec())
    })
}

#[test]
fn a_thousand_against_a_budget_for_ten() {
    for chunk in [1, 35] {
        let site = Site::with(slow_answer(), budget(Unit::Money));
        site.vault.left.store(100, Ordering::Release);
        site.vault.chunk.store(chunk, Ordering::Release);
        assert_eq!(thousand(&site), 10);
        assert_eq!(site.received().len(), 10);
        let spent: u64 = site.records(10).iter().map(|record| record.cost).sum();
        assert_eq!(spent, 100);
        let answer = site.chat(r#"{"model":"m","max_tokens":10}"#);
        assert_eq!((answer.status, answer.refused()), (429, Some("budget")));
        assert_eq!(answer.header("x-should-retry"), Some("false"));
    }
}

#[test]
fn what_a_call_did_not_use_is_there_for_the_next() {
    let answer = r#"{"usage":{"prompt_tokens":0,"completion_tokens":2}}"#;
    let site = Site::with(Double::new(move |_| json(answer)), budget(Unit::Money));
    site.vault.left.store(20, Ordering::Release);
    let calls = std::iter::repeat_with(|| site.chat(r#"{"model":"m","max_tokens":10}"#).status);
    // Ten are reserved and two are used: as long as ten are left, there is one more.
    assert_eq!(calls.take_while(|status| *status == 200).count(), 6);
}

#[test]
fn an_error_costs_nothing() {
    let site = Site::with(Double::new(|_| reply("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")), budget(Unit::Money));
    site.vault.left.store(10, Ordering::Release);
    for _ in 0..5 {
        assert_eq!(site.chat(r#"{"model":"m","max_tokens":10}"#).status, 500);
    }
    assert!(site.records(5).iter().all(|record| record.cost == 0));
}

#[test]
fn a_call_without_a_price_is_refused_where_money_is_counted() {
    let site = Site::with(Double::new(|_| json("{}")), budget(Unit::Money));
    let answer = site.chat(r#"{"model":"unpriced","max_tokens":10}"#);
    assert_eq!((answer.status, answer.refused()), (403, Some("unpriced")));
    let answer = site.send(post("/openai/v1/some/new/route", "{}"));
    assert_eq!(answer.refused(), Some("unpriced"), "a route that nobody knows is no way around");
    assert!(site.received().is_empty());
}

#[test]
fn budgets_of_tokens_and_of_calls() {
    let answer = r#"{"usage":{"prompt_tokens":5,"completion_tokens":5}}"#;
    let site = Site::with(Double::new(move |_| json(answer)), budget(Unit::Tokens));
    site.vault.left.store(30, Ordering::Release);
    // Twenty are reserved (29 bytes of input, ten tokens of output) and ten are used.
    assert_eq!((0..9).filter(|_| site.chat(r#"{"model":"m","max_tokens":10}"#).status == 200).count(), 2);
    let site = Site::with(Double::new(|_| json("{}")), budget(Unit::Requests));
    site.vault.left.store(3, Ordering::Release);
    assert_eq!((0..9).filter(|_| site.send(get("/openai/v1/models")).status == 200).count(), 3);
}

#[test]
fn what_was_reserved_and_not_spent_goes_back_at_the_end() {
    let answer = r#"{"usage":{"prompt_tokens":0,"completion_tokens":2}}"#;
    let mut site = Site::with(Double::new(move |_| json(answer)), budget(Unit::Money));
    site.vault.left.store(100, Ordering::Release);
    site.vault.chunk.store(50, Ordering::Release);
    assert_eq!(site.chat(r#"{"model":"m","max_tokens":10}"#).status, 200);
    site.stop(Duration::from_secs(2));
    assert_eq!(site.vault.given_back.load(Ordering::Acquire), 48);
}

#[test]
fn rates_and_parallel_calls() {
    let site = Site::with(Double::new(|_| json("{}")), |setting| setting.grant.rpm = Some(3));
    let statuses: Vec<_> = (0..5).map(|_| site.send(get("/openai/v1/models"))).collect();
    assert_eq!(statuses.iter().filter(|answer| answer.status == 200).count(), 3);
    let refused = statuses.last().unwrap();
    assert_eq!((refused.status, refused.refused()), (429, Some("rate")));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(site.denied(Reason::Rate), 2);

    let slow = Double::new(|_| Reply::default().then(400, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()));
    let site = Site::with(slow, |setting| setting.grant.parallel = Some(2));
    let mut callers: Vec<_> = (0..5).map(|_| site.caller()).collect();
    for caller in &mut callers {
        std::io::Write::write_all(&mut caller.0, get("/openai/v1/models").as_bytes()).unwrap();
    }
    let answers: Vec<_> = callers.iter_mut().map(|caller| read_answer(&mut caller.0)).collect();
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 2);
    assert_eq!(answers.iter().filter(|answer| answer.refused() == Some("parallel")).count(), 3);
    assert_eq!(site.send(get("/openai/v1/models")).status, 200, "they are over");
}

#[test]
fn tokens_a_minute() {
    let answer = r#"{"usage":{"prompt_tokens":500,"completion_tokens":400}}"#;
    let site = Site::with(Double::new(move |_| json(answer)), |setting| setting.grant.tpm = Some(1_000));
    assert_eq!(site.chat(r#"{"model":"m","max_tokens":10}"#).status, 200);
    assert_eq!(site.chat(r#"{"model":"m","max_tokens":10}"#).status, 200, "a hundred are left");
    let answer = site.chat(r#"{"model":"m","max_tokens":10}"#);
    assert_eq!((answer.status, answer.refused()), (429, Some("tokens")));
}
