//! Throughput of the masker on log text, beside the floors of the same run: a copy of the same
//! bytes and `memchr` for a byte that is not there. `cargo bench -p keyward-exec --bench mask`.
//! Times are of the processor, not of the wall, so that neighbours on the machine count for less.
#![allow(clippy::print_stdout, reason = "a bench reports on standard output")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use keyward_exec::Masker;

/// What a read from a pipe gives at most.
const CHUNK: usize = 64 * 1024;
const ROUNDS: usize = 15;

fn main() {
    let mut random = Random(0x5eed_0001);
    let secrets = secrets(&mut random);
    let text = log_text(&mut random, &secrets, 32 << 20);
    let masker = Masker::new(secrets.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));

    let copy = median(|| copy_floor(&text));
    let find = median(|| find_floor(&text));
    let mask = median(|| mask_all(&masker, &text, CHUNK));
    let small = median(|| mask_all(&masker, &text, 120));
    let build = median(|| {
        black_box(Masker::new(secrets.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))));
    });
    let rate = |time: Duration| text.len() as f64 / time.as_secs_f64() / 1e6;
    println!("bench-table-begin");
    let (secrets, megabytes, chunk) = (secrets.len(), text.len() >> 20, CHUNK >> 10);
    println!("{secrets} secrets, {megabytes} MiB of log text, chunks of {chunk} KiB; processor time, medians.\n");
    println!("| work | MB/s | to copy |\n| --- | --- | --- |");
    let rows =
        [("floor: copy", copy), ("floor: find one byte", find), ("mask", mask), ("mask, 120-byte chunks", small)];
    for (work, time) in rows {
        println!("| {work} | {:.0} | {:.2} |", rate(time), time.as_secs_f64() / copy.as_secs_f64());
    }
    println!("\nTo build the masker takes {:.0} µs.", build.as_secs_f64() * 1e6);
    println!("bench-table-end");
}

fn mask_all(masker: &Masker, text: &[u8], chunk: usize) {
    let mut masker = masker.another();
    let mut out = Vec::with_capacity(2 * CHUNK);
    for chunk in text.chunks(chunk) {
        out.clear();
        masker.push(chunk, &mut out);
        black_box(&out);
    }
}

fn copy_floor(text: &[u8]) {
    let mut out = Vec::with_capacity(CHUNK);
    for chunk in text.chunks(CHUNK) {
        out.clear();
        out.extend_from_slice(chunk);
        black_box(&out);
    }
}

fn find_floor(text: &[u8]) {
    for chunk in text.chunks(CHUNK) {
        black_box(memchr::memchr(black_box(0xff), chunk));
    }
}

fn median(mut run: impl FnMut()) -> Duration {
    let mut times: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let start = processor_time();
            run();
            processor_time() - start
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Twenty secrets as a project has them: keys with shared prefixes, URLs, a PEM key, passwords.
fn secrets(random: &mut Random) -> Vec<(String, String)> {
    let mut list = Vec::new();
    let mut add = |value: String| list.push((format!("SECRET_{}", list.len()), value));
    for _ in 0..4 {
        add(format!("{}-{}-{}", "sk", "proj", random.text(BASE62, 156)));
    }
    for _ in 0..3 {
        add(format!("{}_{}", "ghp", random.text(BASE62, 36)));
    }
    add(format!("{}{}", "AKIA", random.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)));
    add(random.text(BASE64, 40));
    add(format!("postgres://app:{}@db.internal:5432/shop?sslmode=require", random.text(BASE62, 24)));
    add(format!("redis://:{}@cache.internal:6379/0", random.text(BASE62, 24)));
    add(format!("https://hooks.example.com/services/{}/{}", random.text(BASE62, 9), random.text(BASE62, 24)));
    add(format!("eyJhbGciOiJIUzI1NiJ9.{}.{}", random.text(BASE62, 120), random.text(BASE62, 43)));
    let lines: Vec<_> = (0..26).map(|_| random.text(BASE64, 64)).collect();
    add(format!("-----BEGIN {0}-----\n{1}\n-----END {0}-----\n", "PRIVATE KEY", lines.join("\n")));
    for length in [12, 16, 20, 32, 43, 64] {
        add(random.text(BASE64, length));
    }
    list
}

/// Access lines, JSON lines, stack traces, SQL; some mention hosts and prefixes of the secrets, and
/// one line in five thousand shows a secret.
fn log_text(random: &mut Random, secrets: &[(String, String)], size: usize) -> Vec<u8> {
    let mut text = String::with_capacity(size + 4096);
    while text.len() < size {
        let (a, b) = (random.below(1_000_000), random.below(60));
        let id = random.text(b"0123456789abcdef", 32);
        let _ = match random.below(8) {
            0 | 1 => writeln!(
                text,
                "10.3.{b}.17 - - [23/Nov/2026:10:{b:02}:07 +0000] \"GET /api/v1/items/{a}?page=2&sort=name HTTP/1.1\" 200 {a} \"https://shop.example.com/items\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\""
            ),
            2 | 3 => writeln!(
                text,
                "{{\"level\":\"info\",\"time\":\"2026-11-23T10:{b:02}:07.{a:06}Z\",\"msg\":\"request completed\",\"trace_id\":\"{id}\",\"duration_ms\":{b},\"path\":\"/v1/chat/completions\",\"upstream\":\"https://api.openai.com\"}}"
            ),
            4 => writeln!(
                text,
                "2026-11-23 10:{b:02}:07,{b:03} DEBUG sqlalchemy.engine.Engine SELECT items.id, items.name, items.price FROM items WHERE items.owner_id = {a} ORDER BY items.created_at DESC LIMIT 50"
            ),
            5 => writeln!(
                text,
                "  File \"/srv/app/backend/handlers/items.py\", line {b}, in list_items\n    rows = await session.execute(query, {{\"owner\": {a}}})"
            ),
            6 => writeln!(
                text,
                "time=2026-11-23T10:{b:02}:07Z level=warn msg=\"slow query\" dsn=postgres://app:***@db.internal:5432/shop rows={a} request={id}"
            ),
            _ => writeln!(
                text,
                "worker[{b}]: job {id} finished in {a}us; queue=default retries=0 host=worker-{b}.internal key=sk-proj-...{b:04}"
            ),
        };
        if random.below(5_000) == 0 {
            let _ = writeln!(text, "Authorization: Bearer {}", secrets[random.below(20) as usize].1);
        }
    }
    text.into_bytes()
}

const BASE62: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// xorshift64*: the same text in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[self.below(alphabet.len() as u64) as usize])).collect()
    }
}
