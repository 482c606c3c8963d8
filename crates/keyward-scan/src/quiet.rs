//! What is wrong with a file that cannot be read as what it was named for, without a word of it: somebody may have
//! named `.env` where a baseline belongs.

/// Where a TOML text is wrong, and what was expected.
pub(crate) fn toml(text: &str, error: &toml::de::Error) -> String {
    let place = error.span().map(|span| {
        let before = text.get(..span.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let key = text.lines().nth(line - 1).and_then(key).map(|key| format!("`{key}`: ")).unwrap_or_default();
        format!("line {line}, column {column}: {key}")
    });
    format!("{}{}", place.unwrap_or_default(), without_values(error.message()))
}

/// The key of a line, if it is spelt as ours are.
fn key(line: &str) -> Option<&str> {
    let key = line.split_once('=')?.0.trim();
    let ours = key.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_' | b'.'));
    (ours && !key.is_empty() && key.len() <= 24).then_some(key)
}

/// Where a JSON text is wrong, and in which way.
pub(crate) fn json(error: &serde_json::Error) -> String {
    let problem = match error.classify() {
        serde_json::error::Category::Syntax => "this is no JSON",
        serde_json::error::Category::Data => "what stands here is of another type than in such a report",
        serde_json::error::Category::Eof => "the text ends too early",
        serde_json::error::Category::Io => "it cannot be read",
    };
    format!("line {}, column {}: {problem}", error.line(), error.column())
}

/// A message of serde names what it found: `invalid type: string "…", expected a map`.
fn without_values(message: &str) -> String {
    let message = message.trim_end().replace('\n', "; ");
    let quoted = |quote: char| message.find(quote).zip(message.rfind(quote)).filter(|(first, last)| first < last);
    match quoted('"') {
        Some((first, last)) => format!("{}…{}", &message[..first], &message[last + 1..]),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_placed_and_nothing_is_quoted() {
        let value = ["q7Gk2LmZ", "p0Xw9RtY"].concat();
        for text in [
            format!("DB_PASSWORD={value}\n"),
            format!("# a\npaths = \"{value}\"\n"),
            format!("# a\nallow = [\"{value}\n"),
            format!("# a\n{value}\n"),
            format!("{value} = {value}\n"),
        ] {
            let Err(error) = toml::from_str::<crate::silence::Config>(&text) else { panic!("{text}") };
            let said = toml(&text, &error);
            assert!(said.contains("line ") && !said.contains(&value[..6]), "{said}");
        }
        let text = format!("[\n{{\"a\": \"{value}\"}}]");
        let error = serde_json::from_str::<Vec<u32>>(&text).expect_err("no numbers");
        assert_eq!(json(&error), "line 2, column 0: what stands here is of another type than in such a report");
    }
}
