//! The table of tables: names, roots, and the columns out of the statement that made each.

use super::record::{Encoding, Value};

/// A table.
pub(super) struct Table {
    pub(super) name: String,
    pub(super) root: u32,
    columns: Vec<String>,
}

/// Columns of settings that hold names, and those that hold what is named.
const NAMES: [&str; 6] = ["key", "name", "setting", "option", "property", "option_name"];
const VALUES: [&str; 6] = ["value", "val", "content", "data", "setting_value", "option_value"];

impl Table {
    /// Reads a row of `sqlite_schema`, whose values are type, name, table, root page and statement.
    pub(super) fn parse(values: &[Value<'_>], encoding: Encoding) -> Option<Self> {
        let text = |index: usize| match values.get(index) {
            Some(Value::Text(text)) => Some(String::from_utf8_lossy(&encoding.utf8(text)).into_owned()),
            _ => None,
        };
        let Some(Value::Number(root)) = values.get(3) else { return None };
        let root = u32::try_from(*root).ok().filter(|root| *root > 0)?;
        (text(0)? == "table").then(|| Self {
            name: text(1).unwrap_or_default(),
            root,
            columns: text(4).map(|sql| columns(&sql)).unwrap_or_default(),
        })
    }

    /// One of which nothing is known.
    pub(super) fn unknown() -> Self {
        Self { name: String::new(), root: 1, columns: Vec::new() }
    }

    /// A column's name.
    pub(super) fn column(&self, index: usize) -> &str {
        self.columns.get(index).map_or("column", String::as_str)
    }

    /// Of a table of settings: the column that names what is in this one.
    pub(super) fn setting(&self, index: usize) -> Option<usize> {
        let is = |list: &[&str], column: &String| list.iter().any(|name| column.eq_ignore_ascii_case(name));
        let value = self.columns.get(index).is_some_and(|column| is(&VALUES, column));
        value.then(|| self.columns.iter().position(|column| is(&NAMES, column))).flatten()
    }
}

/// The names of columns in a `CREATE TABLE` statement.
fn columns(sql: &str) -> Vec<String> {
    let Some(open) = sql.find('(') else { return Vec::new() };
    let (mut depth, mut quote, mut start) = (0u32, None, open + 1);
    let mut found = Vec::new();
    for (at, character) in sql[open + 1..].char_indices().map(|(at, character)| (at + open + 1, character)) {
        match (quote, character) {
            (Some(end), _) if character == end => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(character),
            (None, '[') => quote = Some(']'),
            (None, '(') => depth += 1,
            (None, ',') | (None, ')') if depth == 0 => {
                found.extend(column(&sql[start..at]));
                start = at + 1;
                if character == ')' {
                    break;
                }
            }
            (None, ')') => depth -= 1,
            _ => {}
        }
    }
    found
}

fn column(definition: &str) -> Option<String> {
    const CONSTRAINTS: [&str; 5] = ["primary", "unique", "check", "foreign", "constraint"];
    let definition = definition.trim();
    let name = match definition.chars().next()? {
        mark @ ('"' | '`' | '\'') => definition[1..].split(mark).next()?,
        '[' => definition[1..].split(']').next()?,
        _ => {
            let name = definition.split(|c: char| c.is_whitespace() || c == '(').next()?;
            if CONSTRAINTS.iter().any(|word| name.eq_ignore_ascii_case(word)) {
                return None;
            }
            name
        }
    };
    Some(name.replace(char::is_control, " "))
}
