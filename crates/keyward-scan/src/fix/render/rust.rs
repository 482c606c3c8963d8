//! Rust.

use super::{CONSTANT, Context, PART, Part, Refusal, Rendered, Target};

pub(super) fn render(target: &Target<'_>) -> Rendered {
    let (context, literal) = (target.context, target.literal);
    let unlit: Vec<String> =
        context.heads.iter().map(|head| head.replace("'static", "").replace("*const", "")).collect();
    let word = |head: &str, list: &[&str]| {
        head.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| list.contains(&word))
    };
    let constant = unlit.iter().any(|head| word(head, &["const", "static"]) && !word(head, &["fn", "impl", "trait"]));
    if constant {
        return Err(Refusal::new(CONSTANT, "read it in a function, or in a `LazyLock`"));
    }
    let in_macro = context.heads[1..].iter().any(|head| {
        let head = head.trim_end_matches(['(', '[', '{']);
        head.trim_end().ends_with('!') && !["vec!", "json!"].iter().any(|known| head.trim_end().ends_with(known))
    });
    let attribute = context.heads[1..].iter().any(|head| head.ends_with("#[") || head.ends_with("#!["));
    if in_macro || attribute {
        return Err(Refusal::new(
            "a macro or attribute may need a literal here",
            "read the value into a variable before it",
        ));
    }
    if is_pattern(target) {
        return Err(Refusal::new("a pattern cannot be read from the environment", "compare with `==` instead"));
    }
    if literal.prefix.starts_with(['b', 'c']) || context.head_is("extern") {
        return Err(Refusal::new("bytes cannot be read from the environment", "use the bytes of a string"));
    }
    let read = |name: &str| format!("std::env::var(\"{name}\").expect(\"{name} is set\")");
    let code = match target.whole() {
        Some(name) => read(name),
        None => {
            let braces = |text: &str| text.replace('{', "{{").replace('}', "}}");
            // `\u{…}` keeps its braces.
            if literal.prefix.is_empty() && target.join(str::to_owned, |_| String::new()).contains("\\u{") {
                return Err(Refusal::new(PART, "split the text by hand"));
            }
            let hashes = literal.prefix.trim_start_matches('r');
            let body = target.join(braces, |_| "{}".to_owned());
            let names = target.parts.iter().filter_map(|part| match part {
                Part::Name(name) => Some(read(name)),
                Part::Text(_) => None,
            });
            let names: Vec<String> = names.collect();
            format!("format!({}\"{body}\"{hashes}, {})", literal.prefix, names.join(", "))
        }
    };
    // A literal is a `&str`; what a method is called on may be a `String`.
    Ok(if context.after == Some('.') || context.after == Some('?') { code } else { format!("&{code}") })
}

impl Context {
    fn head_is(&self, word: &str) -> bool {
        self.heads[0].trim_start().starts_with(word)
    }
}

/// Whether a literal is in the pattern of a `match` or `if let`: what follows it, or a bracket
/// around it, tells.
fn is_pattern(target: &Target<'_>) -> bool {
    const REACH: usize = 300;
    let context = target.context;
    if context.before == Some('|') || context.after == Some('|') || context.word_before() == "let" {
        return true;
    }
    let rest = &target.text[target.literal.outer.end..];
    let is_arm = |rest: &str| {
        let rest = rest.trim_start();
        rest.starts_with("=>") || rest.starts_with("if ") || rest.starts_with('|') && !rest.starts_with("||")
    };
    let is_let = |rest: &str| rest.trim_start().starts_with("= ");
    if is_arm(rest) {
        return true;
    }
    let mut depth = 0usize;
    for (at, c) in rest.char_indices().take(REACH) {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth > 0 => depth -= 1,
            ')' | ']' | '}' if is_arm(&rest[at + 1..]) || is_let(&rest[at + 1..]) => return true,
            ';' if depth == 0 => return false,
            _ => {}
        }
    }
    false
}
