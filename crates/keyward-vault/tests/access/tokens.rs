use keyward_access::Role;
use keyward_audit::{Action, Outcome};
use keyward_types::Timestamp;
use keyward_types::token::PlainToken;
use keyward_vault::{Error, NewToken};

use crate::kit::{Team, is_denied, is_refused, login, scopes};

fn dead(result: Result<keyward_vault::Actor, Error>) -> bool {
    matches!(result, Err(Error::NotIdentified))
}

#[test]
fn a_token_has_its_owners_rights_and_no_more_than_its_scope() {
    let team = Team::new(21);
    let ada = team.member("ada", Role::Developer, "shop");
    let new = NewToken { scopes: scopes(&["read:shop/development/db/*"]), ..NewToken::default() };
    let token = team.token(&team.acting(&ada), new).unwrap();
    let holder = team.with_token(&token).unwrap();
    assert!(team.read(&holder, "development", "db/main/password").is_ok());
    assert!(is_denied(team.read(&holder, "development", "DB_URL")));
    assert!(is_denied(team.read(&holder, "production", "db/main/password")));
    assert_eq!(team.names(&holder, "development").unwrap(), ["db/main/password"], "a list shows no more");
    assert!(is_denied(team.desk.vault.delete(
        &holder,
        &team.scope("development"),
        &"db/main/password".parse().unwrap()
    )));
}

#[test]
fn a_scope_wider_than_the_owner_gives_nothing() {
    let team = Team::new(22);
    let ada = team.member("ada", Role::Developer, "shop");
    let new = NewToken { scopes: scopes(&["*:*"]), ..NewToken::default() };
    let token = team.token(&team.acting(&ada), new).unwrap();
    let holder = team.with_token(&token).unwrap();
    assert!(team.read(&holder, "development", "DB_URL").is_ok());
    assert!(is_denied(team.read(&holder, "production", "DB_URL")));
    assert!(is_denied(team.desk.vault.add_user(&holder, &login("mallory"), "")));
}

#[test]
fn a_token_follows_its_owner_down() {
    let team = Team::new(23);
    let ada = team.member("ada", Role::Developer, "shop");
    let token = team.token(&team.acting(&ada), NewToken::default()).unwrap();
    assert!(team.read(&team.with_token(&token).unwrap(), "development", "DB_URL").is_ok());
    let bindings = team.desk.vault.role_bindings(&team.acting(&ada)).unwrap();
    let id = bindings.iter().find(|one| one.role == Role::Developer).unwrap().id;
    team.desk.vault.revoke_role(team.owner(), id).unwrap();
    assert!(is_denied(team.read(&team.with_token(&token).unwrap(), "development", "DB_URL")));
}

#[test]
fn a_read_only_token_changes_nothing() {
    let team = Team::new(24);
    let ada = team.member("ada", Role::Admin, "");
    let token = team.token(&team.acting(&ada), NewToken { read_only: true, ..NewToken::default() }).unwrap();
    let holder = team.with_token(&token).unwrap();
    let name = "DB_URL".parse().unwrap();
    assert!(team.read(&holder, "development", "DB_URL").is_ok());
    assert!(is_denied(team.desk.vault.delete(&holder, &team.scope("development"), &name)));
    assert!(is_denied(team.desk.vault.add_user(&holder, &login("mallory"), "")));
    assert!(is_denied(team.token(&holder, NewToken::default())), "nor does it make tokens");
}

