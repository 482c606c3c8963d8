//! Callers with a connection each, which ask for everything that there is: whole answers and streams, with
//! their key and with ever other narrower ones of it, what is refused, what fails, and they hang up.

use std::fmt;
use std::time::Instant;

use keyward_testing::Seed;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::latency::Latency;
use crate::site::{Site, key};

/// What became of requests.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sums {
    pub(crate) answered: u64,
    pub(crate) refused: u64,
    /// The upstream failed, and its failure was passed on.
    pub(crate) failed: u64,
    /// The caller hung up before the answer.
    pub(crate) gone: u64,
}

/// Connections at the same time.
const CONNECTIONS: u64 = 32;
/// A newer snapshot comes once in so many requests.
const CHANGE_EVERY: u64 = 2_000;

impl Sums {
    pub(crate) fn add(&mut self, other: &Self) {
        self.answered += other.answered;
        self.refused += other.refused;
        self.failed += other.failed;
        self.gone += other.gone;
    }

    pub(crate) fn all(&self) -> u64 {
        self.answered + self.refused + self.failed + self.gone
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}, {}", self.answered, self.refused, self.failed, self.gone)
    }
}

/// Makes so many requests, all connections together.
pub(crate) fn call(site: &Site, seed: &Seed, part: u64, requests: u64, latency: &mut Latency) -> Sums {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    let mut sums = Sums::default();
    let each = requests / CONNECTIONS;
    local.block_on(&runtime, async {
        let tasks: Vec<_> = (0..CONNECTIONS)
            .map(|number| {
                let dice = seed.part("calls", (part << 32) | number);
                tokio::task::spawn_local(connection(site.address(), dice, each, (part, number)))
            })
            .collect();
        let changes = requests / CHANGE_EVERY;
        for task in tasks {
            for _ in 0..changes.div_ceil(CONNECTIONS) {
                site.change();
                tokio::task::yield_now().await;
            }
            let (of_one, times) = task.await.unwrap();
            sums.add(&of_one);
            times.into_iter().for_each(|micros| latency.count(micros.into()));
        }
    });
    sums
}

/// What a request is, and what has to come of it.
enum Sort {
    Answered,
    Refused,
    Failed,
    Gone,
}

async fn connection(
    address: std::net::SocketAddr,
    mut dice: Seed,
    requests: u64,
    (part, number): (u64, u64),
) -> (Sums, Vec<u32>) {
    let (mut sums, mut times) = (Sums::default(), Vec::with_capacity(usize::try_from(requests).unwrap()));
    let (mut stream, mut buffer) = (open(address).await, Vec::with_capacity(16 * 1024));
    for count in 0..requests {
        let (sort, request) = request(&mut dice, &format!("{part:x}-{number:x}-{count:x}"));
        let begun = Instant::now();
        stream.write_all(request.as_bytes()).await.unwrap();
        if matches!(sort, Sort::Gone) {
            // It has to be under way to be hung up on.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            stream = open(address).await;
            sums.gone += 1;
            continue;
        }
        let status = answer(&mut stream, &mut buffer).await;
        times.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
        match (sort, status) {
            (Sort::Answered, 200) => sums.answered += 1,
            (Sort::Refused, 401 | 403 | 400) => sums.refused += 1,
            (Sort::Failed, 500) => sums.failed += 1,
            (_, status) => panic!("{status} came of {request}"),
        }
    }
    (sums, times)
}

async fn open(address: std::net::SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn request(dice: &mut Seed, mark: &str) -> (Sort, String) {
    let (mut model, mut tokens, mut more, mut key, mut sort) = ("gpt-4o-mini", 300, "", key(), Sort::Answered);
    match dice.below(256) {
        0..32 => more = ",\"stream\":true",
        32..40 => key = format!("{key}+{mark}"),
        40..42 => (model, sort) = ("o1", Sort::Refused),
        42..44 => (tokens, sort) = (1_001, Sort::Refused),
        44..46 => (key, sort) = (format!("kwv_{mark}"), Sort::Refused),
        46..48 => (more, sort) = (",\"user\":\"fail\"", Sort::Failed),
        48..50 => more = ",\"user\":\"leave\"",
        50 if dice.once_in(16) => sort = Sort::Gone,
        _ => {}
    }
    let body = format!("{{\"model\":\"{model}\",\"max_tokens\":{tokens},\"messages\":[]{more}}}");
    let head = format!(
        "POST /openai/v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {}",
        body.len()
    );
    (sort, format!("{head}\r\n\r\n{body}"))
}

/// The status of an answer that is read to its end.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> u16 {
    buffer.clear();
    let mut head = None;
    loop {
        if head.is_none() {
            head = memchr::memmem::find(buffer, b"\r\n\r\n").map(|end| {
                let text = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
                let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
                (end + 4, length)
            });
        }
        let whole = match head {
            Some((end, Some(length))) => buffer.len() >= end + usize::from(u16::try_from(length).unwrap_or(u16::MAX)),
            Some((end, None::<u64>)) => buffer[end..].ends_with(b"0\r\n\r\n"),
            None => false,
        };
        if whole {
            return std::str::from_utf8(&buffer[9..12]).unwrap().parse().unwrap();
        }
        assert!(stream.read_buf(buffer).await.unwrap() > 0, "the gateway hung up: {}", String::from_utf8_lossy(buffer));
    }
}
