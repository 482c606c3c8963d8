//! The caller of a measurement of streams: `events PORT PATH STREAMS PACE EVENTS [HEADER]...` asks for so
//! many streams at once, of the upstream's (`stub`) events so many milliseconds apart. `{key}` in a header
//! stands for a virtual key of `serve`, another one for each stream.
//!
//! It prints the milliseconds from the request to the first event (median, p99), from an event's sending to
//! its arrival (median, p99), and how many events came with the one before, of how many.

use std::error::Error;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What one stream was like.
#[derive(Default)]
struct Seen {
    first: f64,
    delays: Vec<f64>,
    together: usize,
}

#[allow(clippy::print_stdout, reason = "what it is for")]
fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [port, path, streams, pace, events, headers @ ..] = &given[..] else {
        return Err("events PORT PATH STREAMS PACE EVENTS [HEADER]...".into());
    };
    let (port, streams): (u16, usize) = (port.parse()?, streams.parse()?);
    let content = format!("pace={pace},events={events};");
    let body = format!(
        "{{\"model\":\"gpt-4o\",\"messages\":[{{\"role\":\"user\",\"content\":\"{content}\"}}],\"max_tokens\":150,\"stream\":true}}"
    );
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}Content-Length: {}",
        body.len()
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let seen = runtime.block_on(async {
        let mut tasks = Vec::new();
        for number in 0..streams {
            let request = format!("{}\r\n\r\n{body}", head.replace("{key}", &format!("kwv_{number:042}000000")));
            tasks.push(tokio::spawn(stream(port, request)));
            // Not all at the same instant: a thousand handshakes in one are another measurement.
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        let mut seen = Vec::new();
        for task in tasks {
            seen.push(task.await?.map_err(|error| error.to_string())?);
        }
        Ok::<_, Box<dyn Error>>(seen)
    })?;
    let mut first: Vec<f64> = seen.iter().map(|one| one.first).collect();
    let mut delays: Vec<f64> = seen.iter().flat_map(|one| one.delays.iter().copied()).collect();
    let together: usize = seen.iter().map(|one| one.together).sum();
    let [first_middle, first_late] = percentiles(&mut first);
    let [middle, late] = percentiles(&mut delays);
    println!("{first_middle:.3} {first_late:.3} {middle:.3} {late:.3} {together} {}", delays.len());
    Ok(())
}

async fn stream(port: u16, request: String) -> Result<Seen, Box<dyn Error + Send + Sync>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let asked = Instant::now();
    stream.write_all(request.as_bytes()).await?;
    let (mut seen, mut text, mut buffer) = (Seen::default(), String::new(), vec![0; 64 << 10]);
    loop {
        let length = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut buffer)).await??;
        if length == 0 {
            return Err(format!("it broke off: {text}").into());
        }
        let now = micros();
        text.push_str(&String::from_utf8_lossy(&buffer[..length]));
        let mut came = 0;
        while let Some((before, rest)) = text.split_once("\n\n") {
            let (event, rest) = (before.to_owned(), rest.to_owned());
            if let Some(sent) = event.split('@').nth(1).and_then(|sent| sent.parse::<f64>().ok()) {
                came += 1;
                if seen.delays.is_empty() {
                    seen.first = asked.elapsed().as_secs_f64() * 1e3;
                }
                seen.delays.push((now - sent) / 1e3);
            }
            text = rest;
            if event.contains("[DONE]") {
                seen.together += came.max(1) - 1;
                return if seen.delays.is_empty() { Err(event.into()) } else { Ok(seen) };
            }
        }
        seen.together += came.max(1) - 1;
    }
}

#[allow(clippy::disallowed_methods, reason = "both ends of a measurement read this clock")]
fn micros() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1e6)
}

/// The one in the middle, and the one that a hundredth is beyond.
fn percentiles(values: &mut [f64]) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    let at = |part: f64| values[((values.len() - 1) as f64 * part) as usize];
    [at(0.5), at(0.99)]
}
