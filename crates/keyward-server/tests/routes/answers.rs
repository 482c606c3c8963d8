//! What every answer has, and what state without a token can be seen.

use crate::kit::Served;

#[test]
fn health_needs_no_token_and_holds_no_names() {
    let served = Served::start();
    assert_eq!(served.raw("GET", "/healthz", &[], b"").is(200)["status"], "alive");
    assert_eq!(served.raw("GET", "/readyz", &[], b"").is(200)["status"], "ready");
    served.get("/projects/shop").is(200);
    served.get("/projects/nothing").problem(404);
    let metrics = served.raw("GET", "/metrics", &[], b"");
    assert_eq!(metrics.status, 200);
    let text = metrics.text();
    assert!(text.contains("route=\"/api/v1/projects/{project}\",status=\"200\"} 1"), "{text}");
    assert!(text.contains("route=\"/api/v1/projects/{project}\",status=\"404\"} 1"), "{text}");
    assert!(!text.contains("shop"), "{text}");
}

#[test]
fn a_problem_has_one_form() {
    let served = Served::start();
    let answer = served.ask_with("GET", "/projects/nothing", &[("x-request-id", "build-4711")], None);
    let problem = answer.is(404);
    assert_eq!(
        problem,
        serde_json::json!({
            "type": "urn:keyward:problem:not_found",
            "title": "Not Found",
            "status": 404,
            "detail": "there is no project `nothing`",
            "hint": "`keyward project list` shows what there is",
            "code": "not_found",
            "request_id": "build-4711",
        })
    );
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

#[test]
fn whoami_names_the_owner() {
    let served = Served::start();
    let status = served.get("/whoami").is(200);
    assert_eq!(status["name"], "Ada");
    assert_eq!(status["principal"], served.vault.owner().unwrap().0.principal.as_str());
    assert_eq!(status["log_size"], served.log_size());
}

#[test]
fn an_end_waits_for_the_request_that_is_under_way() {
    let served = Served::start();
    let mut stream = served.connect();
    let path = crate::kit::in_development("secrets/SLOW");
    let body = r#"{"value":"arrives in two halves"}"#;
    let head = format!(
        "PUT /api/v1{path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        served.token,
        body.len()
    );
    use std::io::Write;
    stream.write_all(format!("{head}{}", &body[..10]).as_bytes()).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    let ending = std::thread::spawn(move || drop(served));
    std::thread::sleep(std::time::Duration::from_millis(200));
    stream.write_all(&body.as_bytes()[10..]).unwrap();
    assert_eq!(crate::kit::Answer::read(&mut stream).is(201)["version"], 1);
    ending.join().unwrap();
}
