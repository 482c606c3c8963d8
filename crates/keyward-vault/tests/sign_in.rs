//! Who somebody is, as callers see it: signing in, sessions, links, devices.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

#[path = "sign_in/devices.rs"]
mod devices;
#[path = "sign_in/guessing.rs"]
mod guessing;
#[path = "sign_in/links.rs"]
mod links;
#[path = "sign_in/passkeys.rs"]
mod passkeys;
#[path = "sign_in/second_factor.rs"]
mod second_factor;
#[path = "sign_in/sessions.rs"]
mod sessions;

use std::net::IpAddr;

use keyward_access::credential::SecondFactor;
use keyward_access::{Identity, Login, Session, SessionKind};
use keyward_testing::TestVault;
use keyward_types::Secret;
use keyward_types::token::PlainToken;
use keyward_vault::{Error, LogLine, SignIn, SignedIn, Vault, Visitor};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

const GOOD: &str = "nine violet herons argue";
const OTHER: &str = "seven rusty anchors sing";

fn secret(text: &str) -> Secret<String> {
    Secret::new("password", text.to_owned())
}

fn login(text: &str) -> Login {
    text.parse().unwrap()
}

/// Somebody in the network 192.0.2.0/24.
fn here() -> Visitor<'static> {
    from("192.0.2.7")
}

fn from(address: &str) -> Visitor<'static> {
    Visitor { address: Some(address.parse::<IpAddr>().unwrap()), agent: "test browser" }
}

fn sign_in_with(
    vault: &Vault,
    login: &str,
    password: &str,
    code: Option<&str>,
    from: Visitor<'_>,
) -> Result<(PlainToken, Session), Error> {
    let second: Option<SecondFactor> = code.map(|code| code.parse().unwrap());
    let password = secret(password);
    vault.sign_in(&SignIn { login, password: &password, second: second.as_ref(), kind: SessionKind::Browser, from })
}

fn sign_in(vault: &Vault, login: &str, password: &str) -> Result<(PlainToken, Session), Error> {
    sign_in_with(vault, login, password, None, here())
}

/// A vault in which `ann` and `eve` have chosen the password [`GOOD`].
fn house() -> TestVault {
    let house = TestVault::new(11);
    for name in ["ann", "eve"] {
        let account = house.vault.add_user(&house.actor, &login(name), "").unwrap();
        choose(&house, &account, GOOD);
    }
    house
}

fn choose(house: &TestVault, account: &Identity, password: &str) {
    let (link, _) = house.vault.invite(&house.actor, &account.principal, false).unwrap();
    house.vault.choose_password(&link, &secret(password), None, &here()).unwrap();
}

/// What the job of each minute clears away.
fn sweep(house: &TestVault) -> Result<u64, Error> {
    let lead = house.vault.lead("test", std::time::Duration::from_secs(60)).unwrap().expect("nobody else has it");
    house.vault.sweep_sign_in(&lead)
}

fn account(house: &TestVault, name: &str) -> Identity {
    house.vault.account(&login(name)).unwrap()
}

/// `ann`, signed in.
fn ann(house: &TestVault) -> (PlainToken, SignedIn) {
    let (token, _) = sign_in(&house.vault, "ann", GOOD).unwrap();
    let who = house.vault.signed_in(&token, &here()).unwrap();
    (token, who)
}

fn entries_since(house: &TestVault, first: u64) -> Vec<LogLine> {
    house.vault.log(first, 1000).unwrap()
}

fn action(line: &LogLine) -> &'static str {
    line.entry.action.as_str()
}

fn told(line: &LogLine, name: &str) -> Option<String> {
    line.private.as_ref().unwrap().more.get(name).cloned()
}

/// The log verifies, and accounts for every record.
fn assert_in_order(house: &TestVault) {
    let verified = house.vault.verify(None).unwrap();
    assert!(verified.faults.is_empty(), "{:?}", verified.faults);
}

/// The same vault after its process ended.
fn reopened(house: TestVault) -> (Vault, tempfile::TempDir) {
    let (folder, key) = house.close();
    let vault = keyward_testing::vault::open(&folder.path().join("vault.db"), &key).unwrap();
    (vault, folder)
}

#[test]
fn a_person_signs_in_and_is_who_he_is() {
    let house = house();
    let before = house.vault.log_size().unwrap();
    let (token, session) = sign_in(&house.vault, "ann", GOOD).unwrap();
    let who = house.vault.signed_in(&token, &here()).unwrap();
    assert_eq!(*who.principal(), account(&house, "ann").principal);
    assert_eq!(who.caller().principal(), who.principal());
    assert!(!session.second_factor);
    let lines = entries_since(&house, before);
    assert_eq!(lines.iter().map(action).collect::<Vec<_>>(), ["sign-in"]);
    assert_eq!(lines[0].entry.principal, who.principal().as_str());
    assert_eq!(told(&lines[0], "from").as_deref(), Some("192.0.2.7"));
    assert_in_order(&house);
}

#[test]
fn nothing_that_proves_anybody_stands_in_the_store_or_the_log() {
    let house = house();
    let (token, who) = ann(&house);
    let _ = sign_in(&house.vault, "typed-my-password-as-login", "and-then-another");
    house.vault.sign_out(&who, &here()).unwrap();
    let log = entries_since(&house, 0)
        .iter()
        .map(|line| format!("{:?}{:?}", line.entry, line.private.as_ref().map(|part| (&part.more, &part.agent))))
        .collect::<String>();
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(house.database().parent().unwrap()).unwrap() {
        bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    for hidden in [GOOD, token.expose(), &token.expose()[16..46], "typed-my-password-as-login", "and-then-another"] {
        assert!(!log.contains(hidden), "{hidden} is in the log");
        assert!(!bytes.windows(hidden.len()).any(|window| window == hidden.as_bytes()), "{hidden} is in the store");
    }
}
