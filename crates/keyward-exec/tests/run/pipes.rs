use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::support::*;

#[test]
fn the_exit_code_is_the_childs() {
    for code in [0, 1, 2, 125, 127, 255] {
        assert_eq!(output(&["sh", "-c", &format!("exit {code}")]).status.code(), Some(code));
    }
}

#[test]
fn failures_to_start_have_the_codes_of_env() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "not a program").unwrap();
    assert_eq!(output(&["no-such-program-anywhere"]).status.code(), Some(127));
    assert_eq!(output(&["/no/such/file"]).status.code(), Some(127));
    assert_eq!(output(&[plain.to_str().unwrap()]).status.code(), Some(126));
    assert_eq!(output(&["/"]).status.code(), Some(126));
    let error = text(&output(&["no-such-program-anywhere"]).stderr);
    assert_eq!(error, "starter: `no-such-program-anywhere` was not found\n");
}

#[test]
fn stdout_and_stderr_are_masked_and_stay_apart() {
    let out = output(&["sh", "-c", &format!("echo out {SECRET}; echo err {SECRET} >&2")]);
    let mask = "*".repeat(SECRET.len());
    assert_eq!(text(&out.stdout), format!("out {mask}\n"));
    assert_eq!(text(&out.stderr), format!("err {mask}\n"));
}

#[test]
fn encoded_forms_are_masked() {
    let script = "import sys, base64, json, urllib.parse as u; s = sys.argv[1]; b = s.encode()
print(base64.b64encode(b'u:' + b).decode()); print(json.dumps({'k': s})); print(u.quote(s, safe='')); print(b.hex())";
    let out = text(&output(&["python3", "-c", script, SECRET]).stdout);
    let stars: Vec<_> = out.lines().map(|line| line.matches('*').count()).collect();
    assert!(stars.iter().all(|count| *count >= SECRET.len()), "{out}");
    assert!(!out.contains("0123"), "{out}");
}

#[test]
fn a_secret_written_byte_by_byte_is_masked() {
    let script = "import sys
for c in sys.argv[1]:
    sys.stdout.write(c); sys.stdout.flush()";
    let out = text(&output(&["python3", "-c", script, SECRET]).stdout);
    assert_eq!(out.len(), SECRET.len());
    assert_eq!(&out[3..], "*".repeat(SECRET.len() - 3));
}

#[test]
fn binary_output_is_unchanged() {
    let script = "import sys, random; random.seed(7); sys.stdout.buffer.write(random.randbytes(3_000_000))";
    let plain = Command::new("python3").args(["-c", script]).output().unwrap().stdout;
    assert!(output(&["python3", "-c", script]).stdout == plain);
}

#[test]
fn a_hundred_megabytes_on_both_streams_do_not_deadlock() {
    let script = "head -c 50000000 /dev/zero & head -c 50000000 /dev/zero >&2; wait";
    let mut child = starter(&["sh", "-c", script]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let errors = std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()).unwrap());
    let out = std::io::copy(child.stdout.as_mut().unwrap(), &mut std::io::sink()).unwrap();
    assert_eq!((out, errors.join().unwrap()), (50_000_000, 50_000_000));
    assert!(child.wait().unwrap().success());
}

#[test]
fn two_streams_to_one_place_keep_their_order() {
    let script = "i=0; while [ $i -lt 300 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done";
    let out = Command::new("sh")
        .args(["-c", &format!("{STARTER} --secret {SECRET} -- sh -c '{script}' 2>&1")])
        .output()
        .unwrap();
    let wanted: String = (0..300).map(|i| format!("out {i}\nerr {i}\n")).collect();
    assert_eq!(text(&out.stdout), wanted);
}

