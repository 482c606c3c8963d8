use std::process::Command;

use super::*;
use crate::report::tests::{scan, value};
use crate::scanner::Found;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn today() -> Day {
    day("2026-11-25")
}

fn findings(seeds: impl IntoIterator<Item = u64>) -> Vec<Found> {
    seeds.into_iter().flat_map(|seed| scan(&format!("src/{seed}.py"), value(seed).as_bytes())).collect()
}

fn new(found: &Found) -> New<'_> {
    let anywhere = is_named_by_value(&found.finding, &found.value);
    New { finding: &found.finding, path: found.finding.path.clone(), anywhere, reason: None }
}

fn add(baseline: &Baseline, found: &[Found], writing: &Writing) -> Update {
    baseline.update(found.iter().map(new), writing, today())
}

fn with(found: &[Found]) -> String {
    add(&Baseline::default(), found, &Writing { reason: "known".to_owned(), ..Writing::default() }).text
}

fn has(baseline: &Baseline, found: &Found) -> bool {
    baseline.answer(&found.finding, &found.finding.path, &found.value, today()) != Answer::Nobody
}

#[test]
fn what_is_written_is_read_again_and_silences() {
    let found = findings(1..6);
    let text = with(&found[..4]);
    let baseline = Baseline::read(&text).unwrap();
    assert_eq!(baseline.lines().len(), 4);
    assert!(found[..4].iter().all(|found| has(&baseline, found)));
    assert!(!has(&baseline, &found[4]));
    assert_eq!(add(&baseline, &[], &Writing::default()).text, text, "nothing new, nothing changed");
    for found in &found {
        assert!(!text.contains(&String::from_utf8_lossy(&found.value)[10..]), "no value gets into it");
    }
}

#[test]
fn a_finding_that_moves_stays_silenced() {
    let key = value(1);
    let baseline = Baseline::read(&with(&scan("a.py", format!("x = '{key}'\n").as_bytes()))).unwrap();
    assert!(has(&baseline, &scan("b/c.js", format!("\n\n\nconst y = \"{key}\";\n").as_bytes())[0]));
    assert!(!has(&baseline, &scan("a.py", format!("x = '{}'\n", value(2)).as_bytes())[0]));
}

#[test]
fn what_people_wrote_stays() {
    let found = findings(1..4);
    let name = &found[0].finding.fingerprint;
    let text = format!(
        "# keep me\n{name} acme-key path=a%20b owner=ann@example.com until=2027-01-31 reason=only an example = see #12\n# the end\n"
    );
    let baseline = Baseline::read(&text).unwrap();
    let line = &baseline.lines()[0];
    assert_eq!((line.path.as_str(), line.owner.as_deref()), ("a b", Some("ann@example.com")));
    assert_eq!(line.reason, "only an example = see #12");
    let update = add(&baseline, &found, &Writing::default());
    assert_eq!((update.kept, update.added, update.dropped), (1, 2, 0));
    assert!(update.text.contains(text.trim_end_matches("# the end\n")), "{}", update.text);
    assert!(update.text.ends_with("# the end\n"));
}

#[test]
fn lines_whose_findings_are_gone_go_only_if_that_is_asked_for() {
    let found = findings(1..4);
    let baseline = Baseline::read(&with(&found)).unwrap();
    assert!(has(&baseline, &found[0]));
    let kept = add(&baseline, &[], &Writing::default());
    assert_eq!((kept.kept, kept.dropped), (3, 0));
    let left = add(&baseline, &[], &Writing { drop_gone: true, ..Writing::default() });
    assert_eq!((left.kept, left.dropped), (1, 2));
    assert!(left.text.contains(&found[0].finding.fingerprint.0));
}

