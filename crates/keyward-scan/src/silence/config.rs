//! The `[scan]` table of `keyward.toml`.

use std::collections::{BTreeMap, BTreeSet};

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use serde::{Deserialize, Deserializer, de};

use crate::baseline::is_fingerprint;

/// What a project says about its scans. Every key may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// Findings in these files are silenced: patterns as in `.gitignore`, from the folder of `keyward.toml`.
    pub paths: Vec<String>,
    /// Rules by id; `false` switches one off.
    pub rules: BTreeMap<String, bool>,
    /// Fingerprints of findings that are silenced.
    pub allow: Vec<String>,
    /// Larger files are skipped: bytes, or `"10MB"`.
    #[serde(deserialize_with = "size")]
    pub max_file_size: Option<u64>,
}

/// What is wrong with a configuration. Names the key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The text is no TOML, or its `[scan]` table is not of the right shape.
    #[error("keyward.toml: {0}")]
    Shape(String),
    /// A value makes no sense.
    #[error("keyward.toml: `scan.{key}`: {problem}")]
    Value {
        /// The key below `scan`.
        key: String,
        /// What is wrong.
        problem: String,
    },
}

impl Config {
    /// Reads the `[scan]` table out of the text of a `keyward.toml`; other tables are not looked at.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        #[derive(Deserialize)]
        struct File {
            #[serde(default)]
            scan: Config,
        }
        let file: File = toml::from_str(text).map_err(|error| ConfigError::Shape(crate::quiet::toml(text, &error)))?;
        file.scan.check()?;
        Ok(file.scan)
    }

    /// Whether every pattern and fingerprint is one.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.globs()?;
        for (index, allowed) in self.allow.iter().enumerate() {
            if !is_fingerprint(allowed) {
                // Not what it is: a value that somebody takes for its own fingerprint is a likely slip.
                let problem = "this is no fingerprint: they are `kwf1:` and 32 hexadecimal digits".to_owned();
                return Err(ConfigError::Value { key: format!("allow[{index}]"), problem });
            }
        }
        Ok(())
    }

    /// Ids in `rules` that no rule has: likely mistyped, or of another version of keyward.
    pub fn unknown_rules<'a>(&'a self, known: &BTreeSet<String>) -> Vec<&'a str> {
        self.rules.keys().map(String::as_str).filter(|id| !known.contains(*id)).collect()
    }

    pub(crate) fn globs(&self) -> Result<Gitignore, ConfigError> {
        let error = |index: usize| {
            move |error: ignore::Error| ConfigError::Value {
                key: format!("paths[{index}]"),
                problem: error.to_string(),
            }
        };
        let mut builder = GitignoreBuilder::new("");
        for (index, pattern) in self.paths.iter().enumerate() {
            builder.add_line(None, pattern).map_err(error(index))?;
        }
        builder.build().map_err(error(self.paths.len()))
    }
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    struct Size;
    impl de::Visitor<'_> for Size {
        type Value = u64;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a number of bytes, or a text like \"10MB\"")
        }
        fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<u64, E> {
            u64::try_from(bytes).map_err(|_| E::invalid_value(de::Unexpected::Signed(bytes), &self))
        }
        fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<u64, E> {
            Ok(bytes)
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
            bytes(text).ok_or_else(|| E::invalid_value(de::Unexpected::Other("this text"), &self))
        }
    }
    deserializer.deserialize_any(Size).map(Some)
}

/// `10MB`, `512 KiB`, `1000`: what `--max-file-size` takes too.
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let factor: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(factor)
}
