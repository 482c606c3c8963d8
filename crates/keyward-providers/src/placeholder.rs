/// Whether a value only keeps the place of a real one: `changeme`, `<your key>`, `xxx`,
/// `your-api-key-here`, `AKIA…EXAMPLE`.
pub fn is_placeholder(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    let inner = &value[..value.char_indices().nth(LONGEST).map_or(value.len(), |(end, _)| end)];
    if inner.len() < value.len() || inner.is_empty() {
        return false;
    }
    let lower = inner.to_ascii_lowercase();
    is_bracketed(&lower) || is_one_character(&lower) || has_phrase(&lower) || has_word(&lower)
}

/// Whether a value only points at where another is: `${OTHER}`, `$OTHER`, `{{ other }}`,
/// `op://vault/item/field`.
pub fn is_reference(value: &str) -> bool {
    let value = value.trim();
    let bare = value.strip_prefix('$').is_some_and(|name| {
        name.len() > 1 && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    });
    let framed = [("${", "}"), ("$(", ")"), ("{{", "}}"), ("%(", ")s")];
    let framed = framed.iter().any(|(start, end)| {
        let inner = value.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
        inner.is_some_and(|inner| !inner.contains(start) && !inner.contains(end) && !inner.contains(['{', '}']))
    });
    let schemes = ["op://", "keyward://", "vault:", "secretref:", "keyvault://", "awssm://", "gcpsm://"];
    bare || framed || (!value.contains('@') && schemes.iter().any(|scheme| value.starts_with(scheme)))
}

const LONGEST: usize = 200;

/// `<token>`, `[token]`, `__TOKEN__`.
fn is_bracketed(value: &str) -> bool {
    [("<", ">"), ("[", "]"), ("__", "__"), ("%", "%"), ("{", "}")].iter().any(|(start, end)| {
        let inner = value.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
        inner.is_some_and(|inner| {
            !inner.is_empty() && inner.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" -_.:/".contains(&byte))
        })
    })
}

/// `xxx`, `****`, `...`, `000000`, the prefix of a key before it too: `sk-xxxxxxxx`.
fn is_one_character(value: &str) -> bool {
    let end = value.rsplit(['-', '_']).find(|part| !part.is_empty()).unwrap_or(value);
    let first = end.chars().next().unwrap_or(' ');
    let same = end.chars().count() >= 3 && end.chars().all(|c| c == first);
    same && (end.len() == value.len() || matches!(first, 'x' | '*' | '.' | '0' | '…'))
}

fn has_phrase(value: &str) -> bool {
    const PHRASES: [&str; 12] = [
        "changeme",
        "change-me",
        "change_me",
        "change me",
        "replaceme",
        "replace-me",
        "replace_me",
        "placeholder",
        "xxxxxx",
        "example",
        "insert-your",
        "insert_your",
    ];
    PHRASES.iter().any(|phrase| value.contains(phrase))
}

fn has_word(value: &str) -> bool {
    const WORDS: [&str; 13] = [
        "your",
        "yours",
        "changethis",
        "changeit",
        "todo",
        "tbd",
        "fixme",
        "dummy",
        "sample",
        "replace",
        "yourkey",
        "yourtoken",
        "yoursecret",
    ];
    value.split(|c: char| !c.is_alphanumeric()).any(|word| WORDS.contains(&word) || word.starts_with("yourapi"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_values() {
        for value in [
            "changeme",
            "CHANGE_ME",
            "<your-api-key>",
            "your-key-here",
            "xxx",
            "sk-xxxxxxxx",
            "****",
            "...",
            "TODO",
            "example",
            "AKIAIOSFODNN7EXAMPLE",
            "__API_KEY__",
            "\"your_secret\"",
            "replace-with-a-key",
            "[token]",
        ] {
            assert!(is_placeholder(value), "{value}");
        }
        for value in ["", "hunter2", "aa", "q7Gk2LmZp0Xw9RtY", "youth", "x", "[1, 2]x", "sk-1234", "{\"a\":1}"] {
            assert!(!is_placeholder(value), "{value}");
        }
    }

    #[test]
    fn references_point_elsewhere() {
        for value in ["${OTHER}", "$OTHER", "$(cat /x)", "{{ other }}", "op://vault/item/field"] {
            assert!(is_reference(value), "{value}");
        }
        for value in ["$", "$5", "$2b$10$abc", "${A}${B}", "a${B}", "price$", "{{h}o)p{e]n}}"] {
            assert!(!is_reference(value), "{value}");
        }
    }
}