#[test]
fn a_token_dies_on_the_second_and_when_it_is_revoked_and_tells_nobody_why() {
    let team = Team::new(25);
    let vault = &team.desk.vault;
    let ada = team.member("ada", Role::Developer, "shop");
    let end = Timestamp(keyward_types::Clock::now(&*team.desk.clock).0 + 60_000);
    let short = team.token(&team.acting(&ada), NewToken { expires_at: Some(end), ..NewToken::default() }).unwrap();
    let revoked = team.token(&team.acting(&ada), NewToken::default()).unwrap();
    assert!(team.with_token(&short).is_ok() && team.with_token(&revoked).is_ok());
    vault.revoke_token(&team.acting(&ada), revoked.id()).unwrap();
    team.desk.clock.advance(59_999);
    assert!(team.with_token(&short).is_ok());
    team.desk.clock.advance(1);
    let before = vault.log_size().unwrap();
    let messages: Vec<String> = [team.with_token(&short), team.with_token(&revoked), team.with_token(&foreign())]
        .into_iter()
        .map(|result| result.unwrap_err().to_string())
        .collect();
    assert!(messages.iter().all(|message| *message == messages[0]), "{messages:?}");
    let lines = vault.log(before, 10).unwrap();
    let told: Vec<(Action, Outcome, String)> = lines
        .iter()
        .map(|line| {
            let why = line.private.as_ref().unwrap().more["why"].clone();
            (line.entry.action, line.entry.outcome, why)
        })
        .collect();
    let denied = |why: &str| (Action::TokenUse, Outcome::Denied, why.to_owned());
    assert_eq!(told, [denied("expired"), denied("revoked")], "who is unknown fills no log");
}

/// A token that no vault of these tests made.
fn foreign() -> PlainToken {
    PlainToken::generate(keyward_types::token::TokenKind::Personal, &keyward_testing::vault::SystemRandom).unwrap()
}

#[test]
fn a_known_id_with_another_secret_is_nobody() {
    let team = Team::new(26);
    let ada = team.member("ada", Role::Developer, "shop");
    let token = team.token(&team.acting(&ada), NewToken::default()).unwrap();
    let other = foreign();
    // The other one's secret behind this one's id, with a checksum that fits.
    let body = format!("kwp_{}{}", token.id(), &other.root()[16..]);
    let forged: PlainToken = format!("{body}{}", checksum(&body)).parse().unwrap();
    assert_eq!(forged.id(), token.id());
    assert!(dead(team.with_token(&forged)));
    // Caveats would narrow it; whoever ignored them would widen it. Virtual keys alone take them.
    let body = format!("{}.abc.def", token.root());
    assert!(format!("{body}{}", checksum(&body)).parse::<PlainToken>().is_err());
    assert!(team.with_token(&token).is_ok());
}

/// Six base62 digits of the CRC-32, as `keyward-types` writes them.
fn checksum(body: &str) -> String {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut crc = u32::MAX;
    for byte in body.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    let mut value = !crc;
    let mut digits = vec![b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(value % 62) as usize];
        value /= 62;
    }
    String::from_utf8(digits).unwrap()
}

#[test]
fn a_limited_token_is_used_so_often_and_not_once_more_even_at_the_same_time() {
    let team = Team::new(27);
    let ada = team.member("ada", Role::Developer, "shop");
    let token = team.token(&team.acting(&ada), NewToken { uses: Some(10), ..NewToken::default() }).unwrap();
    let served = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for _ in 0..5 {
                    if team.with_token(&token).is_ok() {
                        served.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(served.into_inner(), 10);
    assert!(dead(team.with_token(&token)));
}

#[test]
fn the_use_of_an_unlimited_token_is_written_down_once_by_many_at_the_same_time() {
    let team = Team::new(28);
    let ada = team.member("ada", Role::Developer, "shop");
    let token = team.token(&team.acting(&ada), NewToken::default()).unwrap();
    let vault = &team.desk.vault;
    let before = vault.log_size().unwrap();
    let together = std::sync::Barrier::new(8);
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                together.wait();
                assert!(team.with_token(&token).is_ok(), "who writes nothing down is served too");
            });
        }
    });
    let uses: Vec<Action> = vault.log(before, 100).unwrap().iter().map(|line| line.entry.action).collect();
    assert_eq!(uses, [Action::TokenUse]);
    assert!(vault.caller_at_once(&token, None).unwrap().is_some(), "nothing is to be written for the rest of the hour");
}

