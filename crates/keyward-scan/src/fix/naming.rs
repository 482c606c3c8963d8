//! The variable that a value moves to.

use std::collections::HashMap;

use keyward_providers::{detectors, names_a_secret, provider, usual_variable};
use keyward_types::{Finding, Kind};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Names that were given in one plan: one a value, one value a name.
pub(super) struct Names<'a> {
    /// Whether a name may stand for a value: nobody else's, or that value's already.
    free: &'a dyn Fn(&str, &[u8]) -> bool,
    /// By the value's hash.
    by_value: HashMap<[u8; 32], String>,
    by_name: HashMap<String, Zeroizing<Vec<u8>>>,
}

impl<'a> Names<'a> {
    pub(super) fn new(free: &'a dyn Fn(&str, &[u8]) -> bool) -> Self {
        Self { free, by_value: HashMap::new(), by_name: HashMap::new() }
    }

    /// The name of a value: the one it has, or one that is made from where it was found.
    pub(super) fn of(&mut self, value: &[u8], finding: &Finding, assigned: Option<&str>) -> String {
        if let Some(name) = self.by_value.get(&hash(value)) {
            return name.clone();
        }
        let wanted = match &finding.vault {
            Some(known) if is_variable(known.name.as_str()) => known.name.as_str().to_owned(),
            _ => wanted(finding, assigned),
        };
        let mut name = wanted.clone();
        let mut number = 2;
        while !self.claim(&name, value) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        name
    }

    /// Takes a name for a value; `false` where it is another's.
    pub(super) fn claim(&mut self, name: &str, value: &[u8]) -> bool {
        let ours = self.by_name.get(name).is_none_or(|other| other.as_slice() == value);
        if !ours || !(self.free)(name, value) {
            return false;
        }
        self.by_name.insert(name.to_owned(), Zeroizing::new(value.to_vec()));
        self.by_value.entry(hash(value)).or_insert_with(|| name.to_owned());
        true
    }

    /// Every value that has a name, with it.
    pub(super) fn all(&self) -> impl Iterator<Item = (&[u8], &str)> {
        self.by_value.values().filter_map(|name| Some((self.by_name.get(name)?.as_slice(), name.as_str())))
    }
}

fn hash(value: &[u8]) -> [u8; 32] {
    Sha256::digest(value).into()
}

/// Whether a text is a variable's name that harms nobody.
pub(super) fn is_variable(name: &str) -> bool {
    let valid = !name.is_empty()
        && name.len() <= 128
        && !name.as_bytes()[0].is_ascii_digit()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    valid && !is_dangerous(name)
}

/// Names that change what a program executes or how keyward runs it, as `keyward run` refuses them.
fn is_dangerous(name: &str) -> bool {
    const NAMES: [&str; 16] = [
        "PATH",
        "HOME",
        "SHELL",
        "USER",
        "IFS",
        "ENV",
        "PS4",
        "PROMPT_COMMAND",
        "CLASSPATH",
        "NODE_OPTIONS",
        "BASH_ENV",
        "TMPDIR",
        "EDITOR",
        "PAGER",
        "TERM",
        "PWD",
    ];
    const STARTS: [&str; 9] = ["LD_", "DYLD_", "PYTHON", "GIT_", "KEYWARD_", "PERL5", "RUBY", "JAVA_", "NPM_CONFIG_"];
    let upper = name.to_ascii_uppercase();
    NAMES.contains(&upper.as_str()) || STARTS.iter().any(|start| upper.starts_with(start))
}

/// The best name: what the code calls it, if that says which; what the service's documents call it; what the rule does.
fn wanted(finding: &Finding, assigned: Option<&str>) -> String {
    let assigned = assigned.map(shout).filter(|name| names_a_secret(name));
    let usual = finding.provider.as_deref().and_then(provider).and_then(|provider| {
        let detector = detectors().find(|detector| detector.id == finding.rule);
        let kind = detector.map_or(Kind::ApiKey, |detector| detector.kind);
        usual_variable(provider, kind)
    });
    let name = match (assigned, usual) {
        (Some(name), Some(usual)) if is_vague(&name) => usual.to_owned(),
        (Some(name), _) => name,
        (None, Some(usual)) => usual.to_owned(),
        (None, None) => shout(&finding.rule),
    };
    let name: String = name.chars().take(64).collect();
    if is_variable(&name) { name } else { format!("APP_{name}") }
}

