//! What is in the vault, and what the test knows of it.

use std::sync::Arc;

use keyward_testing::vault::new_value;
use keyward_testing::{Seed, TestVault, values};
use keyward_types::{Kind, KnownSecret};
use keyward_vault::{Edit, Holder, MatchBundle, NewValue};

/// A vault and what is in it.
pub(crate) struct Stored {
    desk: TestVault,
    /// How many names have a strong value.
    pub(crate) secrets: usize,
    /// All their versions.
    pub(crate) strong: Vec<Value>,
    /// Weak values and configuration.
    pub(crate) others: Vec<Value>,
}

/// A stored value.
pub(crate) struct Value {
    pub(crate) text: String,
    /// `NAME@version`; of what no bundle knows `None`.
    pub(crate) label: Option<String>,
}

const WEAK_BITS: u16 = 30;

impl Stored {
    pub(crate) fn new(secrets: u64, seed: &Seed) -> Self {
        let desk = TestVault::new(seed.number());
        let secrets = usize::try_from(secrets).unwrap();
        let mut seed = seed.part("values", 0);
        let (mut strong, mut others) = (Vec::new(), Vec::new());
        let mut second = Vec::new();
        let mut first: Vec<NewValue> = Vec::new();
        for number in 0..secrets {
            let name = format!("SECRET_{number}");
            let versions = 1 + usize::from(number % 3 == 0);
            for version in 1..=versions {
                let text = values::strong(number, &mut seed);
                (if version == 1 { &mut first } else { &mut second }).push(new_value(&name, &text));
                strong.push(Value { text, label: Some(format!("{name}@{version}")) });
            }
        }
        for number in 0..(secrets / 10).max(2) {
            let text = values::of(values::ALPHANUMERIC, 24, &mut seed);
            let (kind, bits) = if number % 2 == 0 { (Kind::Password, WEAK_BITS) } else { (Kind::Config, 140) };
            let edit = Edit { kind: Some(kind), ..Edit::default() };
            first.push(NewValue { bits, edit, ..new_value(&format!("OTHER_{number}"), &text) });
            others.push(Value { text, label: None });
        }
        for batch in [first, second] {
            desk.vault.write(&desk.actor, &desk.scope, batch).unwrap();
        }
        Self { desk, secrets, strong, others }
    }

    /// What recognises it all, as it comes from the vault, over the wire.
    pub(crate) fn bundle(&self, holder: Holder) -> Arc<MatchBundle> {
        let bundle = self.desk.vault.match_bundle(&self.desk.actor, holder).unwrap();
        assert_eq!(bundle.len(), self.strong.len());
        Arc::new(MatchBundle::from_bytes(&bundle.to_bytes()).unwrap())
    }

    /// How many of the others are secrets.
    pub(crate) fn weak(&self) -> usize {
        self.others.len().div_ceil(2)
    }

    /// How many values the vault itself names rightly.
    pub(crate) fn identified(&self) -> usize {
        let all: Vec<&Value> = self.strong.iter().chain(&self.others).collect();
        let texts: Vec<&[u8]> = all.iter().map(|value| value.text.as_bytes()).collect();
        let known = self.desk.vault.identify(&self.desk.actor, &texts).unwrap();
        let mut right = 0;
        for (value, known) in all.into_iter().zip(known) {
            let label = known.as_ref().map(label);
            assert!(value.label.is_none() || label == value.label, "{label:?} is not {:?}", value.label);
            right += usize::from(label.is_some());
        }
        right
    }
}

pub(crate) fn label(secret: &KnownSecret) -> String {
    assert_eq!((secret.project.to_string().as_str(), secret.environment.to_string().as_str()), ("shop", "development"));
    format!("{}@{}", secret.name, secret.version.get())
}
