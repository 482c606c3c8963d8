//! `examples/chatbot` in a real browser: its page asks the model at the gateway, with a key of its own for
//! minutes, and no key of a service is anywhere in it. It is set up by the example's own `gateway.sh`.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

#[path = "chatbot/seen.rs"]
mod seen;
#[path = "chatbot/site.rs"]
mod site;

use std::time::Duration;

use keyward_testing::chromium::Chromium;
use serde_json::json;

use crate::seen::Seen;
use crate::site::Site;

/// Asks a question as a visitor does, and waits for what the page makes of it.
fn ask(browser: &mut Chromium, question: &str) -> String {
    let before = browser.see("document.querySelectorAll('#messages li').length").as_u64().unwrap();
    browser.fill("message", question);
    browser.click("#form button");
    // The question stands there at once; what follows is an answer, or a message below.
    browser.wait(&format!(
        "document.querySelectorAll('#messages li').length === {} || !['', '…'].includes(document.getElementById('status').textContent)",
        before + 2
    ));
    let said = "document.getElementById('status').textContent || [...document.querySelectorAll('#messages li')].at(-1).textContent";
    browser.see(said).as_str().unwrap().to_owned()
}

#[test]
fn a_page_asks_the_model_and_no_key_of_a_service_is_in_it() {
    let site = Site::new();
    let mut browser = Chromium::start();
    Seen::watch(&mut browser);
    let mut visits = Vec::new();

    // A visit of two seconds: an answer, and one more after its end, with another key.
    let backend = site.backend(&[("GATEWAY_VISIT_SECONDS", "2")]);
    browser.open(&site.page());
    let answer = ask(&mut browser, "Where do keys belong?");
    assert!(answer.contains("You asked: Where do keys belong?"), "{answer}");
    // The double tells the key that it got, which comes in no form.
    assert!(answer.contains("with ****"), "{answer}");
    visits.push(site.visit(&mut browser));
    std::thread::sleep(Duration::from_millis(2_500));
    let answer = ask(&mut browser, "And after a while?");
    assert!(answer.contains("And after a while?"), "{answer}");
    visits.push(site.visit(&mut browser));
    assert_ne!(visits[0], visits[1], "an expired key is renewed");

    // Everything that the browser has, sent or got.
    let seen = Seen::of(&mut browser);
    for text in [&*visits[0], &*visits[1], "/openai/v1/chat/completions", "Keys belong on the server"] {
        assert!(seen.has(text), "what is looked at is not all: `{text}` is not in it");
    }
    site.no_secret_in(&seen);
    assert!(seen.kept().is_empty(), "the key of a visit is kept in memory alone: {:?}", seen.kept());
    assert_eq!(seen.statuses("/openai/v1/chat/completions", "POST"), [200, 401, 200]);
    assert_eq!(site.asked(), 2, "what was refused did not reach the service");

    foreign_pages_get_nothing(&site, &mut browser, &visits[1]);
    drop(backend);

    // Two questions a minute, and the third is told to wait.
    let backend = site.backend(&[("GATEWAY_VISIT_RPM", "2")]);
    let mut browser = Chromium::start();
    browser.open(&site.page());
    for _ in 0..2 {
        let answer = ask(&mut browser, "Once more?");
        assert!(answer.contains("You asked: Once more?"), "{answer}");
    }
    let told = ask(&mut browser, "And again?");
    assert!(told.starts_with("Too many questions at once: please wait ") && told.ends_with(" seconds."), "{told}");
    // Loading the page again gives no second allowance.
    browser.open(&site.page());
    assert!(ask(&mut browser, "Anew?").starts_with("Too many questions"));
    drop(backend);

    // A visit for two requests, and the third is told that it is used up.
    let asked = site.asked();
    let _backend = site.backend(&[("GATEWAY_VISIT_BUDGET", "2requests/total"), ("GATEWAY_VISIT_RPM", "60")]);
    browser.call("Storage.clearCookies", json!({}));
    browser.open(&site.page());
    for _ in 0..2 {
        let answer = ask(&mut browser, "Once more?");
        assert!(answer.contains("You asked: Once more?"), "{answer}");
    }
    assert!(ask(&mut browser, "And again?").starts_with("This visit has used up"));
    assert_eq!(site.asked(), asked + 2);
}

/// A page of another origin has the key of a visit and gets nothing: the browser keeps it from asking, and
/// the gateway from answering.
fn foreign_pages_get_nothing(site: &Site, browser: &mut Chromium, visit: &str) {
    let asked = site.asked();
    browser.open(&site.foreign_page());
    let url = format!("{}/chat/completions", site.gateway());
    for request in [
        format!("fetch('{url}', {{ method: 'POST', headers: {{ Authorization: 'Bearer {visit}' }}, body: '{{}}' }})"),
        // One that browsers send without asking before.
        format!("fetch('{url}?key={visit}', {{ method: 'POST', body: '{{}}' }})"),
    ] {
        let seen = browser.see(&format!("{request}.then(() => 'read', (error) => error.name)"));
        assert_eq!(seen, "TypeError", "{request}");
    }
    let body = json!({ "model": "gpt-4o-mini", "max_tokens": 10, "messages": [] });
    for origin in ["https://evil.example", &site.foreign_page(), "null", ""] {
        let (status, answer) = site.call(visit, origin, &body);
        assert!(status == 403 || status == 401, "{origin}: {status} {answer}");
        assert!(!answer.to_ascii_lowercase().contains("access-control-allow-origin"), "{origin}: {answer}");
    }
    assert_eq!(site.asked(), asked, "nothing of it reached the service");
}
