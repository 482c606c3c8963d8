//! Each data file's own samples and negatives, and what must hold across the catalogue.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use common::expand;
use keyward_providers::{Detector, detectors, provider, providers, recognise};

mod common;
#[path = "../src/schema.rs"]
#[allow(dead_code, missing_docs, unreachable_pub)]
mod schema;

/// Seeds for each template: a format that only sometimes matches its own sample is wrong.
const ROUNDS: u64 = 20;

fn files() -> Vec<schema::File> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data");
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder `data` is part of the crate") {
        let path = entry.expect("the folder can be listed").path();
        let text = fs::read_to_string(&path).expect("data files are text");
        files.push(toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
    }
    files
}

fn detector(id: &str) -> &'static Detector {
    detectors().find(|detector| detector.id == id).unwrap_or_else(|| panic!("{id}"))
}

#[test]
fn samples_match_and_negatives_do_not() {
    for file in files() {
        for detect in &file.detect {
            let detector = detector(&detect.id);
            assert!(!detect.samples.is_empty() && !detect.negatives.is_empty(), "{}: nothing to test", detect.id);
            let regex = regex::Regex::new(&format!("^(?:{})$", detector.regex())).unwrap();
            for seed in 1..=ROUNDS {
                for template in &detect.samples {
                    let value = expand(template, detector.checksum, seed);
                    assert!(detector.matches(&value), "{}: `{template}` should match", detect.id);
                    assert!(regex.is_match(&value), "{}: `{template}` should match the regex", detect.id);
                    assert_ne!(detector.checksum_fits(&value), Some(false), "{}: `{template}`", detect.id);
                }
                for template in &detect.negatives {
                    let value = expand(template, detector.checksum, seed);
                    assert!(!detector.matches(&value), "{}: `{template}` should not match", detect.id);
                }
            }
        }
    }
}

#[test]
fn a_sample_is_recognised_as_what_it_is() {
    for file in files() {
        for detect in &file.detect {
            let detector = detector(&detect.id);
            let name = match detect.context.first() {
                Some(word) => format!("{}_API_KEY", word.to_ascii_uppercase()),
                None => String::from("SOMETHING"),
            };
            for (template, seed) in detect.samples.iter().zip(1..) {
                let found = recognise(&name, expand(template, detector.checksum, seed));
                assert_eq!(found.provider, Some(detector.provider), "{}: {found:?}", detect.id);
                assert_eq!(
                    (found.detector, found.kind, found.access),
                    (Some(detector.id), detector.kind, detector.access)
                );
            }
        }
    }
}

#[test]
fn samples_leave_no_key_in_the_tree() {
    for file in files() {
        for detect in &file.detect {
            for template in detect.samples.iter().chain(&detect.negatives) {
                assert!(!detector(&detect.id).matches(template), "{}: `{template}` is a key itself", detect.id);
            }
        }
    }
}

#[test]
fn ids_variables_and_schemes_are_unique() {
    let mut ids = BTreeSet::new();
    let mut env = BTreeSet::new();
    let mut schemes = BTreeSet::new();
    for provider in providers() {
        for (variable, _) in provider.env {
            assert!(env.insert(*variable), "`{variable}` belongs to two services");
            assert!(variable.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'), "{variable}");
        }
        assert!(provider.schemes.iter().all(|scheme| schemes.insert(*scheme)));
        assert!(provider.homepage.starts_with("https://"), "{}", provider.id);
    }
    for detector in detectors() {
        assert!(ids.insert(detector.id), "{}", detector.id);
        assert!(detector.min_len <= detector.max_len && detector.min_len >= 8, "{}", detector.id);
        assert!(!detector.prefixes.is_empty() || !detector.context.is_empty(), "{} matches anything", detector.id);
        assert!(detector.context.iter().all(|word| *word == word.to_ascii_lowercase()), "{}", detector.id);
    }
}

#[test]
fn every_service_of_the_guide_is_there() {
    for id in ["openai", "cohere", "gemini", "qdrant", "neon", "postgresql", "better-auth", "supabase"] {
        assert_eq!(provider(id).map(|provider| provider.id), Some(id));
    }
    assert!(providers().len() >= 30);
    assert!(provider("nothing").is_none());
}

#[test]
fn a_misspelt_field_is_refused() {
    let good = "id = \"x\"\nname = \"X\"\nhomepage = \"https://x\"\nrotation = \"A\"\n";
    assert!(toml::from_str::<schema::File>(good).is_ok());
    assert!(toml::from_str::<schema::File>(&format!("{good}consle = \"y\"\n")).is_err());
    assert!(toml::from_str::<schema::File>(&good.replace("\"A\"", "\"Z\"")).is_err());
}
