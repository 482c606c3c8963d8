//! What a request costs: the binary as users start it, on a store on disk, and a load generator beside it
//! on the same cores, in a process of its own so that the two are told apart.
//!
//! `cargo bench -p keyward --bench server -- [--seconds 5] [--connections 256] [--plain] [--only read,write]
//! [--program PATH]`
//!
//! Every answer is awaited before a connection asks again; every read and write is durably on record
//! before it is answered. CPU is user and system time of the server's process.

#![allow(clippy::unwrap_used)] // a bench stops where something is missing
#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyward_testing::{Program, Up};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Secrets that the load is spread over, among those that there are.
const SECRETS: usize = 4096;
/// For so long everybody asks before anything is timed: what a minute of work finds, and not what a first
/// one does, which has a row of its own.
const WARM: Duration = Duration::from_secs(1);
/// Of them so many are one client's.
const EACH: usize = 16;
const STORED: usize = 100_000;

#[derive(Clone, Copy, PartialEq)]
enum Work {
    /// Each secret once, by somebody who had never read it: that makes rows, and later reads make none.
    First,
    Read,
    Hot,
    Write,
    Health,
}

struct Settings {
    seconds: u64,
    connections: usize,
    plain: bool,
    only: Vec<String>,
    /// Another build, to be compared with this one.
    program: String,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let of = |name: &str| arguments.iter().position(|one| one == name).and_then(|at| arguments.get(at + 1));
    let settings = Settings {
        seconds: of("--seconds").and_then(|text| text.parse().ok()).unwrap_or(5),
        connections: of("--connections").and_then(|text| text.parse().ok()).unwrap_or(256),
        plain: arguments.iter().any(|one| one == "--plain"),
        only: of("--only").map(|names| names.split(',').map(str::to_owned).collect()).unwrap_or_default(),
        program: of("--program").map_or(env!("CARGO_BIN_EXE_keyward"), String::as_str).to_owned(),
    };
    match of("--generate") {
        Some(work) => generate(work, &settings, of("--address").unwrap(), of("--token").unwrap(), of("--roots")),
        None => drive(&settings),
    }
}

