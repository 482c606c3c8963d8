use std::sync::Mutex;

use keyward_client::Failure;

use super::*;
use crate::app::Edge;
use crate::authenticate::Tokens;
use crate::config::Config;

/// Runs jobs until `enough` says so; answers the metrics.
fn run(perform: Perform, enough: impl Fn(&str) -> bool) -> String {
    let vault = keyward_testing::TestVault::new(21);
    let config = Config::loopback("127.0.0.1:0".parse().unwrap());
    let app = Arc::new(App::new(Arc::new(vault.vault), Arc::new(Tokens), &Edge::new(config, &[], None)));
    let (stop, metrics) = (Stop::new(), Arc::clone(&app));
    let work = Arc::new(Work::new(app));
    let ends = stop.clone();
    let thread = std::thread::spawn(move || Runner::new(work, perform).run(&ends));
    let begun = Instant::now();
    while !enough(&metrics.metrics.text(None)) && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(20));
    }
    stop.stop();
    thread.join().unwrap();
    metrics.metrics.text(None)
}

fn count(text: &str, job: &str, outcome: &str) -> u64 {
    let line = format!("keyward_job_runs_total{{job=\"{job}\",outcome=\"{outcome}\"}} ");
    text.lines().find_map(|there| there.strip_prefix(&line)).map_or(0, |n| n.parse().unwrap())
}

#[test]
fn what_panics_or_fails_is_tried_again_and_holds_up_nothing() {
    let tried: Arc<Mutex<Vec<(Job, Instant)>>> = Arc::default();
    let seen = Arc::clone(&tried);
    let perform: Perform = Arc::new(move |job, _| {
        seen.lock().unwrap().push((job, Instant::now()));
        match job {
            Job::SignIns => panic!("a job panics, which is what this test is about"),
            Job::Reviews => Err(Failure::internal("it fails")),
            Job::Expiry => {
                // It hangs, as far as the others can tell.
                std::thread::sleep(Duration::from_secs(2));
                Ok(())
            }
            Job::Refusals | Job::Requests | Job::VirtualKeys | Job::Reads => Ok(()),
            Job::Rotations | Job::Schedules | Job::Alerts => Ok(()),
        }
    });
    let led = std::cell::Cell::new(false);
    let enough = |text: &str| {
        led.set(led.get() || text.contains("\nkeyward_leader 1\n"));
        count(text, "sign-ins", "panicked") >= 2 && count(text, "alerts", "done") >= 3
    };
    let text = run(perform, enough);
    assert!(enough(&text) && led.get(), "{text}");
    assert!(count(&text, "reviews", "failed") >= 2 && count(&text, "refusals", "done") == 1, "{text}");
    assert!(text.contains("\nkeyward_leader 0\n"), "who has ended leads no more: {text}");
    let tried = tried.lock().unwrap();
    let panics: Vec<Instant> = tried.iter().filter(|(job, _)| *job == Job::SignIns).map(|(_, at)| *at).collect();
    assert!(panics[1] - panics[0] >= Duration::from_millis(900), "not at once");
    let before = tried.iter().filter(|(job, at)| *job == Job::Alerts && *at < panics[0] + Duration::from_secs(2));
    assert!(before.count() >= 2, "one that hangs holds up nobody");
}
