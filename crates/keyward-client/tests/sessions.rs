//! What signing in leaves behind for those who look after people: sessions among what ends with an
//! account, second factors and shared accounts among the evidence of a newcomer's checklist.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::sync::Arc;

use keyward_access::credential::TotpSecret;
use keyward_access::{Login, SessionKind};
use keyward_client::{
    Bytes, Desk, EditInfo, GrantInfo, Grantee, LocalDesk, NewSecret, NewTokenInfo, Occasion, OnboardingStep, Role,
    SystemClock, Where,
};
use keyward_store_sqlite::Sqlite;
use keyward_types::token::PlainToken;
use keyward_types::{Clock, Secret};
use keyward_vault::{KeyFile, NewSlot, NewVault, Proof, SignIn, Vault, Visitor};

/// A vault that goes by the real clock, as the desk does, with a project.
fn vault() -> (tempfile::TempDir, Arc<Vault>) {
    let (folder, tools) = (tempfile::tempdir().unwrap(), keyward_client::tools());
    let key = KeyFile::generate(&*tools.random).unwrap();
    let slots = vec![(NewSlot::KeyFile(&key), "test".into())];
    let new = NewVault { slots, owner: "Ada".into(), agent: "test".into() };
    let engine = Sqlite::create(&folder.path().join("vault.db"), || 0).unwrap();
    let vault = Arc::new(Vault::create(Box::new(engine), &new, tools).unwrap());
    desk(&vault).create_project("shop".parse().unwrap(), vec!["development".parse().unwrap()]).unwrap();
    (folder, vault)
}

fn desk(vault: &Arc<Vault>) -> LocalDesk {
    LocalDesk::new(Arc::clone(vault), Occasion { reason: None, agent: "test".into() }).unwrap()
}

fn here() -> Visitor<'static> {
    Visitor { address: Some("192.0.2.7".parse().unwrap()), agent: "test browser" }
}

fn password() -> Secret<String> {
    Secret::new("password", "nine violet herons argue".to_owned())
}

/// An admin who has chosen a password and is signed in.
fn ann(vault: &Arc<Vault>, desk: &LocalDesk) -> PlainToken {
    let login: Login = "ann".parse().unwrap();
    desk.add_user(login.clone(), "Ann".into()).unwrap();
    let to = Grantee::Account(login.clone());
    desk.grant_role(GrantInfo { to, role: Role::Admin, project: None, environment: None, until: None }).unwrap();
    let account = vault.account(&login).unwrap();
    let owner = keyward_vault::Actor::new(vault.owner().unwrap().1, "test");
    let (link, _) = vault.invite(&owner, &account.principal, false).unwrap();
    vault.choose_password(&link, &password(), None, &here()).unwrap();
    let (password, kind) = (password(), SessionKind::Browser);
    let sign_in = SignIn { login: "ann", password: &password, second: None, kind, from: here() };
    vault.sign_in(&sign_in).unwrap().0
}

#[test]
fn a_plan_names_the_sessions_that_end_with_the_account() {
    let (_folder, vault) = vault();
    let desk = desk(&vault);
    let session = ann(&vault, &desk);
    let login: Login = "ann".parse().unwrap();
    let plan = desk.offboarding_plan(login.clone()).unwrap().plan;
    let line = plan.credentials.iter().find(|line| line.credential.id == session.id()).unwrap();
    assert_eq!(line.credential.name, "test browser");
    assert_eq!(serde_json::to_value(line).unwrap()["sort"], "session");
    assert!(desk.offboard(login).unwrap().plan.credentials.is_empty(), "it has ended");
    assert!(vault.signed_in(&session, &here()).is_err());
}

#[test]
fn a_newcomers_checklist_sees_second_factors_and_shared_accounts() {
    let (_folder, vault) = vault();
    let desk = desk(&vault);
    let session = ann(&vault, &desk);
    let login: Login = "ann".parse().unwrap();
    desk.onboard(login.clone(), "developer".into(), Some("shop".parse().unwrap())).unwrap();
    let step = |step: OnboardingStep| {
        let items = desk.onboarding(login.clone()).unwrap().items;
        items.into_iter().find(|item| item.step == step).unwrap()
    };
    assert!(step(OnboardingStep::SecondFactor).done.is_none());
    let who = vault.signed_in(&session, &here()).unwrap();
    let (password, second) = (password(), None);
    let enrolment = vault.begin_totp(&who, &Proof { password: &password, second }, &here()).unwrap();
    assert!(step(OnboardingStep::SecondFactor).done.is_none(), "its first code has not come");
    let code = TotpSecret::parse(enrolment.secret.expose()).unwrap().code_at(SystemClock.now());
    vault.confirm_totp(&who, code, &here()).unwrap();
    assert!(step(OnboardingStep::SecondFactor).done.is_some());

    let program: Login = "batch".parse().unwrap();
    desk.add_service_account(program.clone(), "Batch".into(), None).unwrap();
    let occasion = Occasion { reason: None, agent: "test".into() };
    let hers = LocalDesk::acting(Arc::clone(&vault), who.caller().clone(), occasion);
    let at = Where { project: "shop".parse().unwrap(), environment: "development".parse().unwrap() };
    let value = Bytes::new(b"a value of this test".to_vec());
    hers.write(at, vec![NewSecret { name: "A".parse().unwrap(), value, bits: 100, edit: EditInfo::default() }])
        .unwrap();
    let token = || NewTokenInfo { account: Some(program.clone()), ..NewTokenInfo::default() };
    let made = hers.create_token(token()).unwrap();
    let text: PlainToken = std::str::from_utf8(made.text.expose()).unwrap().parse().unwrap();
    vault.caller_of_token(&text, None).unwrap();
    assert!(step(OnboardingStep::OwnAccountOnly).done.is_some(), "the program's token is hers alone");
    desk.create_token(token()).unwrap();
    // Now nobody can tell who of the two it was.
    let item = step(OnboardingStep::OwnAccountOnly);
    assert!(item.done.is_none() && item.note.contains("a shared account was used"), "{item:?}");
}
