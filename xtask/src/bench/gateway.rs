//! `cargo xtask bench gateway`: what a call costs, beside proxies and beside gateways of others.
//!
//! The gateway has every feature on (`keyward-gateway/examples/serve.rs`): a thousand keys, calls, models,
//! maxima, networks, rates, parallel calls, budgets in money and tokens, metering, redaction, records. nginx
//! and haproxy look the key up among as many, limit rates and put another in; Portkey and LiteLLM run as
//! their pages say. All stand before the same upstream, on one core; upstream and load have the other one.
//! Rounds are interleaved, and each round's ratio is that of neighbours. Who is not measured stands still.

mod peers;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use self::peers::Peer;
use super::usage::median;
use crate::process;
use crate::tools::gateways::{self, Gateways};
use crate::tools::{self, PYTHON3};
use crate::workspace::Workspace;

/// How much is measured.
struct Size {
    rounds: usize,
    seconds: u32,
    profile: &'static str,
}

const FULL: Size = Size { rounds: 5, seconds: 4, profile: "release" };
/// With `KEYWARD_BENCH_QUICK` set: to see that everything runs. Its figures say nothing.
const QUICK: Size = Size { rounds: 1, seconds: 1, profile: "debug" };

const STUB: u16 = 9301;
const CONNECTIONS: u32 = 32;
/// Keys and open streams of the measurement of memory.
const MANY_KEYS: u32 = 100_000;
const MANY_STREAMS: u32 = 1_000;

/// One round of one gateway.
#[derive(Clone, Copy)]
struct Round {
    /// Microseconds of CPU a request, of all its processes.
    cpu: f64,
    /// Requests a second.
    rate: f64,
    /// Milliseconds.
    middle: f64,
    late: f64,
    /// Megabytes.
    memory: f64,
}

/// Streams through one gateway, as `events` tells of them.
struct Streams {
    first: [f64; 2],
    delay: [f64; 2],
    together: u64,
    events: u64,
}

/// Measures everything; gives the tables.
pub(crate) fn table(workspace: &Workspace) -> Result<String> {
    #[allow(clippy::disallowed_methods, reason = "a short run, for work on the benchmark, is asked for like this")]
    let quick = std::env::var_os("KEYWARD_BENCH_QUICK").is_some();
    let size = if quick { QUICK } else { FULL };
    tools::ensure_programs(&[PYTHON3])?;
    let gateways = gateways::ready(workspace)?;
    let bin = examples(workspace, &size)?;
    let folder = workspace.cache().join("gateways/run");
    fs::create_dir_all(&folder)?;
    let stub = Running::start(&mut pinned(1, Command::new(bin.join("stub")).arg(STUB.to_string())), &folder, "stub")?;
    await_port(STUB)?;
    let mut out = calls(workspace, &gateways, &bin, &folder, &size)?;
    let _ = writeln!(out, "\n{}", memory(&bin, &folder)?);
    drop(stub);
    Ok(out)
}

/// Builds what is measured; gives the folder of it.
fn examples(workspace: &Workspace, size: &Size) -> Result<PathBuf> {
    let mut build = process::cargo();
    match size.profile {
        "release" => build.args(["build", "--package", "keyward-gateway", "--examples", "--release"]),
        // As the tests have built it already.
        _ => build.args(["build", "--workspace", "--examples"]),
    };
    process::run(&mut build)?;
    Ok(workspace.target().join(size.profile).join("examples"))
}

