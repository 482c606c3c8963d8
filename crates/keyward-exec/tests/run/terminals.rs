use std::os::unix::process::ExitStatusExt as _;

use rustix::process::{Pid, Signal};

use super::support::*;

#[test]
fn each_stream_that_was_a_terminal_is_one() {
    let script = "import os; print([os.isatty(i) for i in (0, 1, 2)], os.ttyname(0) == os.ttyname(1) == os.ttyname(2))";
    let (shown, status) = Screen::starter(&["python3", "-c", script]).rest();
    assert_eq!(shown, "[True, True, True] True\r\n");
    assert!(status.success());
}

#[test]
fn a_stream_that_was_none_is_none() {
    let script = "import os, sys; sys.stderr.write(repr([os.isatty(i) for i in (0, 1, 2)]))";
    let pipe_line = format!("{STARTER} --secret {SECRET} -- python3 -c '{script}' | cat");
    assert_eq!(Screen::new(&["sh", "-c", &pipe_line]).rest().0, "[True, False, True]");
    let redirected = format!("{STARTER} --secret {SECRET} -- python3 -c '{script}' </dev/null");
    assert_eq!(Screen::new(&["sh", "-c", &redirected]).rest().0, "[False, True, True]");
    let redirected = format!("{STARTER} --secret {SECRET} -- python3 -c '{script}' >/dev/null 2>&1; echo end");
    assert_eq!(Screen::new(&["sh", "-c", &redirected]).rest().0, "end\r\n");
}

#[test]
fn secrets_are_masked_on_a_terminal_too() {
    let (shown, _) = Screen::starter(&["sh", "-c", &format!("echo out {SECRET}; echo err {SECRET} >&2")]).rest();
    let mask = "*".repeat(SECRET.len());
    assert_eq!(shown, format!("out {mask}\r\nerr {mask}\r\n"));
    // Every line break becomes two characters on the way.
    let pem = "-----BEGIN TEST-----\nMIIBVgIBADANBgkq\nAT8=\n-----END TEST-----";
    let screen = Screen::new(&[STARTER, "--secret", pem, "--", "echo", pem]);
    let hidden: String = pem.chars().map(|c| if c == '\n' { '\n' } else { '*' }).collect();
    assert_eq!(screen.rest().0, format!("{hidden}\n").replace('\n', "\r\n"));
}

#[test]
fn the_window_size_is_kept_and_followed() {
    let script = "trap 'stty size; exit' WINCH; stty size; while :; do sleep 0.05; done";
    let mut screen = Screen::starter(&["bash", "-c", script]);
    screen.expect("24 80");
    screen.resize(40, 132);
    screen.expect("40 132");
    assert!(screen.rest().1.success());
}

#[test]
fn keys_reach_the_child_and_are_echoed_once() {
    let mut screen = Screen::starter(&["sh", "-c", "echo ready; read a; echo \"<$a>\""]);
    screen.expect("ready\r\n");
    screen.type_in("hello\r");
    assert_eq!(screen.expect("<hello>"), "hello\r\n");
    assert!(screen.rest().1.success());
}

#[test]
fn control_c_interrupts_the_child() {
    let mut screen =
        Screen::starter(&["sh", "-c", "trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.05; done"]);
    screen.expect("ready");
    screen.type_in("\x03");
    screen.expect("caught");
    assert_eq!(screen.rest().1.code(), Some(3));
}

#[test]
fn control_c_kills_as_after_a_plain_exec() {
    let mut screen = Screen::shell();
    screen.type_in(&format!("{STARTER} --secret {SECRET} -- sh -c 'echo re\"\"ady; exec sleep 60'; echo code=$?\r"));
    screen.expect("ready\r\n");
    screen.type_in("\x03");
    // An interactive shell gives up the rest of the line when a job dies of SIGINT.
    screen.expect("prompt> ");
    screen.type_in("echo code=$?\r");
    screen.expect("code=130");
}

