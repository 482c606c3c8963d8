//! The packages whose sources are scanned, and how they were chosen.

/// Where a package comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Registry {
    /// The source package.
    PyPi,
    /// Its wheel, where the source package has to be built before pip gives it out.
    Wheel,
    Npm,
    Crates,
}

/// Why a package is among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Chosen by hand, and the filters were tuned on it.
    Tuned,
    /// Chosen by hand, and set apart when its keys for tests had been seen.
    Keys,
    /// Of the first draw: scanned as it came; what was found was then mended, so that it is tuned on since.
    First,
    /// Of the second draw, made after that.
    Second,
}

/// A package in a fixed version.
pub(super) type Package = (Choice, Registry, &'static str, &'static str);

pub(super) const PACKAGES: [Package; 32] = [
    (Choice::Tuned, Registry::PyPi, "django", "5.2.19"),
    (Choice::Tuned, Registry::PyPi, "numpy", "2.4.6"),
    (Choice::Tuned, Registry::PyPi, "sqlalchemy", "2.1.9"),
    (Choice::Tuned, Registry::PyPi, "ansible-core", "2.19.14"),
    (Choice::Tuned, Registry::PyPi, "sympy", "1.14.0"),
    (Choice::Tuned, Registry::Npm, "react-dom", "19.3.1"),
    (Choice::Tuned, Registry::Npm, "webpack", "5.112.2"),
    (Choice::Tuned, Registry::Npm, "lodash", "4.18.1"),
    (Choice::Tuned, Registry::Npm, "next", "16.4.6"),
    (Choice::Tuned, Registry::Npm, "@angular/core", "21.2.26"),
    (Choice::Keys, Registry::PyPi, "salt", "3008.5"),
    (Choice::Keys, Registry::PyPi, "twisted", "26.10.0"),
    (Choice::First, Registry::PyPi, "rdflib", "7.6.0"),
    (Choice::First, Registry::PyPi, "plotly", "7.1.0"),
    (Choice::First, Registry::Wheel, "scikit-learn", "1.9.1"),
    (Choice::First, Registry::PyPi, "superset", "0.30.1"),
    (Choice::First, Registry::Npm, "devextreme", "26.1.5"),
    (Choice::First, Registry::Npm, "exceljs", "4.4.0"),
    (Choice::First, Registry::Npm, "googleapis", "178.0.0"),
    (Choice::First, Registry::Npm, "@pulumi/azure-native", "3.28.0"),
    (Choice::First, Registry::Crates, "aws-sdk-ec2", "1.274.0"),
    (Choice::First, Registry::Crates, "windows", "0.62.2"),
    (Choice::Second, Registry::Wheel, "onnx", "1.23.2"),
    (Choice::Second, Registry::PyPi, "google-cloud-aiplatform", "2.7.0"),
    (Choice::Second, Registry::Wheel, "wandb", "0.31.0"),
    (Choice::Second, Registry::Wheel, "gensim", "4.4.0"),
    (Choice::Second, Registry::Npm, "phaser", "4.2.1"),
    (Choice::Second, Registry::Npm, "@storybook/core", "8.6.19"),
    (Choice::Second, Registry::Npm, "three", "0.187.0"),
    (Choice::Second, Registry::Npm, "react-native", "0.86.3"),
    (Choice::Second, Registry::Crates, "v8", "152.2.0"),
    (Choice::Second, Registry::Crates, "mozjs_sys", "0.67.1"),
];

impl Choice {
    /// As the tables name it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Tuned => "Chosen by hand, tuned on",
            Self::Keys => "Chosen by hand, with keys for their tests",
            Self::First => "First draw, tuned on since",
            Self::Second => "Second draw, two of its findings mended since",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &str = "20261125";
    const POOL: &str = include_str!("pool.txt");

    /// FNV-1a, and the finisher of MurmurHash3.
    fn chance(text: &str) -> u64 {
        let hash = text
            .bytes()
            .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
        let hash = (hash ^ hash >> 33).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        let hash = (hash ^ hash >> 33).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
        hash ^ hash >> 33
    }

    /// The pool of a registry in the order of the draw.
    fn drawn(registry: &str) -> Vec<&'static str> {
        let section = POOL.split(&format!("[{registry}]\n")).nth(1).expect("the pool has it");
        let names = section.split('[').next().expect("there is a part before a mark");
        let mut names: Vec<&str> = names.split_whitespace().collect();
        names.sort_by_key(|name| chance(&format!("{SEED}/{registry}/{name}")));
        names
    }

    #[test]
    fn both_draws_follow_the_seed() {
        for (registry, kinds) in [
            ("pypi", &[Registry::PyPi, Registry::Wheel][..]),
            ("npm", &[Registry::Npm]),
            ("crates", &[Registry::Crates]),
        ] {
            let order = drawn(registry);
            let of = |choice: Choice| {
                PACKAGES.iter().filter(move |one| one.0 == choice && kinds.contains(&one.1)).map(|one| one.2)
            };
            let places: Vec<usize> = of(Choice::First)
                .chain(of(Choice::Second))
                .map(|name| order.iter().position(|one| *one == name).expect("it is in the pool"))
                .collect();
            assert!(places.is_sorted(), "{registry}: {places:?}");
        }
        for choice in [Choice::Tuned, Choice::First, Choice::Second] {
            assert_eq!(PACKAGES.iter().filter(|one| one.0 == choice).count(), 10);
        }
    }
}
