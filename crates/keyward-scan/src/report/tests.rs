use keyward_types::{KnownSecret, Verified, Version};
use serde_json::Value;

use super::*;
use crate::own_rules::RuleSet;
use crate::scanner::{Scanner, Silence, Source, Verdict};
use crate::summary::Skipped;
use crate::{Engine, silence};

/// A value of the rule below, put together at run time; random, so that nothing takes it for an example.
pub(crate) fn value(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b"abcdefghijklmnopqrstuvwxyz0123456789"[(state % 36) as usize])
    };
    format!("acme_{}", (0..40).map(|_| letter()).collect::<String>())
}

const RULES: &str = "
[[rule]]
id = 'acme-key'
description = 'a key of <Acme> & Sons'
regex = 'acme_[a-z0-9]{40}'
advice = 'Ask <b>security</b>.'
confidence = 'high'
";

pub(crate) struct Nothing;
impl Silence for Nothing {
    fn judge(&self, _: &keyward_types::Finding, _: &[u8], _: &[u8]) -> Verdict {
        Verdict::Report
    }
}

pub(crate) fn scanner(silence: Box<dyn Silence>) -> Scanner {
    let rules = RuleSet::read(RULES).unwrap();
    Scanner { engine: Engine::new(vec![rules.into_matcher()]), known: None, silence }
}

pub(crate) fn scan(path: &str, text: &[u8]) -> Vec<Found> {
    // Made once: making an engine takes longer than most tests.
    static SCANNER: std::sync::LazyLock<Scanner> = std::sync::LazyLock::new(|| scanner(Box::new(Nothing)));
    SCANNER.scan(&Source { path, tracked: true, added: None }, text).found
}

fn print(format: Format, found: Vec<Found>, options: &Options) -> String {
    let mut summary = Summary { files: 3, bytes: 12_345, silenced: 2, seconds: 0.021, ..Summary::default() };
    summary.skipped = vec![Skipped::new("x.bin", "binary"), Skipped::new("a b.bin", "binary")];
    let mut out = Vec::new();
    write(format, &Report::new(found, summary), options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

const ALL: [Format; 5] = [Format::Text, Format::Json, Format::Jsonl, Format::Sarif, Format::Html];

#[test]
fn text_shows_the_place_the_line_and_what_to_do() {
    let key = value(1);
    let found = scan("src/a.py", format!("import os\n\n    key = \"{key}\"  # prod\n").as_bytes());
    let text = print(Format::Text, found, &Options { width: 80, ..Options::default() });
    let redacted = crate::redact(key.as_bytes());
    let marks = "^".repeat(redacted.chars().count());
    assert!(
        text.starts_with(&format!(
            "src/a.py (1 finding, tracked by git)\n\nsrc/a.py:3:12: high: a key of <Acme> & Sons (acme-key)\n  |\n\
             3 | key = \"{redacted}\"  # prod\n  |        {marks}\n"
        )),
        "{text}"
    );
    assert!(text.contains("  = help: Ask <b>security</b>.\n"), "{text}");
    assert!(text.contains("  = next: whoever can read the repository has it"), "{text}");
    assert!(
        text.contains(
            "1 finding in 1 file (1 high; 1 tracked by git); 3 files read, 12.3 kB in 0.02 s, 2 silenced, 2 skipped\n"
        ),
        "{text}"
    );
    assert!(!text.contains('\x1b'), "no colour unless it is asked for");
}

#[test]
fn a_stored_secret_is_named_in_every_format() {
    let mut found = scan("a", value(1).as_bytes());
    found[0].finding.vault = Some(KnownSecret {
        project: "shop".parse().unwrap(),
        environment: "production".parse().unwrap(),
        name: "ACME_KEY".parse().unwrap(),
        version: Version::new(3).unwrap(),
    });
    found[0].finding.verified = Verified::Valid;
    for format in ALL {
        let text = print(format, found.clone(), &Options::default());
        assert!(text.contains("ACME_KEY") && text.contains("production"), "{format:?}: {text}");
    }
    let text = print(Format::Text, found, &Options::default());
    assert!(text.contains("= stored: ACME_KEY of shop/production, version 3\n"), "{text}");
    assert!(text.contains("`keyward set ACME_KEY -p shop -e production`"), "{text}");
}

#[test]
fn no_value_is_in_any_report_unless_it_is_asked_for() {
    let (one, two, three) = (value(1), value(2), value(3));
    let other: String = value(4).chars().rev().collect();
    // Neighbours on the same line, one of them cut by the edge of what is shown, and one that no rule knows.
    let line = format!("a={one};b={two} c={other} {}{three}\n", "x ".repeat(15));
    let found = scan("a", line.as_bytes());
    assert_eq!(found.len(), 3);
    for format in ALL {
        let text = print(format, found.clone(), &Options { show_skipped: true, ..Options::default() });
        for secret in [&one, &two, &three, &other] {
            for piece in secret.as_bytes().windows(9) {
                let piece = std::str::from_utf8(piece).unwrap();
                assert!(!text.contains(piece), "{format:?} shows {piece} of {secret}: {text}");
            }
        }
        let text = print(format, found.clone(), &Options { reveal: true, ..Options::default() });
        assert!(text.contains(&one) && text.contains(&three), "{format:?}: {text}");
    }
}

#[test]
fn weak_findings_and_the_order_of_threads_leave_no_trace() {
    let mut found = scan("b", format!("{}\n{}\n", value(1), value(2)).as_bytes());
    found.extend(scan("a", value(3).as_bytes()));
    let mut weak = found[0].clone();
    weak.weak = true;
    weak.finding.line = 9;
    found.push(weak);
    let first = print(Format::Json, found.clone(), &Options::default());
    found.reverse();
    assert_eq!(print(Format::Json, found, &Options::default()), first);
    let json: Value = serde_json::from_str(&first).unwrap();
    let places: Vec<_> =
        json["findings"].as_array().unwrap().iter().map(|one| format!("{}{}", one["path"], one["line"])).collect();
    assert_eq!(places, ["\"a\"1", "\"b\"1", "\"b\"2"]);
}

#[test]
fn json_has_exactly_the_agreed_shape() {
    let found = scan("a", value(1).as_bytes());
    let json: Value = serde_json::from_str(&print(Format::Json, found.clone(), &Options::default())).unwrap();
    let keys = |value: &Value| -> Vec<String> {
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&json), ["findings", "summary"]);
    let finding = [
        "author",
        "column",
        "commit",
        "confidence",
        "date",
        "description",
        "end_column",
        "end_line",
        "fingerprint",
        "line",
        "path",
        "provider",
        "redacted",
        "rule",
        "tracked",
        "vault",
        "verified",
    ];
    assert_eq!(keys(&json["findings"][0]), finding);
    let summary = ["blobs", "bytes", "commits", "files", "seconds", "silenced", "skipped"];
    assert_eq!(keys(&json["summary"]), summary);
    assert_eq!(json["summary"]["skipped"][0], serde_json::json!({ "path": "a b.bin", "reason": "binary" }));
    let lines = print(Format::Jsonl, found, &Options::default());
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0], &lines[1]["summary"]), (&json["findings"][0], &json["summary"]));
    assert_eq!(lines.len(), 2);
}

