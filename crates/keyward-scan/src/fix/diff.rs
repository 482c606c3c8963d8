//! What a plan changes, for people to read.

use similar::TextDiff;

use super::FilePlan;
use crate::redact;

/// The plan of a file as a unified diff. Values are redacted on both sides, those that stay too.
pub fn diff(plan: &FilePlan) -> String {
    let hidden = |text: &[u8]| hide(text, &plan.secrets());
    let (before, after) = (hidden(&plan.before), hidden(&plan.after()));
    let path = plan.path.replace(['\n', '\r'], " ");
    TextDiff::from_lines(&before, &after)
        .unified_diff()
        .context_radius(3)
        .header(&format!("a/{path}"), &format!("b/{path}"))
        .to_string()
}

/// A text with each of the values redacted. The longest come first, as one can be in another.
fn hide(text: &[u8], secrets: &[&[u8]]) -> String {
    let mut secrets = secrets.to_vec();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    let mut text = String::from_utf8_lossy(text).into_owned();
    for secret in secrets {
        let value = String::from_utf8_lossy(secret);
        if value.len() >= SHORTEST {
            text = text.replace(value.as_ref(), &redact(secret));
        }
    }
    text
}

/// Shorter ones stand in other words too, where hiding them shows what they are.
const SHORTEST: usize = 3;
