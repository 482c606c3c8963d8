use super::*;
use crate::baseline::Baseline;
use crate::report::tests::{scan, scanner, value};
use crate::scanner::{Found, Source};

fn today() -> Day {
    "2026-11-25".parse().unwrap()
}

fn silences(config: &str) -> Silences {
    let config = Config::from_toml(config).unwrap();
    let rules = ["acme-key", "other-key"].map(str::to_owned).into();
    Silences::new(Setup { config, rules, ..Setup::on(today()) }).unwrap()
}

/// What is reported of a line with a value.
fn reported(silences: Silences, path: &str, line: &str) -> Vec<Found> {
    scanner(Box::new(silences)).scan(&Source { path, tracked: true, added: None }, line.as_bytes()).found
}

#[test]
fn comments_silence_their_line() {
    let key = value(1);
    let silent = [
        "# keyward:allow",
        "// keyward:allow acme-key it is revoked",
        "/* keyward:allow acme-key */",
        "# keyward:allow other-key,acme-key both",
        "# keyward:allow an example for the documentation",
        "# gitleaks:allow",
        "# pragma: allowlist secret",
        "// pragma:whitelist-secret",
    ];
    let loud = [
        "# keyward:allow other-key",
        "# keyward:allowed",
        "# gitleaks:allow-not",
        "# noqa",
        "# nosec",
        "# pragma: allowlist secrets",
        "# pragma: allowlist nextline secret",
        "# pragma: no cover",
        "# allow",
    ];
    for comment in silent {
        assert!(reported(silences(""), "a", &format!("x = '{key}' {comment}\n")).is_empty(), "{comment}");
    }
    for comment in loud {
        assert_eq!(reported(silences(""), "a", &format!("x = '{key}' {comment}\n")).len(), 1, "{comment}");
    }
    assert_eq!(reported(silences(""), "a", &format!("# keyward:allow\nx = '{key}'\n")).len(), 1, "another line");
    let long = format!("{};x='{key}' /* keyward:allow */", "a;".repeat(5000));
    assert_eq!(reported(silences(""), "a", &long).len(), 1, "a minified file is no line");
}

#[test]
fn a_change_cannot_silence_its_own_finding() {
    let (old, new) = (value(1), value(2));
    let before = format!("x = '{old}'  # keyward:allow\r\ny = 1\n");
    let revision = move |path: &str| (path == "a").then(|| before.clone().into_bytes());
    let judge = |inline: Inline, path: &str, line: String| {
        let silences = Silences::new(Setup { inline, ..Setup::on(today()) }).unwrap();
        reported(silences, path, &line).len()
    };
    let inline = || Inline::In(Revision::new(revision.clone()));
    assert_eq!(judge(inline(), "a", format!("\n  x = '{old}'  # keyward:allow\n")), 0, "it was there before");
    assert_eq!(judge(inline(), "a", format!("x = '{new}'  # keyward:allow\n")), 1, "the line is new");
    assert_eq!(judge(inline(), "b", format!("x = '{old}'  # keyward:allow\n")), 1, "the file is new");
    assert_eq!(judge(Inline::Ignored, "a", format!("x = '{old}'  # keyward:allow\n")), 1);
}

#[test]
fn the_configuration_silences_paths_rules_and_fingerprints() {
    let key = value(1);
    let paths = "[scan]\npaths = ['tests/fixtures/**', '*.snap', '/docs/', 'a/*.py', '!a/keep.py']\n";
    let all = [
        ("tests/fixtures/x/y.py", true),
        ("tests/fixture.py", false),
        ("deep/down/z.snap", true),
        ("docs/guide.md", true),
        ("src/docs/guide.md", false),
        ("a/b.py", true),
        ("a/keep.py", false),
        ("a/b/c.py", false),
        ("docs/a.zip!inner/x", true),
        ("x.snap!inner/y", true),
        ("../docs/x", false),
        ("/docs/x", true),
        ("", false),
    ];
    for (path, silent) in all {
        assert_eq!(reported(silences(paths), path, &key).is_empty(), silent, "{path}");
    }
    assert!(reported(silences("scan.rules = { acme-key = false }"), "a", &key).is_empty());
    assert_eq!(reported(silences("scan.rules = { acme-key = true, other-key = false }"), "a", &key).len(), 1);
    let name = &scan("a", key.as_bytes())[0].finding.fingerprint;
    assert!(reported(silences(&format!("scan.allow = ['{name}']")), "b", &key).is_empty());
}

