//! A query whose every parameter stands there once.

use crate::problem::{Problem, Result};

/// Names and values, decoded.
pub(crate) struct Query(Vec<(String, String)>);

/// Longest query and most parameters.
const LONGEST: usize = 16 * 1024;
const MOST: usize = 32;

impl Query {
    /// Takes a query apart (application/x-www-form-urlencoded).
    pub(crate) fn parse(text: &str) -> Result<Self> {
        if text.len() > LONGEST {
            return Err(Problem::wrong("the query is too long"));
        }
        let pairs: Vec<&str> = text.split('&').filter(|pair| !pair.is_empty()).collect();
        if pairs.len() > MOST {
            return Err(Problem::wrong("the query has too many parameters"));
        }
        let decoded = pairs.into_iter().map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        });
        let decoded: Option<Vec<_>> = decoded.collect();
        decoded.map(Self).ok_or_else(|| Problem::wrong("the query cannot be read"))
    }

    /// The one parameter of this name.
    pub(crate) fn only(&self, name: &str) -> Result<Option<String>> {
        let mut found = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone());
        match (found.next(), found.next()) {
            (found, None) => Ok(found),
            _ => Err(Problem::wrong(format!("`{name}` stands in the query twice"))),
        }
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = after;
            }
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_stands_there_once_and_is_decoded() {
        let query = Query::parse("a=x+y%2Fz&b=&c=1&c=2&%64=e").unwrap();
        assert_eq!(query.only("a").unwrap().as_deref(), Some("x y/z"));
        assert_eq!(query.only("b").unwrap().as_deref(), Some(""));
        assert_eq!(query.only("d").unwrap().as_deref(), Some("e"));
        assert_eq!(query.only("e").unwrap(), None);
        assert!(query.only("c").is_err());
        for wrong in ["a=%", "a=%2", "a=%zz", "a=%+1", "a=%ff"] {
            assert!(Query::parse(wrong).is_err(), "{wrong}");
        }
    }
}
