use std::io::{Read, Write};
use std::net::TcpStream;

use super::{Reply, Request, Service};

/// Passes requests on as they came, to a service that has no troubles to switch on: signatures stay
/// good.
pub struct Relay {
    to: String,
    refused: Vec<(&'static str, String, &'static str)>,
}

impl Relay {
    /// To this host and port of this machine.
    pub fn to(url: &str) -> Self {
        Self { to: url.trim_start_matches("http://").to_owned(), refused: Vec::new() }
    }

    /// From now on whoever asks for this action of one of AWS's services with this text in its body is
    /// answered this error: what moto does not have, such as policies about single resources and keys
    /// that are disabled.
    pub fn refuse(&mut self, action: &'static str, naming: &str, code: &'static str) {
        self.refused.push((action, format!("\"{naming}\""), code));
    }

    /// Nobody is refused any more.
    pub fn allow(&mut self) {
        self.refused.clear();
    }
}

impl Service for Relay {
    const HOSTS: &'static [&'static str] = &[];

    fn answer(&mut self, request: &Request) -> Reply {
        let target = request.header("x-amz-target").unwrap_or_default();
        let meant = |one: &&(&str, String, &str)| target.ends_with(one.0) && request.body.contains(&one.1);
        if let Some((_, _, code)) = self.refused.iter().find(meant) {
            return Reply::json(400, &serde_json::json!({ "__type": code, "message": "as documented" }));
        }
        let passed = || {
            let mut stream = TcpStream::connect(&self.to).ok()?;
            let mut head = format!("{} /{} HTTP/1.1\r\nconnection: close\r\n", request.method, request.path.join("/"));
            for (name, value) in request.headers.iter().filter(|(name, _)| *name != "connection") {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            stream.write_all(format!("{head}\r\n{}", request.body).as_bytes()).ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).ok()?;
            let (head, body) = answer.split_once("\r\n\r\n")?;
            let status = head.split(' ').nth(1)?.parse().ok()?;
            Some(Reply::text(status, body))
        };
        passed().unwrap_or_else(|| Reply::text(502, ""))
    }
}
