//! Is this JSON in canonical form (RFC 8785)? By writing it anew and comparing.

use serde_json::{Number, Value};

/// The value, when the bytes are its canonical form: integers up to 2^53 − 1 only, at most 16
/// levels deep.
pub fn canonical(bytes: &[u8]) -> Option<Value> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let mut text = String::with_capacity(bytes.len());
    write(&value, 16, &mut text)?;
    (text.as_bytes() == bytes).then_some(value)
}

fn write(value: &Value, depth: u8, out: &mut String) -> Option<()> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => out.push_str(&integer(number)?),
        Value::String(text) => quote(text, out),
        Value::Array(items) => {
            let depth = depth.checked_sub(1)?;
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { "," });
                write(item, depth, out)?;
            }
            out.push(']');
        }
        Value::Object(members) => {
            let depth = depth.checked_sub(1)?;
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_cached_key(|(name, _)| name.encode_utf16().collect::<Vec<_>>());
            out.push('{');
            for (n, (name, member)) in members.into_iter().enumerate() {
                out.push_str(if n == 0 { "" } else { "," });
                quote(name, out);
                out.push(':');
                write(member, depth, out)?;
            }
            out.push('}');
        }
    }
    Some(())
}

fn integer(number: &Number) -> Option<String> {
    let number = number.as_i64()?;
    (number.unsigned_abs() < 1 << 53).then(|| number.to_string())
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_is_canonical() {
        for good in ["null", "-1", "9007199254740991", r#"{"a":[1,"\n\u0001é"],"b":{}}"#, "[]"] {
            assert!(canonical(good.as_bytes()).is_some(), "{good}");
        }
        for bad in
            ["1.0", "-0", "9007199254740992", "{\"b\":1,\"a\":1}", "[1, 2]", "{\"a\":1,\"a\":1}", "\"\\u00e9\"", ""]
        {
            assert!(canonical(bad.as_bytes()).is_none(), "{bad}");
        }
        assert!(canonical("{\"\u{1f600}\":1,\"\u{fb33}\":2}".as_bytes()).is_some());
        assert!(canonical("{\"\u{fb33}\":2,\"\u{1f600}\":1}".as_bytes()).is_none());
        assert!(canonical(format!("{}{}", "[".repeat(16), "]".repeat(16)).as_bytes()).is_some());
        assert!(canonical(format!("{}{}", "[".repeat(17), "]".repeat(17)).as_bytes()).is_none());
    }
}