/// Whether a name says that something is secret and not what.
fn is_vague(name: &str) -> bool {
    const VAGUE: [&str; 12] = [
        "api",
        "key",
        "token",
        "secret",
        "password",
        "passwd",
        "auth",
        "authorization",
        "apikey",
        "x",
        "access",
        "bearer",
    ];
    name.split('_').all(|word| VAGUE.contains(&word.to_ascii_lowercase().as_str()))
}

/// `apiKey`, `api-key` → `API_KEY`.
fn shout(name: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() {
            out.push('_');
        } else {
            if before.is_ascii_lowercase() && c.is_ascii_uppercase() {
                out.push('_');
            }
            out.push(c.to_ascii_uppercase());
        }
        before = c;
    }
    let mut words: Vec<&str> = out.split('_').filter(|word| !word.is_empty()).collect();
    if words.first() == Some(&"X") && words.len() > 1 {
        words.remove(0);
    }
    let name = words.join("_");
    if name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() { format!("KEY_{name}") } else { name }
}

/// What the code before a value assigns it to: `api_key = `, `"apiKey": `, `let KEY: &str = `,
/// `headers["X-Key"] = `.
pub(super) fn assigned(before: &str) -> Option<String> {
    let line = before.rsplit('\n').next()?;
    let line = line.char_indices().rev().nth(200).map_or(line, |(start, _)| &line[start..]);
    let head = line.trim_end().trim_end_matches(['"', '\'', '`', '&', '(', 'f', 'b', 'r']).trim_end();
    let head = ["=>", ":=", "=", ":"].iter().find_map(|sign| head.strip_suffix(sign))?.trim_end();
    // A type stands between the name and the sign.
    let typed = head.rsplit_once(": ").filter(|(name, of)| {
        !name.ends_with(':')
            && of.len() < 40
            && of.chars().all(|c| c.is_ascii_alphanumeric() || "&'<>[]_ |".contains(c))
    });
    let head = typed.map_or(head, |(name, _)| name).trim_end();
    let head = head.trim_end_matches(['"', '\'', '`', ']', ')', '?', '!']);
    let start = head
        .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
        .map_or(0, |at| at + head[at..].chars().next().map_or(1, char::len_utf8));
    let name = head[start..].trim_matches('-');
    // Go and Java put the type behind or before; `var key string =`.
    let is_type = matches!(name, "string" | "String" | "str");
    let name = if is_type { head[..start].trim_end().rsplit(' ').next()? } else { name };
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_before_a_value_is_found() {
        for (before, name) in [
            ("api_key = \"", "api_key"),
            ("    \"apiKey\": '", "apiKey"),
            ("const KEY: &str = \"", "KEY"),
            ("key: Optional[str] = '", "key"),
            ("headers[\"X-API-Key\"] = \"", "X-API-Key"),
            ("OpenAI(api_key=\"", "api_key"),
            ("var stripeKey string = \"", "stripeKey"),
            ("'password' => '", "password"),
            ("export FOO=", "FOO"),
            ("this.client.token = `", "token"),
        ] {
            assert_eq!(assigned(before).as_deref(), Some(name), "{before}");
        }
        assert_eq!(assigned("connect(\""), None);
        assert_eq!(assigned("é: \""), None);
    }

    #[test]
    fn names_are_valid_and_harmless() {
        assert_eq!(shout("apiKey"), "API_KEY");
        assert_eq!(shout("X-API-Key"), "API_KEY");
        assert_eq!(shout("2fa-secret"), "KEY_2FA_SECRET");
        for name in ["PATH", "LD_PRELOAD", "GIT_TOKEN", "NODE_OPTIONS", "1A", "", "A-B", "KEYWARD_TOKEN"] {
            assert!(!is_variable(name), "{name}");
        }
        assert!(is_variable("OPENAI_API_KEY"));
    }

    #[test]
    fn one_value_has_one_name_and_one_name_one_value() {
        let free = |name: &str, _: &[u8]| name != "B";
        let mut names = Names::new(&free);
        assert!(names.claim("A", b"1"));
        assert!(names.claim("A", b"1"));
        assert!(!names.claim("A", b"2"));
        assert!(!names.claim("B", b"2"));
    }
}
