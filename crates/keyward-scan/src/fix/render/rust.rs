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
    if context.after_two == "=>" || matches!(context.before, Some('|')) || context.after == Some('|') {
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
