//! The supervisor for systems other than Linux: simple, and known to do less.
//!
//! Output that is masked goes through pipes, also where it was a terminal. The child shares our
//! process group, so the terminal's own signals reach it; SIGTERM and SIGHUP are passed on. What
//! the child leaves behind loses its output when we end, as on Linux.

use std::io::{self, Read, Write};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{Error, system};
use crate::mask::Masker;
use crate::run::{Ending, Next, Run, Status};

/// How long the beginning of a possible secret is held back when nothing follows.
const HOLD: Duration = Duration::from_millis(50);

/// How often the child is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How often a watched run asks whether values have changed.
const TICK: Duration = Duration::from_secs(1);

/// How long a child that is to be restarted may take to end.
const GRACE: Duration = Duration::from_secs(10);

/// How long output is waited for after the child has ended.
const SETTLE: Duration = Duration::from_millis(200);

type Tick<'a> = Option<&'a mut dyn FnMut() -> Next>;
type Sink = fn() -> Box<dyn Write + Send>;

/// Runs `run`, and what replaces it, to the end.
pub(crate) fn supervise(run: Run, tick: Tick<'_>) -> Result<Ending, Error> {
    supervise_to(run, tick, [|| Box::new(io::stdout()), || Box::new(io::stderr())])
}

fn supervise_to(run: Run, mut tick: Tick<'_>, sinks: [Sink; 2]) -> Result<Ending, Error> {
    let signals = Signals::take().map_err(system("handle signals"))?;
    let mut seen: Vec<String> = Vec::new();
    let mut next = Some(run);
    let mut status = Status::Code(0);
    while let Some(run) = next.take() {
        let mut job = Job::start(run, sinks)?;
        (status, next) = job.attend(&mut tick, &signals).map_err(system("wait for the child"))?;
        seen.extend(job.finish());
    }
    seen.sort_unstable();
    seen.dedup();
    Ok(Ending { status, seen })
}

struct Job {
    child: Child,
    /// Removed with the job.
    files: Option<crate::private_files::PrivateFiles>,
    relays: Vec<JoinHandle<Masker>>,
    ended: Arc<AtomicBool>,
}

impl Job {
    fn start(mut run: Run, sinks: [Sink; 2]) -> Result<Self, Error> {
        let mut command = run.command()?;
        let masker = run.masker.take().filter(|masker| !masker.is_empty());
        if masker.is_some() {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let mut child = command.spawn().map_err(|source| Error::of_exec(run.program, source))?;
        let ended = Arc::new(AtomicBool::new(false));
        let mut relays = Vec::new();
        if let (Some(masker), Some(stdout), Some(stderr)) = (&masker, child.stdout.take(), child.stderr.take()) {
            relays.push(relay(stdout, sinks[0](), masker.another(), Arc::clone(&ended)));
            relays.push(relay(stderr, sinks[1](), masker.another(), Arc::clone(&ended)));
        }
        Ok(Self { child, files: run.files, relays, ended })
    }

    /// Looks after the child until it ends. Says how, and what to start in its place.
    fn attend(&mut self, tick: &mut Tick<'_>, signals: &Signals) -> io::Result<(Status, Option<Run>)> {
        let (mut next_tick, mut kill_at, mut next) = (Instant::now() + TICK, None, None);
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok((status_of(status), next));
            }
            if signals.pass_on(&self.child) {
                next = None;
                kill_at = None;
            }
            if let Some(tick) = tick
                && Instant::now() >= next_tick
            {
                next_tick = Instant::now() + TICK;
                if let Next::Restart(run) = tick() {
                    next = Some(*run);
                    kill_at.get_or_insert_with(|| Instant::now() + GRACE);
                    terminate(&mut self.child);
                }
            }
            if kill_at.is_some_and(|time| Instant::now() >= time) {
                self.child.kill()?;
            }
            std::thread::sleep(LOOK);
        }
    }

    fn finish(self) -> Vec<String> {
        drop(self.files);
        self.ended.store(true, Ordering::SeqCst);
        let maskers = self.relays.into_iter().filter_map(|relay| relay.join().ok());
        maskers.flat_map(|masker| masker.seen().map(String::from).collect::<Vec<_>>()).collect()
    }
}

