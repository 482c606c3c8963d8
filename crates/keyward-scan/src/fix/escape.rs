//! What the source text of a value means.

use zeroize::Zeroizing;

use super::lexer::Literal;
use crate::misuse::Language;

/// What a part of a literal means; `None` where we are not sure.
pub(super) fn decoded(language: Language, literal: &Literal, raw: &str) -> Option<Zeroizing<Vec<u8>>> {
    let verbatim = literal.prefix.contains(['r', 'R']) || language == Language::Go && literal.quote == "`";
    if verbatim || !raw.contains('\\') {
        return Some(Zeroizing::new(raw.as_bytes().to_vec()));
    }
    // Single quotes of Ruby and PHP know two escapes only.
    if matches!(language, Language::Ruby | Language::Php) && literal.quote == "'" {
        return (!raw.replace("\\\\", "").contains("\\'"))
            .then(|| Zeroizing::new(raw.replace("\\\\", "\\").into_bytes()));
    }
    unescape(raw)
}

/// A text without its escapes, where all of them mean the same everywhere.
pub(super) fn unescape(raw: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(Vec::with_capacity(raw.len()));
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        let c = match c {
            '\\' => match chars.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                same @ ('\\' | '"' | '\'') => same,
                _ => return None,
            },
            c => c,
        };
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(out)
}