#[test]
fn a_token_of_a_network_serves_there_alone() {
    let team = Team::new(28);
    let ada = team.member("ada", Role::Developer, "shop");
    let networks = vec!["192.0.2.0/24".parse().unwrap()];
    let token = team.token(&team.acting(&ada), NewToken { networks, ..NewToken::default() }).unwrap();
    let from = |address: &str| team.desk.vault.caller_of_token(&token, Some(address.parse().unwrap()));
    assert!(from("192.0.2.9").is_ok());
    assert!(matches!(from("198.51.100.1"), Err(Error::NotIdentified)));
    assert!(dead(team.with_token(&token)), "an unknown address is in no network");
}

#[test]
fn no_token_lives_for_ever() {
    let team = Team::new(34);
    let vault = &team.desk.vault;
    let ada = team.member("ada", Role::Developer, "shop");
    let now = keyward_types::Clock::now(&*team.desk.clock).0;
    let made = |expires_at| vault.create_token(&team.acting(&ada), NewToken { expires_at, ..NewToken::default() });
    let (_, unsaid) = made(None).unwrap();
    assert_eq!(unsaid.expires_at, Some(Timestamp(now + 3_600_000)));
    let day = 24 * 3_600_000;
    assert!(matches!(made(Some(Timestamp(now + 367 * day))), Err(Error::TooLong)));
    assert!(matches!(made(Some(Timestamp(i64::MAX))), Err(Error::TooLong)));
    let (_, longest) = made(Some(Timestamp(now + 366 * day))).unwrap();
    assert_eq!(longest.expires_at, Some(Timestamp(now + 366 * day)));
}

#[test]
fn a_token_made_with_a_token_is_within_it_and_dies_with_it() {
    let team = Team::new(29);
    let ada = team.member("ada", Role::Admin, "");
    let end = Timestamp(keyward_types::Clock::now(&*team.desk.clock).0 + 60_000);
    let wide = NewToken {
        scopes: scopes(&["read,administer:*"]),
        networks: vec!["10.0.0.0/8".parse().unwrap()],
        expires_at: Some(end),
        ..NewToken::default()
    };
    let parent = team.token(&team.acting(&ada), wide.clone()).unwrap();
    let caller = team.desk.vault.caller_of_token(&parent, Some("10.0.0.1".parse().unwrap())).unwrap();
    let holder = keyward_vault::Actor::new(caller, "test");
    let within = NewToken { scopes: scopes(&["read:shop/*"]), ..wide.clone() };
    let wider = [
        NewToken { scopes: vec![], ..within.clone() },
        NewToken { scopes: scopes(&["read,write:shop/*"]), ..within.clone() },
        NewToken { networks: vec![], ..within.clone() },
        NewToken { networks: vec!["0.0.0.0/0".parse().unwrap()], ..within.clone() },
        NewToken { expires_at: Some(Timestamp(end.0 + 1)), ..within.clone() },
    ];
    for (i, new) in wider.into_iter().enumerate() {
        assert!(is_refused(team.token(&holder, new)), "{i}");
    }
    // Where nothing is said, it ends with its maker.
    let unsaid = NewToken { expires_at: None, ..within.clone() };
    let (_, record) = team.desk.vault.create_token(&holder, unsaid).unwrap();
    assert_eq!(record.expires_at, Some(end));
    let child = team.token(&holder, within).unwrap();
    let home = Some("10.0.0.2".parse().unwrap());
    assert!(team.desk.vault.caller_of_token(&child, home).is_ok());
    team.desk.vault.revoke_token(&team.acting(&ada), parent.id()).unwrap();
    assert!(matches!(team.desk.vault.caller_of_token(&child, home), Err(Error::NotIdentified)));
}

