use std::io::{BufRead as _, BufReader};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, WaitOptions};

use super::support::*;

/// A starter whose child said `ready`.
fn ready(script: &str) -> (Child, BufReader<ChildStdout>) {
    let mut child = starter(&["sh", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(line(&mut lines), "ready");
    (child, lines)
}

fn line(lines: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    line.trim().to_owned()
}

fn send(child: &Child, signal: Signal) {
    rustix::process::kill_process(Pid::from_child(child), signal).unwrap();
}

/// A field of `/proc/PID/stat`, counted from 0 at the process id.
fn stat(pid: u32, field: usize) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let rest = stat.rsplit_once(") ").unwrap().1;
    rest.split(' ').nth(field - 2).unwrap().to_owned()
}

#[test]
fn a_signal_to_us_is_a_signal_to_the_child() {
    let all = [
        (Signal::TERM, "TERM"),
        (Signal::INT, "INT"),
        (Signal::HUP, "HUP"),
        (Signal::QUIT, "QUIT"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
        (Signal::WINCH, "WINCH"),
        (Signal::ALARM, "ALRM"),
    ];
    for (signal, name) in all {
        // The shell runs its trap once the sleep is over.
        let script = format!("trap 'echo got {name}; exit 7' {name}; echo ready; while :; do sleep 0.05; done");
        let (mut child, mut lines) = ready(&script);
        send(&child, signal);
        assert_eq!(line(&mut lines), format!("got {name}"));
        assert_eq!(child.wait().unwrap().code(), Some(7));
    }
}

#[test]
fn we_die_of_the_signal_that_killed_the_child() {
    for (signal, number) in [(Signal::TERM, 15), (Signal::KILL, 9), (Signal::SEGV, 11), (Signal::ABORT, 6)] {
        let out = output(&["sh", "-c", &format!("kill -{number} $$")]);
        assert_eq!(out.status.signal(), Some(signal.as_raw()));
        assert!(!out.status.core_dumped());
    }
}

#[test]
fn ignored_signals_stay_ignored_and_none_is_blocked() {
    let script = format!("trap '' HUP USR1; exec {STARTER} --secret {SECRET} -- cat /proc/self/status");
    let out = Command::new("sh").args(["-c", &script]).output().unwrap();
    let status = text(&out.stdout);
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
    };
    assert_eq!(field("SigBlk:"), 0);
    let (hup, usr1) = (1 << 0, 1 << 9);
    assert_eq!(field("SigIgn:") & (hup | usr1), hup | usr1);
    let plain = Command::new("sh").args(["-c", "trap '' HUP USR1; exec cat /proc/self/status"]).output().unwrap();
    let ignored = |status: &str| status.lines().find(|line| line.starts_with("SigIgn:")).unwrap().to_owned();
    assert_eq!(ignored(&status), ignored(&text(&plain.stdout)), "as after a plain exec");
}

#[test]
fn through_pipes_the_child_is_in_our_process_group() {
    let mut child =
        starter(&["sh", "-c", "echo ready; sleep 60"]).stdout(Stdio::piped()).process_group(0).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(line(&mut lines), "ready");
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
    let inner: u32 = children.split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(stat(inner, 4), child.id().to_string());
    // One signal to the group reaches both.
    rustix::process::kill_process_group(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(15));
}

#[test]
fn when_the_child_stops_we_stop_and_go_on_together() {
    let (mut child, mut lines) = ready("echo ready; kill -STOP $$; echo on");
    let options = WaitOptions::UNTRACED;
    let (_, status) = rustix::process::waitpid(Some(Pid::from_child(&child)), options).unwrap().unwrap();
    assert_eq!(status.stopping_signal(), Some(Signal::STOP.as_raw()));
    send(&child, Signal::CONT);
    assert_eq!(line(&mut lines), "on");
    assert!(child.wait().unwrap().success());
}

#[test]
fn when_we_are_killed_the_child_dies() {
    let (mut child, mut lines) = ready("echo ready; echo $$; exec sleep 60");
    let inner: u32 = line(&mut lines).parse().unwrap();
    send(&child, Signal::KILL);
    child.wait().unwrap();
    until(|| (!std::path::Path::new(&format!("/proc/{inner}")).exists() || stat(inner, 2) == "Z").then_some(()));
}

#[test]
fn a_changed_value_restarts_the_child() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("value");
    std::fs::write(&file, "first").unwrap();
    let mut child = Command::new(STARTER)
        .args(["--secret", SECRET, "--watch", file.to_str().unwrap(), "--"])
        .args(["sh", "-c", "trap 'echo bye; exit 0' TERM; echo $VALUE; while :; do sleep 0.05; done"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(line(&mut lines), "first");
    std::fs::write(&file, "second").unwrap();
    assert_eq!(line(&mut lines), "bye");
    assert_eq!(line(&mut lines), "second");
    send(&child, Signal::TERM);
    assert_eq!(line(&mut lines), "bye");
    assert_eq!(child.wait().unwrap().code(), Some(0), "ended for good");
}
