//! Text of hostile files, made harmless for a terminal.

pub(crate) use keyward_types::{is_treacherous, visible};

/// Columns that a terminal gives to a text: two for East Asian and emoji, none for marks that combine.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// The beginning of a text that fits.
pub(crate) fn head(text: &str, limit: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, c)| {
        used += columns(*c);
        used > limit
    });
    end.map_or(text, |(at, _)| &text[..at])
}

/// The end of a text that fits.
pub(crate) fn tail(text: &str, limit: usize) -> &str {
    let mut used = 0;
    let start = text.char_indices().rev().find(|(_, c)| {
        used += columns(*c);
        used > limit
    });
    start.map_or(text, |(at, c)| &text[at + c.len_utf8()..])
}

/// By the blocks of UAX #11 that matter; a marker that is off by one in a rare script misleads nobody.
fn columns(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f900}'..='\u{1f9ff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}
