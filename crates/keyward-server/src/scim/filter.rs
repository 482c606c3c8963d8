//! Filters (RFC 7644, 3.4.2.2): read once, and asked of resources as they are shown.

use serde_json::Value;

use crate::scim::fault::{Fault, Result};
use crate::scim::path;

/// What a resource, or an element of an attribute, has to be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    /// The attribute is there and not empty.
    Present(Vec<String>),
    Compare(Vec<String>, Operator, Value),
    /// An element of the attribute is so.
    Element(Vec<String>, Box<Filter>),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// How deep parentheses may go, and how long a filter may be.
const DEEPEST: usize = 16;
const LONGEST: usize = 4096;

/// Reads a filter.
///
/// # Errors
/// `invalidFilter` for what is none.
pub(super) fn parse(text: &str) -> Result<Filter> {
    let mut reader = Reader { rest: text.trim(), depth: 0 };
    let filter = (text.len() <= LONGEST).then(|| reader.any()).flatten();
    let filter = filter.filter(|_| reader.rest.trim().is_empty());
    filter.ok_or_else(|| Fault::wrong("invalidFilter", "the filter cannot be read"))
}

impl Filter {
    /// Whether a resource or an element is so.
    pub(super) fn holds(&self, of: &Value) -> bool {
        match self {
            Self::And(a, b) => a.holds(of) && b.holds(of),
            Self::Or(a, b) => a.holds(of) || b.holds(of),
            Self::Not(a) => !a.holds(of),
            Self::Present(names) => values(of, names).into_iter().any(is_something),
            Self::Compare(names, Operator::NotEqual, with) => {
                !Self::Compare(names.clone(), Operator::Equal, with.clone()).holds(of)
            }
            Self::Compare(names, operator, with) => {
                let exact = names.last().is_some_and(|name| is_exact(name));
                let found = values(of, names);
                // An attribute that is not there equals null.
                (found.is_empty() && with.is_null() && *operator == Operator::Equal)
                    || found.into_iter().any(|value| compare(value, *operator, with, exact))
            }
            Self::Element(names, filter) => values(of, names).into_iter().any(|element| filter.holds(element)),
        }
    }

