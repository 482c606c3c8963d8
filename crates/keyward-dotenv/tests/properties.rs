//! What holds for any text: no panic, linear time, places that exist, pairs that come back.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use keyward_dotenv::{Dialect, Error, differences, parse, write};
use proptest::prelude::*;

/// Any text, but mostly of the characters that mean something in a `.env` file.
fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        6 => prop::sample::select(vec![
            "A", "B", "=", "\n", "\r", "'", "\"", "`", "\\", "#", " ", "$", "{", "}", "(", ")", ":", "-", "+", "?", "export ",
            "${A}", "$B", "\u{feff}", "\u{2028}", "\u{a0}", "\0", "é", "😀",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "\\PC{0,8}",
    ];
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

/// An environment in which every second name is set, to text with references in it.
fn environment(asked: &str) -> Option<String> {
    (asked.len() % 2 == 1).then(|| format!("${{{asked}}} $A '"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_rejected_with_a_line_of_it(text in text()) {
        let lines = 1 + text.matches(['\n', '\r']).count();
        for dialect in Dialect::ALL {
            match parse(&text, dialect, &environment) {
                Ok(parsed) => {
                    let names: HashSet<&str> = parsed.entries.iter().map(|entry| entry.name.as_str()).collect();
                    prop_assert_eq!(names.len(), parsed.entries.len(), "{} gives a name twice", dialect);
                    prop_assert!(parsed.entries.iter().all(|entry| (1..=lines).contains(&entry.line)));
                    prop_assert!(parsed.warnings.iter().all(|warning| (1..=lines).contains(&warning.line)));
                }
                Err(Error::Rejected { line, .. }) => prop_assert!((1..=lines).contains(&line)),
                Err(error) => prop_assert!(false, "{error}"),
            }
        }
        for difference in differences(&text, &environment) {
            prop_assert!((1..=lines).contains(&difference.line));
            prop_assert!(difference.groups.len() > 1 && difference.groups.iter().all(|group| !group.is_empty()));
        }
    }

    #[test]
    fn what_is_written_is_read_back_by_all(first in text(), second in text()) {
        let pairs = [("FIRST", first.as_str()), ("SECOND", second.as_str())];
        if let Ok(written) = write(&pairs) {
            for dialect in Dialect::ALL {
                let parsed = parse(&written, dialect, &|_| None).expect("what is written is accepted");
                let read: Vec<_> = parsed.entries.iter().map(|entry| (entry.name.as_str(), entry.value.as_deref())).collect();
                prop_assert_eq!(read, pairs.map(|(name, value)| (name, Some(value))), "{}", dialect);
                prop_assert!(parsed.warnings.is_empty());
            }
            prop_assert_eq!(differences(&written, &|_| None), []);
        }
    }

    #[test]
    fn values_of_ordinary_secrets_can_be_written(value in "[ -#%-&(-\\[\\]-~]{0,60}") {
        // Printable ASCII without `$`, `'` and the backslash.
        prop_assert!(write(&[("SECRET", &value)]).is_ok());
    }
}

/// Texts that make a naive reader start again and again: a quadratic one would take minutes.
#[test]
fn time_is_linear() {
    let parts = [
        "A=\"x\n",
        "A='\n",
        "A=`\n",
        "A=\"\\\"",
        "A=\\\"\"\\\"\n",
        "\n",
        " ",
        "\\",
        "'",
        "\"",
        "=",
        "a=",
        "#",
        "export ",
        "export\n",
        "A ",
        "A\n",
        "A:",
        "A: ",
        "${",
        "$(",
        "$",
        "${A:-",
        "A=${",
        "A='$(\n",
        "\r",
        "\u{2028}",
        "\u{2028}'",
        "A=\u{2028}\"",
        "A=\\'",
        "A='\\'",
        "\t#",
        "A= \u{a0}#x ",
        "}",
        "{",
        "${A",
        "$A",
        "\\$",
        "A=$(\"$(",
        "(",
        "A=$((",
        "\"\\",
        "A=\\\\\\\\\"\n",
    ];
    let prefixes = ["", "A=", "A=\"${B:-"];
    let mut slowest = (Duration::ZERO, String::new());
    for prefix in prefixes {
        for part in parts {
            let text = format!("{prefix}{}", part.repeat(40_000 / part.len()));
            for dialect in Dialect::ALL {
                let start = Instant::now();
                let read = parse(&text, dialect, &|_| None);
                let taken = start.elapsed();
                drop(read);
                if taken > slowest.0 {
                    slowest = (taken, format!("{dialect}: {prefix:?} and {part:?} repeated"));
                }
            }
        }
    }
    assert!(slowest.0 < Duration::from_secs(5), "{slowest:?}");
}