#[test]
fn a_line_that_has_expired_silences_no_more_and_is_told() {
    let found = findings(1..2);
    let text = format!("{} acme-key path=a until=2026-11-25 reason=x\n", found[0].finding.fingerprint);
    let baseline = Baseline::read(&text).unwrap();
    let answer = |day| baseline.answer(&found[0].finding, "a", b"", day);
    assert_eq!(answer(day("2026-11-25")), Answer::Line, "the last day counts");
    assert_eq!(answer(day("2026-11-26")), Answer::Nobody);
    assert!(baseline.notes(day("2026-11-25")).is_empty());
    assert!(baseline.notes(day("2026-11-26"))[0].contains("2026-11-25"));
    let update = baseline.update([new(&found[0])], &Writing::default(), day("2026-11-26"));
    assert_eq!((update.expired, update.added), (1, 0), "writing the file anew does not renew the line");
    assert!(update.text.contains("until=2026-11-25"));
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let good = format!("kwf1:{} r", "0".repeat(32));
    let cases = [
        ("nonsense".to_owned(), "is no fingerprint"),
        (format!("kwf1:{} r", "0".repeat(31)), "is no fingerprint"),
        (format!("kwf1:{} r", "G".repeat(32)), "is no fingerprint"),
        (format!("kwf1:{}", "0".repeat(32)), "rule is missing"),
        (format!("{good} until=tomorrow"), "is no day"),
        (format!("{good} because"), "is none of"),
        ("<<<<<<< HEAD".to_owned(), "both sides"),
    ];
    for (line, problem) in cases {
        let error = Baseline::read(&format!("# x\n\n{line}\n")).unwrap_err().to_string();
        assert!(error.starts_with("baseline, line 3: ") && error.contains(problem), "{error}");
    }
    assert!(Baseline::read("").unwrap().lines().is_empty());
    assert!(Baseline::read("\u{feff}# x\r\n\r\n").unwrap().lines().is_empty());
}

/// Two branches that both add findings, merged by git itself.
fn merge(base: &str, ours: &str, theirs: &str, union: bool) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(folder.path()).args(arguments).output().unwrap();
        output.status.success()
    };
    assert!(git(&["init", "-q", "-b", "main"]));
    for (key, value) in [("user.name", "t"), ("user.email", "t@example.com"), ("commit.gpgsign", "false")] {
        assert!(git(&["config", key, value]));
    }
    write("b", base);
    write(".gitattributes", if union { "b merge=union\n" } else { "" });
    assert!(git(&["add", "."]) && git(&["commit", "-qm", "base"]));
    assert!(git(&["checkout", "-qb", "other"]));
    write("b", theirs);
    assert!(git(&["commit", "-qam", "theirs"]) && git(&["checkout", "-q", "main"]));
    write("b", ours);
    assert!(git(&["commit", "-qam", "ours"]));
    git(&["merge", "-q", "other"]).then(|| std::fs::read_to_string(folder.path().join("b")).unwrap())
}

#[test]
fn git_merges_branches_that_both_add() {
    let found = findings(1..5);
    let group = |found: &Found| found.finding.fingerprint.0[5..7].to_owned();
    let apart = (1..4).find(|index| group(&found[*index]) != group(&found[0])).unwrap();
    let (empty, ours, theirs) = (with(&[]), with(&found[..1]), with(&found[apart..=apart]));
    let merged = merge(&empty, &ours, &theirs, false).expect("different groups do not touch");
    assert_eq!(merged, with(&[found[0].clone(), found[apart].clone()]), "the union of sorted files is the merge");
}

#[test]
fn with_the_union_driver_no_merge_conflicts() {
    let found = findings(1..60);
    let (base, ours, theirs) = (with(&found[..1]), with(&found[..30]), with(&[&found[..1], &found[25..]].concat()));
    let merged = merge(&base, &ours, &theirs, true).expect("union never conflicts");
    let baseline = Baseline::read(&merged).unwrap();
    assert!(found.iter().all(|found| has(&baseline, found)));
    assert_eq!(add(&baseline, &[], &Writing::default()).text, with(&found), "writing it again puts it in order");
}