/// Carries a stream over until it ends, or the child has ended and nothing comes any more.
fn relay(
    from: impl Read + Send + 'static,
    mut to: Box<dyn Write + Send>,
    mut masker: Masker,
    ended: Arc<AtomicBool>,
) -> JoinHandle<Masker> {
    let chunks = chunks(from);
    std::thread::spawn(move || {
        let mut output = Vec::new();
        loop {
            output.clear();
            match chunks.recv_timeout(if masker.held() { HOLD } else { SETTLE }) {
                Ok(chunk) => masker.push(&chunk, &mut output),
                Err(RecvTimeoutError::Timeout) if !ended.load(Ordering::SeqCst) => masker.flush(&mut output),
                Err(_) => break,
            }
            // When nobody reads our output, the child is to notice: dropping `chunks` closes it.
            if to.write_all(&output).and_then(|()| to.flush()).is_err() {
                return masker;
            }
        }
        masker.flush(&mut output);
        let _ = to.write_all(&output).and_then(|()| to.flush());
        masker
    })
}

/// Reads in a thread of its own, as there is no portable way to wait for input with a time limit.
fn chunks(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::sync_channel(4);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

fn status_of(status: ExitStatus) -> Status {
    #[cfg(unix)]
    if let Some(number) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return Status::Signal(number);
    }
    Status::Code(status.code().map_or(1, |code| u8::try_from(code).unwrap_or(1)))
}

#[cfg(unix)]
fn terminate(child: &mut Child) {
    let _ = rustix::process::kill_process(rustix::process::Pid::from_child(child), rustix::process::Signal::TERM);
}

#[cfg(not(unix))]
fn terminate(child: &mut Child) {
    let _ = child.kill();
}

/// Signals that must not end us before the child, noted when they come.
struct Signals {
    #[cfg(unix)]
    noted: Vec<(rustix::process::Signal, Arc<AtomicBool>)>,
}

#[cfg(unix)]
impl Signals {
    fn take() -> io::Result<Self> {
        use rustix::process::Signal;
        let all = [Signal::INT, Signal::QUIT, Signal::TERM, Signal::HUP];
        let noted = all.map(|signal| {
            let flag = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(signal.as_raw(), Arc::clone(&flag)).map(|_| (signal, flag))
        });
        Ok(Self { noted: noted.into_iter().collect::<Result<_, _>>()? })
    }

    /// Passes on what came in; says whether anything did. The terminal sends SIGINT and SIGQUIT to
    /// the child itself.
    fn pass_on(&self, child: &Child) -> bool {
        use rustix::process::{Pid, Signal};
        let came = self.noted.iter().filter(|(_, flag)| flag.swap(false, Ordering::SeqCst));
        let came: Vec<_> = came.map(|(signal, _)| *signal).collect();
        for signal in came.iter().filter(|signal| matches!(**signal, Signal::TERM | Signal::HUP)) {
            let _ = rustix::process::kill_process(Pid::from_child(child), *signal);
        }
        !came.is_empty()
    }
}

#[cfg(not(unix))]
impl Signals {
    fn take() -> io::Result<Self> {
        Ok(Self {})
    }

    fn pass_on(&self, _: &Child) -> bool {
        false
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// What the children of one test wrote. Only that test may use it.
    static OUT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    static ERR: Mutex<Vec<u8>> = Mutex::new(Vec::new());

    struct To(&'static Mutex<Vec<u8>>);

    impl Write for To {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn nowhere() -> Box<dyn Write + Send> {
        Box::new(io::sink())
    }

    fn run(script: &str) -> Run {
        Run {
            program: "sh".into(),
            args: vec!["-c".into(), script.into()],
            env: Vec::new(),
            search_path: None,
            masker: Some(Masker::new([("NAME", "not-a-real-secret")])),
            files: None,
        }
    }

    #[test]
    fn both_streams_are_masked_and_the_status_is_the_childs() {
        let script = "echo out not-a-real-secret; echo err not-a-real-secret >&2; exit 3";
        let sinks: [Sink; 2] = [|| Box::new(To(&OUT)), || Box::new(To(&ERR))];
        let ending = supervise_to(run(script), None, sinks).unwrap();
        assert_eq!(ending, Ending { status: Status::Code(3), seen: vec!["NAME".into()] });
        assert_eq!(OUT.lock().unwrap().as_slice(), b"out *****************\n");
        assert_eq!(ERR.lock().unwrap().as_slice(), b"err *****************\n");
    }

    #[test]
    fn processes_left_behind_do_not_keep_us() {
        let start = Instant::now();
        let ending = supervise_to(run("sleep 60 & kill -9 $$"), None, [nowhere, nowhere]).unwrap();
        assert_eq!(ending.status, Status::Signal(9));
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_changed_value_restarts_the_child() {
        let mut next = vec![Next::Restart(Box::new(run("exit 7")))];
        let mut tick = || next.pop().unwrap_or(Next::Keep);
        let ending = supervise_to(run("sleep 60"), Some(&mut tick), [nowhere, nowhere]).unwrap();
        assert_eq!(ending.status, Status::Code(7));
    }
}