#[test]
fn standard_input_is_passed_straight() {
    let mut child = starter(&["cat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("a {SECRET}\nb\n").as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!(text(&out.stdout), format!("a {}\nb\n", "*".repeat(SECRET.len())));
}

#[test]
fn output_is_not_held_back_without_need() {
    let mut child =
        starter(&["sh", "-c", "printf 'Name: '; read x"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut prompt = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut prompt).unwrap();
    assert_eq!(&prompt, b"Name: ");
    drop(child.stdin.take());
    child.wait().unwrap();
}

#[test]
fn the_beginning_of_a_secret_is_held_back_for_a_moment_only() {
    let start = &SECRET[..10];
    let mut child =
        starter(&["sh", "-c", &format!("printf '{start}'; sleep 30")]).stdout(Stdio::piped()).spawn().unwrap();
    let mut shown = [0; 10];
    child.stdout.as_mut().unwrap().read_exact(&mut shown).unwrap();
    assert_eq!(text(&shown), start);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn processes_left_behind_do_not_keep_us() {
    let start = Instant::now();
    let out = output(&["sh", "-c", "sleep 60 & echo $!"]);
    assert!(start.elapsed() < Duration::from_secs(20));
    let pid: i32 = text(&out.stdout).trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    // It is alive: nobody killed it, as nobody does after a plain exec.
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn a_talkative_process_left_behind_does_not_keep_us() {
    let start = Instant::now();
    let out = output(&["sh", "-c", "yes & sleep 0.1"]);
    assert!(out.status.success());
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn the_child_gets_sigpipe_when_nobody_reads() {
    let script = format!("{STARTER} --secret {SECRET} -- sh -c 'yes; echo $? >&2' 2>&1 >&3 3>&- | cat");
    let out = Command::new("bash").args(["-c", &format!("{{ {script}; }} 3>&1 | head -1")]).output().unwrap();
    assert!(text(&out.stdout).starts_with('y'));
    let mut child = starter(&["yes"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 2];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(13));
}

#[test]
fn without_anything_to_mask_we_become_the_program() {
    let mut child = Command::new(STARTER).args(["--", "sh", "-c", "echo $$"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut pid = String::new();
    child.stdout.as_mut().unwrap().read_to_string(&mut pid).unwrap();
    assert_eq!(pid.trim(), child.id().to_string());
    child.wait().unwrap();
    let missing = Command::new(STARTER).args(["--", "no-such-program-anywhere"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(127));
}

#[test]
fn name_arguments_and_environment_are_the_given_ones() {
    let out = output(&["sh", "-c", "echo \"$0|$1|$2\"", "zero", "one two", "$three"]);
    assert_eq!(text(&out.stdout), "zero|one two|$three\n");
    let out = Command::new(STARTER)
        .env_clear()
        .args(["--secret", SECRET, "--search-path", "/usr/bin:/bin", "--set", "PATH=/nowhere", "--", "env"])
        .output()
        .unwrap();
    assert_eq!(text(&out.stdout), "PATH=/nowhere\n", "looked up along the parent's path");
}

#[test]
fn it_is_known_which_secrets_were_shown() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let args = ["--secret", SECRET, "--secret", "another-fake-secret", "--seen"];
    let status =
        Command::new(STARTER).args(args).arg(&seen).args(["--", "echo", "another-fake-secret"]).output().unwrap();
    assert_eq!(text(&status.stdout), "*******************\n");
    assert_eq!(std::fs::read_to_string(seen).unwrap(), "SECRET_1");
}

/// What the starter hands over as a file; obviously no key.
const TEXT: &str = "{\"not\": \"a key\"}";

fn with_file(command: &[&str]) -> Command {
    let mut starter = Command::new(STARTER);
    starter.args(["--file", TEXT, "--"]).args(command).stdin(Stdio::null());
    starter
}

#[test]
fn a_private_file_can_be_opened_by_grandchildren_and_goes_with_the_child() {
    let script = "import os, subprocess, sys
path = os.environ['FILE']
print(open(path).read(), oct(os.stat(path).st_mode & 0o777))
subprocess.run([sys.executable, '-c', 'import os; print(open(os.environ[\"FILE\"]).read())'], close_fds=True)
print(path)";
    let out = text(&with_file(&["python3", "-c", script]).output().unwrap().stdout);
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[..2], [&format!("{TEXT} 0o600"), TEXT]);
    assert!(!std::path::Path::new(lines[2]).exists());
    assert!(!std::path::Path::new(lines[2]).parent().unwrap().exists());
}

#[test]
fn a_private_file_goes_even_when_we_are_killed() {
    for number in ["KILL", "TERM"] {
        let script = "echo $FILE; exec sleep 60";
        let mut child = with_file(&["sh", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut path = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut path).unwrap();
        let path = std::path::PathBuf::from(path.trim());
        assert!(path.exists());
        Command::new("kill").args(["-s", number, &child.id().to_string()]).status().unwrap();
        child.wait().unwrap();
        until(|| (!path.parent().unwrap().exists()).then_some(()));
    }
}

#[test]
fn a_private_file_goes_when_the_program_cannot_be_started() {
    let left = || {
        let all = std::fs::read_dir("/dev/shm").unwrap().flatten();
        all.filter(|entry| std::fs::read(entry.path().join("FILE")).is_ok_and(|text| text == b"unstartable")).count()
    };
    let out = Command::new(STARTER).args(["--file", "unstartable", "--", "no-such-program-anywhere"]).output().unwrap();
    assert_eq!(out.status.code(), Some(127));
    assert_eq!(left(), 0);
}
