use std::time::Instant;

use keyward_types::Confidence;

use super::*;
use crate::engine::{Engine, Hint, Text};

fn read(text: &str) -> RuleSet {
    RuleSet::read(text).unwrap_or_else(|error| panic!("{error}"))
}

/// `rule: value` of what the rules of a file find, those of the catalogue left out.
fn found(rules: &str, path: &str, text: &str) -> Vec<String> {
    found_by(read(rules), path, text.as_bytes())
}

fn found_by(set: RuleSet, path: &str, text: &[u8]) -> Vec<String> {
    let ids: Vec<String> = set.rules.iter().map(|rule| rule.info.id.clone()).collect();
    let engine = Engine::new(vec![set.into_matcher()]);
    let candidates = engine.scan(&Text { bytes: text, hint: Hint { path, depth: 0 } });
    let of = |one: &crate::Candidate| format!("{}: {}", engine.rule(one.rule).id, String::from_utf8_lossy(&one.value));
    candidates.iter().filter(|one| ids.contains(&engine.rule(one.rule).id)).map(of).collect()
}

fn error(rules: &str) -> String {
    RuleSet::read(rules).map(|_| ()).unwrap_err().to_string()
}

/// Random, so that nothing takes it for an example.
fn random(seed: u64, length: usize) -> String {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b"abcdefghijkmnpqrstuvwxyz23456789"[(state % 32) as usize])
    };
    (0..length).map(|_| next()).collect()
}

const OWN: &str = r#"
[[rule]]
id = "acme-token"
description = "a token of our own"
regex = '''acme[-_]token\s*=\s*['"](?<value>[a-z0-9]{20})['"]'''
value-group = "value"
keywords = ["ACME"]
entropy = 3.0
paths = ["src/", "*.env"]
confidence = "high"

[rule.allow]
values = ['^zz']
words = ["dummy"]
paths = ["src/test/"]
"#;

#[test]
fn own_rules_find_and_allow() {
    let value = random(1, 20);
    let line = |value: &str| format!("acme-token = '{value}'\n");
    assert_eq!(found(OWN, "src/a.py", &line(&value)), [format!("acme-token: {value}")]);
    assert_eq!(found(OWN, "x/y.env", &line(&value)).len(), 1);
    assert!(found(OWN, "lib/a.py", &line(&value)).is_empty(), "not where it looks");
    assert!(found(OWN, "src/test/a.py", &line(&value)).is_empty(), "an allowed path");
    assert!(found(OWN, "src/a.py", &line("ababababababababab12")).is_empty(), "too little entropy");
    assert!(found(OWN, "src/a.py", &line(&format!("zz{}", &value[2..]))).is_empty(), "an allowed value");
    assert!(found(OWN, "src/a.py", &line(&format!("dummy{}", &value[5..]))).is_empty(), "an allowed word");
    assert!(found(OWN, "src/a.py", &line(&value[1..])).is_empty(), "too short");
    let engine = Engine::new(vec![read(OWN).into_matcher()]);
    let bytes = line(&value);
    let text = Text { bytes: bytes.as_bytes(), hint: Hint { path: "src/a.py", depth: 0 } };
    assert_eq!(engine.scan(&text)[0].confidence, Confidence::High);
}

#[test]
fn a_rule_without_keywords_looks_around_the_literals_of_its_expression_or_everywhere() {
    let rule = |regex: &str| format!("[[rule]]\nid='a'\ndescription='d'\nregex='''{regex}'''\n");
    let names = |regex: &str| -> Vec<String> {
        let all = &read(&rule(regex)).rules[0].keywords;
        all.iter().map(|literal| String::from_utf8_lossy(&literal.bytes).into_owned()).collect()
    };
    assert_eq!(names(r"\b(?:acme|ajax)_[a-z0-9]{8}"), ["acme_", "ajax_"]);
    assert_eq!(names(r"(?i)key-[0-9]{9}"), ["key-"]);
    assert!(names(r"[a-z0-9]{30}").is_empty());
    let value = random(2, 30);
    for before in [0usize, 1, 100_000, 700_000] {
        let text = format!("{} {value} {}", "- ".repeat(before), "- ".repeat(before));
        assert_eq!(found(&rule(r"\b[a-z0-9]{30}\b"), "p", &text), [format!("a: {value}")], "{before}");
        let text = format!("{} ajax_{} {}", "- ".repeat(before), &value[..8], "- ".repeat(before));
        assert_eq!(found(&rule(r"(?:acme|ajax)_[a-z0-9]{8}"), "p", &text).len(), 1, "{before}");
    }
}

#[test]
fn every_place_in_a_long_text_is_found_once() {
    let rule = "[[rule]]\nid='a'\ndescription='d'\nregex='''zap_[a-z0-9]{24}'''\n";
    let mut text = String::new();
    for index in 0..3000 {
        text.push_str(&format!("{}zap_{}\n", " ".repeat((index % 400) as usize), random(index, 24)));
    }
    assert!(text.len() > 2 * 256 * 1024);
    assert_eq!(found(rule, "p", &text).len(), 3000);
}