#[test]
fn the_mode_of_the_terminal_is_put_back() {
    let mut screen = Screen::shell();
    let before = screen.mode();
    screen.type_in(&format!("{STARTER} --secret {SECRET} -- sh -c 'stty raw -echo; echo in-$((1+1)); exit 4'\r"));
    screen.expect("in-2");
    screen.expect("prompt> ");
    assert_eq!(screen.mode(), before);
    screen.type_in("echo alive\r");
    screen.expect("alive\r\nalive");
}

#[test]
fn the_mode_is_put_back_when_we_are_killed() {
    let script =
        format!("echo before; read x; {STARTER} --secret {SECRET} -- sh -c 'echo re\"\"ady; sleep 60'; sleep 60");
    let mut screen = Screen::new(&["sh", "-c", &script]);
    screen.expect("before");
    let before = screen.mode();
    screen.type_in("\r");
    screen.expect("ready");
    until(|| (screen.mode() != before).then_some(()));
    rustix::process::kill_process(starter_below(screen.child.id()), Signal::KILL).unwrap();
    until(|| (screen.mode() == before).then_some(()));
}

#[test]
fn control_z_stops_the_job_and_fg_goes_on() {
    let mut screen = Screen::shell();
    screen.type_in(&format!("{STARTER} --secret {SECRET} -- sh -c 'echo re\"\"ady; read a; echo \"<$a>\"'\r"));
    screen.expect("ready\r\n");
    let raw = screen.mode();
    screen.type_in("\x1a");
    screen.expect("Stopped");
    screen.expect("prompt> ");
    assert_ne!(screen.mode(), raw);
    screen.type_in("jobs\r");
    screen.expect("Stopped");
    screen.expect("prompt> ");
    screen.resize(30, 100);
    screen.type_in("fg\r");
    until(|| (screen.mode() == raw).then_some(()));
    screen.type_in("on\r");
    screen.expect("<on>");
    screen.expect("prompt> ");
}

#[test]
fn in_the_background_it_runs_without_the_keyboard() {
    let mut screen = Screen::shell();
    let before = screen.mode();
    screen.type_in(&format!(
        "{STARTER} --secret {SECRET} -- sh -c 'echo out-$((1+1)); sleep 0.3; read a; echo \"<$a>\"' &\r"
    ));
    screen.expect("out-2");
    assert_eq!(screen.mode(), before);
    // It stops when it reads, as a job in the background does.
    until(|| {
        screen.type_in("jobs\r");
        screen.expect("prompt> ").contains("Stopped").then_some(())
    });
    screen.type_in("fg\r");
    until(|| (screen.mode() != before).then_some(()));
    screen.type_in("now\r");
    screen.expect("<now>");
    screen.expect("prompt> ");
    assert_eq!(screen.mode(), before);
}

#[test]
fn a_prompt_on_the_terminal_works_with_standard_input_from_elsewhere() {
    let script = "read a </dev/tty; read b; echo \"<$a $b>\"";
    let mut screen =
        Screen::new(&["sh", "-c", &format!("echo piped | {STARTER} --secret {SECRET} -- sh -c '{script}'")]);
    screen.type_in("typed\r");
    screen.expect("<typed piped>");
}

#[test]
fn control_c_reaches_a_child_that_never_asked_for_the_keyboard() {
    let mut screen = Screen::new(&[
        "sh",
        "-c",
        &format!("exec {STARTER} --secret {SECRET} -- sh -c 'echo ready; exec sleep 60' </dev/null"),
    ]);
    screen.expect("ready");
    screen.type_in("\x03");
    let (_, status) = screen.rest();
    // `setsid --wait` reports a death by signal as 128 + n.
    assert_eq!(status.code().or(status.signal().map(|n| 128 + n)), Some(130));
}

