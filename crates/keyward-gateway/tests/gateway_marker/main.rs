//! A marker in the value's place, and requests and answers that nobody thought of: the marker is found on
//! the way to the upstream and nowhere else. `cargo xtask prove gateway-marker` makes a million of them.
//!
//! What an answer holds beside whole forms of the marker (their beginnings, other keys, all kinds of text)
//! comes through as it was: nothing is masked by mistake.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

#[path = "../gateway/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the other tests use more of it")]
mod support;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};

use keyward_testing::{Seed, proof, size};
use keyward_types::forms::{Form, forms};
use memchr::memmem::Finder;

use crate::support::*;

/// How the marker may be spelled; the shorter ones occur by chance all the time, and are not looked for.
static FORMS: LazyLock<Vec<Form>> =
    LazyLock::new(|| forms(value().as_bytes()).into_iter().filter(|form| form.bytes.len() >= 8).collect());

/// What was made of a request: found again by the number in its path.
struct Sent {
    /// The body as it was before anything was masked.
    body: Vec<u8>,
    /// Whether it came whole.
    whole: bool,
    /// Whether the request had the marker in its place.
    marked: bool,
    /// Whether it had the virtual key anywhere.
    virtual_key: bool,
}

static SENT: Mutex<BTreeMap<u64, Sent>> = Mutex::new(BTreeMap::new());
/// Requests that reached the upstream with the marker in its place, and without the virtual key.
static ARRIVED: AtomicU64 = AtomicU64::new(0);

