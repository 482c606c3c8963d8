//! Jupyter notebooks: the text of their cells as people see it (nbformat 4, and 3's `worksheets`).

use serde_json::Value;

/// Larger ones are looked at as the JSON that they are: a parsed one takes several times its size.
const LARGEST: usize = 64 << 20;

/// Visits each cell, sources and outputs together, and then what else the notebook says. `false`: it is none.
pub(super) fn cells(path: &str, bytes: &[u8], visit: &mut dyn FnMut(&str, &[u8])) -> bool {
    if bytes.len() > LARGEST {
        return false;
    }
    let Ok(Value::Object(mut notebook)) = serde_json::from_slice::<Value>(bytes) else { return false };
    let mut cells = take_list(notebook.get_mut("cells"));
    for sheet in notebook.get_mut("worksheets").and_then(Value::as_array_mut).into_iter().flatten() {
        cells.append(&mut take_list(sheet.get_mut("cells")));
    }
    if !notebook.contains_key("cells") && !notebook.contains_key("worksheets") {
        return false;
    }
    for (index, mut cell) in cells.into_iter().enumerate() {
        let mut text = String::new();
        for part in ["source", "input"] {
            join(cell.get_mut(part).map(Value::take), &mut text);
        }
        for output in take_list(cell.get_mut("outputs")) {
            join(Some(without_media(output)), &mut text);
        }
        join(Some(without_media(cell)), &mut text);
        visit(&format!("{path}!cell {}", index + 1), text.as_bytes());
    }
    let mut rest = String::new();
    join(Some(Value::Object(notebook)), &mut rest);
    visit(&format!("{path}!metadata"), rest.as_bytes());
    true
}

fn take_list(value: Option<&mut Value>) -> Vec<Value> {
    match value.map(Value::take) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}

/// Appends the text in a value: a list of strings is one text, and fields go by their names.
fn join(value: Option<Value>, text: &mut String) {
    match value {
        Some(Value::String(one)) => push(&one, text),
        Some(Value::Array(list)) if list.iter().all(Value::is_string) => {
            let whole: String = list.iter().filter_map(Value::as_str).collect();
            push(&whole, text);
        }
        Some(Value::Array(list)) => list.into_iter().for_each(|one| join(Some(one), text)),
        Some(Value::Object(fields)) => {
            for (name, value) in fields {
                match value {
                    Value::String(one) if !one.contains('\n') => push(&format!("{name}: {one}"), text),
                    other => join(Some(other), text),
                }
            }
        }
        _ => {}
    }
}

fn push(one: &str, text: &mut String) {
    text.push_str(one);
    if !one.is_empty() && !one.ends_with('\n') {
        text.push('\n');
    }
}

/// Drops pictures, sound and films, which are no text.
fn without_media(mut value: Value) -> Value {
    for part in ["data", "attachments"] {
        let Some(Value::Object(data)) = value.get_mut(part) else { continue };
        let is_media = |kind: &str| {
            ["image/", "audio/", "video/", "application/pdf"].iter().any(|media| kind.starts_with(media))
                && kind != "image/svg+xml"
        };
        data.retain(|kind, _| !is_media(kind));
        for value in data.values_mut() {
            if let Value::Object(kinds) = value {
                kinds.retain(|kind, _| !is_media(kind));
            }
        }
    }
    value
}