/// Makes the vault, and has a server and one load generator after the other run beside each other.
fn drive(settings: &Settings) {
    let program = Program::new(&settings.program);
    let token = prepare(&program, settings.plain);
    let server = Up::of(program.command(&["serve", "--config", "server.toml", "--json"]));
    let address = server.url().split_once("://").unwrap().1.to_owned();
    let process = server.id();
    println!("bench-table-begin");
    println!(
        "{} connections, {}, {} secrets of {STORED}, {} s each after one more; `first` reads each secret once, `hot` one by all\n",
        settings.connections,
        if settings.plain { "plain" } else { "TLS" },
        SECRETS,
        settings.seconds
    );
    println!(
        "| work | requests/s | CPU µs a request | p50 ms | p99 ms | failed | server's memory, MB | of it its own, MB |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    println!("| none yet | | | | | | {} |", memory(process));
    let all = ["health", "first", "read", "hot", "write"];
    for work in all.iter().filter(|work| settings.only.is_empty() || settings.only.iter().any(|one| one == *work)) {
        let before = cpu(process);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--seconds", &settings.seconds.to_string()]);
        command.args(["--connections", &settings.connections.to_string()]);
        command.args(["--generate", work, "--address", &address, "--token", &token]);
        if !settings.plain {
            command.arg("--roots").arg(program.home.project().join("ca/ca.pem"));
        }
        let output = command.stderr(std::process::Stdio::inherit()).output().unwrap();
        let used = cpu(process) - before;
        let text = String::from_utf8(output.stdout).unwrap();
        let numbers: Vec<f64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let [done, timed, seconds, p50, p99, failed] = numbers[..] else { panic!("the generator said: {text}") };
        let (rate, each) = (timed / seconds, used.as_secs_f64() * 1e6 / done.max(1.0));
        let memory = memory(process);
        println!("| {work} | {rate:.0} | {each:.1} | {p50:.2} | {p99:.2} | {failed} | {memory} |");
    }
    println!("\nMemory is the most that was resident until then. Its own is what is resident after the work and is");
    println!("not read from the program's file, whose pages the system takes back when it needs them.");
    println!("bench-table-end");
}

/// A vault with its secrets, and what a server of it is told; a token for the load.
fn prepare(program: &Program, plain: bool) -> String {
    let folder = program.home.project();
    program.ok(&["init", "--yes", "--project", "shop"], b"");
    let mut secrets = String::new();
    for n in 0..STORED {
        writeln!(secrets, "S{n}=\"value {n}\"").unwrap();
    }
    std::fs::write(folder.join("secrets.env"), secrets).unwrap();
    program.ok(&["import", "secrets.env", "--project", "shop", "--env", "production"], b"");
    program.ok(&["ca", "init", "--folder", "ca"], b"");
    program.ok(&["ca", "issue", "localhost", "127.0.0.1", "--folder", "ca"], b"");
    let mut config = "[gateway]\nlisten = '127.0.0.1:0'\n[[listen]]\naddress = '127.0.0.1:0'\n".to_owned();
    if !plain {
        config.push_str("tls = { certificate = 'ca/localhost.pem', key = 'ca/localhost.key' }\n");
    }
    std::fs::write(folder.join("server.toml"), config).unwrap();
    let token = program.ok(&["token", "create", "--name", "load", "--ttl", "1h"], b"").out();
    token.trim().to_owned()
}

/// User and system time of a process (proc(5): fields 14 and 15, in ticks of 10 ms).
fn cpu(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// The most that was resident, and what is now and lies in no file (proc(5)): two columns.
fn memory(process: u32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let megabytes = |name: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    };
    format!("{} | {}", megabytes("VmHWM:"), megabytes("RssAnon:"))
}

#[tokio::main(flavor = "current_thread")]
async fn generate(work: &str, settings: &Settings, address: &str, token: &str, roots: Option<&String>) {
    let work = match work {
        "first" => Work::First,
        "read" => Work::Read,
        "hot" => Work::Hot,
        "write" => Work::Write,
        _ => Work::Health,
    };
    let address: SocketAddr = address.parse().unwrap();
    let connector = roots.map(|roots| connector(roots));
    // What a connection costs to set up is no part of what a request takes.
    let all = Arc::new(tokio::sync::Barrier::new(settings.connections + 1));
    let warm = if work == Work::First { Duration::ZERO } else { WARM };
    let seconds = Duration::from_secs(settings.seconds);
    let mut clients = tokio::task::JoinSet::new();
    for n in 0..settings.connections {
        let (connector, token, all) = (connector.clone(), token.to_owned(), Arc::clone(&all));
        clients.spawn(async move {
            let stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            match connector {
                None => {
                    all.wait().await;
                    client(stream, n, work, &token, Instant::now() + warm, seconds).await
                }
                Some(connector) => {
                    let name = "localhost".try_into().unwrap();
                    let stream = connector.connect(name, stream).await.unwrap();
                    all.wait().await;
                    client(stream, n, work, &token, Instant::now() + warm, seconds).await
                }
            }
        });
    }
    all.wait().await;
    let started = Instant::now() + warm;
    let (mut times, mut all, mut failed) = (Vec::new(), 0, 0);
    while let Some(done) = clients.join_next().await {
        let (took, asked, wrong) = done.unwrap();
        times.extend(took);
        all += asked;
        failed += wrong;
    }
    let seconds = started.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |part: f64| times.get((times.len() as f64 * part) as usize).map_or(0.0, |micros| f64::from(*micros) / 1e3);
    println!("{all} {} {seconds} {} {} {failed}", times.len(), at(0.5), at(0.99));
}

fn connector(roots: &str) -> TlsConnector {
    let mut store = RootCertStore::empty();
    store.add(CertificateDer::from_pem_file(roots).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsConnector::from(Arc::new(config))
}

/// Asks until the time is over; microseconds of each answer since it began to count, how often it asked,
/// and how many were no success.
async fn client<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    n: usize,
    work: Work,
    token: &str,
    from: Instant,
    seconds: Duration,
) -> (Vec<u32>, usize, u64) {
    let (mut times, mut failed, mut turn) = (Vec::new(), 0, 0);
    let mut buffer = vec![0; 8192];
    while Instant::now() < from + seconds && !(work == Work::First && turn == EACH) {
        let request = request(work, n, turn, token);
        let started = Instant::now();
        stream.write_all(request.as_bytes()).await.unwrap();
        let status = answer(&mut stream, &mut buffer).await;
        if started >= from {
            times.push(u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
        failed += u64::from(!(200..300).contains(&status));
        turn += 1;
    }
    (times, turn, failed)
}

fn request(work: Work, n: usize, turn: usize, token: &str) -> String {
    let place = "/api/v1/projects/shop/environments/production";
    let head = format!("host: localhost\r\nauthorization: Bearer {token}\r\n");
    // Far apart, so that no two clients are at the same secret.
    let secret = (n * EACH + turn % EACH) % SECRETS;
    match work {
        Work::Health => format!("GET /healthz HTTP/1.1\r\n{head}\r\n"),
        Work::First | Work::Read => format!("GET {place}/values/S{secret} HTTP/1.1\r\n{head}\r\n"),
        Work::Hot => format!("GET {place}/values/S0 HTTP/1.1\r\n{head}\r\n"),
        Work::Write => {
            let body = format!("{{\"value\":\"value {n} {turn}\"}}");
            let kind = "content-type: application/json";
            format!(
                "PUT {place}/secrets/W{secret} HTTP/1.1\r\n{head}{kind}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
        }
    }
}

/// Reads one answer to its end; its status.
async fn answer<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> u16 {
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            buffer.resize(2 * filled, 0);
        }
        let read = stream.read(&mut buffer[filled..]).await.unwrap();
        assert!(read > 0, "the server closed");
        filled += read;
        let text = &buffer[..filled];
        let Some(end) = text.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&text[..end]).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        if filled >= end + 4 + length.parse::<usize>().unwrap() {
            return head[9..12].parse().unwrap();
        }
    }
}
