//! What is measured, how each is started, and how it is called.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::STUB;
use crate::tools;
use crate::tools::gateways::{Gateways, LITELLM, PORTKEY};
use crate::workspace::Workspace;

pub(super) const NGINX: &str = "nginx";

/// One gateway.
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) port: u16,
    pub(super) path: &'static str,
    /// Its caller's headers, beside those of every caller.
    pub(super) headers: Vec<String>,
    /// Those that take fifty times as long are measured twice.
    pub(super) most_rounds: usize,
    program: OsString,
    arguments: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
}

impl Peer {
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(super) fn file_name(&self) -> &str {
        self.name.split(' ').next().unwrap_or(&self.name)
    }

    fn of(name: &str, port: u16, path: &'static str, command: &Command) -> Self {
        Self {
            name: name.to_owned(),
            port,
            path,
            headers: vec![format!("Authorization: Bearer {}", key(500))],
            most_rounds: usize::MAX,
            program: command.get_program().to_owned(),
            arguments: command.get_args().map(OsString::from).collect(),
            variables: Vec::new(),
        }
    }
}

/// All of them, ours first.
pub(super) fn all(workspace: &Workspace, gateways: &Gateways, bin: &Path, folder: &Path) -> Result<Vec<Peer>> {
    let mut serve = Command::new(bin.join("serve"));
    serve.args(["9303", &STUB.to_string()]);
    let openai = "/openai/v1/chat/completions";
    let keyward = Peer::of("keyward", 9303, openai, &serve);

    fs::write(folder.join("nginx.conf"), nginx(folder))?;
    let mut command = gateways.program("usr/sbin/nginx");
    command.arg("-c").arg(folder.join("nginx.conf")).arg("-p").arg(folder);
    let nginx = Peer::of(NGINX, 9302, openai, &command);

    // A name of its maps has no space in it.
    let keys: String = (0..1000).map(|n| format!("Bearer_{} k{n}\n", key(n))).collect();
    fs::write(folder.join("keys.haproxy"), keys)?;
    fs::write(folder.join("haproxy.cfg"), haproxy(folder))?;
    let mut command = gateways.program("usr/sbin/haproxy");
    command.arg("-db").arg("-f").arg(folder.join("haproxy.cfg"));
    let haproxy = Peer::of("haproxy", 9306, openai, &command);

    let mut command = Command::new("env");
    command.arg("node").arg(&gateways.portkey).args(["--port=9304", "--headless"]);
    let mut portkey = Peer::of(PORTKEY, 9304, "/v1/chat/completions", &command);
    portkey.headers.push("x-portkey-provider: openai".to_owned());
    portkey.headers.push(format!("x-portkey-custom-host: http://127.0.0.1:{STUB}/v1"));
    portkey.most_rounds = 2;
    portkey.variables.push(("PATH", tools::peers_path(workspace)?));

    fs::write(folder.join("litellm.yaml"), litellm())?;
    let mut command = Command::new(&gateways.litellm);
    command.arg("--config").arg(folder.join("litellm.yaml"));
    command.args(["--host", "127.0.0.1", "--port", "9305", "--num_workers", "1", "--telemetry", "False"]);
    let mut litellm = Peer::of(LITELLM, 9305, "/v1/chat/completions", &command);
    litellm.most_rounds = 2;
    // It asks nobody on the network for prices.
    litellm.variables.extend([
        ("LITELLM_LOCAL_MODEL_COST_MAP", "True".into()),
        ("LITELLM_LOG", "ERROR".into()),
        ("HOME", folder.into()),
    ]);
    Ok(vec![keyward, nginx, haproxy, portkey, litellm])
}

/// One of the virtual keys of `serve`.
fn key(number: u32) -> String {
    format!("kwv_{number:042}000000")
}

/// What `wrk` sends: a question of 1 KiB.
pub(super) fn script(peer: &Peer) -> String {
    let text = "please tell me something about the weather ".repeat(20);
    let body = format!(
        "{{\"model\":\"gpt-4o\",\"messages\":[{{\"role\":\"user\",\"content\":\"{text}\"}}],\"max_tokens\":150}}"
    );
    let mut out = format!("wrk.method = \"POST\"\nwrk.body = '{body}'\n");
    let common = ["Content-Type: application/json", "Accept: application/json", "User-Agent: OpenAI/Python"];
    for header in common.into_iter().chain(peer.headers.iter().map(String::as_str)) {
        if let Some((name, value)) = header.split_once(": ") {
            let _ = writeln!(out, "wrk.headers[\"{name}\"] = \"{value}\"");
        }
    }
    out
}

/// The value that is put in: of the length that ours has.
fn value() -> String {
    ["sk-", "bench-", &"0123456789".repeat(16)].concat()
}

/// A map of keys, a limit, a header, a log.
fn nginx(folder: &Path) -> String {
    let here = folder.display();
    let keys: String = (0..1000).map(|n| format!("    \"Bearer {}\" k{n};\n", key(n))).collect();
    let value = value();
    format!(
        "worker_processes 1; daemon off; pid {here}/nginx.pid; error_log {here}/nginx-error.log;
events {{ worker_connections 1024; }}
http {{
  client_body_temp_path {here}/b; proxy_temp_path {here}/p; fastcgi_temp_path {here}/f;
  uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;
  log_format usage '$msec $key $status $request_time $bytes_sent $request_length $uri';
  access_log /dev/null usage buffer=64k;
  map_hash_max_size 8192; map_hash_bucket_size 128;
  map $http_authorization $key {{
    default \"\";
{keys}  }}
  limit_req_zone $key zone=r:10m rate=1000000r/s;
  upstream stub {{ server 127.0.0.1:{STUB}; keepalive 64; }}
  server {{
    listen 127.0.0.1:9302; keepalive_requests 1000000000; tcp_nodelay on;
    location /openai/ {{
      if ($key = \"\") {{ return 401; }}
      limit_req zone=r burst=1000000 nodelay;
      proxy_pass http://stub/; proxy_http_version 1.1; proxy_buffering off;
      proxy_set_header Connection \"\"; proxy_set_header Host api.openai.com;
      proxy_set_header Authorization \"Bearer {value}\";
    }}
  }}
}}
"
    )
}

/// A map of keys, a stick table, a header.
fn haproxy(folder: &Path) -> String {
    let (here, value) = (folder.display(), value());
    format!(
        "global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option http-keep-alive
  option http-no-delay
  http-reuse always
frontend in
  bind 127.0.0.1:9306
  http-request set-var(txn.shown) req.hdr(authorization),regsub(\" \",_)
  http-request set-var(txn.key) var(txn.shown),map_str({here}/keys.haproxy)
  http-request deny deny_status 401 unless {{ var(txn.key) -m found }}
  stick-table type string len 16 size 10k expire 10m store http_req_rate(1m)
  http-request track-sc0 var(txn.key)
  http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt 1000000000 }}
  http-request replace-path /openai(/.*) \\1
  http-request set-header Authorization \"Bearer {value}\"
  http-request set-header Host api.openai.com
  default_backend stub
backend stub
  server stub 127.0.0.1:{STUB} maxconn 1000
"
    )
}

fn litellm() -> String {
    format!(
        "model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_base: http://127.0.0.1:{STUB}/v1
      api_key: {}
general_settings:
  master_key: {}
litellm_settings:
  telemetry: false
",
        value(),
        key(500)
    )
}
