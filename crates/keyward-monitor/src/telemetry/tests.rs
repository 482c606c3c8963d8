use std::net::TcpListener;
use std::time::Instant;

use super::*;

struct Numbers;

impl Random for Numbers {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), keyward_types::RandomError> {
        bytes.fill(7);
        Ok(())
    }
}

#[test]
fn a_collector_that_hangs_holds_the_end_up_once() {
    // Connections are made by the system; nobody answers.
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", collector.local_addr().unwrap());
    let variable = |name: &str| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(url.clone()),
        "OTEL_BSP_SCHEDULE_DELAY" => Some("3600000".to_owned()),
        _ => None,
    };
    let settings = TelemetrySettings::read(variable).unwrap().unwrap();
    let patience = Duration::from_secs(2);
    let telemetry = Telemetry::start_with(settings, Arc::new(Numbers), patience).unwrap();
    for _ in 0..MOST {
        let span = telemetry.begin(SpanKind::Server, Timestamp(0), None).unwrap();
        telemetry.end(span);
    }
    let (shared, begin) = (Arc::clone(&telemetry.shared), Instant::now());
    drop(telemetry);
    let took = begin.elapsed();
    assert!(took < 2 * patience, "{took:?}, and there were {} requests to be made", MOST / BATCH);
    assert_eq!(shared.dropped.load(Relaxed), MOST as u64, "each is counted");
}
