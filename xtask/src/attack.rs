//! A running `keyward up` is attacked with what its OpenAPI document promises, and with what it
//! rules out: each request that schemathesis makes up of it has to be answered with a status that
//! the document names, and none with a failure of the server.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::process;
use crate::tools;
use crate::workspace::Workspace;

/// How long requests are made up, in seconds.
const SECONDS: &str = "100";
/// One: Python 3.11 counts the depth of a syntax tree for all its threads together, and two that
/// parse at once end in a `SystemError` (python/cpython#106905), which no server can help.
const WORKERS: &str = "1";
/// What has to hold of each answer. What is not looked at: whether a schema rules out all that the
/// server refuses, since names and texts are judged by more than a schema can say.
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth";

/// Calls that ask an identity provider. Those that the attack makes up are nowhere, which 502 says.
const ASKING_ELSEWHERE: &str = r#"
[[operations]]
include-path-regex = "^/auth/(oidc/|oidc-code|workload)"
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 502]
"#;

/// Builds, serves, attacks. Gives what schemathesis counted.
pub(crate) fn run(workspace: &Workspace, seed: u64) -> Result<String> {
    // The tests have built it; with fewer targets, dependencies would have other features.
    process::run(process::cargo().args(["build", "--workspace", "--bins", "--tests"]))?;
    let folder = std::env::temp_dir().join(format!("keyward-attack-{}", std::process::id()));
    // A token lies in it.
    fs::DirBuilder::new().mode(0o700).create(&folder).with_context(|| format!("`{}`", folder.display()))?;
    let attacked = attack(workspace, seed, &folder);
    let _ = fs::remove_dir_all(&folder);
    attacked
}

fn attack(workspace: &Workspace, seed: u64, folder: &Path) -> Result<String> {
    let keyward = Keyward { binary: workspace.target().join("debug/keyward"), folder: folder.to_owned() };
    let served = keyward.up()?;
    let token = keyward.say(&["token", "create", "--json"])?;
    let token: Value = serde_json::from_str(&token).context("what `token create --json` says is no JSON")?;
    let token = find_token(&token).context("`token create --json` names no token")?;
    keyward.say(&["project", "create", "shop"])?;
    let document = folder.join("openapi.json");
    fs::write(&document, strict(&fs::read_to_string(workspace.root().join("docs/openapi.json"))?)?)?;
    // Arguments are seen by every process; this lies in a folder of its owner alone.
    let settings = format!("headers = {{ Authorization = \"Bearer {token}\" }}\n\n{ASKING_ELSEWHERE}");
    fs::write(folder.join("schemathesis.toml"), settings)?;
    let mut command = Command::new(tools::schemathesis(workspace));
    command
        .arg("run")
        .arg(&document)
        .args(["--url", &format!("{}/api/v1", served.url), "--checks", CHECKS, "--max-time", SECONDS])
        .args(["--seed", &seed.to_string(), "--workers", WORKERS, "--no-shrink", "--request-timeout", "20"])
        .args(["--continue-on-failure", "--warnings", "off"])
        .current_dir(folder);
    let mut last = String::new();
    let attacked = process::run_lines(&mut command, |line| {
        if line.contains("generated") || line.contains("passed") {
            line.trim().clone_into(&mut last);
        }
    });
    let alive = keyward.say(&["audit", "verify"]);
    drop(served);
    attacked?;
    alive.context("the server or its log did not survive")?;
    Ok(last)
}

/// The document without `default`, by which every status would be one that it names.
fn strict(document: &str) -> Result<String> {
    let mut document: Value = serde_json::from_str(document)?;
    let paths = document["paths"].as_object_mut().context("the document has no paths")?;
    for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(|item| item.values_mut()) {
        if let Some(responses) = operation["responses"].as_object_mut() {
            responses.remove("default");
        }
    }
    Ok(document.to_string())
}

/// Whatever in an answer has the form of a token.
fn find_token(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => text.starts_with("kw").then_some(text.as_str()).filter(|text| text.len() > 40),
        Value::Array(items) => items.iter().find_map(find_token),
        Value::Object(fields) => fields.values().find_map(find_token),
        _ => None,
    }
}

/// The binary in a home of its own.
struct Keyward {
    binary: PathBuf,
    folder: PathBuf,
}

/// A running server; it ends when this goes.
struct Served {
    child: Child,
    url: String,
}

impl Keyward {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", &self.folder)
            .env("KEYWARD_HOME", self.folder.join("vault"))
            .env("KEYWARD_KEYS", self.folder.join("keys"))
            .current_dir(&self.folder);
        command
    }

    fn up(&self) -> Result<Served> {
        let mut command = self.command(&["up", "--listen", "127.0.0.1:0", "--json"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("standard output was piped")?);
        let mut text = String::new();
        let said = loop {
            if let Ok(said) = serde_json::from_str::<Value>(&text) {
                break said;
            }
            if lines.read_line(&mut text)? == 0 {
                bail!("`keyward up` ended: {text}");
            }
        };
        let url = said["urls"][0].as_str().context("`keyward up` names no address")?.to_owned();
        Ok(Served { child, url })
    }

    fn say(&self, arguments: &[&str]) -> Result<String> {
        process::capture(&mut self.command(arguments))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_counts_only_where_it_is_named() {
        let document = r#"{"paths":{"/a":{"get":{"responses":{"200":{},"default":{}}}}}}"#;
        let strict: Value = serde_json::from_str(&strict(document).expect("a document")).expect("JSON");
        assert_eq!(strict["paths"]["/a"]["get"]["responses"], serde_json::json!({ "200": {} }));
    }

    #[test]
    fn a_token_is_found_wherever_it_stands() {
        let text = format!("kw{}", "x".repeat(50));
        let value = serde_json::json!({ "token": { "id": "kwshort", "text": text } });
        assert_eq!(find_token(&value), Some(text.as_str()));
        assert_eq!(find_token(&serde_json::json!({ "a": [1, "kw"] })), None);
    }
}
