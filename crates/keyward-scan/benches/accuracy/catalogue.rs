//! The rules of the catalogue with the templates of their values, which only its files have.

use std::path::Path;

use keyward_providers::{Detector, detectors};
use keyward_types::Access;

/// A rule and how values of it are made.
pub(crate) struct Rule {
    pub(crate) detector: &'static Detector,
    pub(crate) samples: Vec<String>,
    pub(crate) negatives: Vec<String>,
    /// A variable that people keep such a value in.
    pub(crate) variable: String,
    /// As the service writes itself.
    pub(crate) service: String,
}

/// Every rule that is no public key.
pub(crate) fn rules() -> Vec<Rule> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../keyward-providers/data");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the catalogue is there")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a readable file");
        let table: toml::Table = text.parse().expect("the catalogue's files are TOML");
        for detect in table.get("detect").and_then(toml::Value::as_array).into_iter().flatten() {
            all.extend(rule(&table, detect));
        }
    }
    all
}

fn rule(table: &toml::Table, detect: &toml::Value) -> Option<Rule> {
    let id = detect["id"].as_str()?;
    let detector = detectors().find(|detector| detector.id == id).filter(|one| one.access != Some(Access::Public))?;
    let list = |name: &str| -> Vec<String> {
        detect[name].as_array().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
    };
    let service = table["name"].as_str().unwrap_or("Service").to_owned();
    let env = table.get("env").and_then(toml::Value::as_table);
    let secret =
        env.into_iter().flatten().filter(|(_, kind)| kind.as_str() != Some("config")).map(|(name, _)| name.clone());
    let fits = |name: &String| {
        let lower = name.to_ascii_lowercase();
        detector.context.is_empty() || detector.context.iter().any(|word| lower.contains(word))
    };
    let made = || {
        let word = detector.context.first().copied().unwrap_or(detector.provider);
        let word: String =
            word.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
        if ["KEY", "TOKEN", "SECRET"].iter().any(|end| word.ends_with(end)) { word } else { format!("{word}_API_KEY") }
    };
    let mut fitting: Vec<String> = secret.filter(fits).collect();
    // Ids last: people keep secrets under other names.
    fitting.sort_by_key(|name| name.ends_with("_ID") && !detector.id.ends_with("-id"));
    let variable = fitting.into_iter().next().unwrap_or_else(made);
    Some(Rule { detector, samples: list("samples"), negatives: list("negatives"), variable, service })
}
