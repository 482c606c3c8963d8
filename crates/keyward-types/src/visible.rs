//! Text that others wrote, on its way to a terminal: what could move its cursor, change its colours or
//! turn the direction of writing does not get there.

/// Whether a character does something to a terminal, or hides: controls (Unicode Cc), marks of direction
/// (UAX #9), what has no width, breaks of lines and paragraphs, tags, and private use, which some
/// terminals fill with pictures.
#[must_use]
pub fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{e007f}')
}

/// The same text on one line, with what is treacherous made visible.
#[must_use]
pub fn visible(text: &str) -> String {
    let shown = |c| match c {
        '\t' => ' ',
        c if is_treacherous(c) => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}

/// Whether a text may be kept that describes something: no controls and no marks that turn the direction
/// of writing. Line ends only where it may have several `lines`. Marks without width stay, since
/// scripts and emoji need them.
#[must_use]
pub fn is_plain(text: &str, lines: bool) -> bool {
    text.chars().all(|c| match c {
        '\n' | '\t' => lines,
        c => !c.is_control() && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_and_not_kept() {
        for bad in ["x\u{1b}]0;owned\u{7}", "\u{9b}31m", "a\u{202e}b", "a\u{2067}b", "a\rb", "a\u{2028}b"] {
            assert!(!visible(bad).chars().any(is_treacherous), "{bad:?}");
            assert!(!is_plain(bad, true), "{bad:?}");
        }
        assert_eq!(visible("für Zoë 請求\t1"), "für Zoë 請求 1");
        assert!(is_plain("für Zoë 請求 👩\u{200d}💻", false));
        assert!(is_plain("two\n\tlines", true) && !is_plain("two\nlines", false));
    }
}