#[test]
fn nobody_makes_a_token_for_another_person_or_for_a_program_above_him() {
    let team = Team::new(30);
    let (ada, bob) = (team.member("ada", Role::Developer, "shop"), team.member("bob", Role::Admin, ""));
    let bot = team.service("bot", &ada);
    let of =
        |account: &keyward_access::Identity| NewToken { owner: Some(account.principal.clone()), ..Default::default() };
    assert!(is_denied(team.token(&team.acting(&ada), of(&bob))));
    assert!(is_refused(team.token(&team.acting(&bob), of(&ada))), "an admin is no second Ada");
    assert!(team.token(&team.acting(&ada), of(&bot)).is_ok(), "it is hers, and may nothing yet");
    team.grant(&bot, Role::Ci, "shop/production");
    assert!(is_refused(team.token(&team.acting(&ada), of(&bot))), "it may read production, and she may not");
    let token = team.token(&team.acting(&bob), of(&bot)).unwrap();
    team.desk.vault.disable(team.owner(), &bob.principal).unwrap();
    assert!(team.with_token(&token).is_ok(), "a program's token outlives its maker");
    assert!(token.expose().starts_with("kws_"));
}

#[test]
fn a_token_is_revoked_by_its_owner_an_admin_or_itself_and_by_nobody_else() {
    let team = Team::new(31);
    let vault = &team.desk.vault;
    let (ada, eve) = (team.member("ada", Role::Developer, "shop"), team.member("eve", Role::Developer, "shop"));
    let admin = team.member("admin", Role::Admin, "");
    let new = || NewToken { scopes: scopes(&["read:shop/*"]), ..NewToken::default() };
    let token = team.token(&team.acting(&ada), new()).unwrap();
    assert!(matches!(vault.revoke_token(&team.acting(&eve), token.id()), Err(Error::Missing { .. })));
    assert!(vault.tokens(&team.acting(&eve)).unwrap().is_empty());
    assert!(team.with_token(&token).is_ok());
    let holder = team.with_token(&token).unwrap();
    vault.revoke_token(&holder, token.id()).unwrap();
    assert!(dead(team.with_token(&token)));
    let token = team.token(&team.acting(&ada), new()).unwrap();
    vault.revoke_token(&team.acting(&admin), token.id()).unwrap();
    assert!(dead(team.with_token(&token)));
}

#[test]
fn a_scope_stays_with_what_it_named_and_does_not_follow_the_name() {
    let team = Team::new(32);
    let vault = &team.desk.vault;
    let ada = team.member("ada", Role::Admin, "");
    let new = NewToken { scopes: scopes(&["read:shop/*"]), ..NewToken::default() };
    let token = team.token(&team.acting(&ada), new).unwrap();
    vault.rename_project(team.owner(), &"shop".parse().unwrap(), &"store".parse().unwrap()).unwrap();
    vault.create_project(team.owner(), &"shop".parse().unwrap(), &["development".parse().unwrap()]).unwrap();
    let holder = team.with_token(&token).unwrap();
    assert!(is_denied(team.names(&holder, "development")), "a new project of the old name");
    let store = vault.scope(&"store".parse().unwrap(), &"development".parse().unwrap()).unwrap();
    assert_eq!(vault.heads(&holder, &store).unwrap().len(), 2);
}

#[test]
fn the_store_keeps_no_token() {
    let team = Team::new(33);
    let ada = team.member("ada", Role::Developer, "shop");
    let token = team.token(&team.acting(&ada), NewToken::default()).unwrap();
    let bytes = std::fs::read(team.desk.database()).unwrap();
    let secret = &token.expose().as_bytes()[16..46];
    assert!(
        bytes.windows(12).any(|window| window == token.id().as_bytes())
            || wal(&team).windows(12).any(|window| window == token.id().as_bytes())
    );
    assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    assert!(!wal(&team).windows(secret.len()).any(|window| window == secret));
}

fn wal(team: &Team) -> Vec<u8> {
    let mut path = team.desk.database().as_os_str().to_owned();
    path.push("-wal");
    std::fs::read(path).unwrap_or_default()
}
