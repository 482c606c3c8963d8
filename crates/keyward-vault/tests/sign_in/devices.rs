//! Letting a device in (RFC 8628).

use keyward_access::DeviceLogin;
use keyward_vault::{DeviceAnswer, DeviceGrant};

use super::*;

fn device() -> Visitor<'static> {
    Visitor { address: Some("198.51.100.9".parse().unwrap()), agent: "keyward/1 on build-7" }
}

fn ask(house: &TestVault, grant: &DeviceGrant) -> DeviceAnswer {
    house.clock.advance(DeviceLogin::INTERVAL);
    house.vault.ask_for_device(&grant.device_code, &device()).unwrap()
}

fn begin(house: &TestVault) -> DeviceGrant {
    house.vault.begin_device(&device()).unwrap()
}

#[test]
fn a_device_gets_a_session_in_the_name_of_who_lets_it_in() {
    let house = house();
    let (_, who) = ann(&house);
    let grant = begin(&house);
    assert_eq!((grant.expires_in, grant.interval), (600, 5));
    assert!(matches!(ask(&house, &grant), DeviceAnswer::Pending));
    let typed = grant.user_code.text().expose().to_lowercase().parse().unwrap();
    let shown = house.vault.device(&who, &typed, &here()).unwrap();
    assert_eq!((shown.agent.as_str(), shown.network.as_str()), ("keyward/1 on build-7", "198.51.100.0/24"));
    house.vault.decide_device(&who, &typed, true, &here()).unwrap();
    let DeviceAnswer::Session(token, session) = ask(&house, &grant) else { panic!("it was let in") };
    assert_eq!(session.kind, SessionKind::Device);
    assert_eq!(house.vault.signed_in(&token, &device()).unwrap().principal(), who.principal());
    assert!(matches!(ask(&house, &grant), DeviceAnswer::Expired), "the code serves once");
    assert_in_order(&house);
}

#[test]
fn a_device_that_is_refused_or_late_gets_nothing() {
    let house = house();
    let (_, who) = ann(&house);
    let (refused, late) = (begin(&house), begin(&house));
    house.vault.decide_device(&who, &refused.user_code, false, &here()).unwrap();
    assert!(matches!(ask(&house, &refused), DeviceAnswer::Denied));
    house.vault.decide_device(&who, &late.user_code, true, &here()).unwrap();
    house.clock.advance(DeviceLogin::LASTS);
    assert!(matches!(ask(&house, &late), DeviceAnswer::Expired));
    assert_eq!(sweep(&house).unwrap(), 2);
    assert_in_order(&house);
}

#[test]
fn who_signs_out_before_it_asks_lets_nothing_in() {
    let house = house();
    let (_, who) = ann(&house);
    let grant = begin(&house);
    house.vault.decide_device(&who, &grant.user_code, true, &here()).unwrap();
    house.vault.sign_out(&who, &here()).unwrap();
    assert!(matches!(ask(&house, &grant), DeviceAnswer::Expired));
}

#[test]
fn a_device_of_somebody_who_has_left_gets_nothing() {
    let house = house();
    let (_, who) = ann(&house);
    let grant = begin(&house);
    house.vault.decide_device(&who, &grant.user_code, true, &here()).unwrap();
    house.vault.disable(&house.actor, who.principal()).unwrap();
    assert!(matches!(ask(&house, &grant), DeviceAnswer::Expired));
}

#[test]
fn a_device_that_hurries_is_slowed_down() {
    let house = house();
    let grant = begin(&house);
    assert!(matches!(ask(&house, &grant), DeviceAnswer::Pending));
    assert!(matches!(house.vault.ask_for_device(&grant.device_code, &device()).unwrap(), DeviceAnswer::SlowDown));
    assert!(matches!(ask(&house, &grant), DeviceAnswer::SlowDown), "ten seconds from now on");
}

#[test]
fn guessing_at_codes_is_stopped() {
    let house = house();
    let (_, who) = ann(&house);
    let grant = begin(&house);
    for guess in ["BCDF-GHJK", "CDFG-HJKL", "DFGH-JKLM", "FGHJ-KLMN"] {
        let guessed = house.vault.device(&who, &guess.parse().unwrap(), &here());
        assert!(matches!(guessed, Err(Error::Missing { .. })));
    }
    let refused = house.vault.decide_device(&who, &grant.user_code, true, &here());
    assert!(matches!(refused, Err(Error::TooManyAttempts { .. })));
    assert!(sign_in(&house.vault, "ann", GOOD).is_ok(), "and signing in is another matter");
}

#[test]
fn one_network_cannot_fill_the_waiting_room() {
    let house = house();
    for _ in 0..DeviceLogin::IN_A_NETWORK {
        begin(&house);
    }
    assert!(matches!(house.vault.begin_device(&device()), Err(Error::Busy)));
    assert!(house.vault.begin_device(&here()).is_ok());
    house.clock.advance(DeviceLogin::LASTS);
    assert!(house.vault.begin_device(&device()).is_ok());
}

#[test]
fn a_link_is_no_device_code() {
    let house = house();
    let (link, _) = house.vault.invite(&house.actor, &account(&house, "ann").principal, false).unwrap();
    assert!(matches!(house.vault.ask_for_device(&link, &device()).unwrap(), DeviceAnswer::Expired));
    let grant = begin(&house);
    assert!(house.vault.invited(&grant.device_code).is_err());
}
