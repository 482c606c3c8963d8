//! What we hand to those who run keyward: it can be read, names what there is, and gives no more away
//! than it must.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::path::{Path, PathBuf};
use std::process::Command;

use saphyr_parser::{Event, Parser};
use serde_json::{Map, Value};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The documents of a YAML file; scalars as text.
fn documents(text: &str) -> Vec<Value> {
    let mut events = Parser::new_from_str(text).map(|event| event.unwrap().0);
    let mut documents = Vec::new();
    while let Some(event) = events.next() {
        if let Event::DocumentStart(_) = event {
            let first = events.next().unwrap();
            documents.push(node(first, &mut events));
        }
    }
    documents
}

fn node<'a>(event: Event<'a>, events: &mut impl Iterator<Item = Event<'a>>) -> Value {
    match event {
        Event::Scalar(text, ..) => Value::String(text.into_owned()),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match events.next().unwrap() {
                    Event::SequenceEnd => return Value::Array(items),
                    event => items.push(node(event, events)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut fields = Map::new();
            loop {
                let key = match events.next().unwrap() {
                    Event::MappingEnd => return Value::Object(fields),
                    Event::Scalar(text, ..) => text.into_owned(),
                    other => panic!("a key is a scalar: {other:?}"),
                };
                let value = events.next().unwrap();
                let value = node(value, events);
                assert!(fields.insert(key.clone(), value).is_none(), "`{key}` stands twice");
            }
        }
        other => panic!("{other:?}"),
    }
}

fn of_kind<'a>(documents: &'a [Value], kind: &str) -> &'a Value {
    documents.iter().find(|document| document["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))
}

#[test]
fn the_manifest_gives_a_container_nothing_that_it_does_not_need() {
    let documents = documents(&read("deploy/kubernetes.yaml"));
    assert!(documents.iter().all(|document| document["apiVersion"].is_string() && document["kind"].is_string()));
    let pod = &of_kind(&documents, "Deployment")["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], "false");
    assert_eq!(pod["securityContext"]["runAsNonRoot"], "true");
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let containers = pod["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 1);
    for container in containers {
        let context = &container["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], "false");
        assert_eq!(context["readOnlyRootFilesystem"], "true");
        assert_eq!(context["capabilities"]["drop"][0], "ALL");
        assert!(container["env"].is_null() && container["envFrom"].is_null(), "what is in an environment gets about");
        assert!(container["resources"]["limits"]["memory"].is_string());
        assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz");
        // A sealed node answers 200 there: it must not be restarted for being sealed.
        assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/healthz");
        let mounts = container["volumeMounts"].as_array().unwrap();
        let writable: Vec<_> = mounts.iter().filter(|mount| mount["readOnly"] != "true").collect();
        assert_eq!(writable.len(), 1, "{writable:?}");
        assert_eq!(writable[0]["mountPath"], "/var/lib/keyward");
        let volumes = pod["volumes"].as_array().unwrap();
        let names = |items: &[Value]| items.iter().map(|item| item["name"].clone()).collect::<Vec<_>>();
        assert_eq!(names(mounts), names(volumes), "each volume is mounted, in order");
    }
    let service = &of_kind(&documents, "Service")["spec"];
    assert_eq!(service["selector"], pod_labels(&documents));
    assert_eq!(of_kind(&documents, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"], pod_labels(&documents));
    assert!(documents.iter().all(|document| document["kind"] != "Secret"), "secrets are made where they are known");
}

fn pod_labels(documents: &[Value]) -> Value {
    of_kind(documents, "Deployment")["spec"]["template"]["metadata"]["labels"].clone()
}

#[test]
fn the_configuration_in_the_manifest_is_one_that_the_server_reads() {
    let documents = documents(&read("deploy/kubernetes.yaml"));
    let text = of_kind(&documents, "ConfigMap")["data"]["server.toml"].as_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.toml");
    std::fs::write(&path, text).unwrap();
    let config = keyward_server::Config::read(&path).unwrap();
    assert!(config.listen.iter().all(|listen| listen.tls.is_some()));
    assert!(config.store.password_file.is_some() && !config.store.address.unwrap().contains(":@"));
    assert!(config.unlock.key_file.is_some());
}

#[test]
fn the_unit_is_one_that_systemd_takes_and_finds_little_fault_with() {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("keyward.service");
    let text = read("deploy/keyward.service");
    assert!(!text.contains("KEYWARD_PASSPHRASE") && !text.contains("PGPASSWORD"), "a secret in an environment");
    // A credential opens under the name alone that it was made with.
    let loaded = text.lines().find_map(|line| line.strip_prefix("LoadCredentialEncrypted=")).unwrap();
    let (name, file) = loaded.split_once(':').unwrap();
    let made = format!("systemd-creds encrypt --name={name} - {file}");
    assert!(text.contains(&made) && read("docs/deployment.md").contains(&made), "{made}");
    assert!(text.contains(&format!("/run/credentials/keyward.service/{name}\"")));
    // The binary that was built for this test stands for the installed one.
    std::fs::write(&unit, text.replace("/usr/bin/keyward", env!("CARGO_BIN_EXE_keyward"))).unwrap();
    let said = |arguments: &[&str]| {
        let output = Command::new("systemd-analyze").args(arguments).arg(&unit).output();
        let output = output.expect("systemd-analyze is needed (on Debian: apt-get install systemd)");
        let text = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&text));
        String::from_utf8_lossy(&text).into_owned()
    };
    assert_eq!(said(&["verify", "--man=no"]), "");
    // Tenths: 1.3 of 10 on systemd 252.
    said(&["security", "--offline=true", "--threshold=20"]);
}

#[test]
fn the_container_runs_as_nobody_with_nothing_but_the_binary() {
    let text = read("Containerfile");
    let last = text.rsplit_once("\nFROM ").unwrap().1;
    let (base, rest) = last.split_once('\n').unwrap();
    assert!(base.contains("distroless/static") && base.ends_with(":nonroot"), "{base}");
    assert!(!rest.lines().any(|line| line.starts_with("RUN")), "there is no shell in it");
    let user = rest.lines().find_map(|line| line.strip_prefix("USER ")).unwrap();
    assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{user}");
    assert!(rest.contains("HEALTHCHECK"));
    for line in rest.lines().filter(|line| line.starts_with("ENV")) {
        assert_eq!(line, "ENV KEYWARD_HOME=/var/lib/keyward");
    }
    // Commands that it runs are commands that there are.
    for arguments in [&["seal", "--status", "--help"][..], &["serve", "--config", "x", "--log", "json", "--help"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_keyward")).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
    }
}