#[test]
fn paths_can_have_another_base() {
    let config = Config::from_toml("scan.paths = ['sub/x/']").unwrap();
    let based = |from: &str, to: &str| {
        let base = (from.to_owned(), to.to_owned());
        Silences::new(Setup { config: config.clone(), base, ..Setup::on(today()) }).unwrap()
    };
    assert!(reported(based("", "sub/"), "x/a.py", &value(1)).is_empty());
    assert!(reported(based("/home/ann/shop/", ""), "/home/ann/shop/sub/x/a.py", &value(1)).is_empty());
    assert_eq!(reported(based("", ""), "x/a.py", &value(1)).len(), 1);
}

#[test]
fn what_is_wrong_in_the_configuration_is_named() {
    let cases = [
        ("[scan]\npath = ['x']", "path"),
        ("[scan]\npaths = 'x'", "paths"),
        ("[scan]\npaths = ['ok', '[z-a]']", "`scan.paths[1]`"),
        ("[scan]\nallow = ['kwf1:12']", "`scan.allow[0]`"),
        ("[scan]\nrules = { a = 'off' }", "rules"),
        ("[scan]\nmax-file-size = '10 parsecs'", "max-file-size"),
        ("[scan]\nmax-file-size = -1", "max-file-size"),
        ("[scan", "line 1"),
    ];
    for (text, name) in cases {
        let error = Config::from_toml(text).unwrap_err().to_string();
        assert!(error.starts_with("keyward.toml: ") && error.contains(name), "{text}: {error}");
    }
    let config = Config::from_toml("project = 'shop'\n[scan]\nmax-file-size = '10MB'\n[other]\nx = 1").unwrap();
    assert_eq!(config.max_file_size, Some(10_000_000));
    assert_eq!(Config::from_toml("scan.max-file-size = 5").unwrap().max_file_size, Some(5));
    assert_eq!(Config::from_toml("").unwrap(), Config::default());
    let silences = silences("scan.rules = { no-such = false }");
    assert_eq!(silences.notes(), ["keyward.toml: `scan.rules.no-such`: there is no such rule"]);
}

#[test]
fn everything_silenced_is_counted_and_the_scanner_counts_alike() {
    let (known, plain) = (value(1), value(2));
    let found = scan("a", known.as_bytes());
    let baseline = Baseline::read(&format!("{} acme-key", found[0].finding.fingerprint)).unwrap();
    let silences = Arc::new(Silences::new(Setup { baselines: vec![baseline], ..Setup::on(today()) }).unwrap());
    let scanner = scanner(Box::new(Arc::clone(&silences)));
    let text = format!("{known}\n{known}\n{plain} # keyward:allow\n{plain}\n");
    let outcome = scanner.scan(&Source { path: "a", tracked: true, added: None }, text.as_bytes());
    assert_eq!((outcome.found.len(), outcome.summary.silenced), (1, 3));
    assert_eq!(silences.counts(), [(Kind::Comment, 1), (Kind::Baseline, 2)]);
}

#[test]
fn what_another_tool_silenced_moves_into_our_baseline() {
    let (theirs, new) = (value(1), value(2));
    let report = serde_json::json!([{ "RuleID": "x", "File": "a", "Secret": theirs }]).to_string();
    let own = "# ours\n";
    let baselines = vec![Baseline::read(&report).unwrap(), Baseline::read(own).unwrap()];
    let silences = Arc::new(Silences::new(Setup { baselines, ..Setup::on(today()) }).unwrap());
    let scanner = scanner(Box::new(Arc::clone(&silences)));
    let outcome =
        scanner.scan(&Source { path: "a", tracked: true, added: None }, format!("{theirs}\n{new}").as_bytes());
    let report = Report::new(outcome.found, outcome.summary);
    assert_eq!(report.found().len(), 1);
    let update = silences.update(&report, &Writing { reason: "known".to_owned(), ..Writing::default() });
    assert_eq!((update.added, update.kept), (2, 0));
    assert!(update.text.contains("reason=in the baseline of gitleaks\n") && update.text.contains("reason=known\n"));
    assert!(update.text.contains("# ours\n"));
    let baseline = Baseline::read(&update.text).unwrap();
    assert_eq!(baseline.lines().len(), 2);
}