#[test]
fn hostile_text_cannot_command_a_terminal_or_a_page() {
    let hostile = "\x1b]0;owned\x07\x1b[2J\u{202e}\u{9b}31m<script>alert(1)</script>'\"&\r\u{200b}";
    let path = format!("{hostile}\n</h2>.py");
    let mut found = scan(&path, format!("{hostile} key={} {hostile}", value(1)).as_bytes());
    found[0].finding.commit = Some(hostile.to_owned());
    found[0].finding.author = Some(hostile.to_owned());
    for reveal in [false, true] {
        let options = Options { reveal, show_skipped: true, ..Options::default() };
        let text = print(Format::Text, found.clone(), &options);
        let bad = |c: char| c != '\n' && (c.is_control() || "\u{202e}\u{200b}".contains(c));
        assert_eq!(text.chars().find(|c| bad(*c)), None, "{text:?}");
        let html = print(Format::Html, found.clone(), &options);
        assert_eq!(html.chars().find(|c| bad(*c)), None);
        assert_eq!(html.matches("<script>").count(), 1, "ours");
        assert!(!html.contains("</h2>.py"));
    }
}

#[test]
fn long_lines_and_values_are_cut_and_the_mark_is_under_the_value() {
    let key = value(7);
    let line = format!("{}語語 key='{key}' {}", "word ".repeat(500), "tail ".repeat(500));
    let text = print(Format::Text, scan("a", line.as_bytes()), &Options { width: 80, ..Options::default() });
    let mut lines = text.lines().skip_while(|line| !line.starts_with("1 |"));
    let (source, marks) = (lines.next().unwrap(), lines.next().unwrap());
    assert!(source.starts_with("1 | …") && source.ends_with('…'), "{source}");
    assert!(visible::width(source) <= 80, "{source}");
    let at = source.find(&crate::redact(key.as_bytes())).unwrap();
    assert_eq!(visible::width(&source[..at]), marks.find('^').unwrap(), "{text}");
}

#[test]
fn colour_is_there_if_it_is_asked_for() {
    let found = scan("a", value(1).as_bytes());
    let colour = print(Format::Text, found, &Options { colour: true, ..Options::default() });
    assert!(colour.contains("\x1b[1;31mhigh\x1b[0m"), "{colour}");
}

#[test]
fn nothing_found_says_what_was_read() {
    let text = print(Format::Text, Vec::new(), &Options { show_skipped: true, ..Options::default() });
    assert_eq!(
        text,
        "skipped a b.bin: binary\nskipped x.bin: binary\n\
         nothing found; 3 files read, 12.3 kB in 0.02 s, 2 silenced, 2 skipped\n"
    );
}