#[test]
fn what_is_wrong_with_a_rule_is_named() {
    let with = |extra: &str| format!("[[rule]]\nid='acme'\ndescription='d'\n{extra}\n");
    let cases = [
        (with("regex='('"), "rule `acme`: `regex`: unclosed group"),
        (with("regex='(?=x)y'"), "`regex`: look-around"),
        (with("regex='a*'"), "`regex`: it fits an empty text"),
        (with("regex='(?:[a-z]{1000}){1000}'"), "size"),
        (with("regex='abc'\nvalue-group=2"), "`value-group`: the expression has no group 2"),
        (with("regex='abc'\nvalue-group='x'"), "no group `x`"),
        (with("regex='abc'\nentropy=9.5"), "`entropy`"),
        (with("regex='abc'\nkeywords=['ab']"), "`keywords`: `ab` is too short"),
        (with("regex='abc'\npaths=['[z-a]']"), "`paths`"),
        (with("regex='abc'\nallow={values=['(']}"), "`allow.values`"),
        (with("regex='abc'\nregexp='abc'"), "regexp"),
        (with("regex='abc'") + &with("regex='abc'"), "another rule has it"),
        ("[[rule]]\nid='a b'\ndescription='d'\nregex='abc'".to_owned(), "`id`"),
        ("[[rule]]\nid='a'\nregex='abc'".to_owned(), "description"),
        ("x = 1".to_owned(), "[[rule]]"),
        ("[[rule]]\nid='a'\n[[rules]]\nid='b'".to_owned(), "two files"),
        ("[[rules]]\ndescription='x'".to_owned(), "rule `number 1`: `id`"),
        ("[[rules]]\nid='a'".to_owned(), "needs `regex` or `path`"),
        ("[[rules]]\nid='a'\nregex='a'\nsecretGroup=1".to_owned(), "`secretGroup`"),
        ("[[rules]]\nid='a'\nregex='a'\n[[rules.allowlists]]\ncondition='XOR'".to_owned(), "`allowlists[0].condition`"),
        ("[[rules]]\nid='a'\nregex='a'\n[[rules.allowlists]]\nregexes=['(']".to_owned(), "`allowlists[0].regexes`"),
        ("[[".to_owned(), "line 1"),
    ];
    for (text, problem) in cases {
        let error = error(&text);
        assert!(error.starts_with("rules: ") && error.contains(problem), "{text}: {error}");
    }
    assert!(RuleSet::read(&with("regex='(?=x)y'")).err().unwrap().hint().unwrap().contains("linear"));
}

const GITLEAKS: &str = r#"
title = "theirs"
[extend]
useDefault = true
disabledRules = ["off"]

[[allowlists]]
paths = ['''(^|/)vendor/''']
[[allowlists]]
targetRules = ["acme"]
stopwords = ["Nope"]

[[rules]]
id = "acme"
description = "Acme."
regex = '''(?i)acme(?:[ \t\w.-]{0,20})[\s'"]{0,3}=[\x60'"\s=]{0,5}([a-z0-9]{20})(?:['"\s;]|$)'''
entropy = 3
keywords = ["acme"]
[[rules.allowlists]]
condition = "AND"
paths = ['''^docs/''']
regexes = ['''^a''']
[[rules.allowlists]]
regexTarget = "line"
regexes = ['''# ok''']
[[rules.allowlists]]
regexTarget = "match"
regexes = ['''acme_test''']

[[rules]]
id = "second"
regex = '''second-([a-z]+)-([a-z0-9]{16})'''
secretGroup = 2

[[rules]]
id = "keyfile"
description = "A key file"
path = '''\.(?:p12|pfx)$'''

[[rules]]
id = "off"
regex = '''off'''

[[rules]]
id = "github-pat"
[[rules.allowlists]]
paths = ['''^tests/''']
"#;

#[test]
fn rules_of_gitleaks_work_as_there() {
    let value = format!("a{}", random(3, 19));
    let line = format!("ACME_KEY = \"{value}\"\n");
    assert_eq!(found(GITLEAKS, "src/a", &line), [format!("acme: {value}")]);
    assert!(found(GITLEAKS, "docs/a", &line).is_empty(), "path and value");
    assert_eq!(found(GITLEAKS, "docs/a", &line.replace("\"a", "\"b")).len(), 1, "only the path");
    assert!(found(GITLEAKS, "src/a", &line.replace('\n', " # ok\n")).is_empty(), "the line");
    assert!(found(GITLEAKS, "src/a", &line.replace("ACME_KEY", "acme_test")).is_empty(), "the match");
    assert!(found(GITLEAKS, "src/a", &line.replace(&value, &"ab".repeat(10))).is_empty(), "entropy");
    let second = random(4, 16);
    assert_eq!(found(GITLEAKS, "a", &format!("second-x-{second}")), [format!("second: {second}")]);
    assert_eq!(found(GITLEAKS, "keys/x.p12", "anything"), ["keyfile: keys/x.p12"]);
    assert_eq!(found(GITLEAKS, "keys/x.p12", ""), ["keyfile: keys/x.p12"]);
    let set = read(GITLEAKS);
    assert_eq!((set.len(), set.builtin, &set.disabled[..]), (3, true, &["off".to_owned()][..]));
    let allowed =
        |rule: &str, path: &str, value: &[u8]| set.allow.iter().any(|allow| allow.allows(rule, path, value, b""));
    assert!(allowed("any", "x/vendor/y", b"v"));
    assert!(allowed("github-pat", "tests/x", b"v"), "it changes a rule that we may have");
    assert!(!allowed("github-pat", "src/x", b"v") && !allowed("any", "tests/x", b"v"));
    assert!(allowed("acme", "x", b"xxnopexx") && !allowed("second", "x", b"xxnopexx"));
}

