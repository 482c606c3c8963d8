//! Text of hostile files, made harmless for a terminal.

/// What moves a cursor, changes colours, turns the direction of writing or hides itself becomes visible or goes.
pub(crate) fn visible(text: &str) -> String {
    text.chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .map(|c| if is_treacherous(c) { '\u{fffd}' } else { c })
        .collect()
}

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

/// Controls (Unicode Cc), marks of direction (UAX #9), what has no width, breaks of lines and
/// paragraphs, tags, and private use, which some terminals fill with pictures.
pub(crate) fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{e007f}')
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
