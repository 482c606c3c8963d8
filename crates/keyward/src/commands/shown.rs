//! How things look in more than one command.

use keyward_client::SecretInfo;
use keyward_types::Timestamp;

/// A day, without the time of day.
pub(super) fn day(moment: Timestamp) -> String {
    moment.to_string().split('T').next().unwrap_or_default().to_owned()
}

/// The version in a list: its number, or that there is none to read.
pub(super) fn version(secret: &SecretInfo) -> String {
    secret.version.map_or_else(|| "deleted".to_owned(), |version| version.to_string())
}

/// `1 secret`, `2 secrets`.
pub(super) fn counted(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
