//! AWS KMS as moto has it, behind a relay that makes troubles.

use std::time::Duration;

use keyward_testing::doubles::{Double, Relay, Trouble};
use keyward_testing::moto::Moto;
use keyward_testing::rotators::Now;
use keyward_upstream::{AccessKey, Fault, Hosts, Http, Kms, Refusal};

const REGION: &str = "eu-central-1";

fn context(vault: &str) -> [(&'static str, String); 2] {
    [("keyward-vault", vault.to_owned()), ("keyward-slot", "a slot".to_owned())]
}

fn key(pair: &str) -> AccessKey {
    AccessKey::read(pair).unwrap().0
}

fn way(url: &str) -> Http {
    Http::with_hosts(Hosts::default().with("kms.eu-central-1.amazonaws.com", url).unwrap())
}

#[test]
fn what_a_key_wraps_only_it_unwraps_and_only_with_its_context() {
    let moto = Moto::start();
    let admin = moto.user("admin", "kms%3A*");
    let (ours, other) = (moto.kms_key(&admin, REGION), moto.kms_key(&admin, REGION));
    let relay = Double::start(Relay::to(&moto.url()));
    let of = |pair: &str| Kms::new(way(&relay.url()), &Now, key(pair), REGION).unwrap();
    let kms = of(&admin);
    let (_, id) = ours.rsplit_once('/').unwrap();
    let wrapped = kms.encrypt(id, &context("ours"), b"thirty-two bytes or any other").unwrap();
    assert_eq!(wrapped.key, ours, "the key is known by its ARN from now on");
    let plain = b"thirty-two bytes or any other".to_vec();
    let open = |key: &str, vault: &str| kms.decrypt(key, &context(vault), &wrapped.bytes);
    assert_eq!(*open(&ours, "ours").unwrap(), plain);
    // AWS answers `IncorrectKeyException` to another key, moto that it may not be used for this.
    let refused = open(&other, "ours").unwrap_err();
    assert!(matches!(refused, Fault::Refused(Refusal::Input | Refusal::Permission, _)), "{refused:?}");
    let refused = open(&ours, "another").unwrap_err();
    assert!(matches!(refused, Fault::Refused(Refusal::Input, _)), "{refused:?}");
    let altered = kms.decrypt(&ours, &context("ours"), &[wrapped.bytes.as_slice(), b"x"].concat()).unwrap_err();
    assert!(matches!(altered, Fault::Refused(Refusal::Input, _)), "{altered:?}");
    let missing = kms.encrypt("1234abcd-12ab-34cd-56ef-1234567890ab", &context("ours"), b"x").err().unwrap();
    assert!(matches!(missing, Fault::Refused(Refusal::Missing, _)), "{missing:?}");
    let stranger = of(&moto.user("stranger", "sts%3A*")).decrypt(&ours, &context("ours"), &wrapped.bytes).unwrap_err();
    assert!(matches!(stranger, Fault::Refused(Refusal::Permission, _)), "{stranger:?}");
    let (name, _) = admin.split_once(':').unwrap();
    let forged =
        of(&format!("{name}:nobody-has-this-one-0000")).decrypt(&ours, &context("ours"), &wrapped.bytes).unwrap_err();
    // moto answers 403 to both.
    assert!(matches!(forged, Fault::Refused(Refusal::Admin | Refusal::Permission, _)), "{forged:?}");
    // What moto does not have.
    for (code, what) in [
        ("DisabledException", Refusal::Busy),
        ("KMSInvalidStateException", Refusal::Busy),
        ("IncorrectKeyException", Refusal::Input),
        ("InvalidSignatureException", Refusal::Admin),
        ("AccessDeniedException", Refusal::Permission),
    ] {
        relay.service().refuse("Decrypt", "CiphertextBlob", code);
        let refused = open(&ours, "ours").unwrap_err();
        assert!(matches!(&refused, Fault::Refused(of, why) if *of == what && why.contains(code)), "{refused:?}");
        relay.service().allow();
    }
    for code in ["KMSInternalException", "ThrottlingException"] {
        relay.service().refuse("Decrypt", "CiphertextBlob", code);
        assert!(open(&ours, "ours").unwrap_err().is_passing(), "{code}");
        relay.service().allow();
    }
    assert_eq!(*open(&ours, "ours").unwrap(), plain);
}

#[test]
fn what_breaks_on_the_way_is_told_and_repeats_nothing() {
    let moto = Moto::start();
    let admin = moto.user("admin", "kms%3A*");
    let ours = moto.kms_key(&admin, REGION);
    let relay = Double::start(Relay::to(&moto.url()));
    let http = way(&relay.url()).within(Duration::from_secs(3));
    let kms = Kms::new(http, &Now, key(&admin), REGION).unwrap();
    let wrapped = kms.encrypt(&ours, &context("ours"), b"a private half").unwrap();
    let troubles = [
        Trouble::NeverArrives,
        Trouble::LostAnswer,
        Trouble::Slow(Duration::from_secs(4)),
        Trouble::Limited(3),
        Trouble::Fails(503),
        Trouble::Nonsense,
        Trouble::Redirects,
    ];
    for trouble in troubles {
        relay.trouble("CiphertextBlob", trouble);
        let fault = kms.decrypt(&ours, &context("ours"), &wrapped.bytes).unwrap_err();
        assert!(!matches!(fault, Fault::Refused(..)), "{trouble:?}: {fault:?}");
        assert!(!fault.to_string().contains("welcome"), "{fault}");
        relay.trouble("Plaintext", trouble);
        let fault = kms.encrypt(&ours, &context("ours"), b"a private half").err().unwrap();
        assert!(!matches!(fault, Fault::Refused(..)), "{trouble:?}: {fault:?}");
    }
    assert_eq!(*kms.decrypt(&ours, &context("ours"), &wrapped.bytes).unwrap(), b"a private half");
    let nobody = Kms::new(way("http://127.0.0.1:9"), &Now, key(&admin), REGION).unwrap();
    let down = nobody.decrypt(&ours, &context("ours"), &wrapped.bytes).unwrap_err();
    assert!(matches!(down, Fault::Unreachable(_)), "{down:?}");
    assert!(Kms::new(Http::new(), &Now, key(&admin), "evil.example").is_err(), "a region is no host");
}