/// The tables of calls and of streams.
fn calls(workspace: &Workspace, gateways: &Gateways, bin: &Path, folder: &Path, size: &Size) -> Result<String> {
    let peers = peers::all(workspace, gateways, bin, folder)?;
    let mut rounds: Vec<Vec<Round>> = vec![Vec::new(); peers.len()];
    let mut streams: Vec<Option<Streams>> = Vec::new();
    let mut running = Vec::new();
    for peer in &peers {
        println!("starting {}", peer.name);
        let mut command = peer.command();
        running.push(Running::start(&mut pinned(0, &mut command), folder, peer.file_name())?);
        await_port(peer.port)?;
        // What starts up for the first call does it now.
        load(gateways, peer, folder, 1)?;
    }
    for round in 1..=size.rounds {
        for (at, peer) in peers.iter().enumerate().filter(|(_, peer)| round <= peer.most_rounds) {
            let found = alone(&running, at, || measure(gateways, peer, &running[at], folder, size.seconds))?;
            println!("round {round}, {}: {:.1} µs, {:.0} requests/s", peer.name, found.cpu, found.rate);
            rounds[at].push(found);
        }
    }
    let direct = events(bin, STUB, "/v1/chat/completions", (CONNECTIONS, 20, 40), &[])?;
    for (at, peer) in peers.iter().enumerate() {
        let through = || events(bin, peer.port, peer.path, (CONNECTIONS, 20, 40), &peer.headers);
        streams.push(match alone(&running, at, through) {
            Ok(streams) => Some(streams),
            Err(why) => {
                println!("{} gives no stream: {why:#}", peer.name);
                None
            }
        });
    }
    drop(running);
    let mut out = print_calls(&peers, &rounds, size);
    let _ = writeln!(out, "\n{}", print_streams(&peers, &direct, &streams));
    Ok(out)
}

/// Does something while all but one stand still. They share the core: what they do while they wait, such as
/// LiteLLM's jobs, would be in its figures.
fn alone<T>(running: &[Running], at: usize, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let others = || running.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, other)| other);
    others().try_for_each(|other| other.signal("STOP"))?;
    let done = work();
    others().try_for_each(|other| other.signal("CONT"))?;
    done
}

fn measure(gateways: &Gateways, peer: &Peer, running: &Running, folder: &Path, seconds: u32) -> Result<Round> {
    let before = running.cpu()?;
    let (requests, middle, late) = load(gateways, peer, folder, seconds)?;
    let spent = running.cpu()? - before;
    let rate = requests as f64 / f64::from(seconds);
    Ok(Round { cpu: spent / requests as f64, rate, middle, late, memory: running.memory()? })
}

/// `wrk` with this peer's headers: requests, and milliseconds of the median and of p99.
fn load(gateways: &Gateways, peer: &Peer, folder: &Path, seconds: u32) -> Result<(u64, f64, f64)> {
    let script = folder.join(format!("{}.lua", peer.file_name()));
    fs::write(&script, peers::script(peer))?;
    let mut wrk = gateways.program("usr/bin/wrk");
    wrk.args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s"), "--timeout", "30s", "--latency", "-s"]);
    wrk.arg(&script).arg(format!("http://127.0.0.1:{}{}", peer.port, peer.path));
    let said = process::capture(&mut pinned(1, &mut wrk))?;
    read_wrk(&said).with_context(|| format!("{}: {said}", peer.name))
}

fn read_wrk(said: &str) -> Result<(u64, f64, f64)> {
    if said.contains("Non-2xx") || said.contains("Socket errors") {
        bail!("not every call went through");
    }
    let after = |name: &str| {
        let line = said.lines().find_map(|line| line.trim().strip_prefix(name));
        line.map(str::trim).with_context(|| format!("wrk says no {name}"))
    };
    let requests = said.lines().find_map(|line| line.trim().split_once(" requests in "));
    let requests = requests.context("wrk says no number of requests")?.0.parse()?;
    Ok((requests, millis(after("50%")?)?, millis(after("99%")?)?))
}

/// `1.25ms`, `830.00us`, `1.02s`
fn millis(text: &str) -> Result<f64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.parse().with_context(|| format!("`{text}` is no time"))?;
    match &text[digits.len()..] {
        "us" => Ok(number / 1e3),
        "ms" => Ok(number),
        "s" => Ok(number * 1e3),
        "m" => Ok(number * 60e3),
        _ => bail!("`{text}` is no time"),
    }
}

