//! What a server may answer that is no keyward server, and what goes out to one: the server here says
//! what it is told to, and keeps what it was asked.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use keyward_client::{Authority, Code, Desk, Folders, Occasion, RemoteDesk, ServerAccess, ServerUrl};

/// Answers one request with this status and body; gives the request.
fn answering(status: u16, body: &str) -> (ServerUrl, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let answer = format!(
        "HTTP/1.1 {status} As Told\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            let n = stream.read(&mut chunk).unwrap();
            assert_ne!(n, 0, "the request has an end");
            request.extend_from_slice(&chunk[..n]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        request
    });
    (url, asked)
}

fn desk(url: ServerUrl, reason: Option<&str>) -> RemoteDesk {
    let occasion = Occasion { agent: "test/1".into(), reason: reason.map(str::to_owned) };
    let access = ServerAccess { url, token: None, authority: Authority::System };
    RemoteDesk::new(access, &occasion, Folders::in_home(std::path::Path::new("/nowhere"))).unwrap()
}

#[test]
fn whatever_it_says_of_itself_is_an_answer_or_a_failure() {
    for body in ["[]", "7", "null", "\"text\"", "{}", "", "{\"vault\":"] {
        let (url, asked) = answering(200, body);
        let failure = desk(url, None).status().unwrap_err();
        assert!(failure.code == Code::Internal && failure.message.contains("cannot be read"), "{body}: {failure}");
        asked.join().unwrap();
    }
}

#[test]
fn a_reason_goes_out_in_its_own_words_and_ends_no_header() {
    let (url, asked) = answering(404, "{}");
    desk(url, Some("für Zoë\r\nx-other: 1")).status().unwrap_err();
    let request = String::from_utf8(asked.join().unwrap()).unwrap();
    let lines: Vec<&str> = request.split("\r\n").collect();
    assert!(lines.contains(&"x-keyward-reason: für Zoë  x-other: 1"), "{request}");
    assert!(!lines.iter().any(|line| line.starts_with("x-other")), "{request}");
}

#[test]
fn a_refusal_does_nothing_to_a_terminal() {
    let body = r#"{"code":"denied","detail":"no\u001b]52;c;eA==\u0007 way","hint":"\u001b[2Jask"}"#;
    let (url, asked) = answering(403, body);
    let failure = desk(url, None).status().unwrap_err();
    assert_eq!(
        (failure.code, failure.message.as_str(), failure.hint.as_deref()),
        (Code::Denied, "no]52;c;eA== way", Some("[2Jask"))
    );
    asked.join().unwrap();
}
