//! Asking a provider that answers what it is told to: how often it is asked, and by how many.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyward_access::oidc::Expected;
use keyward_oidc::{Fault, Issuer, Pace, Providers};
use keyward_testing::oidc::{Provider, Reply, Signer};
use keyward_types::Timestamp;
use serde_json::json;

const DOCUMENT: &str = "/.well-known/openid-configuration";
const NOW: i64 = 1_795_000_000;

fn issuer(provider: &Provider) -> Issuer {
    Issuer::new(&provider.issuer(), None, true).unwrap()
}

fn token(provider: &Provider, key: &Signer) -> String {
    key.sign(&json!({ "iss": provider.issuer(), "sub": "a", "aud": "us", "iat": NOW, "exp": NOW + 60 }))
}

fn verified(providers: &Providers, provider: &Provider, token: &str) -> Result<String, Fault> {
    let at = provider.issuer();
    let expected = Expected { issuer: &at, audience: "us", nonce: None, access_token: None };
    let claims = providers.verified(&issuer(provider), token, &expected, Timestamp(NOW * 1000))?;
    Ok(claims.subject().to_owned())
}

#[test]
fn what_a_provider_said_is_kept_for_its_time() {
    let key = Signer::es256("first");
    let provider = Provider::start(&[&key]);
    let pace = Pace { lasts: Duration::from_millis(300), ..Pace::default() };
    let providers = Providers::at(pace);
    for _ in 0..3 {
        assert_eq!(verified(&providers, &provider, &token(&provider, &key)), Ok("a".into()));
    }
    assert_eq!((provider.asked(DOCUMENT).len(), provider.asked("/keys").len()), (1, 1));
    std::thread::sleep(Duration::from_millis(350));
    // A key that was taken back is dead once the time is over.
    provider.publish(&[]);
    assert!(matches!(verified(&providers, &provider, &token(&provider, &key)), Err(Fault::Token(_))));
}

#[test]
fn keys_are_fetched_anew_at_most_at_their_pace_whoever_asks() {
    let key = Signer::es256("first");
    let provider = Provider::start(&[&key]);
    let pace = Pace { renew_after: Duration::from_millis(400), ..Pace::default() };
    let providers = Arc::new(Providers::at(pace));
    verified(&providers, &provider, &token(&provider, &key)).unwrap();
    let flood = || {
        std::thread::scope(|scope| {
            for n in 0..8 {
                let (providers, provider) = (&providers, &provider);
                scope.spawn(move || {
                    let unknown = Signer::es256(&format!("unknown {n}"));
                    assert!(verified(providers, provider, &token(provider, &unknown)).is_err());
                });
            }
        });
    };
    flood();
    assert_eq!(provider.asked("/keys").len(), 2, "the first time at once, and once for all");
    flood();
    assert_eq!(provider.asked("/keys").len(), 2);
    std::thread::sleep(Duration::from_millis(450));
    flood();
    assert_eq!(provider.asked("/keys").len(), 3);
    assert_eq!(verified(&providers, &provider, &token(&provider, &key)), Ok("a".into()), "nobody else is held up");
}

#[test]
fn a_slow_provider_holds_few_up_and_a_failed_one_is_left_alone() {
    let key = Signer::es256("first");
    let provider = Provider::start(&[&key]);
    provider.reply(DOCUMENT, Reply::Silence(Duration::from_secs(30)));
    let (providers, began) = (Providers::default(), Instant::now());
    let quick = std::thread::scope(|scope| {
        let (providers, provider) = (&providers, &provider);
        let asked: Vec<_> = (0..40)
            .map(|_| {
                scope.spawn(move || {
                    let began = Instant::now();
                    assert!(matches!(providers.known(&issuer(provider)), Err(Fault::Unreachable(_))));
                    began.elapsed() < Duration::from_secs(4)
                })
            })
            .collect();
        asked.into_iter().map(|one| one.join().unwrap()).filter(|quick| *quick).count()
    });
    assert!(quick >= 40 - 16, "{quick} were sent away at once");
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    assert_eq!(provider.asked(DOCUMENT).len(), 1, "one asked for all");
}
