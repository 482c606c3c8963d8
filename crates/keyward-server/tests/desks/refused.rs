//! Whoever is nobody, what only the vault's own machine does, and servers that are none.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keyward_client::{Authority, Code, Desk, Folders, NewSlotInfo, RemoteDesk, ServerAccess};

use crate::kit::{Form, Site, occasion};

#[test]
fn nobody_is_told_that_he_is_nobody() {
    let site = Site::new(Form::Remote);
    let mut cut = site.token.clone();
    cut.truncate(cut.len() - 1);
    for token in [None, Some(cut.as_str()), Some("")] {
        let failure = site.remote(token).projects().unwrap_err();
        assert_eq!((failure.code, failure.code.exit()), (Code::Denied, 3), "{failure}");
        assert!(failure.message.contains(&site.url) && failure.hint.is_some(), "{failure:?}");
        assert!(!format!("{failure:?}").contains(&site.token[..20]), "{failure:?}");
    }
}

#[test]
fn what_only_the_vaults_machine_does_is_said_and_not_tried() {
    let site = Site::new(Form::Remote);
    let desk = site.desk();
    let before = site.vault.log_size().unwrap();
    let failures = [
        desk.add_slot(NewSlotInfo::Age("age1".into()), "x".into()).unwrap_err(),
        desk.rekey().unwrap_err(),
        desk.rekey_data("shop".parse().unwrap()).unwrap_err(),
        desk.accept().unwrap_err(),
        desk.backup("/tmp/never".into()).unwrap_err(),
        desk.export_log("native".into(), "/tmp/never".into()).unwrap_err(),
        desk.scan_key().unwrap_err(),
    ];
    for failure in failures {
        assert_eq!(failure.code.exit(), 2, "{failure}");
        assert!(failure.message.contains("where the vault lies"), "{failure}");
        assert!(failure.hint.as_deref().is_some_and(|hint| hint.contains("--local")), "{failure:?}");
    }
    assert_eq!(site.vault.log_size().unwrap(), before);
}

#[test]
fn a_folder_is_bound_to_a_project_that_is_there() {
    let site = Site::new(Form::Remote);
    let desk = site.desk();
    let failure = desk.trust("/src/shop".into(), None, "shop".parse().unwrap()).unwrap_err();
    assert_eq!(failure.code, Code::NotFound);
    assert_eq!(desk.binding("/src/shop".into()).unwrap(), None);
    desk.create_project("shop".parse().unwrap(), vec!["development".parse().unwrap()]).unwrap();
    let bound = desk.trust("/src/shop".into(), Some("git@host:shop".into()), "shop".parse().unwrap()).unwrap();
    assert_eq!(desk.binding("/src/shop".into()).unwrap(), Some(bound));
    assert!(desk.untrust("/src/shop".into()).unwrap() && !desk.untrust("/src/shop".into()).unwrap());
}

/// A server that answers each connection with the next of these texts, and counts the requests.
fn canned(answers: &'static [&'static str]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 64 << 10];
            let _ = stream.read(&mut head);
            let n = counted.fetch_add(1, Ordering::SeqCst);
            let _ = stream.write_all(answers[n.min(answers.len() - 1)].as_bytes());
        }
    });
    (url, count)
}

fn desk(url: &str) -> RemoteDesk {
    let token = Some(keyward_types::Secret::new("token", "any".to_owned()));
    let access = ServerAccess { url: url.parse().unwrap(), token, authority: Authority::System };
    RemoteDesk::new(access, &occasion(), Folders::in_home(&std::env::temp_dir().join("none"))).unwrap()
}

#[test]
fn a_redirect_is_not_followed() {
    let (other, asked) = canned(&["HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"]);
    let redirect = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {other}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    let (url, _) = canned(Box::leak(Box::new([&*redirect.leak()])));
    let failure = desk(&url).projects().unwrap_err();
    assert!(failure.message.contains("redirect"), "{failure}");
    assert_eq!(asked.load(Ordering::SeqCst), 0, "the token went elsewhere");
}

#[test]
fn a_busy_server_is_asked_again_and_a_broken_one_is_named() {
    const BUSY: &str =
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    const EMPTY: &str =
        "HTTP/1.1 200 OK\r\ncontent-length: 27\r\nconnection: close\r\n\r\n{\"projects\":[],\"next\":null}";
    let (url, count) = canned(&[BUSY, "", EMPTY]);
    assert_eq!(desk(&url).projects().unwrap(), Vec::new());
    assert_eq!(count.load(Ordering::SeqCst), 3);
    let (url, count) = canned(&[BUSY]);
    let failure = desk(&url).projects().unwrap_err();
    assert_eq!((count.load(Ordering::SeqCst), failure.code), (3, Code::Internal), "{failure}");
    let (url, _) = canned(&["HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\n<a>s3cret"]);
    let failure = desk(&url).projects().unwrap_err();
    assert!(!format!("{failure:?}").contains("s3cret"), "{failure:?}");
    let failure = desk("http://127.0.0.1:1").projects().unwrap_err();
    assert_eq!(failure.code.exit(), 70, "{failure}");
    assert!(failure.message.contains("http://127.0.0.1:1"), "{failure}");
}

/// A change whose answer was lost is sent again under the same key.
#[test]
fn a_change_is_tried_again_under_one_key() {
    let keys = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&keys);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut head = vec![0; 64 << 10];
            let length = stream.read(&mut head).unwrap_or(0);
            let text = String::from_utf8_lossy(&head[..length]).to_ascii_lowercase();
            let key = text.lines().find_map(|line| line.strip_prefix("idempotency-key: ").map(str::to_owned));
            seen.lock().unwrap().push(key);
            if n > 0 {
                let body = r#"{"secrets":3}"#;
                let answer =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    assert_eq!(desk(&url).delete_project("shop".parse().unwrap()).unwrap(), 3);
    let keys = keys.lock().unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys[0].is_some() && keys[0] == keys[1], "{keys:?}");
}
