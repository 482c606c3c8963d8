//! Authenticators: in force by their first code, each code once.

use keyward_access::credential::{RecoveryCode, TotpCode, TotpSecret};
use keyward_types::Timestamp;
use keyward_vault::Proof;

use super::*;

/// The app of a person, from the secret that was shown.
struct App(Secret<String>);

impl App {
    fn code(&self, house: &TestVault) -> TotpCode {
        use keyward_types::Clock;
        self.code_at(house.clock.now())
    }

    fn code_at(&self, now: Timestamp) -> TotpCode {
        TotpSecret::parse(self.0.expose()).unwrap().code_at(now)
    }
}

fn enrolled(house: &TestVault) -> (App, SignedIn, Vec<RecoveryCode>) {
    let (_, who) = ann(house);
    let password = secret(GOOD);
    let proof = Proof { password: &password, second: None };
    let enrolment = house.vault.begin_totp(&who, &proof, &here()).unwrap();
    assert!(sign_in(&house.vault, "ann", GOOD).is_ok(), "not in force before its first code");
    let app = App(enrolment.secret);
    let codes = house.vault.confirm_totp(&who, app.code(house), &here()).unwrap();
    house.clock.advance(30 * SECOND);
    (app, who, codes)
}

fn with_code(house: &TestVault, code: &str) -> Result<(PlainToken, Session), Error> {
    sign_in_with(&house.vault, "ann", GOOD, Some(code), here())
}

#[test]
fn with_an_authenticator_its_code_is_asked_for() {
    let house = house();
    let (app, ..) = enrolled(&house);
    assert!(matches!(sign_in(&house.vault, "ann", GOOD), Err(Error::SecondFactor)));
    assert!(matches!(sign_in(&house.vault, "ann", "wrong"), Err(Error::NotIdentified)));
    let (_, session) = with_code(&house, app.code(&house).text().expose()).unwrap();
    assert!(session.second_factor);
    assert_in_order(&house);
}

#[test]
fn taking_one_on_ends_the_other_sessions_and_raises_this_one() {
    let house = house();
    let (other, _) = sign_in(&house.vault, "ann", GOOD).unwrap();
    let (_, who, _) = enrolled(&house);
    assert!(matches!(house.vault.signed_in(&other, &here()), Err(Error::NotIdentified)));
    let sessions = house.vault.sessions(&house.actor, who.principal()).unwrap();
    assert_eq!(
        sessions.iter().map(|one| (&one.id, one.second_factor)).collect::<Vec<_>>(),
        [(&who.session().id, true)]
    );
}

#[test]
fn lesson_mfa_codes_reused_with_spaces() {
    let house = house();
    let (app, ..) = enrolled(&house);
    let code = app.code(&house).text().expose().clone();
    assert!(with_code(&house, &code).is_ok());
    assert!(matches!(with_code(&house, &code), Err(Error::NotIdentified)), "used twice");
    for spelled in
        [format!(" {code}"), format!("{code} "), format!("{} {}", &code[..3], &code[3..]), format!("0{code}")]
    {
        assert!(spelled.parse::<SecondFactor>().is_err(), "`{spelled}` is no code at all");
    }
}

#[test]
fn a_used_code_stays_used_in_the_next_process_and_after_the_clock_jumps_back() {
    let house = house();
    let (app, ..) = enrolled(&house);
    let code = app.code(&house).text().expose().clone();
    assert!(with_code(&house, &code).is_ok());
    house.clock.advance(-20 * SECOND);
    assert!(matches!(with_code(&house, &code), Err(Error::NotIdentified)));
    let (vault, _folder) = reopened(house);
    let again = sign_in_with(&vault, "ann", GOOD, Some(&code), here());
    assert!(matches!(again, Err(Error::NotIdentified)));
}

#[test]
fn one_code_lets_one_in_of_many_who_use_it_at_once() {
    let house = house();
    let (app, ..) = enrolled(&house);
    let code = app.code(&house).text().expose().clone();
    let let_in = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..4).map(|_| scope.spawn(|| with_code(&house, &code).is_ok())).collect();
        tries.into_iter().map(|one| one.join().unwrap()).filter(|in_| *in_).count()
    });
    assert_eq!(let_in, 1);
}

#[test]
fn wrong_codes_are_counted_like_wrong_passwords() {
    let house = house();
    let (app, ..) = enrolled(&house);
    let wrong = if app.code(&house).text().expose() == "000000" { "000001" } else { "000000" };
    for _ in 0..4 {
        assert!(matches!(with_code(&house, wrong), Err(Error::NotIdentified)));
    }
    assert!(matches!(with_code(&house, app.code(&house).text().expose()), Err(Error::TooManyAttempts { .. })));
}

#[test]
fn a_recovery_code_serves_once() {
    let house = house();
    let (_, _, codes) = enrolled(&house);
    let code = codes[0].text().expose().clone();
    assert!(with_code(&house, &code.to_lowercase()).is_ok());
    for spelled in [code.clone(), code.replace('-', " "), code.replace('-', "")] {
        assert!(matches!(with_code(&house, &spelled), Err(Error::NotIdentified)), "{spelled}");
        house.clock.advance(MINUTE);
    }
}

#[test]
fn who_gives_it_up_shows_a_code_and_no_open_session_is_enough() {
    let house = house();
    let (app, who, codes) = enrolled(&house);
    let password = secret(GOOD);
    let without = Proof { password: &password, second: None };
    assert!(matches!(house.vault.remove_totp(&who, &without, &here()), Err(Error::SecondFactor)));
    assert!(matches!(house.vault.set_password(&who, &without, &secret(OTHER), &here()), Err(Error::SecondFactor)));
    let second = SecondFactor::Recovery(codes[1].clone());
    let proof = Proof { password: &password, second: Some(&second) };
    let fresh = house.vault.renew_recovery_codes(&who, &proof, &here()).unwrap();
    assert!(matches!(with_code(&house, codes[2].text().expose()), Err(Error::NotIdentified)), "the old ones are dead");
    assert!(with_code(&house, fresh[0].text().expose()).is_ok());
    let second = SecondFactor::Totp(app.code(&house));
    house.vault.remove_totp(&who, &Proof { password: &password, second: Some(&second) }, &here()).unwrap();
    assert!(sign_in(&house.vault, "ann", GOOD).is_ok());
    assert_in_order(&house);
}
