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
fn a_sample_has_one_of_its_anchors() {
    for file in files() {
        for detect in file.detect.iter().filter(|detect| !detect.anchors.is_empty()) {
            for (template, seed) in detect.samples.iter().zip(1..) {
                let value = expand(template, detector(&detect.id).checksum, seed);
                assert!(detect.anchors.iter().any(|anchor| value.contains(anchor)), "{}: `{template}`", detect.id);
            }
        }
    }
}

#[test]
fn requests_are_to_https_addresses_of_the_service() {
    for provider in providers() {
        let sent = [provider.send.and_then(|send| send.base_url), provider.inject.and_then(|inject| inject.base_url)];
        let urls = sent.into_iter().chain([provider.verify.map(|verify| verify.request)]);
        for url in urls.flatten() {
            let url = url.split_once(' ').map_or(url, |(_, url)| url);
            let host = url.strip_prefix("https://").unwrap_or_else(|| panic!("{}: `{url}`", provider.id));
            let host = host.split('/').next().unwrap_or_default().split(':').next().unwrap_or_default();
            let known = provider.hosts.iter().any(|own| host == *own || host.ends_with(&format!(".{own}")));
            assert!(known || host.contains('{'), "{}: `{host}` is not among its hosts", provider.id);
        }
        if let Some(verify) = provider.verify {
            assert!(!verify.valid.is_empty() && !verify.invalid.is_empty(), "{}", provider.id);
            let unclear = |status: &u16| *status == 429 || *status >= 500;
            assert!(!verify.invalid.iter().any(unclear), "{}: 429 and 5xx say nothing of a key", provider.id);
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
        let findable = [detector.prefixes, detector.anchors, detector.context].iter().any(|words| !words.is_empty());
        assert!(findable, "{} matches anything", detector.id);
        let pattern_or_prefix = !detector.prefixes.is_empty() || detector.pattern.is_some();
        assert!(detector.anchors.is_empty() || pattern_or_prefix, "{}: an anchor alone is no format", detector.id);
        let long = |words: &[&str]| words.iter().all(|word| word.len() >= 3);
        let elsewhere = !detector.anchors.is_empty() || !detector.context.is_empty();
        assert!(long(detector.prefixes) || elsewhere, "{}: a prefix is too short", detector.id);
        assert!(long(detector.anchors) && long(detector.context), "{}: an anchor is too short", detector.id);
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
