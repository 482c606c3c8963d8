use keyward_types::{SecretId, VaultId};
use proptest::prelude::*;

use super::*;

fn key() -> VirtualKey {
    let (project, environment) = (ProjectId::from_bytes([2; 16]), EnvironmentId::from_bytes([3; 16]));
    let place =
        Place { vault: VaultId::from_bytes([1; 16]), project, environment, secret: SecretId::from_bytes([4; 16]) };
    VirtualKey {
        id: "0123456789ab".into(),
        name: "chat".parse().unwrap(),
        hash: TokenHash::NOBODYS,
        attenuation: None,
        previous: Some(PreviousHash { hash: TokenHash::NOBODYS, attenuation: None, until: Timestamp(2_000) }),
        owner: "service:a".parse().unwrap(),
        project,
        environment,
        routes: vec![KeyRoute { provider: "openai".into(), place, upstream: None }],
        rules: KeyRules::default(),
        expires_at: Some(Timestamp(5_000)),
        revoked_at: None,
        parent: None,
        subject: None,
        made_with: None,
        created_by: "user:a".parse().unwrap(),
        created_at: Timestamp(0),
    }
}

#[test]
fn a_key_and_its_old_text_die_on_the_millisecond() {
    assert_eq!((key().state(Timestamp(4_999)), key().state(Timestamp(5_000))), (KeyState::Live, KeyState::Expired));
    let revoked = VirtualKey { revoked_at: Some(Timestamp(1)), ..key() };
    assert_eq!(revoked.state(Timestamp(9_000)), KeyState::Revoked);
    assert!(key().previous(Timestamp(1_999)).is_some() && key().previous(Timestamp(2_000)).is_none());
}

#[test]
fn a_name_is_free_again_once_its_key_is_revoked_and_children_have_none() {
    let has_name = |key: &VirtualKey| key.indexes().iter().any(|(index, _)| *index == "name");
    assert!(has_name(&key()));
    assert!(!has_name(&VirtualKey { revoked_at: Some(Timestamp(1)), ..key() }));
    assert!(!has_name(&VirtualKey { parent: Some("x".into()), ..key() }));
}

#[test]
fn a_key_has_each_service_once() {
    let route = key().routes.remove(0);
    assert_eq!(KeyRoute::check(std::slice::from_ref(&route)), Ok(()));
    assert!(KeyRoute::check(&[]).is_err());
    assert!(KeyRoute::check(&[route.clone(), route.clone()]).is_err());
    for odd in ["", "OpenAI", "a/b", "..", &"a".repeat(65)] {
        assert!(KeyRoute::check(&[KeyRoute { provider: odd.into(), ..route.clone() }]).is_err(), "{odd}");
    }
}

#[test]
fn a_record_reads_itself_back() {
    let text = serde_json::to_string(&key()).unwrap();
    assert_eq!(serde_json::from_str::<VirtualKey>(&text).unwrap(), key());
}

/// What one text says is said by one text.
fn written<T>(text: &str)
where
    T: std::str::FromStr<Err = RuleError> + fmt::Display,
{
    if let Ok(rule) = text.parse::<T>() {
        assert_eq!(rule.to_string(), text);
    }
}

proptest! {
    #[test]
    fn a_rule_is_written_as_it_was_read(
        text in "\\PC{0,40}",
        rule in "(POST |GET |PUT)?(/[a-z*.%]{0,4}){0,4}",
        url in "https?://[a-z0-9.:\\[\\]@-]{0,16}(/[a-z.*]{0,3}){0,2}",
    ) {
        for text in [&text, &rule, &url] {
            written::<Allow>(text);
            written::<PathGlob>(text);
            written::<ModelGlob>(text);
            written::<BrowserOrigin>(text);
            written::<UpstreamUrl>(text);
        }
    }

    #[test]
    fn a_budget_means_what_it_is_written_as(text in "[0-9]{1,12}(\\.[0-9]{1,7})?(usd|tokens|requests|eur)/(day|month|total|week)") {
        if let Ok(budget) = text.parse::<Budget>() {
            prop_assert!(budget.amount > 0);
            prop_assert_eq!(budget.to_string().parse::<Budget>(), Ok(budget));
        }
    }
}