#[test]
fn gitleaks_things_that_are_not_ours_are_told() {
    let text = "[extend]\npath='base.toml'\n[allowlist]\ncommits=['x']\n[[rules]]\nid='a'\nregex='abcd'\n[[rules.required]]\nid='b'\n";
    let set = read(text);
    assert!(!set.builtin);
    let notes = set.notes.join("\n");
    for word in ["extend.path", "commits", "required"] {
        assert!(notes.contains(word), "{word}: {notes}");
    }
}

#[test]
fn expressions_of_go_mean_the_same_here() {
    let cases: [(&str, &str, &str); 16] = [
        (r"^\$(?:\d+|{\d+})$", "${12}", "$x"),
        (r"^\{\d{0,2}}$", "{12}", "{123}"),
        (r"a{2}", "aa", "a"),
        (r"a{,2}b", "a{,2}b", "aab"),
        (r"[[]x", "[x", "x"),
        (r"[]a]b", "]b", "bb"),
        (r"[^]]b", "xb", "]b"),
        (r"[[:alpha:]-]1", "-1", "11"),
        (r"[\w-.]#", "-#", "+#"),
        (r"[a&&b]!", "&!", "c!"),
        (r"\Qa.b[\E+", "a.b[[", "axb["),
        (r"\<\w\>", "<a>", "a"),
        (r"(?P<x>ab)\z", "ab", "abc"),
        (r"\x{41}\x42", "AB", "ab"),
        (r"\pL1", "é1", "11"),
        (r"p(?i)a[b-c]", "pAB", "PAB"),
    ];
    for (pattern, yes, no) in cases {
        let translated = go_regex::translate(pattern);
        let regex = pattern::compile(&translated).unwrap_or_else(|error| panic!("{pattern} → {translated}: {error}"));
        assert!(regex.is_match(yes.as_bytes()), "{pattern} → {translated} on {yes}");
        assert!(!regex.is_match(no.as_bytes()), "{pattern} → {translated} on {no}");
    }
    for plain in
        [r"(?i)[\w.-]{0,50}?(?:adafruit)(?:[ \t\w.-]{0,20})[\s'\x22]{0,3}(?:=|>|:{1,3}=)", r"\bA3-[A-Z0-9]{6}\b"]
    {
        assert_eq!(go_regex::translate(plain), plain, "what is the same stays");
    }
}

#[test]
fn the_time_is_linear_in_one_long_line_of_keywords() {
    let rule =
        "[[rule]]\nid='a'\ndescription='d'\nregex='''(?i)key.{0,40}?=\\s*([a-z0-9]{32})\\b'''\nkeywords=['key']\n";
    let time = |length: usize| {
        let text = "key=".repeat(length / 4);
        let start = Instant::now();
        assert!(found(rule, "p", &text).is_empty());
        start.elapsed().as_secs_f64()
    };
    let (small, large) = (time(1 << 18).max(1e-3), time(1 << 21));
    assert!(large < small * 8.0 * 4.0, "8 times the text took {:.1} times as long", large / small);
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
            let _ = RuleSet::read(&text);
        }

        #[test]
        fn translating_never_panics_and_leaves_plain_words(text in "[\\[\\]{}\\\\a-c0-2,^:&~-]{0,40}", plain in "[a-z ]{0,20}") {
            let _ = go_regex::translate(&text);
            prop_assert_eq!(go_regex::translate(&plain), plain);
        }

        #[test]
        fn rules_survive_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..500), at in 0usize..500) {
            let value = format!(" acme = \"{}\" ", random(5, 20));
            let mut text = bytes;
            let at = at.min(text.len());
            text.splice(at..at, value.bytes());
            static RULES: std::sync::LazyLock<Box<dyn Matcher>> = std::sync::LazyLock::new(|| read(GITLEAKS).into_matcher());
            let mut found = Vec::new();
            RULES.whole(&Text { bytes: &text, hint: Hint { path: "src/a", depth: 0 } }, &mut found);
            prop_assert!(found.len() <= 1);
        }
    }
}
