use std::sync::atomic::{AtomicU64, Ordering};

use super::testing::{OneKey, Seeded, ada};
use super::*;

const NOW: Timestamp = Timestamp(1_795_000_000_000);
const RIGHT: &str = "nine violet herons argue";

/// Other bytes each time.
struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        Seeded(self.0.fetch_add(1, Ordering::Relaxed)).fill(bytes)
    }
}

fn secret(text: &str) -> Secret<String> {
    Secret::new("password", text.to_owned())
}

fn with_password() -> AccountCredential {
    let password = Password::chosen(secret(RIGHT), &[]).unwrap();
    AccountCredential::new(ada(), NOW).with_password(&password, &OneKey(1), &Seeded(1), NOW).unwrap()
}

fn with_totp() -> (AccountCredential, TotpSecret, Vec<RecoveryCode>) {
    let app = TotpSecret::generate(&Seeded(9)).unwrap();
    let pending = with_password().with_pending(&app, &OneKey(1), NOW).unwrap();
    let random = Counting(AtomicU64::new(100));
    let (record, codes) = pending.confirmed(app.code_at(NOW), &OneKey(1), &random, NOW).unwrap().unwrap();
    (record, app, codes)
}

fn check(record: Option<&AccountCredential>, password: &str, code: Option<&str>, now: Timestamp) -> Checked {
    let second = code.map(|code| code.parse().unwrap());
    AccountCredential::check(record, &secret(password), second.as_ref(), &OneKey(1), now).unwrap()
}

fn later(seconds: i64) -> Timestamp {
    Timestamp(NOW.0 + seconds * 1000)
}

#[test]
fn no_account_no_password_and_a_wrong_one_have_one_answer() {
    assert_eq!(check(None, RIGHT, None, NOW), Checked::Wrong);
    assert_eq!(check(Some(&AccountCredential::new(ada(), NOW)), RIGHT, None, NOW), Checked::Wrong);
    assert_eq!(check(Some(&with_password()), "wrong", None, NOW), Checked::Wrong);
    assert_eq!(check(Some(&with_password()), RIGHT, None, NOW), Checked::Right { left: None, second_factor: false });
}

#[test]
fn with_an_authenticator_the_password_alone_is_not_enough() {
    let (record, app, _) = with_totp();
    assert_eq!(check(Some(&record), RIGHT, None, NOW), Checked::NeedsSecondFactor);
    let code = app.code_at(later(60));
    let Checked::Right { left: Some(left), second_factor: true } =
        check(Some(&record), RIGHT, Some(code.text().expose()), later(60))
    else {
        panic!("the code is right")
    };
    assert_eq!(check(Some(&left), RIGHT, Some(code.text().expose()), later(61)), Checked::Wrong, "used twice");
    assert_eq!(check(Some(&record), "wrong", Some(code.text().expose()), later(60)), Checked::Wrong);
}

#[test]
fn the_code_that_confirmed_an_authenticator_does_not_sign_in() {
    let (record, app, _) = with_totp();
    assert_eq!(check(Some(&record), RIGHT, Some(app.code_at(NOW).text().expose()), NOW), Checked::Wrong);
}

#[test]
fn an_authenticator_that_was_not_confirmed_asks_for_nothing() {
    let app = TotpSecret::generate(&Seeded(9)).unwrap();
    let pending = with_password().with_pending(&app, &OneKey(1), NOW).unwrap();
    assert_eq!(check(Some(&pending), RIGHT, None, NOW), Checked::Right { left: None, second_factor: false });
    let wrong = "000000".parse().unwrap();
    assert_ne!(app.code_at(NOW), wrong);
    assert!(pending.confirmed(wrong, &OneKey(1), &Seeded(1), NOW).unwrap().is_none());
}

#[test]
fn a_recovery_code_serves_once_however_it_is_spelled() {
    let (record, _, codes) = with_totp();
    assert_eq!(codes.len(), RECOVERY_CODES);
    let typed = codes[3].text().expose().clone();
    let Checked::Right { left: Some(left), .. } = check(Some(&record), RIGHT, Some(&typed), NOW) else {
        panic!("the code is right")
    };
    assert_eq!(left.recovery.len(), RECOVERY_CODES - 1);
    let respelled = typed.to_lowercase().replace('-', " ");
    assert_eq!(check(Some(&left), RIGHT, Some(&respelled), NOW), Checked::Wrong);
}

#[test]
fn fresh_recovery_codes_end_the_old_ones() {
    let (record, _, old) = with_totp();
    let random = Counting(AtomicU64::new(1000));
    let (renewed, fresh) = record.with_recovery_codes(&OneKey(1), &random).unwrap();
    assert_eq!(check(Some(&renewed), RIGHT, Some(old[0].text().expose()), NOW), Checked::Wrong);
    assert!(matches!(check(Some(&renewed), RIGHT, Some(fresh[0].text().expose()), NOW), Checked::Right { .. }));
}

#[test]
fn a_stored_record_shows_no_secret_and_comes_back() {
    let (record, app, codes) = with_totp();
    let stored = serde_json::to_string(&record).unwrap();
    for hidden in [RIGHT, app.text().expose(), codes[0].text().expose(), &codes[0].text().expose().replace('-', "")] {
        assert!(!stored.contains(hidden) && !format!("{record:?}").contains(hidden));
    }
    assert_eq!(serde_json::from_str::<AccountCredential>(&stored).unwrap(), record);
}
