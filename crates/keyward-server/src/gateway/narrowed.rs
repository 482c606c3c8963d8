//! Keys that their holders made narrower: known again by the key that they were made of, and turned into
//! conditions that the data plane judges.

use std::sync::Arc;

use keyward_access::{Caveat, is_narrowed};
use keyward_gateway::{Condition, Glob, Narrowing, Presented, Short};
use keyward_vault::{KeyLookup, LiveKeys};

use super::tables::{call, network};

/// By what a presented text is known; `None` for what is no key, or made of none that serves.
pub(super) fn presented(lookup: &KeyLookup, live: &LiveKeys, text: &str) -> Option<Presented> {
    if !is_narrowed(text) {
        return lookup.hash_of(text).map(Presented::from);
    }
    let (hash, caveats) = lookup.narrowed(live, text)?;
    Some(Presented { hash, narrowing: Some(Arc::new(narrowing(&caveats)?)) })
}

/// `None` where a condition has no form there: what cannot be judged is not met.
fn narrowing(caveats: &[Caveat]) -> Option<Narrowing> {
    let (mut conditions, mut maxima, mut tags) = (Vec::new(), Vec::new(), Vec::new());
    for caveat in caveats {
        conditions.push(match caveat {
            Caveat::Expires(end) => Condition::Until(*end),
            Caveat::Providers(ids) => Condition::Providers(ids.iter().map(|id| id.as_str().into()).collect()),
            Caveat::Allow(rules) => Condition::Calls(rules.iter().map(call).collect()),
            Caveat::Models(models) => {
                Condition::Models(models.iter().map(|model| Glob::name(model.as_str())).collect())
            }
            Caveat::Networks(networks) => {
                Condition::Networks(networks.iter().map(network).collect::<Option<Vec<_>>>()?.into())
            }
            Caveat::Origins(origins) => {
                Condition::Origins(origins.iter().map(|origin| origin.as_str().into()).collect())
            }
            Caveat::MaxField(name, most) => {
                maxima.push((name.as_str().into(), *most));
                continue;
            }
            Caveat::Tag(tag) => {
                tags.push(tag.as_str());
                continue;
            }
        });
    }
    // Who narrows further adds to what it is counted under, and never gets out of it.
    let tag = Short::new(&tags.join("/"));
    Some(Narrowing { conditions: conditions.into(), maxima: maxima.into(), tag })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_caveat_becomes_a_condition() {
        let caveats: Vec<Caveat> = [
            "expires 1764187200",
            "provider openai",
            "allow POST /v1/chat/*",
            "model gpt-4o*",
            "network 192.0.2.0/24 | 2001:db8::/32",
            "origin https://shop.example",
            "max max_tokens=300",
            "tag user-1",
            "tag tab-2",
        ]
        .map(|line| line.parse().expect("it is one"))
        .into();
        let narrowing = narrowing(&caveats).expect("each has a form");
        assert_eq!((narrowing.conditions.len(), narrowing.maxima.len()), (6, 1));
        assert_eq!(narrowing.tag.as_str(), "user-1/tab-2");
    }
}
