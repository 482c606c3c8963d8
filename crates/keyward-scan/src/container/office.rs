//! The text of office documents: Word, Excel, PowerPoint and OpenDocument, out of their XML.
//!
//! A word processor cuts a word into runs wherever its spelling or style was touched, so that a key
//! is whole only once the tags are gone.

/// The text, if this is the XML of one, inside its archive.
pub(super) fn text(path: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let (_, name) = path.rsplit_once('!')?;
    let is_text = name.strip_suffix(".xml").is_some_and(|name| {
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
        match folder {
            "word" => ["document", "header", "footer", "comments", "footnotes", "endnotes"]
                .iter()
                .any(|kind| file.starts_with(kind)),
            "xl" => file == "sharedStrings" || file.starts_with("comments"),
            "xl/worksheets" | "ppt/slides" | "ppt/notesSlides" => true,
            "" => file == "content" && is_open_document(path),
            _ => false,
        }
    });
    (is_text && bytes.trim_ascii_start().starts_with(b"<")).then(|| strip(bytes))
}

fn is_open_document(path: &str) -> bool {
    path.rsplit('!').nth(1).is_some_and(|outer| [".odt", ".ods", ".odp", ".odg"].iter().any(|end| outer.ends_with(end)))
}

/// The characters between the tags; paragraphs, rows and breaks end lines, cells and tabs part words.
fn strip(xml: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(xml.len() / 4);
    let mut at = 0;
    while at < xml.len() {
        let tag = memchr::memchr(b'<', &xml[at..]).map_or(xml.len(), |found| at + found);
        unescape(&xml[at..tag], &mut text);
        let Some(end) = memchr::memchr(b'>', &xml[tag..]) else { break };
        let name = xml[tag + 1..tag + end].split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
        match name.strip_suffix(b"/").unwrap_or(name) {
            b"/w:p" | b"/a:p" | b"w:br" | b"w:cr" | b"a:br" | b"/si" | b"/row" | b"/text:p" | b"/text:h"
            | b"text:line-break" | b"/comment" => text.push(b'\n'),
            b"/w:tc" | b"w:tab" | b"/c" | b"text:tab" => text.push(b'\t'),
            b"text:s" => text.push(b' '),
            _ => {}
        }
        at = tag + end + 1;
    }
    text
}

fn unescape(mut text: &[u8], output: &mut Vec<u8>) {
    const NAMED: [(&[u8], u8); 5] =
        [(b"&amp;", b'&'), (b"&lt;", b'<'), (b"&gt;", b'>'), (b"&quot;", b'"'), (b"&apos;", b'\'')];
    while let Some(at) = memchr::memchr(b'&', text) {
        output.extend_from_slice(&text[..at]);
        text = &text[at..];
        let numbered = text.strip_prefix(b"&#").and_then(|rest| {
            let end = rest.iter().take(9).position(|byte| *byte == b';')?;
            let digits = std::str::from_utf8(&rest[..end]).ok()?;
            let value = match digits.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            Some((char::from_u32(value)?, end + 3))
        });
        let named = NAMED.iter().find(|(name, _)| text.starts_with(name));
        let length = match (numbered, named) {
            (Some((character, length)), _) => {
                output.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                length
            }
            (None, Some((name, meant))) => {
                output.push(*meant);
                name.len()
            }
            (None, None) => {
                output.push(b'&');
                1
            }
        };
        text = &text[length..];
    }
    output.extend_from_slice(text);
}