/// What `docs/scanning.md` says of merges without the driver, on a small scale: 100 merges that add one
/// line on either side never conflicted, those that add twenty mostly did.
#[test]
fn git_seldom_conflicts_where_each_side_adds_little() {
    let conflicts = |there: u64, each: u64| {
        let conflict = |round: &u64| {
            let start = round * 1000 + 1;
            let found = findings(start..start + there + 2 * each);
            let (there, each) = (usize::try_from(there).unwrap(), usize::try_from(each).unwrap());
            let base = &found[..there];
            let (ours, theirs) = (with(&found[..there + each]), with(&[base, &found[there + each..]].concat()));
            merge(&with(base), &ours, &theirs, false).is_none()
        };
        (0..6u64).filter(conflict).count()
    };
    assert_eq!(conflicts(0, 1), 0);
    assert!(conflicts(200, 20) > 0, "this test can tell");
}

#[test]
fn a_gitleaks_report_silences_what_it_names() {
    let found = findings(1..4);
    let secret = |index: usize| String::from_utf8(found[index].value.to_vec()).unwrap();
    let report = serde_json::json!([
        { "RuleID": "x", "File": "src/1.py", "Secret": secret(0), "Match": "…", "StartLine": 9, "Fingerprint": "f" },
        { "RuleID": "x", "File": "elsewhere.py", "Secret": secret(1), "StartLine": 1 },
        { "RuleID": "acme-key", "File": "./src/3.py", "Secret": "REDACTED", "StartLine": 1 },
    ]);
    let baseline = Baseline::read(&report.to_string()).unwrap();
    assert!(has(&baseline, &found[0]));
    assert!(!has(&baseline, &found[1]), "another file");
    assert!(has(&baseline, &found[2]), "redacted: file, rule and line");
    let mut moved = found[2].clone();
    moved.finding.line = 2;
    assert!(!has(&baseline, &moved));
    assert!(baseline.notes(today())[0].starts_with("1 of the entries"));
}

#[test]
fn a_detect_secrets_baseline_silences_what_it_names() {
    // SHA-1 of "abc", from RFC 3174.
    let report = r#"{"version": "1.5.0", "plugins_used": [], "results": {"src/1.py": [
        {"type": "Secret Keyword", "filename": "src/1.py", "hashed_secret": "HASH",
         "is_verified": false, "line_number": 3}]}}"#;
    let report = report.replace("HASH", &["a9993e364706816aba3e", "25717850c26c9cd0d89d"].concat());
    let baseline = Baseline::read(&report).unwrap();
    let finding = &findings(1..2)[0].finding;
    let answer = |path: &str, value: &[u8]| baseline.answer(finding, path, value, today());
    assert_eq!(answer("src/1.py", b"abc"), Answer::Foreign(Tool::DetectSecrets));
    assert_eq!(answer("./src/1.py", b"postgres://me:abc@db/x"), Answer::Foreign(Tool::DetectSecrets));
    assert_eq!(answer("src/1.py", b"abcd"), Answer::Nobody);
    assert_eq!(answer("src/2.py", b"abc"), Answer::Nobody);
}

#[test]
fn json_that_is_no_report_is_refused() {
    for text in [
        "[1]",
        "{}",
        "{\"results\": 3}",
        "[{\"File\": 1}]",
        "{",
        "{\"results\": {\"a\": [{\"hashed_secret\": \"zz\"}]}}",
    ] {
        assert!(matches!(Baseline::read(text), Err(Error::Foreign(_))), "{text}");
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
            let _ = Baseline::read(&text);
        }

        #[test]
        fn fields_survive(path in "\\PC{1,30}", owner in "[^\u{0}]{1,20}", reason in "[a-z#=%][a-z#=% ]{0,30}") {
            let mut found = findings(1..2);
            found[0].finding.path = path.clone();
            let writing = Writing { reason: reason.clone(), owner: Some(owner.clone()), drop_gone: false };
            let baseline = Baseline::read(&add(&Baseline::default(), &found, &writing).text).unwrap();
            let line = &baseline.lines()[0];
            prop_assert_eq!((&line.path, line.owner.as_ref(), line.reason.as_str()), (&path, Some(&owner), reason.trim()));
        }
    }
}
