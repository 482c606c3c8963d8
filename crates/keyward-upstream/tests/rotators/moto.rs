//! AWS as moto has it: it believes nobody whose signature is wrong.

use keyward_testing::moto::Moto;
use keyward_testing::rotators::{Chance, Now};
use keyward_types::{Secret, Verified};
use keyward_upstream::rotators::Iam;
use keyward_upstream::{Ctx, Fault, Hosts, Http, KeyState, LastUsed, Refusal, Rotator};

#[test]
fn an_access_key_is_replaced_by_signed_calls() {
    let moto = Moto::start();
    let secret = |text: String| Secret::new("a pair", text);
    let (admin, current) = (secret(moto.user("admin", "iam%3A*")), secret(moto.user("deploy", "sts%3A*")));
    let hosts = ["iam.amazonaws.com", "sts.amazonaws.com"];
    let hosts = hosts.iter().try_fold(Hosts::default(), |hosts, host| hosts.with(host, &moto.url())).unwrap();
    let rotator = Iam::new(Http::with_hosts(hosts), "deploy");
    let tag = "kw-moto".parse().unwrap();
    let ctx = Ctx { admin: Some(&admin), current: Some(&current), replaces: None, clock: &Now, random: &Chance };

    let seen = rotator.preflight(&ctx).unwrap();
    let old = seen.current.clone().unwrap();
    assert_eq!((seen.slots.unwrap().used, seen.warnings.len()), (1, 0));
    let ctx = Ctx { replaces: Some(&old), ..ctx };
    let new = rotator.mint(&ctx, &tag, None).unwrap();
    let found = |ctx: &Ctx<'_>| rotator.find(ctx, &tag).unwrap();
    assert_eq!(found(&ctx)[0].id, new.id, "it was never used");
    rotator.suspend(&ctx, &new.id).unwrap();
    assert_eq!(found(&ctx)[0].state, KeyState::Suspended);
    rotator.resume(&ctx, &new.id).unwrap();
    assert_eq!(found(&ctx)[0].state, KeyState::Active);
    let full = rotator.mint(&ctx, &tag, None).unwrap_err();
    assert!(matches!(full, Fault::Refused(Refusal::Slots, _)), "{full:?}");

    let verdict = rotator.probe(&ctx, &new.value).unwrap();
    assert_eq!(verdict.verified, Verified::Valid, "{verdict:?}");
    assert!(verdict.identity.unwrap().ends_with(":user/deploy"));
    assert!(found(&ctx).is_empty(), "what is used is no orphan");
    assert!(matches!(rotator.last_used(&ctx, &new.id).unwrap(), LastUsed::At(_, Some(by)) if by == "sts"));

    // With another's secret the signature is wrong, and that is told from a key that is gone.
    let (id, _) = current.expose().split_once(':').unwrap();
    let (_, other) = new.value.expose().split_once(':').unwrap();
    let verdict = rotator.probe(&ctx, &secret(format!("{id}:{other}"))).unwrap();
    assert_eq!((verdict.verified, verdict.why.as_str()), (Verified::Invalid, "SignatureDoesNotMatch"));
    let wrong = Ctx { admin: Some(&current), ..ctx };
    assert!(matches!(rotator.preflight(&wrong), Err(Fault::Refused(Refusal::Permission, _))), "it may not IAM");

    rotator.retire(&ctx, &old).unwrap();
    rotator.retire(&ctx, &old).expect("ending twice is as good as once");
    assert_eq!(rotator.preflight(&ctx).unwrap().slots.unwrap().used, 1);
    let verdict = rotator.probe(&ctx, &current).unwrap();
    assert_eq!((verdict.verified, verdict.why.as_str()), (Verified::Invalid, "InvalidClientTokenId"));
}
