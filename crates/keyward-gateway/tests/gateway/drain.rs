//! Stopping: what is under way ends, and nothing is lost.

use std::io::Write;
use std::time::{Duration, Instant};

use keyward_gateway::End;

use crate::support::*;

fn slow() -> Double {
    Double::new(|_| Reply::default().then(500, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
}

#[test]
fn what_is_under_way_ends_and_nothing_new_begins() {
    let mut site = Site::new(slow());
    let mut idle = site.caller();
    let mut caller = site.caller();
    caller.0.write_all(get("/openai/v1/models").as_bytes()).unwrap();
    wait(|| (site.received().len() == 1).then_some(()));
    let reader = std::thread::spawn(move || (read_answer(&mut caller.0), caller.is_closed()));
    let address = site.address();
    site.stop(Duration::from_secs(5));
    let (answer, closed) = reader.join().unwrap();
    assert_eq!((answer.status, answer.text().as_str(), closed), (200, "ok", true));
    assert!(idle.is_closed());
    assert!(std::net::TcpStream::connect(address).is_err());
    assert_eq!(site.records(1)[0].end, End::Whole);
}

#[test]
fn whoever_does_not_end_in_time_is_recorded() {
    let mut site = Site::new(slow());
    let mut caller = site.caller();
    caller.0.write_all(get("/openai/v1/models").as_bytes()).unwrap();
    wait(|| (site.received().len() == 1).then_some(()));
    let began = Instant::now();
    site.stop(Duration::from_millis(50));
    assert!(began.elapsed() < Duration::from_millis(400));
    assert_eq!(site.records(1)[0].end, End::HungUp);
    assert!(caller.is_closed());
}
