//! `--verify`: services are asked about the keys that were found, each value once and each at its own.

use std::collections::BTreeSet;

use keyward_client::verifier;
use keyward_providers::provider;
use keyward_scan::Found;
use keyward_types::{Secret, Verified};
use keyward_upstream::Account;

/// Asks, and writes the verdicts into the findings; gives what to tell of it.
pub(super) fn ask(found: &mut [Found]) -> String {
    // Which finding was asked about, and the verdict: values are compared where they lie.
    let mut known: Vec<(&str, usize, Verified)> = Vec::new();
    let mut services = BTreeSet::new();
    for at in 0..found.len() {
        let one = &found[at];
        if one.misuse {
            continue;
        }
        let Some(service) = one.finding.provider.as_deref().and_then(provider).filter(|one| one.verify.is_some())
        else {
            continue;
        };
        let Ok(value) = std::str::from_utf8(&one.value) else { continue };
        let same = |(id, other, _): &&(&str, usize, Verified)| *id == service.id && found[*other].value == one.value;
        let verified = match known.iter().find(same) {
            Some((.., verified)) => *verified,
            None => {
                let value = Secret::new("a found key", value.to_owned());
                let verified = verifier().verify(service, &value, &Account::default()).verified;
                known.push((service.id, at, verified));
                services.insert(service.id);
                verified
            }
        };
        found[at].finding.verified = verified;
    }
    let count = |wanted: &[Verified]| known.iter().filter(|(.., verified)| wanted.contains(verified)).count();
    match known.len() {
        0 => "no found key is of a service that can be asked".to_owned(),
        all => format!(
            "asked {} about {all} found {}: {} alive, {} dead, {} unclear",
            services.into_iter().collect::<Vec<_>>().join(", "),
            if all == 1 { "key" } else { "keys" },
            count(&[Verified::Valid, Verified::ValidInsufficient, Verified::Blocked]),
            count(&[Verified::Invalid]),
            count(&[Verified::RateLimited, Verified::Indeterminate, Verified::NotChecked]),
        ),
    }
}
