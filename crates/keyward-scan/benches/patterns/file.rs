//! Files around a drawn value, and the same files without it.

use std::ops::Range;

use crate::contexts::{HELD_OUT, SEEN, fill};
use crate::draw::Draw;
use crate::rule::Rule;

/// How often a file is drawn in which the other scanner has to find its value.
const TRIES: usize = 60;

/// A path and a text with a value of a rule, and where it stands. `None` where none could be drawn.
pub(crate) fn filled(rule: &Rule, draw: &mut Draw) -> Option<(String, String, Range<usize>)> {
    for _ in 0..TRIES {
        let value = rule.value(draw)?;
        let (path, text) = fill(context(draw), &name(rule, &value, draw), &value);
        let Some(range) = rule.find(&text) else { continue };
        if text[range.clone()] == value {
            return Some((path, text, range));
        }
    }
    // A value that only counts in a frame of its own: the frame is drawn too.
    for _ in 0..TRIES {
        let text = format!("{}\n", rule.whole(draw)?);
        if let Some(range) = rule.find(&text) {
            return Some((String::new(), text, range));
        }
    }
    None
}

/// The text with a stand-in where its value was, and where the stand-in is.
pub(crate) fn stand_in(text: &str, value: &Range<usize>, draw: &mut Draw) -> (String, Range<usize>) {
    let old = &text[value.clone()];
    let stand_in = match draw.below(10) {
        0 => "${API_KEY}".to_owned(),
        1 => "<your-api-key>".to_owned(),
        2 => "your_api_key_here".to_owned(),
        3 => "process.env.API_KEY".to_owned(),
        4 => "REPLACE_ME".to_owned(),
        5 => "{{ secrets.api_key }}".to_owned(),
        6 => old.chars().take(6).collect::<String>() + "********",
        7 => "%API_KEY%".to_owned(),
        8 => "x".repeat(old.len()),
        // One letter over and over keeps the prefix that it has.
        _ => old.chars().enumerate().map(|(at, c)| if at > 6 && c.is_alphanumeric() { 'x' } else { c }).collect(),
    };
    let range = value.start..value.start + stand_in.len();
    let mut text = text.to_owned();
    text.replace_range(value.clone(), &stand_in);
    (text, range)
}

fn context(draw: &mut Draw) -> &'static crate::contexts::Context {
    let at = draw.below(SEEN.len() + HELD_OUT.len());
    SEEN.get(at).unwrap_or_else(|| &HELD_OUT[at - SEEN.len()])
}

/// The rule's id, or a keyword of it and its id's last word; the latter only where the keyword is no part of the value.
fn name(rule: &Rule, value: &str, draw: &mut Draw) -> String {
    let value = value.to_ascii_lowercase();
    let outside = |word: &&String| word.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !value.contains(&**word);
    let keywords: Vec<&String> = rule.keywords.iter().filter(outside).collect();
    let last = rule.id.rsplit('-').next().unwrap_or_default();
    match keywords.get(draw.below(keywords.len() * 2)) {
        Some(keyword) => format!("{keyword}_{last}"),
        None => rule.id.replace('-', "_"),
    }
    .to_ascii_uppercase()
}