/// What SARIF 2.1.0 requires of the objects that we write (sections 3.13 to 3.58).
#[test]
fn sarif_has_what_the_standard_requires() {
    let mut found = scan("src/with space/ü:1.py", format!("\n é={}\n", value(1)).as_bytes());
    found.extend(scan("/abs/b", value(2).as_bytes()));
    let log = print(Format::Sarif, found.clone(), &Options { version: "1.2.3".to_owned(), ..Options::default() });
    let log: Value = serde_json::from_str(&log).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let driver = &run["tool"]["driver"];
    assert_eq!((&driver["name"], &driver["version"]), (&Value::from("keyward"), &Value::from("1.2.3")));
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    let rules = driver["rules"].as_array().unwrap();
    for (result, found) in run["results"].as_array().unwrap().iter().zip(Report::new(found, Summary::default()).found())
    {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(rule["help"]["text"].as_str().unwrap().contains("Ask <b>security</b>."));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        assert_eq!(result["level"], "error");
        let region = &result["locations"][0]["physicalLocation"]["region"];
        let number = |key: &str| region[key].as_u64().unwrap();
        assert_eq!(number("startLine"), u64::from(found.finding.line));
        assert_eq!(number("endColumn") - number("startColumn"), value(1).len() as u64);
        assert_eq!(result["partialFingerprints"]["keywardFingerprint/v1"], found.finding.fingerprint.0.as_str());
    }
    let uris: Vec<&Value> = run["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        .collect();
    assert_eq!(uris, ["file:///abs/b", "src/with%20space/%C3%BC%3A1.py"]);
}

#[test]
fn html_needs_nothing_else_and_runs_only_our_script() {
    let html = print(Format::Html, scan("a", value(1).as_bytes()), &Options::default());
    for reach in ["http:", "https:", "url(", "@import", " src=", "<link", "javascript:", " onclick", " style="] {
        assert!(!html.contains(reach), "{reach}");
    }
    let inline = |tag: &str| {
        let (_, rest) = html.split_once(&format!("<{tag}>")).unwrap();
        rest.split_once(&format!("</{tag}>")).unwrap().0
    };
    for tag in ["style", "script"] {
        let hash = data_encoding::BASE64.encode(&<sha2::Sha256 as sha2::Digest>::digest(inline(tag)));
        assert!(html.contains(&format!("{tag}-src 'sha256-{hash}'")), "{tag}");
    }
    assert!(html.contains("default-src 'none'") && html.contains("a key of &lt;Acme&gt; &amp; Sons"));
    let clean = print(Format::Html, Vec::new(), &Options::default());
    assert!(!clean.contains("<script") && !clean.contains("<form"), "the script looks for the form: {clean}");
}

#[test]
fn code_that_is_shown_as_such_hides_the_values_in_it() {
    let key = value(1);
    let mut found = scan("a", format!("fetch(`https://x.example/?key={key}`)").as_bytes());
    let mut misuse = found[0].clone();
    misuse.misuse = true;
    misuse.finding.rule = "key-in-url".to_owned();
    misuse.finding.column = 1;
    misuse.mark = 0..misuse.line.len();
    misuse.value = zeroize::Zeroizing::new(misuse.line.as_bytes().to_vec());
    misuse.finding.redacted = misuse.line.to_string();
    found.push(misuse);
    for format in ALL {
        let text = print(format, found.clone(), &Options::default());
        assert!(!text.contains(&key[5..20]), "{format:?}: {text}");
        assert!(text.contains("fetch("), "{format:?}: {text}");
    }
}

#[test]
fn a_finding_about_a_file_shows_no_line_of_it() {
    let rules = RuleSet::read("[[rules]]\nid='keyfile'\ndescription='A key file.'\npath='p12$'").unwrap();
    let engine = Engine::new(vec![rules.into_matcher()]);
    let scanner = Scanner { engine, known: None, silence: Box::new(Nothing) };
    let source = Source { path: "a/x.p12", tracked: false, added: None };
    let found = scanner.scan(&source, b"first line of the file").found;
    for format in ALL {
        let text = print(format, found.clone(), &Options::default());
        assert!(text.contains("A key file") && !text.contains("first line"), "{format:?}: {text}");
    }
    let text = print(Format::Text, found, &Options::default());
    assert!(text.contains("a/x.p12:1:1: medium: A key file (keyfile)\n  = fingerprint: "), "{text}");
}

#[test]
fn names_of_formats() {
    assert_eq!("sarif".parse(), Ok(Format::Sarif));
    assert!("xml".parse::<Format>().unwrap_err().contains("html"));
    assert_eq!(silence::bytes("10MB"), Some(10_000_000));
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// Whatever stands around a value: no panic, the JSON is JSON, and the value does not get out.
        #[test]
        fn any_surroundings(before in "[^\n]{0,150}", after in "\\PC{0,150}", path in ".{0,20}", seed in 1u64..1000, width in 0usize..200) {
            let key = value(seed);
            let found = scan(&path, format!("{before} {key} {after}").as_bytes());
            for format in ALL {
                let text = print(format, found.clone(), &Options { width, ..Options::default() });
                prop_assert!(!text.contains(&key));
                if format == Format::Json || format == Format::Sarif {
                    prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
                }
            }
        }
    }
}
