//! What a holder may add to a virtual key by himself: one condition a line, in words that say what they
//! mean. Each takes something away; there is none that gives.

use std::fmt;
use std::str::FromStr;

use keyward_types::Timestamp;

use super::{Allow, BrowserOrigin, ModelGlob, RuleError};
use crate::Network;

/// One more condition that a call has to meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caveat {
    /// `expires 1764187200`: before this second since 1970.
    Expires(Timestamp),
    /// `provider openai | cohere`: one of these services.
    Providers(Vec<String>),
    /// `allow POST /v1/chat/* | GET /v1/models`: one of these requests.
    Allow(Vec<Allow>),
    /// `model gpt-4o-mini | gpt-4.1*`: one of these models.
    Models(Vec<ModelGlob>),
    /// `network 192.0.2.0/24`: from one of these networks.
    Networks(Vec<Network>),
    /// `origin https://shop.example`: by one of these pages, and by nothing but a page.
    Origins(Vec<BrowserOrigin>),
    /// `max max_tokens=300`: the most that a number at the top of the body may be.
    MaxField(String, u64),
    /// `tag user-4711`: what its use is counted under. It takes nothing away.
    Tag(String),
}

/// What stands between alternatives.
const OR: &str = " | ";
/// Most alternatives of one caveat, and the longest word.
const MOST: usize = 16;
const LONGEST: usize = 64;
/// Longest tag, in bytes.
const LONGEST_TAG: usize = 32;

impl Caveat {
    /// The word that the line begins with.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Expires(_) => "expires",
            Self::Providers(_) => "provider",
            Self::Allow(_) => "allow",
            Self::Models(_) => "model",
            Self::Networks(_) => "network",
            Self::Origins(_) => "origin",
            Self::MaxField(..) => "max",
            Self::Tag(_) => "tag",
        }
    }
}

impl FromStr for Caveat {
    type Err = RuleError;
    fn from_str(line: &str) -> Result<Self, RuleError> {
        let fail = |why| RuleError::new("caveat", line, why);
        let (word, rest) = line.split_once(' ').ok_or_else(|| fail("write it like `model gpt-4o*`"))?;
        match word {
            "expires" => {
                let plain = rest.len() <= 11 && rest.bytes().all(|byte| byte.is_ascii_digit());
                let seconds = plain.then(|| rest.parse::<i64>().ok()).flatten();
                let seconds = seconds.ok_or_else(|| fail("its end is in seconds since 1970"))?;
                Ok(Self::Expires(Timestamp(seconds * 1000)))
            }
            "provider" => {
                let ids = each(rest, |id| Ok(id.to_owned())).map_err(|_: RuleError| fail("it is ids of services"))?;
                match ids.iter().all(|id| is_word(id, |byte| byte.is_ascii_alphanumeric() || byte == b'-')) {
                    true => Ok(Self::Providers(ids)),
                    false => Err(fail("it is ids of services")),
                }
            }
            "allow" => Ok(Self::Allow(each(rest, |text| text.parse())?)),
            "model" => Ok(Self::Models(each(rest, |text| text.parse())?)),
            "network" => {
                let networks =
                    each(rest, |text| text.parse::<Network>().map_err(|_| fail("write it like 10.0.0.0/8")))?;
                Ok(Self::Networks(networks))
            }
            "origin" => Ok(Self::Origins(each(rest, |text| text.parse())?)),
            "max" => {
                let wrong = || fail("write it like `max max_tokens=300`");
                let (name, most) = rest.split_once('=').ok_or_else(wrong)?;
                let plain = most.len() <= 18 && most.bytes().all(|byte| byte.is_ascii_digit());
                let most = plain.then(|| most.parse().ok()).flatten().ok_or_else(wrong)?;
                match is_word(name, |byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                    true => Ok(Self::MaxField(name.to_owned(), most)),
                    false => Err(wrong()),
                }
            }
            "tag" => {
                let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@' | b':');
                match rest.len() <= LONGEST_TAG && is_word(rest, fits) {
                    true => Ok(Self::Tag(rest.to_owned())),
                    false => Err(fail("a tag has 1 to 32 of A-Z a-z 0-9 . _ - @ :")),
                }
            }
            // Who does not know a condition cannot say that it is met.
            _ => Err(fail("there is no such condition")),
        }
    }
}

impl fmt::Display for Caveat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.word())?;
        match self {
            Self::Expires(end) => write!(f, "{}", end.0.div_euclid(1000)),
            Self::Providers(ids) => f.write_str(&ids.join(OR)),
            Self::Allow(rules) => joined(f, rules),
            Self::Models(models) => joined(f, models),
            Self::Networks(networks) => joined(f, networks),
            Self::Origins(origins) => joined(f, origins),
            Self::MaxField(name, most) => write!(f, "{name}={most}"),
            Self::Tag(tag) => f.write_str(tag),
        }
    }
}

/// Alternatives, at least one.
fn each<T>(text: &str, one: impl Fn(&str) -> Result<T, RuleError>) -> Result<Vec<T>, RuleError> {
    let parts: Vec<&str> = text.split(OR).collect();
    match parts.len() <= MOST {
        true => parts.into_iter().map(one).collect(),
        false => Err(RuleError::new("caveat", "…", "it has at most 16 alternatives")),
    }
}

fn joined<T: fmt::Display>(f: &mut fmt::Formatter<'_>, all: &[T]) -> fmt::Result {
    for (i, one) in all.iter().enumerate() {
        write!(f, "{}{one}", if i == 0 { "" } else { OR })?;
    }
    Ok(())
}

fn is_word(text: &str, fits: impl Fn(u8) -> bool) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caveat_is_written_as_it_was_read() {
        for line in [
            "expires 1764187200",
            "provider openai | cohere",
            "allow POST /v1/chat/* | /v1/models",
            "model gpt-4o-mini | gpt-4.1*",
            "network 192.0.2.0/24 | 2001:db8::/32",
            "origin https://shop.example",
            "max max_tokens=300",
            "tag user-4711@shop",
        ] {
            assert_eq!(line.parse::<Caveat>().map(|caveat| caveat.to_string()).as_deref(), Ok(line));
        }
    }

    #[test]
    fn what_is_no_caveat_is_refused() {
        for line in [
            "",
            "model",
            "model ",
            "model  gpt",
            "model gpt|x y",
            "model a | ",
            "expires tomorrow",
            "expires -1",
            "expires 999999999999999999",
            "uses 3",
            "rpm 5",
            "Model gpt",
            "allow CONNECT /",
            "network everywhere",
            "origin *",
            "max max_tokens",
            "max a.b=1",
            "max x=-1",
            "tag ",
            "tag a b",
            "tag a/b",
            "provider a/b",
        ] {
            assert!(line.parse::<Caveat>().is_err(), "{line}");
        }
        let many = format!("model {}", vec!["a"; 17].join(OR));
        assert!(many.parse::<Caveat>().is_err());
    }
}
