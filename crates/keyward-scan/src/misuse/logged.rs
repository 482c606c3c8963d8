//! A secret that is printed or logged.

use keyward_types::Confidence;

use super::call::{self, Holes};
use super::names::Sure;
use super::{Fault, Language, Site, contains, is_word};

pub(super) const ANCHORS: &[&str] = &[
    "print(",
    "println(",
    "Println(",
    "Printf(",
    "console.",
    "logger.",
    "logging.",
    "Logger.",
    "log.",
    "LOG.",
    "Log.",
    "Log::",
    "println!(",
    "print!(",
    "dbg!(",
    "info!(",
    "debug!(",
    "warn!(",
    "error!(",
    "trace!(",
    "var_dump(",
    "print_r(",
    "error_log(",
    "puts ",
    "echo ",
    "WriteLine(",
    "NSLog(",
    "dump(",
];

pub(super) fn check(site: &Site<'_>) -> Option<Fault> {
    if site.anchor == "echo " && site.language != Language::Php {
        return echoed(site);
    }
    let start = arguments(site)?;
    let parenthesised = !site.anchor.ends_with(' ') && site.bytes()[start - 1] == b'(';
    let (range, sure) = call::bare_secret(site.bytes(), start, holes(site.language), parenthesised)?;
    let confidence = match sure {
        Sure::Quite => Confidence::Medium,
        // In a parser, a token is a word of its input.
        Sure::Hardly if is_parser(site) => return None,
        Sure::Hardly => Confidence::Low,
    };
    Some(Fault { range, confidence })
}

/// Where the arguments of the call begin.
fn arguments(site: &Site<'_>) -> Option<usize> {
    let language = site.language;
    let before = site.before(12);
    match site.anchor {
        "console." | "logger." | "logging." | "Logger." | "log." | "LOG." | "Log." | "Log::" => {
            // `_logger.info`, `this.logger.info`; not `catalog.info`.
            if site.at > 0 && is_word(site.bytes()[site.at - 1]) && !before.ends_with(b"_") {
                return None;
            }
            let method = site.after(12);
            let length = method.iter().take_while(|byte| is_word(**byte)).count();
            let open = method.get(length).copied();
            let spaced = language == Language::Ruby && open == Some(b' ');
            (METHODS.contains(&std::str::from_utf8(&method[..length]).ok()?) && (open == Some(b'(') || spaced))
                .then(|| site.end() + length + 1)
        }
        "puts " => (language == Language::Ruby && site.begins_word()).then(|| site.end()),
        "echo " => site.begins_word().then(|| site.end()),
        "print(" | "println(" | "dump(" => {
            // `fmt.print(`, `out.println(`; not `pprint(`, `def print(`, `writer.println(`.
            let dotted =
                before.ends_with(b".") && !before.ends_with(b"System.out.") && !before.ends_with(b"System.err.");
            let defined = ["def ", "fn ", "func ", "function "].iter().any(|word| before.ends_with(word.as_bytes()));
            let known = site.anchor != "dump(" || language == Language::Php;
            (known && !dotted && !defined && (site.begins_word() || before.ends_with(b"pp"))).then(|| site.end())
        }
        "Println(" | "Printf(" => (before.ends_with(b"fmt.") || before.ends_with(b"log.")).then(|| site.end()),
        "WriteLine(" => before.ends_with(b"Console.").then(|| site.end()),
        // `eprintln!` and `tracing::info!` too; not a macro of another name.
        _ if site.anchor.ends_with("!(") => (language == Language::Rust
            && (site.begins_word() || before.ends_with(b"e") && site.anchor.starts_with("print")))
        .then(|| site.end()),
        _ => site.begins_word().then(|| site.end()),
    }
}

const METHODS: [&str; 24] = [
    "log",
    "info",
    "debug",
    "warn",
    "warning",
    "error",
    "trace",
    "critical",
    "exception",
    "fatal",
    "verbose",
    "dir",
    "Println",
    "Printf",
    "Print",
    "Fatalf",
    "Fatal",
    "Info",
    "Infof",
    "Debug",
    "Debugf",
    "Error",
    "d",
    "i",
];

fn holes(language: Language) -> Holes {
    match language {
        Language::Python => Holes::PrefixedBraces,
        Language::Rust => Holes::Braces,
        Language::Ruby => Holes::Hash,
        Language::Php | Language::Kotlin => Holes::Dollar,
        _ if language.is_javascript() => Holes::Template,
        _ => Holes::No,
    }
}

/// Whether the file is about tokens of a language.
fn is_parser(site: &Site<'_>) -> bool {
    const WORDS: [&str; 16] = [
        "lex",
        "Lex",
        "okeniz",
        "okens",
        "pars",
        "Pars",
        "token.type",
        "token.kind",
        "token.value",
        "TokenType",
        "syntax",
        "grammar",
        "regex",
        "vocab",
        "stdin",
        "token[",
    ];
    let near = site.around(4096);
    WORDS.iter().any(|word| contains(near, word)) || WORDS[..4].iter().any(|word| site.text.hint.path.contains(word))
}

/// `echo $API_KEY` in a shell script, to the terminal or a log: not into a pipe, a file or a variable.
fn echoed(site: &Site<'_>) -> Option<Fault> {
    if !site.language.is_shell_like() || !site.begins_word() {
        return None;
    }
    let line = site.line();
    let start = site.text.line_around(site.at, 400).start;
    let head = &line[..site.at - start];
    let rest = &line[site.end() - start..];
    let command = rest.split(|byte| matches!(byte, b';')).next().unwrap_or_default();
    let leaves = command.iter().any(|byte| matches!(byte, b'|' | b'>' | b'<')) || contains(rest, ">");
    let caught =
        contains(head, "$(") || head.contains(&b'`') || contains(rest, "add-mask") || contains(rest, "::set-output");
    // `{ echo "$KEY"; } > file` and `(echo …) | …`, over several lines too.
    let grouped = head.trim_ascii_end().ends_with(b"{") || head.trim_ascii_end().ends_with(b"(");
    if leaves || caught || grouped {
        return None;
    }
    let mut at = 0;
    while let Some(dollar) = memchr::memchr(b'$', &command[at..]).map(|found| at + found) {
        at = dollar + 1;
        let escaped = dollar > 0 && command[dollar - 1] == b'\\' || in_single_quotes(&command[..dollar]);
        let braced = command.get(at) == Some(&b'{');
        let begin = at + usize::from(braced);
        let length = command[begin..].iter().take_while(|byte| is_word(**byte)).count();
        let end = begin + length;
        // `${KEY:0:4}`, `${#KEY}`, `${KEY:+set}` show no key.
        let whole = !braced || command.get(end) == Some(&b'}');
        let name = std::str::from_utf8(&command[begin..end]).unwrap_or_default();
        if !escaped && whole && super::names::secret(name) == Some(Sure::Quite) {
            let offset = site.end();
            return Some(Fault {
                range: offset + dollar..offset + end + usize::from(braced),
                confidence: Confidence::Medium,
            });
        }
    }
    None
}

fn in_single_quotes(before: &[u8]) -> bool {
    let mut inside = None;
    for byte in before {
        match (inside, byte) {
            (None, b'\'' | b'"') => inside = Some(*byte),
            (Some(quote), byte) if quote == *byte => inside = None,
            _ => {}
        }
    }
    inside == Some(b'\'')
}
