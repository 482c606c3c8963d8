//! A target that counts only once its service has seen the new key used, and the old one's silence after it:
//! at the service and at the gateway.

use keyward_client::{
    Desk, KeyRulesInfo, KeySecretInfo, NewTargetInfo, NewVirtualKeyInfo, RotationInfo, TargetProof, TargetSettings,
};
use keyward_testing::doubles::{ApiKeys, OpenAi};
use keyward_vault::{UsageCall, UsageCounts};

use super::shop::{Shop, at, becomes, by, doubles, name, version};

/// The shop's target, which needs to be seen in use.
fn needs_use(shop: &Shop) {
    shop.desk.remove_target(at(), name(), "web".parse().unwrap()).unwrap();
    let path = shop.folder().join(".env");
    let target = NewTargetInfo {
        name: "web".parse().unwrap(),
        secrets: vec![name()],
        settings: TargetSettings::EnvFile { path, variable: "KEY".into(), restart: None },
        credential: None,
        proof: Some(TargetProof::InUse),
        required: true,
    };
    shop.desk.add_target(at(), target).unwrap();
}

fn target(rotation: &RotationInfo) -> (&str, Option<&str>) {
    let [target] = &rotation.targets[..] else { panic!("{rotation:#?}") };
    (target.state.as_str(), target.fault.as_deref())
}

#[test]
fn the_new_key_counts_once_it_is_used_and_the_old_one_ends_once_it_is_not() {
    let (doubles, _turn) = doubles();
    let (service, admin, old) = OpenAi::new();
    becomes(&doubles.openai, service);
    let shop = Shop::new("openai", &old, Some(&admin));
    needs_use(&shop);
    let secret = KeySecretInfo { secret: Some(name()), provider: None, upstream: None };
    let new = NewVirtualKeyInfo {
        name: "night-job".parse().unwrap(),
        account: None,
        secrets: vec![secret],
        rules: KeyRulesInfo::default(),
        expires_at: None,
    };
    let key = shop.desk.create_virtual_key(at(), new).unwrap().virtual_key.id;

    // The file has it, and nobody has used it: it is not the active version.
    let begun = shop.rotate(by(&[("project", "proj_1"), ("service_account", "svc_acct_1")], true));
    let new = shop.file();
    assert_ne!(new, old);
    let is_active = || shop.desk.show(at(), name()).unwrap().secret.version.unwrap();
    let waits = shop.minutes(3);
    assert_eq!((target(&begun).0, target(&waits).0, is_active()), ("sent", "sent", version(1)), "{waits:#?}");
    assert!(target(&waits).1.unwrap().contains("not seen in use yet"), "{waits:#?}");

    // That keyward has tried it itself is no use of it; that the application works with it is one.
    let seconds = || shop.now().0 / 1000;
    doubles.openai.service().work_at(&new, seconds());
    assert_eq!((target(&shop.minutes(10)).0, is_active()), ("sent", version(1)));
    doubles.openai.service().work_at(&new, seconds());
    let confirmed = shop.minutes(10);
    assert_eq!((confirmed.state.as_str(), is_active()), ("observing", version(2)), "{confirmed:#?}");

    // Somebody works with the old one still, at the service and at the gateway: it lives, and he is named.
    let mut batch = 0;
    let mut call = |n: u64| {
        batch += 1;
        let call = UsageCall {
            at: shop.now(),
            key: &key,
            secret: shop.place().secret,
            version: version(n),
            provider: "openai",
            model: "",
            tag: "",
            endpoint: "POST /v1/responses",
            counts: UsageCounts { requests: 1, ..UsageCounts::default() },
        };
        shop.vault().record_usage(("here", batch), &[call], &[]).unwrap();
    };
    shop.hours(2);
    for _ in 0..30 {
        doubles.openai.service().work(&old);
        let held = shop.hours(1);
        assert_eq!(held.state, "observing");
        assert!(held.holders.iter().any(|who| who.contains("at the provider")), "{held:#?}");
    }
    for _ in 0..30 {
        call(1);
        let held = shop.hours(1);
        assert_eq!(held.state, "observing");
        assert!(held.holders.iter().any(|who| who.contains("night-job")), "{held:#?}");
    }
    assert!(doubles.openai.service().is_alive(&old));

    // Both work with the new one: that is no use of the old one.
    let mut ended = shop.shown();
    for _ in 0..60 {
        call(2);
        doubles.openai.service().work(&new);
        ended = shop.hours(1);
    }
    assert_eq!(ended.state, "done", "{ended:#?}");
    let service = doubles.openai.service();
    assert!(!service.is_alive(&old) && service.is_alive(&new));
}

#[test]
fn where_the_service_does_not_tell_a_person_is_asked_and_nothing_is_lost() {
    let (doubles, _turn) = doubles();
    let (service, admin, old) = ApiKeys::with_service_account();
    becomes(&doubles.google, service);
    let shop = Shop::new("gemini", &old, Some(&admin));
    needs_use(&shop);
    shop.rotate(by(&[("project", "shop-1")], true));
    let waits = shop.hours(2);
    assert_eq!(waits.state, "needs-a-person", "{waits:#?}");
    let why = format!("{:?} {:?}", waits.why, target(&waits).1);
    assert!(why.contains("does not tell when a key was used"), "{why}");
    let (file, service) = (shop.file(), doubles.google.service());
    assert!(service.is_alive(&old) && service.is_alive(&file));
}