/// Streams at once, the milliseconds between events, and how many those are.
fn events(
    bin: &Path,
    port: u16,
    path: &str,
    (streams, pace, events): (u32, u32, u32),
    headers: &[String],
) -> Result<Streams> {
    let mut command = Command::new(bin.join("events"));
    command.args([&port.to_string(), path, &streams.to_string(), &pace.to_string(), &events.to_string()]).args(headers);
    let said = process::capture(&mut pinned(1, &mut command))?;
    let numbers: Vec<f64> = said.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [first, first_late, delay, delay_late, together, events] = numbers[..] else { bail!("no six numbers: {said}") };
    Ok(Streams {
        first: [first, first_late],
        delay: [delay, delay_late],
        together: together as u64,
        events: events as u64,
    })
}

/// The gateway alone: at its start, with many keys, and with many open streams.
fn memory(bin: &Path, folder: &Path) -> Result<String> {
    let start = |keys: u32, port: u16| -> Result<Running> {
        let mut command = Command::new(bin.join("serve"));
        command.args([port.to_string(), STUB.to_string(), keys.to_string()]);
        let running = Running::start(&mut pinned(0, &mut command), folder, "many")?;
        await_port(port)?;
        Ok(running)
    };
    let few = start(1_000, 9310)?.memory()?;
    let running = start(MANY_KEYS, 9311)?;
    let many = running.memory()?;
    let mut command = Command::new(bin.join("events"));
    command.args(["9311", "/openai/v1/chat/completions", &MANY_STREAMS.to_string(), "500", "16"]);
    command.arg("Authorization: Bearer {key}").stdout(Stdio::piped());
    let streams = pinned(1, &mut command).spawn().context("`events` cannot be started")?;
    std::thread::sleep(Duration::from_secs(5));
    let open = running.memory()?;
    let ended = streams.wait_with_output()?;
    if !ended.status.success() {
        bail!("not every stream went through");
    }
    let rows = [
        ("at its start, 1,000 keys".to_owned(), few),
        (format!("{MANY_KEYS} keys"), many),
        (format!("{MANY_KEYS} keys, {MANY_STREAMS} of them with an open stream"), open),
    ];
    let mut out = "| keyward's memory | RSS MB |\n| --- | --- |\n".to_owned();
    for (what, megabytes) in rows {
        let _ = writeln!(out, "| {what} | {megabytes:.1} |");
    }
    Ok(out)
}

fn print_calls(peers: &[Peer], rounds: &[Vec<Round>], size: &Size) -> String {
    let mut out = format!(
        "One core, {CONNECTIONS} connections, {} s a round, {} interleaved rounds (2 for the slow two); medians, and the median of each round's ratio to nginx.\n\n\
         | gateway | CPU µs a request | to nginx | requests/s | p50 ms | p99 ms | p99 to nginx | RSS MB |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        size.seconds, size.rounds
    );
    let nginx = peers.iter().position(|peer| peer.name == peers::NGINX).unwrap_or_default();
    for (peer, mine) in peers.iter().zip(rounds) {
        let of = |value: fn(&Round) -> f64| median(mine.iter().map(value));
        let ratio = |value: fn(&Round) -> f64| {
            median(mine.iter().zip(&rounds[nginx]).map(|(mine, nginx)| value(mine) / value(nginx)))
        };
        let _ = writeln!(
            out,
            "| {} | {:.1} | {:.2} | {:.0} | {:.2} | {:.2} | {:.2} | {:.0} |",
            peer.name,
            of(|round| round.cpu),
            ratio(|round| round.cpu),
            of(|round| round.rate),
            of(|round| round.middle),
            of(|round| round.late),
            ratio(|round| round.late),
            of(|round| round.memory),
        );
    }
    out
}

