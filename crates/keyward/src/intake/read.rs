//! What a file says: `.env` in one of its dialects, or a flat JSON or YAML mapping.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use keyward_client::{Bytes, Failure, Result};
use keyward_dotenv::Dialect;
use saphyr_parser::{Event, Parser};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// The values of a file, in its order; `None` where the file gives a name no value.
#[derive(Debug, Default)]
pub(crate) struct Values {
    /// Name and value.
    pub(crate) entries: Vec<(String, Option<Bytes>)>,
    /// What deserves a look, each in one sentence.
    pub(crate) warnings: Vec<String>,
    /// Lines that the libraries do not read alike, each in one sentence.
    pub(crate) differences: Vec<String>,
}

/// A file with settings is small; one that is not was not meant.
const MAX_SIZE: u64 = 16 << 20;

/// Reads a file by its ending: JSON, YAML, else `.env`.
///
/// # Errors
/// When it cannot be read or understood; no value is in the message.
pub(crate) fn file(path: &Path, dialect: Option<Dialect>, env: keyward_dotenv::Environment<'_>) -> Result<Values> {
    let text = text(path)?;
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match (dialect, ending) {
        (None, "json") => json(&text),
        (None, "yaml" | "yml") => yaml(&text),
        _ => dotenv(&text, dialect.unwrap_or_else(|| default_dialect(path)), env),
    }
}

/// `node` beside a `package.json`, else `python`.
pub(crate) fn default_dialect(path: &Path) -> Dialect {
    let beside = path.parent().map(|folder| folder.join("package.json"));
    if beside.is_some_and(|package| package.is_file()) { Dialect::Node } else { Dialect::Python }
}

fn text(path: &Path) -> Result<Zeroizing<String>> {
    let failed = |error: std::io::Error| Failure::file("read", path, &error);
    let opened = fs::File::open(path).map_err(failed)?;
    if !opened.metadata().map_err(failed)?.is_file() {
        return Err(Failure::usage("it is no plain file"));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    opened.take(MAX_SIZE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err(Failure::usage("it is larger than 16 MiB"));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(error) => Err(Failure::usage(format!("it is not UTF-8 text (byte {})", error.valid_up_to()))
            .hint("save it as UTF-8; a binary secret is stored by `keyward set NAME --file PATH`")),
    }
}

fn dotenv(text: &str, dialect: Dialect, env: keyward_dotenv::Environment<'_>) -> Result<Values> {
    let parsed = keyward_dotenv::parse(text, dialect, env).map_err(|error| {
        let failure = Failure::usage(error.to_string());
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })?;
    let entries = parsed.entries.into_iter().map(|one| (one.name, one.value.map(|v| Bytes::new(v.into_bytes()))));
    Ok(Values {
        entries: entries.collect(),
        warnings: parsed.warnings.iter().map(ToString::to_string).collect(),
        differences: keyward_dotenv::differences(text, env).iter().map(ToString::to_string).collect(),
    })
}

fn json(text: &str) -> Result<Values> {
    let wrong = |error: serde_json::Error| {
        Failure::usage(format!("it is not a JSON object of names and values (line {})", error.line()))
    };
    // Raw, so that `1.50` and numbers beyond a float's precision stay as they are written.
    let object: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).map_err(wrong)?;
    let mut values = Values::default();
    for (name, raw) in object {
        let value = match raw.get().as_bytes().first() {
            Some(b'[' | b'{') => return Err(nested(&name)),
            Some(b'"') => Some(Bytes::new(serde_json::from_str::<String>(raw.get()).map_err(wrong)?.into_bytes())),
            Some(b'n') => None,
            _ => Some(Bytes::new(raw.get().as_bytes().to_vec())),
        };
        values.entries.push((name, value));
    }
    Ok(values)
}

fn yaml(text: &str) -> Result<Values> {
    let mut values = Values::default();
    let (mut name, mut inside) = (None::<String>, false);
    for event in Parser::new_from_str(text) {
        let (event, _) =
            event.map_err(|error| Failure::usage(format!("it is not YAML (line {})", error.marker().line())))?;
        match event {
            Event::MappingStart(..) if !inside => inside = true,
            Event::Scalar(text, style, ..) if inside => match name.take() {
                None => name = Some(text.into_owned()),
                Some(name) => {
                    let plain = style == saphyr_parser::ScalarStyle::Plain;
                    let null = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                    let value = (!null).then(|| Bytes::new(text.into_owned().into_bytes()));
                    values.entries.push((name, value));
                }
            },
            Event::MappingStart(..) | Event::SequenceStart(..) | Event::Alias(..) => {
                return Err(nested(name.as_deref().unwrap_or("the document")));
            }
            Event::Scalar(..) => return Err(Failure::usage("it is not a YAML mapping of names and values")),
            _ => {}
        }
    }
    Ok(values)
}

fn nested(name: &str) -> Failure {
    Failure::usage(format!("`{}` holds a list or a mapping; only names with values can be stored", name.escape_debug()))
}
