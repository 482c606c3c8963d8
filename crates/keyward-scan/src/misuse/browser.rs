//! A secret's variable in code that runs in browsers.

use keyward_types::Confidence;

use super::{Fault, Language, Site, is_browser_code, is_word, names};

pub(super) const ANCHORS: &[&str] = &[
    "process.env.",
    "process.env[",
    "import.meta.env.",
    "NEXT_PUBLIC_",
    "VITE_",
    "REACT_APP_",
    "NUXT_PUBLIC_",
    "EXPO_PUBLIC_",
    "GATSBY_",
    "VUE_APP_",
];

pub(super) fn check(site: &Site<'_>) -> Option<Fault> {
    if site.anchor.ends_with('_') { published(site) } else { read(site) }
}

/// A variable that the build publishes: where it is read, and where it is set.
fn published(site: &Site<'_>) -> Option<Fault> {
    if !site.begins_word() {
        return None;
    }
    let length = site.anchor.len() + site.after(80).iter().take_while(|byte| is_word(**byte)).count();
    let range = site.at..site.at + length;
    let name = std::str::from_utf8(&site.bytes()[range.clone()]).ok()?;
    let before = site.before(24).trim_ascii_end();
    let is_read = before.ends_with(b"env.") || before.ends_with(b"env['") || before.ends_with(b"env[\"");
    let is_set = site.language == Language::DotEnv && is_set(site, length);
    ((site.language.is_javascript() && is_read || is_set) && names::published_secret(name))
        .then_some(Fault { range, confidence: Confidence::Medium })
}

/// Whether a line of a `.env` file gives the name a value.
fn is_set(site: &Site<'_>, length: usize) -> bool {
    let line = site.text.line_around(site.at, 400);
    let head = site.bytes()[line.start..site.at].trim_ascii();
    let rest = &site.bytes()[site.at + length..line.end];
    let value = rest.strip_prefix(b"=").map(|value| value.trim_ascii()).unwrap_or_default();
    (head.is_empty() || head == b"export") && !matches!(value, b"" | b"\"\"" | b"''") && value.len() > 4
}

/// A variable that the build does not publish by itself, read in a component.
fn read(site: &Site<'_>) -> Option<Fault> {
    let quoted = site.anchor.ends_with('[');
    let skip = usize::from(quoted && matches!(site.after(1), b"'" | b"\""));
    let name = &site.after(81)[skip..];
    let length = name.iter().take_while(|byte| is_word(**byte)).count();
    let name = std::str::from_utf8(&name[..length]).ok()?;
    if quoted && skip == 0 || keyward_providers::public_prefix(name).is_some() || names::is_public(name) {
        return None;
    }
    if names::secret(name)? < names::Sure::Quite || !is_browser_code(site.text, site.at) {
        return None;
    }
    Some(Fault { range: site.at..site.end() + skip + length, confidence: Confidence::Medium })
}
