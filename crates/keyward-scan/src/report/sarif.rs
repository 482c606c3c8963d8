//! SARIF 2.1.0 (OASIS standard of 2020), which code hosts and editors read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use keyward_types::Confidence;
use serde_json::{Value, json};

use super::text::next_step;
use super::{Options, Report};
use crate::scanner::Found;

/// One log with one run.
pub(crate) fn write(report: &Report, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let rules = rules(report);
    let results: Vec<Value> = report.found().iter().map(|found| result(found, &rules, options)).collect();
    let mut driver = json!({
        "name": "keyward",
        "informationUri": "https://keyward.example/keyward",
        "rules": rules.values().map(|(_, descriptor)| descriptor).collect::<Vec<_>>(),
    });
    if !options.version.is_empty() {
        driver["version"] = json!(options.version);
        driver["semanticVersion"] = json!(options.version);
    }
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver },
            "columnKind": "unicodeCodePoints",
            "invocations": [{ "executionSuccessful": true, "toolExecutionNotifications": left_out(report) }],
            "results": results,
            "properties": { "summary": report.summary() },
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log)?;
    out.write_all(b"\n")
}

/// The rules that found something, by id, with their places in the list.
fn rules(report: &Report) -> BTreeMap<&str, (usize, Value)> {
    let mut rules: BTreeMap<&str, (usize, Value)> = BTreeMap::new();
    for found in report.found() {
        rules.entry(&found.finding.rule).or_insert_with(|| (0, descriptor(found)));
    }
    for (index, rule) in rules.values_mut().enumerate() {
        rule.0 = index;
    }
    rules
}

fn descriptor(found: &Found) -> Value {
    let f = &found.finding;
    let advice = found.advice.as_deref().unwrap_or(if found.misuse {
        "Change the code so that the secret does not leave the program."
    } else {
        "Replace the key at its service, keep the new one in the vault, and read it from the environment."
    });
    let silence = format!("No secret? Write `keyward:allow {} reason` on its line.", f.rule);
    json!({
        "id": f.rule,
        "name": pascal_case(&f.rule),
        "shortDescription": { "text": f.description },
        "fullDescription": { "text": format!("{}.", f.description.trim_end_matches('.')) },
        "help": { "text": format!("{advice} {silence}"), "markdown": format!("{advice}\n\n{silence}") },
        "defaultConfiguration": { "level": level(f.confidence) },
        "properties": { "tags": ["security", "secret"], "security-severity": severity(f.confidence) },
    })
}

fn result(found: &Found, rules: &BTreeMap<&str, (usize, Value)>, options: &Options) -> Value {
    let f = &found.finding;
    let mut properties = json!({
        "provider": f.provider,
        "redacted": f.redacted,
        "confidence": f.confidence.as_str(),
        "tracked": f.tracked,
        "verified": f.verified,
        "commit": f.commit,
        "author": f.author,
        "date": f.date,
        "vault": f.vault,
    });
    if options.reveal && !found.misuse {
        properties["value"] = json!(String::from_utf8_lossy(&found.value));
    }
    json!({
        "ruleId": f.rule,
        "ruleIndex": rules.get(f.rule.as_str()).map_or(0, |(index, _)| *index),
        "level": level(f.confidence),
        "message": { "text": message(found) },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&f.path) },
            "region": {
                "startLine": f.line.max(1),
                "startColumn": f.column.max(1),
                "endLine": f.end_line.max(f.line).max(1),
                "endColumn": f.end_column.max(1),
            },
        } }],
        "partialFingerprints": { "keywardFingerprint/v1": f.fingerprint },
        "properties": properties,
    })
}

fn message(found: &Found) -> String {
    let f = &found.finding;
    let mut text = format!("{}: {}", f.description, f.redacted);
    if let Some(secret) = &f.vault {
        let (name, project, environment, version) =
            (&secret.name, &secret.project, &secret.environment, secret.version);
        let _ = write!(text, ". It is the stored secret {name} of {project}/{environment}, version {version}");
    }
    if let Some(commit) = &f.commit {
        let _ = write!(text, ". It came in with commit {commit}");
    }
    if let Some(next) = next_step(found) {
        let _ = write!(text, ". Next: {next}");
    }
    text
}

/// What was not looked at, so that nobody takes a report for complete that is not.
fn left_out(report: &Report) -> Vec<Value> {
    let note = |skipped: &crate::summary::Skipped| {
        let mut note = json!({ "level": "note", "message": { "text": format!("skipped: {}", skipped.reason) } });
        if !skipped.path.is_empty() {
            let place = json!({ "physicalLocation": { "artifactLocation": { "uri": uri(&skipped.path) } } });
            note["locations"] = json!([place]);
        }
        note
    };
    report.summary().skipped.iter().map(note).collect()
}

fn level(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "error",
        Confidence::Medium => "warning",
        Confidence::Low => "note",
    }
}

/// By the scale of CVSS, as code hosts want it.
fn severity(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "9.0",
        Confidence::Medium => "7.0",
        Confidence::Low => "4.0",
    }
}

/// `OpenaiProjectKey`: names of rules are such words by custom.
fn pascal_case(id: &str) -> String {
    let word = |part: &str| {
        let mut chars = part.chars();
        chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect::<String>()
    };
    id.split(|c: char| !c.is_alphanumeric()).map(word).collect()
}

/// A path as a URI reference (RFC 3986): relative ones to what was scanned.
fn uri(path: &str) -> String {
    let path = if path.is_empty() { "stdin" } else { path };
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        // A colon in the first part would make a scheme of it.
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}
