//! JavaScript, TypeScript and their components.

use super::{CONSTANT, PART, Refusal, Rendered, Target, is_word};
use crate::misuse::Language;

pub(super) fn render(target: &Target<'_>) -> Rendered {
    let (literal, context) = (target.literal, target.context);
    let typescript = target.language == Language::TypeScript;
    let head = target.head();
    if literal.outer.start > 0 && is_word(target.text.as_bytes()[literal.outer.start - 1]) && literal.quote != "`" {
        return Err(Refusal::new("the value is not in a literal that can be told from text", "replace it by hand"));
    }
    if typescript && is_type(target) {
        return Err(Refusal::new("the value is part of a type", "make the type `string`"));
    }
    let word = context.word_before();
    let module = matches!(word, "from" | "import" | "module") || head.starts_with("import ");
    let key = matches!(context.before, Some('{' | ',')) && context.after == Some(':') && !head.contains('?');
    let name_of_member = context.after == Some('=') && !matches!(context.after_two.as_str(), "==" | "=>");
    if module || name_of_member || key && typescript && context.within(&["interface", "type"], &[]) {
        return Err(Refusal::new("the value is a name, not a value", "replace it by hand"));
    }
    if context.within(&["enum"], &[]) {
        return Err(Refusal::new(CONSTANT, "take it out of the enumeration"));
    }
    let attribute = target.components && is_attribute(target);
    let tagged = literal.quote == "`"
        && literal.outer.start > 0
        && matches!(target.text.as_bytes()[literal.outer.start - 1], b')' | b']' | b'_' | b'$' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9')
        && !matches!(word, "return" | "case" | "of" | "in" | "typeof" | "default" | "yield" | "await");
    let code = match target.whole().filter(|_| !tagged) {
        Some(name) if typescript && !attribute => format!("process.env.{name}!"),
        Some(name) => format!("process.env.{name}"),
        None => {
            let template = literal.quote == "`";
            let body = target.join(str::to_owned, |_| String::new());
            if !template && has_octal(&body) {
                return Err(Refusal::new(PART, "split the text by hand"));
            }
            let plain =
                |text: &str| if template { text.to_owned() } else { text.replace('`', "\\`").replace("${", "\\${") };
            format!("`{}`", target.join(plain, |name| format!("${{process.env.{name}}}")))
        }
    };
    Ok(match (attribute, key) {
        (true, _) => format!("{{{code}}}"),
        (_, true) => format!("[{code}]"),
        _ => code,
    })
}

/// Whether a literal of TypeScript stands where a type is expected.
fn is_type(target: &Target<'_>) -> bool {
    let (context, head) = (target.context, target.head());
    let end = head.trim_end();
    let union = matches!(context.before, Some('|' | '&' | '<')) && !end.ends_with("||") && !end.ends_with("&&");
    let generic = has_open_generic(head) || matches!(context.before, Some(',')) && context.after == Some('>');
    let alias = context.heads.iter().any(|head| {
        let head = head.trim_start();
        let head = head.strip_prefix("export ").unwrap_or(head);
        head.starts_with("type ") || head.starts_with("interface ") || head.starts_with("declare ")
    });
    // The literal itself, and each bracket around it, may stand behind the colon of a name.
    let annotated = (0..context.heads.len()).any(|depth| {
        let head = context.heads[depth].trim_end();
        let head = if depth == 0 { head } else { head.trim_end_matches(['{', '[', '(']).trim_end() };
        head.ends_with(':') && annotates(head, context.heads.get(depth + 1).map(String::as_str))
    });
    let rest = target.text[target.literal.outer.end..].trim_start();
    let constant = rest.strip_prefix("as ").is_some_and(|rest| rest.trim_start().starts_with("const"));
    let word = matches!(context.word_before(), "as" | "satisfies" | "extends" | "keyof");
    union || generic || alias || annotated || constant || word
}

/// Whether code that ends with a colon gives a name or a function its type, rather than a member its value.
fn annotates(head: &str, around: Option<&str>) -> bool {
    const DECLARES: [&str; 10] =
        ["const", "let", "var", "readonly", "private", "public", "protected", "static", "declare", "export"];
    let head = head.trim_start();
    let chooses = head.replace("?:", ":").replace("?.", ".").replace("??", "").contains('?');
    if chooses || head.starts_with("case ") || head.starts_with("default") {
        return false;
    }
    let assigned = head.replace("=>", "").contains('=');
    let declares = DECLARES.contains(&head.split_whitespace().next().unwrap_or_default());
    let parameter = around.is_some_and(|around| around.ends_with('('));
    let returns = head.trim_end_matches(':').trim_end().ends_with(')');
    // A parameter behind another one's default: `(a = 1, b: `.
    let last = head.rsplit(',').next().unwrap_or_default();
    returns || parameter && !last.contains('=') || !assigned && (declares || around.is_none())
}

/// Whether the parameters of a generic type are not closed: `Map<string, `.
fn has_open_generic(head: &str) -> bool {
    let bytes = head.as_bytes();
    let mut depth = 0usize;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'<' if at > 0 && is_word(bytes[at - 1]) => depth += 1,
            b'>' if at > 0 && bytes[at - 1] != b'=' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    depth > 0
}

/// Whether `name="…"` stands in the tag of a component rather than in code.
fn is_attribute(target: &Target<'_>) -> bool {
    let before = &target.text[..target.literal.outer.start];
    let Some(head) = before.strip_suffix('=') else { return false };
    let low = head.char_indices().rev().nth(600).map_or(0, |(at, _)| at);
    let mut depth = 0usize;
    for (at, c) in head[low..].char_indices().rev() {
        match c {
            '}' => depth += 1,
            '{' if depth == 0 => return false,
            '{' => depth -= 1,
            ';' | '>' if depth == 0 => return false,
            '<' if depth == 0 => {
                let rest = &head[low + at + 1..];
                let before = head[..low + at].chars().next_back();
                return rest.starts_with(|c: char| c.is_ascii_alphabetic())
                    && !before.is_some_and(char::is_alphanumeric);
            }
            _ => {}
        }
    }
    false
}

/// `\1` and its like, which templates do not have.
fn has_octal(text: &str) -> bool {
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'\\' && bytes.next().is_some_and(|next| next.is_ascii_digit()) {
            return true;
        }
    }
    false
}
