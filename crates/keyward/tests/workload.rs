//! Commands in GitHub Actions and in Kubernetes: no secret is set, and what the issuer signs for the
//! job or the pod is exchanged by itself. Issuer, GitHub's address and server are on this machine.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use keyward_client::SystemClock;
use keyward_testing::oidc::{Provider, Reply, Signer};
use keyward_testing::{Program, Ran};
use keyward_types::Clock as _;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// A running `keyward up`, an issuer, and a program `shop-ci` that trusts it.
struct Company {
    program: Program,
    child: Child,
    url: String,
    issuer: Provider,
    key: Signer,
}

impl Company {
    fn start() -> Self {
        let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
        let mut command = program.command(&["up", "--listen", "127.0.0.1:0", "--json"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        let said = loop {
            assert_ne!(lines.read_line(&mut text).unwrap(), 0, "it ended: {text}");
            if let Ok(said) = serde_json::from_str::<Value>(&text) {
                break said;
            }
        };
        let url = said["urls"][0].as_str().unwrap().to_owned();
        let key = Signer::es256("first");
        let issuer = Provider::start(&[&key]);
        let company = Self { program, child, url, issuer, key };
        company.program.ok(&["set", "GREETING", "-p", "default", "--raw"], b"from the vault");
        company.program.ok(&["service-account", "add", "shop-ci"], b"");
        company.program.ok(&["role", "grant", "ci", "shop-ci", "-p", "default", "-e", "development"], b"");
        company
    }

    fn trust(&self, more: &[&str]) -> Ran {
        let (issuer, url) = (self.issuer.issuer(), self.url.clone());
        let first = ["service-account", "trust", "add", "shop-ci", "--issuer", &issuer, "--audience", &url];
        self.program.run(&[&first[..], &["--allow-private"], more].concat())
    }

    /// What the issuer signs for somebody at this moment.
    fn signed(&self, subject: &str, jti: &str) -> String {
        let now = SystemClock.now().0 / 1000;
        self.key.sign(&json!({
            "iss": self.issuer.issuer(), "aud": self.url, "sub": subject, "jti": jti, "iat": now, "exp": now + 300,
            "repository": "acme/shop",
        }))
    }

    /// Another machine, on which nobody is signed in.
    fn elsewhere(&self) -> Program {
        Program::new(env!("CARGO_BIN_EXE_keyward")).with("KEYWARD_ADDR", &self.url).with("KEYWARD_WORKLOAD", "shop-ci")
    }

    /// A runner of GitHub Actions.
    fn runner(&self) -> Program {
        let address = format!("{}/request?api-version=2", self.issuer.issuer());
        self.elsewhere()
            .with("ACTIONS_ID_TOKEN_REQUEST_URL", address)
            .with("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-job")
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

#[test]
fn a_job_of_github_actions_runs_with_values_and_no_secret_is_set() {
    let company = Company::start();
    let added = company.trust(&["--claim", "repository=acme/shop", "--scope", "read:default/development/*"]);
    assert_eq!(added.code, Some(0), "{added}");
    let job = company.signed("repo:acme/shop:ref:refs/heads/main", "job-1");
    company.issuer.answer("/request", &json!({ "value": job }));
    let runner = company.runner();
    let ran = runner.ok(&["run", "-p", "default", "--no-mask", "--", "sh", "-c", "printf %s \"$GREETING\""], b"");
    assert_eq!(ran.out(), "from the vault");
    let asked = company.issuer.asked("/request");
    assert_eq!(asked.len(), 1, "one command asks once: {asked:?}");
    assert_eq!(asked[0].headers["authorization"], "Bearer of-the-job");
    let audience = company.url.replace("://", "%3A%2F%2F").replacen("127.0.0.1:", "127.0.0.1%3A", 1);
    assert_eq!(asked[0].query, format!("api-version=2&audience={audience}"));
    // Nothing of it is left on the runner.
    for entry in walk(runner.home.root()) {
        let bytes = std::fs::read(&entry).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(&job) && !text.contains("kws_"), "{}", entry.display());
    }
    // The job's token serves once: the next command asks for another one.
    let again = runner.run(&["get", "GREETING", "-p", "default"]);
    assert_eq!(again.code, Some(3), "{again}");
    assert!(again.err().contains("no trust of this account takes this token"), "{again}");
    company
        .issuer
        .answer("/request", &json!({ "value": company.signed("repo:acme/shop:ref:refs/heads/main", "job-2") }));
    assert_eq!(runner.ok(&["get", "GREETING", "-p", "default"], b"").out(), "from the vault");
    company
        .issuer
        .answer("/request", &json!({ "value": company.signed("repo:acme/shop:ref:refs/heads/main", "job-3") }));
    let set = ["set", "GREETING", "-p", "default"];
    let written = runner.run_command(runner.command(&set), &set, b"another");
    assert_eq!(written.code, Some(3), "it reads alone: {written}");
    let log = company.program.ok(&["audit", "log", "--last", "20", "--json"], b"").out();
    assert!(log.contains("repo:acme/shop:ref:refs/heads/main") && log.contains("job-1"), "{log}");
    company.program.ok(&["audit", "verify"], b"");
}

#[test]
fn a_pod_shows_the_token_of_its_file_again_where_its_trust_says_so() {
    let company = Company::start();
    let claims = ["--claim", "sub=system:serviceaccount:shop:web", "--reusable", "--ttl", "5m"];
    assert_eq!(company.trust(&claims).code, Some(0));
    let pod = company.elsewhere();
    let file = pod.home.root().join("token");
    std::fs::write(&file, format!("{}\n", company.signed("system:serviceaccount:shop:web", "pod"))).unwrap();
    let pod = pod.with("KEYWARD_WORKLOAD_TOKEN_FILE", file.to_str().unwrap());
    for _ in 0..2 {
        assert_eq!(pod.ok(&["get", "GREETING", "-p", "default"], b"").out(), "from the vault");
    }
    std::fs::write(&file, company.signed("system:serviceaccount:shop:other", "pod")).unwrap();
    assert_eq!(pod.run(&["get", "GREETING", "-p", "default"]).code, Some(3));
    std::fs::write(&file, "a".repeat(20_000)).unwrap();
    assert_eq!(pod.run(&["get", "GREETING", "-p", "default"]).code, Some(2));
    std::fs::remove_file(&file).unwrap();
    let gone = pod.run(&["get", "GREETING", "-p", "default"]);
    assert!(gone.code == Some(2) && gone.err().contains("cannot read"), "{gone}");
}

#[test]
fn a_job_without_the_permission_and_an_address_that_fails_are_said_to_be() {
    let company = Company::start();
    assert_eq!(company.trust(&["--claim", "repository=acme/shop"]).code, Some(0));
    let without = company.elsewhere().run(&["get", "GREETING", "-p", "default"]);
    assert!(without.code == Some(2) && without.err().contains("id-token: write"), "{without}");
    let runner = company.runner();
    let answer =
        |status, body: &[u8]| company.issuer.reply("/request", Reply::Answer(status, Vec::new(), body.to_vec()));
    for (status, body, words) in [
        (500, &b""[..], "it answers 500"),
        (403, b"", "it answers 403"),
        (302, b"", "it answers 302"),
        (200, b"<html>", "none of GitHub's"),
    ] {
        answer(status, body);
        let ran = runner.run(&["get", "GREETING", "-p", "default"]);
        assert!(ran.code == Some(70) && ran.err().contains(words), "{ran}");
        assert!(!ran.err().contains("of-the-job"), "{ran}");
    }
    assert_eq!(company.issuer.asked("/request").len(), 3 + 1 + 1 + 1, "what may pass is asked for three times");
    // A token that is set by hand goes before.
    let token = company.program.ok(&["token", "create", "--for", "shop-ci"], b"").out();
    let by_hand = company.runner().with("KEYWARD_TOKEN", token.trim());
    assert_eq!(by_hand.ok(&["get", "GREETING", "-p", "default"], b"").out(), "from the vault");
    // In the clear a job's token goes to this machine alone.
    let foreign = company.elsewhere().with("ACTIONS_ID_TOKEN_REQUEST_URL", "http://192.0.2.1/request");
    let foreign =
        foreign.with("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-job").run(&["get", "GREETING", "-p", "default"]);
    assert!(foreign.code == Some(70) && foreign.err().contains("cannot be asked"), "{foreign}");
}

#[test]
fn trusts_are_added_listed_and_ended() {
    let company = Company::start();
    let refused = company.trust(&["--claim", "ref=refs/heads/main"]);
    assert!(refused.code == Some(2) && refused.err().contains("whose workloads"), "{refused}");
    assert_eq!(company.trust(&["--claim", "repository=*"]).code, Some(2));
    assert_eq!(company.trust(&["--claim", "repository=acme/*", "--ttl", "2h"]).code, Some(2));
    let added = company.trust(&["--claim", "repository=acme/*", "--claim", "environment=production"]);
    assert!(added.err().contains("`shop-ci` trusts repository=acme/* environment=production"), "{added}");
    let listed = company.program.ok(&["service-account", "trust", "list", "shop-ci", "--json"], b"").out();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let trust = &listed["trusts"][0];
    assert_eq!(
        (&trust["seconds"], &trust["account"], &trust["reusable"]),
        (&json!(900), &json!("shop-ci"), &json!(false))
    );
    let id = trust["id"].as_str().unwrap();
    let table = company.program.ok(&["service-account", "trust", "list", "shop-ci"], b"").out();
    assert!(table.contains(id) && table.contains("15m"), "{table}");
    let remove = ["service-account", "trust", "remove", "shop-ci", &id[..8]];
    assert_eq!(company.program.run(&remove).code, Some(2), "without a terminal it is not asked");
    company.program.ok(&[&remove[..], &["--yes"]].concat(), b"");
    assert_eq!(company.program.run(&[&remove[..], &["--yes"]].concat()).code, Some(4));
}

#[test]
fn a_provider_is_added_listed_and_removed_and_its_secret_is_no_argument() {
    let company = Company::start();
    let issuer = company.issuer.issuer();
    let add = ["identity-provider", "add", "acme", "--issuer", &issuer, "--client-id", "keyward", "--allow-private"];
    let secret = ["told", "by", "nobody"].join("-");
    let added = company.program.ok(&add, secret.as_bytes());
    assert!(added.err().contains("/api/v1/auth/oidc/acme/callback"), "{added}");
    let listed = company.program.ok(&["identity-provider", "list", "--json"], b"");
    let shown: Value = serde_json::from_str(&listed.out()).unwrap();
    let one = &shown["identity_providers"][0];
    assert_eq!((&one["name"], &one["has_secret"], &one["for_owners"]), (&json!("acme"), &json!(true), &json!(true)));
    for ran in [&added, &listed] {
        assert!(!ran.out().contains(&secret) && !ran.err().contains(&secret), "{ran}");
    }
    assert_eq!(company.program.run_with(&add, secret.as_bytes()).code, Some(2), "there is one of the name");
    assert_eq!(company.program.run(&add).code, Some(2), "a secret, or `--public`");
    let as_argument = company.program.run(&[&add[..], &["--client-secret", &secret]].concat());
    assert!(as_argument.code == Some(2) && !as_argument.err().contains("is added"), "{as_argument}");
    let table = company.program.ok(&["identity-provider", "list"], b"").out();
    assert!(table.contains("everybody there"), "{table}");
    assert_eq!(company.program.run(&["identity-provider", "remove", "acme"]).code, Some(2));
    company.program.ok(&["identity-provider", "remove", "acme", "--yes"], b"");
    assert_eq!(company.program.run(&["identity-provider", "remove", "acme", "--yes"]).code, Some(4));
    company.program.ok(&["user", "add", "grace"], b"");
    assert!(company.program.ok(&["user", "identities", "grace", "--json"], b"").out().contains("\"identities\": []"));
    assert_eq!(company.program.run(&["user", "unlink", "grace", "nothing", "--yes"]).code, Some(4));
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => files.extend(walk(&path)),
            kind if kind.is_file() => files.push(path),
            _ => {}
        }
    }
    files
}
