//! Webhooks and Slack.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use keyward_monitor::{Channel, Credentials, Endpoint, Fault, Settings, send_once};
use sha2::Sha256;

use crate::kit::{HANG, NOW, PATH, Receiving, Sevens, parcel};

fn webhook(url: &str, allow_private: bool) -> (Arc<dyn Channel>, Credentials) {
    let endpoint = Endpoint::parse(url).unwrap();
    let (settings, credentials) = Settings::webhook(&endpoint, allow_private, vec![], &Sevens).unwrap();
    let kept = Credentials::from_bytes(credentials.to_bytes().expose()).unwrap();
    (settings.channel(&kept).unwrap(), credentials)
}

fn deliver(url: &str, allow_private: bool) -> Result<(), Fault> {
    webhook(url, allow_private).0.deliver(&parcel(), NOW).map(|delivered| assert_eq!(delivered.but, None))
}

/// Nothing of the path or the signing secret is in it.
#[track_caller]
fn silent(text: &str) {
    assert!(!text.contains("marker-of-the-path") && !text.contains("whsec") && !text.contains("BwcH"), "{text}");
}

#[test]
fn a_webhook_is_signed_so_that_its_receiver_can_verify_it() {
    let receiver = Receiving::answering(&["204 No Content"]);
    let (channel, credentials) = webhook(&receiver.url(), true);
    channel.deliver(&parcel(), NOW).unwrap();
    let got = receiver.next();
    assert_eq!(got.line, format!("POST {PATH} HTTP/1.1"));
    assert_eq!(got.header("content-type"), "application/json");
    let body = got.json();
    assert_eq!((&body["type"], &body["data"]["kind"]), (&"keyward.break_glass".into(), &"break_glass".into()));
    assert_eq!(body["data"]["subject"]["name"], "ada");
    // As the specification says it, without our code.
    let key = BASE64.decode(credentials.signing_secret().unwrap().strip_prefix("whsec_").unwrap().as_bytes()).unwrap();
    let (id, seconds) = (got.header("webhook-id"), got.header("webhook-timestamp"));
    assert_eq!((id, seconds), ("msg_0123", "1790000000"));
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update([id.as_bytes(), b".", seconds.as_bytes(), b".", &got.body].concat().as_slice());
    let given = BASE64.decode(got.header("webhook-signature").strip_prefix("v1,").unwrap().as_bytes()).unwrap();
    mac.clone().verify_slice(&given).unwrap();
    mac.update(b" ");
    assert!(mac.verify_slice(&given).is_err());
}

#[test]
fn slack_gets_its_own_form_and_nothing_of_ours_in_headers() {
    let receiver = Receiving::answering(&["200 OK"]);
    let (settings, credentials) = Settings::slack(&Endpoint::parse(&receiver.url()).unwrap(), true, vec![]);
    settings.channel(&credentials).unwrap().deliver(&parcel(), NOW).unwrap();
    let got = receiver.next();
    let text = got.json()["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("[keyward] critical: `ada` took emergency rights in `shop`\n2026-09-21T"), "{text}");
    assert!(got.headers.iter().all(|(name, _)| !name.starts_with("webhook-")));
    silent(&serde_json::to_string(&settings).unwrap());
    silent(&format!("{settings:?}"));
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Receiving::answering(&["200 OK"]);
    let to: &'static str = Box::leak(format!("307 Moved\r\nlocation: {}", elsewhere.url()).into_boxed_str());
    let receiver = Receiving::answering(Box::leak(Box::new([to])));
    let fault = deliver(&receiver.url(), true).unwrap_err();
    assert!(fault.permanent && fault.why.contains("307"), "{fault}");
    silent(&fault.to_string());
    receiver.next();
    assert!(elsewhere.nothing_more());
}

#[test]
fn what_a_receiver_answers_says_whether_trying_again_helps() {
    for (answer, permanent, wait) in [
        ("503 Unavailable\r\nretry-after: 7", false, Some(7)),
        ("429 Slow down", false, None),
        ("410 Gone", true, None),
        ("400 Bad", true, None),
    ] {
        let receiver = Receiving::answering(Box::leak(Box::new([answer])));
        let fault = deliver(&receiver.url(), true).unwrap_err();
        assert_eq!((fault.permanent, fault.retry_after), (permanent, wait.map(Duration::from_secs)), "{answer}");
        silent(&format!("{fault} {fault:?}"));
    }
}

#[test]
fn private_addresses_are_refused_unless_the_sink_is_made_for_them() {
    let receiver = Receiving::answering(&["200 OK"]);
    let fault = deliver(&receiver.url(), false).unwrap_err();
    assert!(fault.permanent && fault.why.contains("--allow-private"), "{fault}");
    for host in ["https://127.0.0.1", "https://10.0.0.1", "https://[::1]", "https://[::ffff:192.168.0.1]"] {
        assert!(deliver(&format!("{host}:{}{PATH}", receiver.port), false).unwrap_err().permanent, "{host}");
    }
    let cloud = deliver(&format!("https://169.254.169.254{PATH}"), true).unwrap_err();
    assert!(cloud.permanent && cloud.why.contains("never"), "{cloud}");
    assert!(receiver.nothing_more(), "nothing was connected to");
}

#[test]
fn a_name_is_judged_by_where_it_leads() {
    let receiver = Receiving::answering(&["200 OK"]);
    let url = format!("http://localhost:{}{PATH}", receiver.port);
    assert!(deliver(&url, false).unwrap_err().permanent);
    deliver(&url, true).unwrap();
    receiver.next();
}

#[test]
fn who_does_not_answer_is_left_in_time() {
    let receiver = Receiving::answering(&[HANG]);
    let (channel, _) = webhook(&receiver.url(), true);
    let begun = Instant::now();
    let fault = send_once(channel, parcel(), NOW, Duration::from_millis(500)).unwrap_err();
    assert!(!fault.permanent && begun.elapsed() < Duration::from_secs(10), "{fault}");
    assert_eq!(fault.why, "it did not answer in time");
}

#[test]
fn who_is_not_there_and_who_speaks_no_tls_is_a_fault_without_the_url() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gone = deliver(&format!("http://127.0.0.1:{port}{PATH}"), true).unwrap_err();
    assert!(!gone.permanent, "{gone}");
    silent(&format!("{gone} {gone:?}"));
    // A receiver that answers in plain text where TLS is asked for.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream: TcpStream = stream.unwrap();
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let plain = deliver(&format!("https://127.0.0.1:{port}{PATH}"), true).unwrap_err();
    silent(&format!("{plain} {plain:?}"));
}
