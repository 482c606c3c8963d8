//! From the start of `keyward up` on a machine that has no vault to the first answer of `/readyz`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Milliseconds of each of so many first starts, in folders below `home`.
pub(super) fn first_starts(keyward: &Path, home: &Path, rounds: usize) -> Result<Vec<f64>> {
    (0..rounds).map(|round| first_start(keyward, &home.join(format!("up-{round}")))).collect()
}

fn first_start(keyward: &Path, home: &Path) -> Result<f64> {
    fs::create_dir_all(home)?;
    let mut command = Command::new(keyward);
    command.args(["up", "--listen", "127.0.0.1:0", "--json"]).current_dir(home);
    command.env("HOME", home).env("KEYWARD_HOME", home.join("vault")).env("KEYWARD_KEYS", home.join("keys"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let started = Instant::now();
    let mut child = command.spawn()?;
    let ready = until_ready(&mut child);
    let took = started.elapsed();
    // It has nothing to save: the folder goes too.
    child.kill()?;
    child.wait()?;
    fs::remove_dir_all(home)?;
    ready.map(|()| took.as_secs_f64() * 1e3)
}

fn until_ready(child: &mut Child) -> Result<()> {
    let mut lines = BufReader::new(child.stdout.take().context("its output is piped")?);
    let mut text = String::new();
    let said: serde_json::Value = loop {
        if lines.read_line(&mut text)? == 0 {
            bail!("`keyward up` ended: {text}");
        }
        if let Ok(said) = serde_json::from_str(&text) {
            break said;
        }
    };
    let url = said["urls"][0].as_str().and_then(|url| url.strip_prefix("http://"));
    let mut stream = TcpStream::connect(url.context("it names no address")?)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.starts_with("HTTP/1.1 200") {
        true => Ok(()),
        false => bail!("it is not ready: {answer}"),
    }
}
