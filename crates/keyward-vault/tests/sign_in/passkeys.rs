//! What needs a clock of its own; passkeys that are real are in the server's tests.

use keyward_access::SessionKind;
use keyward_access::passkey::Site;
use keyward_testing::TestVault;
use keyward_vault::{Error, PasskeyAnswer, PasskeySignIn, Visitor};
use serde_json::{Value, json};

use super::{MINUTE, SECOND, from, here, house, sweep};

fn site() -> Site {
    Site::at("https://keyward.example").unwrap()
}

/// An answer that can be read, of a passkey that nobody has.
fn nobodys() -> Value {
    let text = |bytes: &[u8]| data_encoding::BASE64URL_NOPAD.encode(bytes);
    let id = text(&[7; 16]);
    json!({
        "id": id, "rawId": id, "type": "public-key", "clientExtensionResults": {},
        "response": {
            "authenticatorData": text(&[0; 37]), "clientDataJSON": text(b"{}"), "signature": text(&[1; 70]),
            "userHandle": text(&[2; 32]),
        },
    })
}

fn answer(house: &TestVault, ceremony: &str, from: Visitor<'_>) -> Error {
    let (site, credential) = (site(), nobodys());
    let answer = PasskeyAnswer { ceremony, credential: &credential, site: &site };
    house.vault.sign_in_with_passkey(&PasskeySignIn { answer, kind: SessionKind::Browser, from }).unwrap_err()
}

#[test]
fn a_question_stands_for_two_minutes_and_in_this_vault() {
    let house = house();
    let asked = house.vault.begin_passkey_sign_in(&site(), &here()).unwrap();
    house.clock.advance(2 * MINUTE - SECOND);
    assert!(
        matches!(answer(&house, &asked.ceremony, here()), Error::NotIdentified),
        "it stands: the passkey is unknown"
    );
    house.clock.advance(SECOND);
    let late = answer(&house, &asked.ceremony, here());
    assert!(matches!(&late, Error::Refused(why) if why.contains("two minutes")), "{late}");
    let elsewhere = TestVault::new(12).vault.begin_passkey_sign_in(&site(), &here()).unwrap();
    let refused = answer(&house, &elsewhere.ceremony, here());
    assert!(matches!(&refused, Error::Refused(why) if why.contains("not asked for here")), "{refused}");
}

/// Nothing is stored of a question, so that nobody fills the store by asking.
#[test]
fn who_asks_leaves_nothing_behind_and_who_guesses_waits() {
    let house = house();
    let before = house.vault.log_size().unwrap();
    let asked = house.vault.begin_passkey_sign_in(&site(), &here()).unwrap();
    assert_eq!(house.vault.log_size().unwrap(), before);
    for _ in 0..20 {
        assert!(matches!(answer(&house, &asked.ceremony, here()), Error::NotIdentified));
    }
    answer(&house, &asked.ceremony, here());
    assert!(matches!(answer(&house, &asked.ceremony, here()), Error::TooManyAttempts { .. }));
    let again = house.vault.begin_passkey_sign_in(&site(), &here());
    assert!(matches!(again, Err(Error::TooManyAttempts { .. })), "nor is it asked");
    house.vault.begin_passkey_sign_in(&site(), &from("198.51.100.7")).unwrap();
    sweep(&house).unwrap();
}