/// An answer with forms of the marker in it, made from the seed in the path.
fn echoing(request: &Received) -> Reply {
    let marked = request.header("authorization") == Some(&*format!("Bearer {}", value()));
    let virtual_key = request.head.contains(&key());
    ARRIVED.fetch_add(1, Ordering::AcqRel);
    let number = request.line().split(['/', '?', ' ']).nth(4).and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let mut dice = Seed::new(number);
    let sort = *dice.choose(&["application/json", "text/event-stream", "text/plain", "application/octet-stream"]);
    let mut body = Vec::new();
    for _ in 0..dice.below(8) {
        let between: &[&str] =
            &["{\"error\":\"", "data: ", "sk-", "\n\n", "", "\r\n\r\n", "sk-real/", "kwv_", "a key of somebody else"];
        body.extend_from_slice(dice.choose(between).as_bytes());
        let form = dice.choose(&FORMS);
        // Of a form that breaks off the first half is shown: it tells little.
        let end = if dice.once_in(3) { dice.below(form.bytes.len() / 2) } else { form.bytes.len() };
        body.extend_from_slice(&form.bytes[..end]);
        if dice.once_in(4) {
            body.extend((0..dice.below(400)).map(|_| dice.bits() as u8));
        }
    }
    // A body's end may not be the beginning of a form, of which the rest is masked for safety.
    body.extend_from_slice(b"\n.\n");
    let text = dice.choose(&FORMS);
    let printable = text.bytes.iter().all(|byte| (b' '..0x7f).contains(byte));
    let echo = if printable { String::from_utf8_lossy(&text.bytes).into_owned() } else { String::new() };
    let status = *dice.choose(&[200, 200, 201, 400, 401, 403, 404, 429, 500, 503, 302]);
    let mut head =
        format!("HTTP/1.1 {status} {echo}\r\nContent-Type: {sort}\r\nX-Echo: a{echo}b\r\nWWW-Authenticate: {echo}\r\n");
    let chunked = dice.once_in(2);
    let broken = dice.once_in(16);
    SENT.lock().unwrap().insert(number, Sent { body: body.clone(), whole: !broken, marked, virtual_key });
    head.push_str(&if chunked {
        "Transfer-Encoding: chunked\r\n\r\n".into()
    } else {
        format!("Content-Length: {}\r\n\r\n", body.len() + usize::from(broken))
    });
    let mut reply = reply(head);
    while !body.is_empty() {
        let rest = body.split_off(dice.below(body.len()) + 1);
        reply = match chunked {
            true => reply.then(0, [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n"].concat()),
            false => reply.then(0, body),
        };
        body = rest;
    }
    if broken {
        return reply.closing();
    }
    let end = format!("0\r\n{}\r\n", if dice.once_in(2) { format!("X-Trailer: {echo}\r\n") } else { String::new() });
    if chunked { reply.then(0, end) } else { reply }
}

/// A request, and whether it is as an SDK may write it: a place of a key that is misspelled is none.
fn request(dice: &mut Seed, number: u64) -> (Vec<u8>, bool) {
    let method = *dice.choose(&["GET", "POST", "PUT", "DELETE", "PATCH", "FOO", "HEAD"]);
    let path = match dice.below(12) {
        0 => format!("/openai/v1/{number}?key={}", key()),
        1 => format!("/openai/v1/{number}/../x"),
        2 => format!("/other/v1/{number}"),
        3 => format!("/openai/v1/{number}?x={}", "y".repeat(dice.below(2000))),
        _ => format!("/openai/v1/{number}?a=b"),
    };
    let places =
        ["Authorization: Bearer ", "x-api-key: ", "apikey: ", "x-goog-api-key: ", "Authorization: ", "Cookie: "];
    let place = *dice.choose(&places);
    let body = *dice.choose(&["", "{}", "{\"model\":\"m\",\"stream\":true}", "{\"model\":", "\u{0}\u{1}", "[1,2]"]);
    let extra = *dice.choose(&[
        "",
        "",
        "Accept-Encoding: gzip, br\r\n",
        "Expect: 100-continue\r\n",
        "TE: trailers\r\nConnection: TE\r\n",
        "Content-Length: 3\r\n",
        "Connection: x-api-key\r\n",
        "X-Forwarded-Host: evil.example\r\n",
    ]);
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{place}{}\r\n{extra}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        key(),
        body.len()
    );
    let mut bytes = text.into_bytes();
    // One in eight has a byte that was not written by anybody.
    let misspelled = dice.once_in(8);
    if misspelled {
        let at = dice.below(bytes.len());
        bytes[at] = dice.bits() as u8;
    }
    (bytes, !misspelled)
}

/// What was found in one thread's exchanges.
#[derive(Default)]
struct Found {
    passed: u64,
    refused: u64,
    /// Whole forms that were in answers.
    forms: u64,
    /// Bytes that came through as they were.
    kept: u64,
}

/// Holds an answer against what the upstream sent: each whole form is gone, all else is there.
fn compare(finders: &[Finder<'_>], sent: &Sent, answer: &Answer, found: &mut Found) {
    let mut form = vec![false; sent.body.len()];
    for (finder, one) in finders.iter().zip(FORMS.iter()) {
        let mut from = 0;
        while let Some(at) = finder.find(&sent.body[from..]) {
            form[from + at..from + at + one.bytes.len()].fill(true);
            from += at + 1;
            found.forms += 1;
        }
    }
    if sent.whole {
        assert_eq!(answer.body.len(), sent.body.len(), "{answer:?}");
    }
    // Of what broke off, the end may be masked for safety.
    let certain = if sent.whole { answer.body.len() } else { answer.body.len().saturating_sub(600) };
    for (at, got) in answer.body.iter().enumerate().take(certain) {
        let wanted = if form[at] { b'*' } else { sent.body[at] };
        assert_eq!(*got, wanted, "byte {at} of {:?} came as {:?}", sent.body, answer.body);
        found.kept += u64::from(!form[at]);
    }
}

fn exchange(site: &Site, seed: &Seed, part: u64, exchanges: u64) -> Found {
    let mut dice = seed.part("exchanges", part);
    let finders: Vec<Finder<'_>> = FORMS.iter().map(|form| Finder::new(&**form.bytes)).collect();
    let (mut found, mut caller) = (Found::default(), site.caller());
    for count in 0..exchanges {
        let number = (part << 48) | count;
        let (request, well_spelled) = request(&mut dice, number);
        let _ = caller.0.write_all(&request);
        let is_head = request.starts_with(b"HEAD");
        let mut answer = if is_head { head_of(&mut caller) } else { read_answer(&mut caller.0) };
        let all = [answer.head.as_bytes(), &answer.body].concat();
        for (finder, form) in finders.iter().zip(FORMS.iter()) {
            assert!(finder.find(&all).is_none(), "{:?} in the answer to {request:?}: {answer:?}", form.kind);
        }
        // A byte that nobody wrote may have made two requests of one, and then there is an answer to the rest.
        let length = answer.header("content-length").and_then(|length| length.parse().ok());
        answer.body.truncate(length.unwrap_or(usize::MAX));
        let sent = SENT.lock().unwrap().remove(&number);
        if let Some(sent) = &sent {
            assert!(sent.marked, "the marker is not in its place: {request:?}");
            assert!(!(well_spelled && sent.virtual_key), "the virtual key went on: {request:?}");
        }
        match sent {
            Some(sent) if answer.refused().is_none() && answer.status > 0 => {
                found.passed += 1;
                if !is_head {
                    compare(&finders, &sent, &answer, &mut found);
                }
            }
            _ => found.refused += u64::from(answer.refused().is_some()),
        }
        // What follows on a connection in doubt is in doubt itself.
        if answer.status != 200 || !answer.whole || is_head || count.is_multiple_of(64) {
            caller = site.caller();
        }
    }
    found
}

/// An answer to `HEAD` has a length and no body.
fn head_of(caller: &mut Caller) -> Answer {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") && std::io::Read::read(&mut caller.0, &mut byte).is_ok_and(|read| read == 1) {
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head, body: Vec::new(), whole: true }
}

#[test]
fn the_value_is_found_nowhere_but_on_the_way_to_the_upstream() {
    const THREADS: u64 = 4;
    let (seed, exchanges) = (Seed::of_campaign(), size("KEYWARD_EXCHANGES", 4_000));
    let site = Site::new(Double::new(echoing).forgetful());
    let found: Vec<Found> = std::thread::scope(|scope| {
        let (site, seed) = (&site, &seed);
        let threads: Vec<_> =
            (0..THREADS).map(|part| scope.spawn(move || exchange(site, seed, part, exchanges / THREADS))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let sum = |of: fn(&Found) -> u64| found.iter().map(of).sum::<u64>();
    let (passed, refused, forms) = (sum(|found| found.passed), sum(|found| found.refused), sum(|found| found.forms));
    assert!(passed > exchanges / 8 && refused > exchanges / 20, "{passed} passed, {refused} refused");
    assert!(ARRIVED.load(Ordering::Acquire) >= passed && forms > exchanges / 2, "{forms} forms");
    let written = format!("{:?} {:?}", site.vault.calls.lock().unwrap(), site.vault.denials.lock().unwrap());
    assert!(!written.contains(&value()) && !written.contains(&key()));
    proof("requests", exchanges);
    proof("of these, answered by the upstream", passed);
    proof("of these, refused", refused);
    proof("forms of the key in bodies, all masked", forms);
    proof("other bytes of bodies, none masked", sum(|found| found.kept));
}
