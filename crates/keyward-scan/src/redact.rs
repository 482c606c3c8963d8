//! What may be shown of a value.

use keyward_providers::public_part;

/// The public prefix of a value, `…`, and its last four characters where it has 32 or more.
pub fn redact(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if let Some((label, _)) = text.strip_prefix("-----BEGIN ").and_then(|rest| rest.split_once("-----")) {
        return format!("-----BEGIN {label}-----…");
    }
    let prefix = public_part(&text);
    let length = text.chars().count();
    // A prefix that is most of a short value would show it.
    let prefix = if prefix.len() * 2 > text.len() { "" } else { prefix };
    if length < 32 {
        return format!("{prefix}…");
    }
    let tail: String = text.chars().skip(length - 4).collect();
    format!("{prefix}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_and_the_last_four_of_long_values_are_shown() {
        let body = "a1B2".repeat(9);
        assert_eq!(redact(format!("ghp_{body}").as_bytes()), "ghp_…a1B2");
        assert_eq!(redact(b"hunter2hunter2"), "…");
        assert_eq!(redact(b"ghp_"), "…");
        assert_eq!(redact(b"\xff\xfe\x00"), "…");
    }
}
