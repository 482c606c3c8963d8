//! The baselines of gitleaks and detect-secrets.
//!
//! Both name a finding by its file and its value: detect-secrets has the value's SHA-1, gitleaks
//! the value itself, or nothing of use where its report was redacted. Then only file, rule and line remain,
//! and all three must be the same.

use std::collections::{HashMap, HashSet};

use keyward_types::Finding;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::Error;

/// Whose baseline it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// A JSON report of gitleaks.
    Gitleaks,
    /// A `.secrets.baseline`.
    DetectSecrets,
}

/// Another tool's baseline.
pub(crate) struct Foreign {
    tool: Tool,
    files: HashMap<String, Entries>,
    redacted: usize,
}

/// What it has of one file.
#[derive(Default)]
struct Entries {
    /// Hashes of values: SHA-1 of detect-secrets, SHA-256 of what gitleaks has in the clear.
    hashes: HashSet<Vec<u8>>,
    /// Rule and line, where the value is not known.
    places: HashSet<(String, u32)>,
}

impl Tool {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gitleaks => "gitleaks",
            Self::DetectSecrets => "detect-secrets",
        }
    }
}

impl Foreign {
    pub(crate) fn read(text: &str) -> Result<Self, Error> {
        let problem = |tool: Tool| {
            move |error: serde_json::Error| {
                Error::Foreign(format!("no report of {}: {}", tool.name(), crate::quiet::json(&error)))
            }
        };
        if text.trim_start().starts_with('[') {
            let findings = serde_json::from_str(text).map_err(problem(Tool::Gitleaks))?;
            Ok(Self::of_gitleaks(findings))
        } else {
            let report: DetectSecrets = serde_json::from_str(text).map_err(problem(Tool::DetectSecrets))?;
            Self::of_detect_secrets(report)
        }
    }

    fn of_gitleaks(findings: Vec<Gitleaks>) -> Self {
        let mut foreign = Self { tool: Tool::Gitleaks, files: HashMap::new(), redacted: 0 };
        for finding in findings {
            let entries = foreign.files.entry(path(&finding.file)).or_default();
            if is_redacted(&finding.secret) {
                foreign.redacted += 1;
                entries.places.insert((finding.rule_id, finding.start_line));
            } else {
                entries.hashes.insert(sha256(Zeroizing::new(finding.secret).trim().as_bytes()));
            }
        }
        foreign
    }

    fn of_detect_secrets(report: DetectSecrets) -> Result<Self, Error> {
        let mut foreign = Self { tool: Tool::DetectSecrets, files: HashMap::new(), redacted: 0 };
        for (file, secrets) in report.results {
            let entries = foreign.files.entry(path(&file)).or_default();
            for secret in secrets {
                let hash = data_encoding::HEXLOWER_PERMISSIVE.decode(secret.hashed_secret.as_bytes());
                let hash = hash.ok().filter(|hash| hash.len() == 20).ok_or_else(|| {
                    Error::Foreign(format!("no report of detect-secrets: a `hashed_secret` of `{file}` is no SHA-1"))
                })?;
                entries.hashes.insert(hash);
            }
        }
        Ok(foreign)
    }

    pub(crate) fn tool(&self) -> Tool {
        self.tool
    }

    /// Whether it has this finding.
    pub(crate) fn has(&self, finding: &Finding, path: &str, value: &[u8]) -> bool {
        let Some(entries) = self.files.get(path.strip_prefix("./").unwrap_or(path)) else { return false };
        if entries.places.contains(&(finding.rule.clone(), finding.line)) {
            return true;
        }
        spellings(value).iter().any(|value| match self.tool {
            Tool::Gitleaks => entries.hashes.contains(&sha256(value)),
            Tool::DetectSecrets => sha1(value).is_some_and(|hash| entries.hashes.contains(&hash)),
        })
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        let note = || {
            format!(
                "{} of the entries of gitleaks' baseline have no value: they silence only where file, rule and line are the same",
                self.redacted
            )
        };
        (self.redacted > 0).then(note).into_iter().collect()
    }
}

/// What either tool may take for the value that we found: detect-secrets names a private key by its first
/// line, and both name a URL by its password.
fn spellings(value: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let value = value.trim_ascii();
    let mut all = vec![Zeroizing::new(value.to_vec())];
    if let Some(rest) = value.strip_prefix(b"-----")
        && let Some(end) = memchr::memmem::find(rest, b"-----")
    {
        all.push(Zeroizing::new(rest[..end].to_vec()));
    }
    if let Some(at) = memchr::memmem::find(value, b"://") {
        let authority = value[at + 3..].split(|byte| matches!(byte, b'/' | b'?' | b'#')).next().unwrap_or_default();
        let user = authority.iter().rposition(|byte| *byte == b'@').map(|end| &authority[..end]);
        let password = user.and_then(|user| user.iter().position(|byte| *byte == b':').map(|at| &user[at + 1..]));
        all.extend(password.filter(|password| !password.is_empty()).map(|text| Zeroizing::new(text.to_vec())));
    }
    all
}

/// gitleaks' `--redact` leaves `REDACTED`, or a beginning and dots.
fn is_redacted(secret: &str) -> bool {
    secret.is_empty() || secret == "REDACTED" || secret.ends_with("...")
}

fn path(text: &str) -> String {
    let text = text.replace('\\', "/");
    text.strip_prefix("./").unwrap_or(&text).to_owned()
}

fn sha256(value: &[u8]) -> Vec<u8> {
    Sha256::digest(value).to_vec()
}

/// As detect-secrets hashes. The implementation is git's: inputs made to collide are refused.
fn sha1(value: &[u8]) -> Option<Vec<u8>> {
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(value);
    hasher.try_finalize().ok().map(|id| id.as_bytes().to_vec())
}

#[derive(Deserialize)]
struct Gitleaks {
    #[serde(rename = "RuleID", default)]
    rule_id: String,
    #[serde(rename = "File")]
    file: String,
    #[serde(rename = "Secret", default)]
    secret: String,
    #[serde(rename = "StartLine", default)]
    start_line: u32,
}

#[derive(Deserialize)]
struct DetectSecrets {
    results: HashMap<String, Vec<HashedSecret>>,
}

#[derive(Deserialize)]
struct HashedSecret {
    hashed_secret: String,
}