    /// What an element would have to be for this to hold, where that is plain: `type eq "work"`.
    pub(super) fn wanted(&self) -> Option<(&str, &Value)> {
        match self {
            Self::Compare(names, Operator::Equal, value) => match names.as_slice() {
                [name] => Some((name, value)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The value of an attribute, whatever the spelling of its name.
pub(super) fn attribute<'a>(of: &'a Value, name: &str) -> Option<&'a Value> {
    let map = of.as_object()?;
    map.get(name).or_else(|| map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// Every value that a path leads to: of a list each element, of an element that is asked about as a
/// whole its `value`.
fn values<'a>(of: &'a Value, names: &[String]) -> Vec<&'a Value> {
    let mut found = vec![of];
    for name in names {
        found = found.into_iter().filter_map(|value| attribute(value, name)).flat_map(elements).collect();
    }
    found
}

fn elements(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(elements) => elements.iter().collect(),
        other => vec![other],
    }
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => !elements.is_empty(),
        Value::Object(map) => !map.is_empty(),
        _ => true,
    }
}

/// RFC 7643: these are compared as they are written, everything else without regard to case.
fn is_exact(name: &str) -> bool {
    ["id", "externalId", "value", "$ref"].iter().any(|exact| name.eq_ignore_ascii_case(exact))
}

fn compare(value: &Value, operator: Operator, with: &Value, exact: bool) -> bool {
    let value = match value {
        Value::Object(_) => attribute(value, "value").unwrap_or(&Value::Null),
        other => other,
    };
    match (value, with) {
        (Value::String(a), Value::String(b)) if exact => by_text(a, operator, b),
        (Value::String(a), Value::String(b)) => by_text(&a.to_lowercase(), operator, &b.to_lowercase()),
        // Providers write booleans as words, too.
        (Value::Bool(a), Value::String(b)) => operator == Operator::Equal && b.eq_ignore_ascii_case(&a.to_string()),
        (Value::Number(a), Value::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => by_order(a.partial_cmp(&b), operator),
            _ => false,
        },
        (a, b) => operator == Operator::Equal && a == b,
    }
}

fn by_text(a: &str, operator: Operator, b: &str) -> bool {
    match operator {
        Operator::Contains => a.contains(b),
        Operator::StartsWith => a.starts_with(b),
        Operator::EndsWith => a.ends_with(b),
        other => by_order(Some(a.cmp(b)), other),
    }
}

fn by_order(order: Option<std::cmp::Ordering>, operator: Operator) -> bool {
    let Some(order) = order else { return false };
    match operator {
        Operator::Equal => order.is_eq(),
        Operator::Greater => order.is_gt(),
        Operator::GreaterOrEqual => order.is_ge(),
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::NotEqual | Operator::Contains | Operator::StartsWith | Operator::EndsWith => false,
    }
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn any(&mut self) -> Option<Filter> {
        let mut filter = self.all()?;
        while self.word("or") {
            filter = Filter::Or(Box::new(filter), Box::new(self.all()?));
        }
        Some(filter)
    }

    fn all(&mut self) -> Option<Filter> {
        let mut filter = self.one()?;
        while self.word("and") {
            filter = Filter::And(Box::new(filter), Box::new(self.one()?));
        }
        Some(filter)
    }

    fn one(&mut self) -> Option<Filter> {
        if self.word("not") {
            return Some(Filter::Not(Box::new(self.within('(', ')')?)));
        }
        if self.rest.trim_start().starts_with('(') {
            return self.within('(', ')');
        }
        let names = path::names(self.token()?)?;
        if self.rest.starts_with('[') {
            let mut element = self.within('[', ']')?;
            // Not of the grammar, and sent all the same: `emails[type eq "work"].value eq "…"`.
            if let Some(rest) = self.rest.strip_prefix('.') {
                self.rest = rest;
                let sub = path::names(self.token()?)?;
                element = Filter::And(Box::new(element), Box::new(self.condition(sub)?));
            }
            return Some(Filter::Element(names, Box::new(element)));
        }
        self.condition(names)
    }

    /// What is asked of an attribute.
    fn condition(&mut self, names: Vec<String>) -> Option<Filter> {
        let operator = self.token()?.to_ascii_lowercase();
        let operator = match operator.as_str() {
            "pr" => return Some(Filter::Present(names)),
            "eq" => Operator::Equal,
            "ne" => Operator::NotEqual,
            "co" => Operator::Contains,
            "sw" => Operator::StartsWith,
            "ew" => Operator::EndsWith,
            "gt" => Operator::Greater,
            "ge" => Operator::GreaterOrEqual,
            "lt" => Operator::Less,
            "le" => Operator::LessOrEqual,
            _ => return None,
        };
        Some(Filter::Compare(names, operator, self.value()?))
    }

    fn within(&mut self, open: char, close: char) -> Option<Filter> {
        self.rest = self.rest.trim_start().strip_prefix(open)?;
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let filter = self.any()?;
        self.rest = self.rest.trim_start().strip_prefix(close)?;
        self.depth -= 1;
        Some(filter)
    }

    /// Takes this word, if it is the next one.
    fn word(&mut self, word: &str) -> bool {
        let rest = self.rest.trim_start();
        let Some((head, tail)) = rest.split_at_checked(word.len()) else { return false };
        let ends = tail.is_empty() || tail.starts_with([' ', '(']);
        let is_it = head.eq_ignore_ascii_case(word) && ends;
        if is_it {
            self.rest = tail;
        }
        is_it
    }

    fn token(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        let end = rest.find([' ', '[', ']', '(', ')']).unwrap_or(rest.len());
        let (token, rest) = rest.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    fn value(&mut self) -> Option<Value> {
        let rest = self.rest.trim_start();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let value = values.next()?.ok().filter(|value| !value.is_object() && !value.is_array())?;
        let end = values.byte_offset();
        self.rest = &rest[end..];
        Some(value)
    }
}

#[cfg(test)]
mod tests;
