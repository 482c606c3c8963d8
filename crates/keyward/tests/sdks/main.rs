//! The official SDKs through the gateway: the real packages of PyPI and npm, with only base URL and key
//! changed, at doubles that answer as the services do.
//!
//! A script in `python/` or `node/` makes every kind of call that its SDK has for the service, and fails
//! where an answer or an error is not what the SDK's own classes promise. Afterwards what keyward counted
//! is what the double told, and the double saw the real key in its own place and no virtual key anywhere.
//! `cargo xtask test tests` installs the packages.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

mod double;
mod doubles;
mod site;

use crate::doubles::{anthropic, cohere, gemini, neon, openai, qdrant, supabase};
use crate::site::{Language, Site};

#[test]
fn openai_packages() {
    let site = Site::new("openai", openai::answer);
    site.run(Language::Python, "use_openai.py");
    site.run(Language::Node, "use_openai.mjs");
    site.compare();
}

#[test]
fn openai_packages_over_web_sockets() {
    let site = Site::at("openai", "double_realtime.py");
    site.run(Language::Python, "use_realtime.py");
    site.run(Language::Node, "use_realtime.mjs");
    site.compare();
}

#[test]
fn anthropic_packages() {
    let site = Site::new("anthropic", anthropic::answer);
    site.run(Language::Python, "use_anthropic.py");
    site.run(Language::Node, "use_anthropic.mjs");
    site.compare();
}

#[test]
fn cohere_packages() {
    let site = Site::new("cohere", cohere::answer);
    site.run(Language::Python, "use_cohere.py");
    site.run(Language::Node, "use_cohere.mjs");
    site.compare();
}

#[test]
fn google_packages() {
    let site = Site::new("gemini", gemini::answer);
    site.run(Language::Python, "use_gemini.py");
    site.run(Language::Node, "use_gemini.mjs");
    site.compare();
}

#[test]
fn qdrant_packages() {
    let site = Site::new("qdrant", qdrant::answer);
    site.run(Language::Python, "use_qdrant.py");
    site.run(Language::Node, "use_qdrant.mjs");
    site.compare();
}

#[test]
fn qdrant_package_over_grpc() {
    let site = Site::at("qdrant", "double_qdrant.py");
    site.run(Language::Python, "use_qdrant_grpc.py");
    site.compare();
}

#[test]
fn supabase_packages() {
    let site = Site::new("supabase", supabase::answer);
    site.run(Language::Python, "use_supabase.py");
    site.run(Language::Node, "use_supabase.mjs");
    site.compare();
}

#[test]
fn neon_packages() {
    let site = Site::new("neon-sql", neon::answer);
    site.run(Language::Node, "use_neon.mjs");
    site.compare();
}