#[test]
fn with_all_output_elsewhere_the_keys_reach_the_child_once() {
    let script = "import signal, time, sys
count = 0
def interrupted(*_):
    global count; count += 1
signal.signal(signal.SIGINT, interrupted)
terminal = open('/dev/tty', 'w'); print('ready', file=terminal, flush=True)
while not count: time.sleep(0.01)
time.sleep(0.3); print('count', count, file=terminal, flush=True)
line = sys.stdin.readline(); print('<' + line.strip() + '>', file=terminal)";
    let mut screen = Screen::shell();
    screen.type_in(&format!("{STARTER} --secret {SECRET} -- python3 -c \"{script}\" >/dev/null 2>&1\r"));
    screen.expect("ready\r\n");
    screen.type_in("\x03");
    screen.expect("count 1\r\n");
    screen.type_in("\x1a");
    screen.expect("Stopped");
    screen.expect("prompt> ");
    screen.type_in("fg\r");
    screen.expect("\r\n");
    screen.type_in("on\r");
    screen.expect("<on>");
    screen.expect("prompt> ");
}

#[test]
fn a_shell_on_the_terminal_has_job_control() {
    let mut screen = Screen::starter(&["bash", "--norc", "--noediting", "-i"]);
    screen.expect("prompt> ");
    screen.type_in("sleep 60\r");
    screen.expect("sleep 60\r\n");
    std::thread::sleep(std::time::Duration::from_millis(200));
    screen.type_in("\x1a");
    screen.expect("Stopped");
    screen.type_in("kill -9 %1; sleep 0.5\r");
    screen.expect("Killed");
    screen.type_in("exit 5\r");
    assert_eq!(screen.rest().1.code(), Some(5));
}

#[test]
fn all_output_before_the_end_is_shown() {
    for _ in 0..20 {
        let (shown, _) = Screen::starter(&["sh", "-c", "seq 1 2000; echo last"]).rest();
        assert!(shown.ends_with("2000\r\nlast\r\n"));
        assert_eq!(shown.lines().count(), 2001);
    }
}

#[test]
fn a_full_screen_program_draws_the_same_bytes() {
    let script = "import curses
def draw(screen):
    screen.addstr(5, 10, 'size %d %d' % screen.getmaxyx()); screen.refresh()
    screen.addstr(7, 0, 'key %d' % screen.getch()); screen.refresh(); screen.getch()
curses.wrapper(draw)";
    let command = ["env", "TERM=xterm", "python3", "-c", script];
    let drawn = |mut screen: Screen| {
        let mut all = screen.expect("size 24 80");
        screen.type_in("a");
        all += &screen.expect("key 97");
        screen.type_in("b");
        all + &screen.rest().0
    };
    assert_eq!(drawn(Screen::starter(&command)), drawn(Screen::new(&command)));
}

#[test]
fn a_process_left_behind_does_not_keep_the_terminal() {
    let mut screen = Screen::shell();
    screen.type_in(&format!("{STARTER} --secret {SECRET} -- sh -c 'sleep 60 & echo gone'\r"));
    screen.expect("gone\r\n");
    screen.expect("prompt> ");
}

#[test]
fn a_hangup_ends_it() {
    let mut screen = Screen::starter(&["sh", "-c", "echo ready; sleep 60"]);
    screen.expect("ready");
    let starter = starter_below(screen.child.id());
    drop(screen);
    until(|| (!std::path::Path::new(&format!("/proc/{}", starter.as_raw_nonzero())).exists()).then_some(()));
}

/// The starter among the descendants of a process, which may have become it.
fn starter_below(pid: u32) -> Pid {
    fn find(pid: u32) -> Option<u32> {
        if std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.as_os_str() == STARTER) {
            return Some(pid);
        }
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        children.split_whitespace().filter_map(|pid| pid.parse().ok()).find_map(find)
    }
    until(|| find(pid).and_then(|pid| Pid::from_raw(pid as i32)))
}
