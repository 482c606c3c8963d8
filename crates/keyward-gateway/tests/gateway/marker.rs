//! A marker in the value's place, and requests and answers that nobody thought of: the marker is found
//! on the way to the upstream and nowhere else.

use std::sync::atomic::Ordering;

use keyward_types::forms::forms;

use crate::support::*;

const EXCHANGES: u64 = 400;

/// Numbers that are the same for the same seed (Knuth's, as in MMIX).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// An answer full of the marker, made from the seed in the path.
fn echoing(request: &Received) -> Reply {
    let seed = request.line().split(['/', '?', ' ']).nth(4).and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let mut dice = Dice(seed);
    let value = value();
    let spelled = forms(value.as_bytes());
    let mut body = Vec::new();
    for _ in 0..dice.below(6) {
        body.extend_from_slice(dice.of(&["{\"error\":\"", "data: ", "sk-", "\n\n", "", "\r\n\r\n"]).as_bytes());
        let form = dice.of(&spelled);
        let end = if dice.below(3) == 0 { dice.below(form.bytes.len()) / 2 } else { form.bytes.len() };
        body.extend_from_slice(&form.bytes[..end]);
    }
    let text = dice.of(&spelled);
    let printable = text.bytes.iter().all(|byte| (b' '..0x7f).contains(byte));
    let echo = if printable { String::from_utf8_lossy(&text.bytes).into_owned() } else { String::new() };
    let sort = dice.of(&["application/json", "text/event-stream", "text/plain", "application/octet-stream"]);
    let status = dice.of(&[200, 200, 201, 400, 401, 403, 404, 429, 500, 503, 302]);
    let mut head =
        format!("HTTP/1.1 {status} {echo}\r\nContent-Type: {sort}\r\nX-Echo: a{echo}b\r\nWWW-Authenticate: {echo}\r\n");
    let chunked = dice.below(2) == 0;
    head.push_str(&if chunked {
        "Transfer-Encoding: chunked\r\n\r\n".into()
    } else {
        format!("Content-Length: {}\r\n\r\n", body.len())
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
    let end = format!("0\r\n{}\r\n", if dice.below(2) == 0 { format!("X-Trailer: {echo}\r\n") } else { String::new() });
    if chunked { reply.then(0, end) } else { reply }
}

fn request(dice: &mut Dice, seed: u64) -> String {
    let method = *dice.of(&["GET", "POST", "PUT", "DELETE", "PATCH", "FOO"]);
    let path = match dice.below(8) {
        0 => format!("/openai/v1/{seed}?key={}", key()),
        1 => format!("/openai/v1/{seed}/../x"),
        2 => format!("/other/v1/{seed}"),
        _ => format!("/openai/v1/{seed}?a=b"),
    };
    let place = *dice.of(&["Authorization: Bearer ", "x-api-key: ", "apikey: ", "Authorization: ", "Cookie: "]);
    let body = *dice.of(&["", "{}", "{\"model\":\"m\",\"stream\":true}", "{\"model\":", "\u{0}\u{1}", "[1,2]"]);
    let extra = *dice.of(&[
        "",
        "Accept-Encoding: gzip, br\r\n",
        "Expect: 100-continue\r\n",
        "TE: trailers\r\nConnection: TE\r\n",
        "Content-Length: 3\r\n",
    ]);
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{place}{}\r\n{extra}Content-Length: {}\r\n\r\n{body}",
        key(),
        body.len()
    )
}

#[test]
fn the_value_is_found_nowhere_but_on_the_way_to_the_upstream() {
    let site = Site::new(Double::new(echoing));
    let seed = std::time::UNIX_EPOCH.elapsed().map_or(1, |since| since.subsec_nanos()).into();
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let (mut passed, mut refused) = (0, 0);
    for number in 0..EXCHANGES {
        let request = request(&mut dice, seed.wrapping_add(number * 7_919) % 1_000_000_007);
        let mut caller = site.caller();
        let answer = caller.send(&request);
        let all = [answer.head.as_bytes(), &answer.body].concat();
        for form in forms(value().as_bytes()) {
            let found = all.windows(form.bytes.len()).any(|window| window == &**form.bytes);
            assert!(!found, "{:?} in the answer to {request:?}: {answer:?}", form.kind);
        }
        if answer.refused().is_some() { refused += 1 } else { passed += usize::from(answer.status > 0) }
    }
    assert!(passed > 50 && refused > 50, "{passed} passed, {refused} refused");
    // The upstream was given the value with every request, and the virtual key with none.
    let received = site.received();
    assert!(received.len() >= passed && site.vault.recording.load(Ordering::Acquire));
    assert!(received.iter().all(|request| request.head.contains(&value()) && !request.head.contains(&key())));
    let written = format!("{:?} {:?}", site.vault.calls.lock().unwrap(), site.vault.denials.lock().unwrap());
    assert!(!written.contains(&value()) && !written.contains(&key()));
}