fn print_streams(peers: &[Peer], direct: &Streams, streams: &[Option<Streams>]) -> String {
    let mut out = format!(
        "{CONNECTIONS} streams at once, events 20 ms apart: from the request to the first event, from an event's sending to its arrival, and events that came together with the one before.\n\n\
         | through | first event ms, p50 | p99 | event ms, p50 | p99 | together |\n| --- | --- | --- | --- | --- | --- |\n"
    );
    let mut row = |name: &str, streams: Option<&Streams>| {
        let _ = match streams {
            Some(Streams { first, delay, together, events }) => writeln!(
                out,
                "| {name} | {:.2} | {:.2} | {:.2} | {:.2} | {together} of {events} |",
                first[0], first[1], delay[0], delay[1]
            ),
            None => writeln!(out, "| {name} | gives none here | | | | |"),
        };
    };
    row("nothing: the upstream itself", Some(direct));
    for (peer, streams) in peers.iter().zip(streams) {
        row(&peer.name, streams.as_ref());
    }
    out
}

/// A command on one core.
fn pinned(core: u32, command: &mut Command) -> Command {
    let mut pinned = Command::new("taskset");
    pinned.args(["-c", &core.to_string()]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            pinned.env(name, value);
        }
    }
    if let Some(folder) = command.get_current_dir() {
        pinned.current_dir(folder);
    }
    pinned
}

/// A process that ends with its holder, with those that it started.
struct Running(Child);

impl Running {
    fn start(command: &mut Command, folder: &Path, name: &str) -> Result<Self> {
        let log = fs::File::create(folder.join(format!("{name}.log")))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(Self(command.spawn().with_context(|| format!("`{name}` cannot be started"))?))
    }

    /// It, and what it has started.
    fn processes(&self) -> Result<Vec<u32>> {
        let mut found = vec![self.0.id()];
        let mut at = 0;
        while let Some(parent) = found.get(at).copied() {
            at += 1;
            let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
        Ok(found)
    }

    /// Lets it stand still, or go on.
    fn signal(&self, name: &str) -> Result<()> {
        let ids = self.processes()?.into_iter().map(|id| id.to_string());
        // One that has just ended is no failure.
        let _ = Command::new("kill").arg(format!("-{name}")).args(ids).stderr(Stdio::null()).status()?;
        Ok(())
    }

    /// Microseconds of CPU that all of its threads have had.
    fn cpu(&self) -> Result<f64> {
        let mut sum = 0.0;
        for process in self.processes()? {
            for thread in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
                let spent = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
                sum += spent.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0) / 1e3;
            }
        }
        Ok(sum)
    }

    /// Megabytes that all of its processes have.
    fn memory(&self) -> Result<f64> {
        let mut sum = 0.0;
        for process in self.processes()? {
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            sum += line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0;
        }
        Ok(sum)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for process in self.processes().unwrap_or_default().iter().rev() {
            let _ = Command::new("kill").arg(process.to_string()).stderr(Stdio::null()).status();
        }
        let _ = self.0.wait();
    }
}

/// Python gateways take half a minute to start.
fn await_port(port: u16) -> Result<()> {
    for _ in 0..1_200 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("nobody listens at port {port}; its log is in .cache/keyward-dev/gateways/run")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_read() {
        let said = "Running 4s test @ http://127.0.0.1:9302/\n  Latency Distribution\n     50%  830.00us\n     75%    1.00ms\n     90%    1.10ms\n     99%    1.25ms\n  217200 requests in 4.00s, 300.00MB read\n";
        assert_eq!(read_wrk(said).expect("it is whole"), (217_200, 0.83, 1.25));
        assert!(read_wrk(&format!("{said}  Non-2xx or 3xx responses: 3\n")).is_err());
        assert!(read_wrk("").is_err());
        assert_eq!(millis("1.50s").expect("it is a time"), 1500.0);
        assert!(millis("fast").is_err());
    }

    #[test]
    fn a_command_keeps_its_arguments_and_variables_on_its_core() {
        let pinned = pinned(1, Command::new("a").arg("b").env("C", "d"));
        assert_eq!(pinned.get_args().collect::<Vec<_>>(), ["-c", "1", "a", "b"]);
        assert_eq!(pinned.get_envs().count(), 1);
    }
}
