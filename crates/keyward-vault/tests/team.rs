//! Tasks of those who leave, and access reviews, as the vault keeps them.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use keyward_access::{Caller, Grant, Identity, Role, Subject, SystemTask};
use keyward_testing::TestVault;
use keyward_types::{Operation, PrincipalId, Timestamp, Version};
use keyward_vault::{
    Actor, Answer, Error, NewToken, Reach, Review, ReviewLine, Settlement, Source, Suggestion, Task, TaskAbout,
    TaskState, Via,
};

const EVERYTHING: [Operation; 4] = [Operation::Read, Operation::Write, Operation::List, Operation::Administer];

fn person(name: &str) -> PrincipalId {
    format!("user:{name}").parse().unwrap()
}

/// Somebody who may do these things in the whole vault.
fn actor(name: &str, operations: &[Operation]) -> Actor {
    let grants = vec![Grant { operations: operations.to_vec(), project: None, environment: None }];
    let identity = Identity { grants, ..Identity::owner(person(name), name.into(), Timestamp(0)) };
    Actor::new(Caller::identified(&identity), "test")
}

fn task(vault: &TestVault, leaver: &str) -> Task {
    let head = vault.vault.heads(&vault.actor, &vault.scope).unwrap().remove(0);
    let about = TaskAbout::Known { secret: head.place.secret, version: Version::FIRST };
    Task { leaver: person(leaver), about, name: "shop/development/A".into(), state: TaskState::Todo }
}

fn log_is_sound(vault: &TestVault) {
    let verified = vault.vault.verify(None).unwrap();
    assert!(verified.faults.is_empty(), "{:?}", verified.faults);
}

#[test]
fn a_footprint_has_what_one_person_read_and_how_many_others_did() {
    let vault = TestVault::new(1);
    vault.set("A", "one value of this test").unwrap();
    vault.set("B", "another value of this test").unwrap();
    let (bob, eve) = (actor("bob", &[Operation::Read, Operation::List]), actor("eve", &[Operation::Read]));
    for who in [&bob, &eve, &eve] {
        let loaded = vault.vault.load(who, &vault.scope, &"A".parse().unwrap(), None).unwrap();
        vault.vault.read(who, vec![loaded], Via::Export).unwrap();
    }
    let footprint = vault.vault.footprint(&vault.actor, &person("bob")).unwrap();
    assert_eq!(footprint.secrets.len(), 2);
    assert_eq!(footprint.reads.iter().map(|reads| reads.n).collect::<Vec<_>>(), [1]);
    assert_eq!(footprint.holdings.len(), 1);
    assert_eq!(footprint.others.values().collect::<Vec<_>>(), [&1], "eve, once however often she read it");
    // `user:bob` is the beginning of another's id.
    assert_eq!(vault.vault.footprint(&vault.actor, &person("bo")).unwrap().reads, []);
}

#[test]
fn tasks_stay_settled_whatever_comes_after() {
    let vault = TestVault::new(2);
    vault.set("A", "one value of this test").unwrap();
    let (task, bob) = (task(&vault, "bob"), person("bob"));
    assert_eq!(vault.vault.begin_offboarding(&vault.actor, &bob, vec![task.clone()]).unwrap(), 1);
    let done = vault.vault.settle_task(&vault.actor, &bob, &task.about, Settlement::Done).unwrap();
    assert!(matches!(&done.state, TaskState::Done { by, .. } if by == vault.actor.principal()));
    assert_eq!(vault.vault.begin_offboarding(&vault.actor, &bob, vec![task.clone()]).unwrap(), 0);
    assert_eq!(vault.vault.offboarding_tasks(&vault.actor, &bob).unwrap(), [done]);
    assert_eq!(vault.vault.offboarding_tasks(&vault.actor, &person("bobby")).unwrap(), []);
    let empty = vault.vault.settle_task(&vault.actor, &bob, &task.about, Settlement::Dismissed(" ".into()));
    assert!(matches!(empty, Err(Error::Refused(_))));
    let reopened = vault.vault.settle_task(&vault.actor, &bob, &task.about, Settlement::Reopened).unwrap();
    assert_eq!(reopened.state, TaskState::Todo);
    log_is_sound(&vault);
}

#[test]
fn an_offboarding_is_begun_for_each_end_of_an_account() {
    let vault = TestVault::new(12);
    let bob = vault.vault.add_user(&vault.actor, &"bob".parse().unwrap(), "").unwrap().principal;
    let end = || vault.vault.disable(&vault.actor, &bob).unwrap();
    let is_begun = || {
        let account = vault.vault.account_of(&bob).unwrap().unwrap();
        vault.vault.offboarding_is_begun(&vault.actor, &account).unwrap()
    };
    end();
    assert!(!is_begun(), "it was broken off");
    let before = vault.vault.log_size().unwrap();
    assert_eq!(vault.vault.begin_offboarding(&vault.actor, &bob, vec![]).unwrap(), 0);
    assert_eq!(vault.vault.log_size().unwrap(), before + 1);
    assert!(is_begun(), "though there is nothing to do");
    vault.vault.enable(&vault.actor, &bob).unwrap();
    assert!(!is_begun());
    vault.clock.advance(1);
    end();
    assert!(!is_begun(), "it is another end");
    vault.vault.begin_offboarding(&vault.actor, &bob, vec![]).unwrap();
    assert!(is_begun());
    let account = vault.vault.account_of(&bob).unwrap().unwrap();
    let stranger = actor("eve", &[Operation::Read]);
    assert!(matches!(vault.vault.offboarding_is_begun(&stranger, &account), Err(Error::Denied(_))));
    log_is_sound(&vault);
}

#[test]
fn a_leaver_settles_nothing_and_a_stranger_sees_nothing() {
    let vault = TestVault::new(3);
    vault.set("A", "one value of this test").unwrap();
    let (task, bob) = (task(&vault, "bob"), person("bob"));
    vault.vault.begin_offboarding(&vault.actor, &bob, vec![task.clone()]).unwrap();
    let himself = actor("bob", &EVERYTHING);
    let refused = vault.vault.settle_task(&himself, &bob, &task.about, Settlement::Done);
    assert!(matches!(refused, Err(Error::Refused(_))));
    let stranger = actor("eve", &[Operation::Read]);
    let before = vault.vault.log_size().unwrap();
    assert!(matches!(vault.vault.footprint(&stranger, &bob), Err(Error::Denied(_))));
    assert!(matches!(vault.vault.offboarding_tasks(&stranger, &bob), Err(Error::Denied(_))));
    let settled = vault.vault.settle_task(&stranger, &bob, &task.about, Settlement::Done);
    assert!(matches!(settled, Err(Error::Denied(_))));
    assert!(matches!(vault.vault.begin_offboarding(&stranger, &bob, vec![]), Err(Error::Denied(_))));
    assert_eq!(vault.vault.log_size().unwrap(), before + 4, "each denial is on record");
    let foreign = vault.vault.begin_offboarding(&vault.actor, &person("eve"), vec![task]);
    assert!(matches!(foreign, Err(Error::Refused(_))), "tasks of another leaver");
}

/// Somebody with an account and this role in the project.
fn member(vault: &TestVault, login: &str, role: Role) -> Actor {
    let account = vault.vault.add_user(&vault.actor, &login.parse().unwrap(), "").unwrap();
    grant(vault, &account.principal, role);
    Actor::new(vault.vault.caller_of(&account.principal).unwrap(), "test")
}

fn grant(vault: &TestVault, to: &PrincipalId, role: Role) {
    let reach = vault.vault.reach(&vault.actor, Some(&"shop".parse().unwrap()), None).unwrap();
    vault.vault.grant(&vault.actor, &Subject::Principal(to.clone()), role, &reach, None).unwrap();
}

#[test]
fn a_token_that_somebody_made_for_a_program_lets_him_read_after_his_rights_ended() {
    let vault = TestVault::new(5);
    vault.set("A", "one value of this test").unwrap();
    let ada = vault.actor.principal().clone();
    let ci = vault.vault.add_service_account(&vault.actor, &"ci".parse().unwrap(), "", &ada).unwrap().principal;
    grant(&vault, &ci, Role::Ci);
    let new = NewToken { owner: Some(ci.clone()), ..NewToken::default() };
    let (_, token) = vault.vault.create_token(&vault.actor, new).unwrap();
    let by_token = Source::Token(token.id.clone());
    let knows = |who: &PrincipalId| {
        let readable = vault.vault.readable(&vault.actor, who).unwrap();
        readable.iter().any(|one| one.source == by_token && one.until.is_none())
    };
    assert!(knows(&ada), "she has seen it");
    assert!(!knows(&ci), "it is the program's own");
    assert_eq!(vault.vault.tokens_known_to(&vault.actor, &ada).unwrap().len(), 1);
    vault.vault.revoke_token(&vault.actor, &token.id).unwrap();
    assert!(!knows(&ada));
    assert!(matches!(vault.vault.readable(&vault.actor, &person("nobody")), Err(Error::Missing { .. })));
}

#[test]
fn an_ended_account_could_read_until_its_end_and_its_tokens_are_dead() {
    let vault = TestVault::new(6);
    vault.set("A", "one value of this test").unwrap();
    let bob = member(&vault, "bob", Role::Developer);
    let (token, record) = vault.vault.create_token(&bob, NewToken::default()).unwrap();
    assert!(vault.vault.caller_of_token(&token, None).is_ok());
    vault.clock.advance(1000);
    let ended = vault.vault.disable(&vault.actor, bob.principal()).unwrap();
    assert!(vault.vault.caller_of_token(&token, None).is_err());
    let known = vault.vault.tokens_known_to(&vault.actor, bob.principal()).unwrap();
    assert_eq!((known[0].id.as_str(), known[0].revoked_at), (record.id.as_str(), ended.disabled_at));
    let readable = vault.vault.readable(&vault.actor, bob.principal()).unwrap();
    assert_eq!(readable.iter().map(|one| one.until).collect::<Vec<_>>(), [ended.disabled_at]);
}

#[test]
fn a_review_sees_who_uses_a_right_and_who_does_not() {
    let vault = TestVault::new(7);
    vault.set("A", "one value of this test").unwrap();
    let (bob, eve) = (member(&vault, "bob", Role::Developer), member(&vault, "eve", Role::Developer));
    vault.clock.advance(5000);
    let loaded = vault.vault.load(&bob, &vault.scope, &"A".parse().unwrap(), None).unwrap();
    vault.vault.read(&bob, vec![loaded], Via::Read).unwrap();
    let rights = vault.vault.rights_in_use(&vault.actor).unwrap();
    let of = |actor: &Actor| rights.iter().find(|right| right.holder == *actor.principal()).unwrap();
    assert_eq!((of(&bob).at.as_str(), of(&bob).role.as_str()), ("shop", "developer"));
    assert!(of(&bob).last_used.is_some() && of(&bob).last_changed.is_none());
    assert_eq!((of(&eve).last_used, of(&eve).indispensable), (None, false));
    assert!(of(&vault.actor).indispensable, "whoever opens the vault acts in this name");
    assert!(of(&vault.actor).last_changed.is_some(), "she wrote, and gave roles");
    assert!(matches!(vault.vault.rights_in_use(&bob), Err(Error::Denied(_))));
}

/// Somebody with a role in the whole vault.
fn everywhere(vault: &TestVault, login: &str, role: Role) -> Actor {
    let account = vault.vault.add_user(&vault.actor, &login.parse().unwrap(), "").unwrap().principal;
    vault.vault.grant(&vault.actor, &Subject::Principal(account.clone()), role, &Reach::default(), None).unwrap();
    Actor::new(vault.vault.caller_of(&account).unwrap(), "test")
}

/// A review of the rights that these two have.
fn review(vault: &TestVault, of: [&Actor; 2]) -> (Review, Vec<ReviewLine>) {
    let (by, at) = (vault.actor.principal().clone(), Timestamp(1));
    let review = Review { id: "1".into(), started_by: by, started_at: at, deadline: Timestamp(2), closed_at: None };
    let rights = vault.vault.rights_in_use(&vault.actor).unwrap();
    let rights = of.map(|who| rights.iter().find(|right| right.holder == *who.principal()).unwrap().clone());
    let lines = (1..).zip(rights).map(|(number, right)| ReviewLine {
        review: "1".into(),
        number,
        right,
        suggestion: Suggestion::Remove,
        answer: Answer::Open,
    });
    (review, lines.collect())
}

fn has_role(vault: &TestVault, who: &Actor) -> bool {
    vault.vault.rights_in_use(&vault.actor).unwrap().iter().any(|right| right.holder == *who.principal())
}

fn answered(line: &ReviewLine, answer: Answer) -> ReviewLine {
    ReviewLine { answer, ..line.clone() }
}

#[test]
fn a_review_is_answered_by_others_and_once() {
    let vault = TestVault::new(4);
    let (bob, eve) = (everywhere(&vault, "bob", Role::Admin), everywhere(&vault, "eve", Role::Admin));
    let (review, lines) = review(&vault, [&bob, &eve]);
    vault.vault.start_review(&vault.actor, &review, &lines).unwrap();
    let again = Review { id: "2".into(), ..review.clone() };
    assert!(matches!(vault.vault.start_review(&vault.actor, &again, &[]), Err(Error::Refused(_))), "one at a time");
    assert!(matches!(vault.vault.start_review(&vault.actor, &review, &lines), Err(Error::Exists { .. })));

    let kept = |by: &Actor| Answer::Kept { by: by.principal().clone(), at: Timestamp(1) };
    let himself = vault.vault.answer_review_line(&bob, &lines[0], &answered(&lines[0], kept(&bob)));
    assert!(matches!(himself, Err(Error::Refused(_))));
    vault.vault.answer_review_line(&bob, &lines[1], &answered(&lines[1], kept(&bob))).unwrap();
    let late = vault.vault.answer_review_line(&vault.actor, &lines[1], &answered(&lines[1], kept(&vault.actor)));
    assert!(matches!(late, Err(Error::Raced(_))), "it was answered meanwhile");
    let mut wider = answered(&lines[0], kept(&vault.actor));
    wider.right.role = "owner".into();
    let forged = vault.vault.answer_review_line(&vault.actor, &lines[0], &wider);
    assert!(matches!(forged, Err(Error::Refused(_))), "an answer changes no right");

    let removed = answered(&lines[0], Answer::Removed { by: None, at: Timestamp(2) });
    let before = vault.vault.log_size().unwrap();
    let (closed, taken) = vault.vault.close_review(&vault.actor, "1", std::slice::from_ref(&removed)).unwrap();
    assert_eq!((closed.closed_at.is_some(), taken, has_role(&vault, &bob)), (true, 1, false));
    let told: Vec<_> = vault.vault.log(before, 9).unwrap().iter().map(|line| line.entry.action.as_str()).collect();
    assert_eq!(told, ["review.close", "role.revoke"], "both in one change");
    assert!(matches!(vault.vault.close_review(&vault.actor, "1", &[]), Err(Error::Refused(_))));
    let restored = answered(&removed, Answer::Restored { by: vault.actor.principal().clone(), at: Timestamp(3) });
    vault.vault.answer_review_line(&vault.actor, &removed, &restored).unwrap();
    assert!(has_role(&vault, &bob));
    let states: Vec<&str> =
        vault.vault.review_lines(&vault.actor, "1").unwrap().iter().map(|line| line.answer.as_str()).collect();
    assert_eq!(states, ["restored", "kept"]);
    assert_eq!(vault.vault.reviews(&vault.actor).unwrap(), [closed]);
    log_is_sound(&vault);
}

#[test]
fn a_deadline_reaches_no_further_than_who_began_the_review() {
    let vault = TestVault::new(8);
    let (bob, eve) = (everywhere(&vault, "bob", Role::Owner), everywhere(&vault, "eve", Role::Developer));
    let admin = everywhere(&vault, "ann", Role::Admin);
    let (mut begun, lines) = review(&vault, [&bob, &eve]);
    begun.started_by = admin.principal().clone();
    vault.vault.start_review(&admin, &begun, &lines).unwrap();
    let removed: Vec<ReviewLine> =
        lines.iter().map(|line| answered(line, Answer::Removed { by: None, at: Timestamp(2) })).collect();
    let lead = vault.vault.lead("test", std::time::Duration::from_secs(60)).unwrap().unwrap();
    let keyward = Actor::task(SystemTask::Review, &lead, "keyward/reviews");
    let (_, taken) = vault.vault.close_review(&keyward, "1", &removed).unwrap();
    assert_eq!((taken, has_role(&vault, &bob), has_role(&vault, &eve)), (1, true, false));
    let states: Vec<String> = vault
        .vault
        .review_lines(&vault.actor, "1")
        .unwrap()
        .iter()
        .map(|line| line.answer.as_str().to_owned())
        .collect();
    assert_eq!(states, ["open", "removed"], "an admin takes nothing from an owner, by no way");
    log_is_sound(&vault);
}

#[test]
fn a_deadline_is_kept_though_the_vault_was_handed_over_meanwhile() {
    let vault = TestVault::new(11);
    let (bob, eve) = (everywhere(&vault, "bob", Role::Owner), everywhere(&vault, "eve", Role::Developer));
    let (review, lines) = review(&vault, [&bob, &eve]);
    assert!(!lines[0].right.indispensable, "there is another owner");
    vault.vault.start_review(&vault.actor, &review, &lines).unwrap();
    vault.vault.hand_over(&vault.actor, bob.principal()).unwrap();
    let removed: Vec<ReviewLine> =
        lines.iter().map(|line| answered(line, Answer::Removed { by: None, at: Timestamp(2) })).collect();
    let by_hand = answered(&lines[0], Answer::Removed { by: Some(vault.actor.principal().clone()), at: Timestamp(2) });
    let refused = vault.vault.answer_review_line(&vault.actor, &lines[0], &by_hand);
    assert!(matches!(refused, Err(Error::Refused(why)) if why.contains("hand that over first")));
    let (closed, taken) = vault.vault.close_review(&vault.actor, "1", &removed).unwrap();
    assert!(closed.closed_at.is_some());
    assert_eq!((taken, has_role(&vault, &bob), has_role(&vault, &eve)), (1, true, false));
    log_is_sound(&vault);
}

#[test]
fn what_a_group_gives_ends_and_comes_back_with_the_answer() {
    let vault = TestVault::new(9);
    let team = "team".parse().unwrap();
    let group = vault.vault.create_group(&vault.actor, &team).unwrap();
    vault.vault.grant(&vault.actor, &Subject::Group(group.id), Role::Developer, &Reach::default(), None).unwrap();
    let people = ["bob", "eve"].map(|name| {
        let account = vault.vault.add_user(&vault.actor, &name.parse().unwrap(), "").unwrap().principal;
        vault.vault.join_group(&vault.actor, &team, &account).unwrap();
        Actor::new(vault.vault.caller_of(&account).unwrap(), "test")
    });
    let (review, lines) = review(&vault, [&people[0], &people[1]]);
    vault.vault.start_review(&vault.actor, &review, &lines).unwrap();
    let removed: Vec<ReviewLine> =
        lines.iter().map(|line| answered(line, Answer::Removed { by: None, at: Timestamp(2) })).collect();
    // Both are taken out of one group in one change.
    let before = vault.vault.log_size().unwrap();
    assert_eq!(vault.vault.close_review(&vault.actor, "1", &removed).unwrap().1, 2);
    let told = vault.vault.log(before, 9).unwrap();
    let of = |collection: &str| -> Vec<&str> {
        let is_there =
            |line: &&keyward_vault::LogLine| line.entry.records.iter().any(|one| one.collection == collection);
        told.iter().filter(is_there).map(|line| line.entry.action.as_str()).collect()
    };
    assert_eq!(of("group"), ["review.close"], "it is written once, however many go");
    assert_eq!(of("ended-membership"), ["group.leave", "group.leave"]);
    assert!(vault.vault.group_named(&vault.actor, &team).unwrap().members.is_empty());
    let by = vault.actor.principal().clone();
    let restored = answered(&removed[1], Answer::Restored { by, at: Timestamp(3) });
    vault.vault.answer_review_line(&vault.actor, &removed[1], &restored).unwrap();
    assert_eq!(vault.vault.group_named(&vault.actor, &team).unwrap().members, [people[1].principal().clone()]);
    log_is_sound(&vault);
}

#[test]
fn a_group_is_known_by_its_id_whatever_it_is_called_by_now() {
    let vault = TestVault::new(10);
    let named = |name: &str| name.parse::<keyward_access::Login>().unwrap();
    let bob = vault.vault.add_user(&vault.actor, &named("bob"), "").unwrap().principal;
    let eve = vault.vault.add_user(&vault.actor, &named("eve"), "").unwrap().principal;
    let members = [bob.clone(), eve.clone()];
    let seen = vault.vault.provision_group(&vault.actor, &named("team"), "Team", None, &members).unwrap();
    let group = Subject::Group(seen.0.id);
    let binding = vault.vault.grant(&vault.actor, &group, Role::Developer, &Reach::default(), None).unwrap();
    let people = [&bob, &eve].map(|who| Actor::new(vault.vault.caller_of(who).unwrap(), "test"));
    let (review, lines) = review(&vault, [&people[0], &people[1]]);
    vault.vault.start_review(&vault.actor, &review, &lines).unwrap();
    // It gets another name, and another group gets its old one.
    vault.vault.change_provisioned_group(&vault.actor, &seen, &named("people"), "People", None, &members).unwrap();
    vault.vault.create_group(&vault.actor, &named("team")).unwrap();
    vault.vault.join_group(&vault.actor, &named("team"), &bob).unwrap();
    let removed = answered(&lines[0], Answer::Removed { by: Some(vault.actor.principal().clone()), at: Timestamp(2) });
    vault.vault.answer_review_line(&vault.actor, &lines[0], &removed).unwrap();
    let members = |name: &str| vault.vault.group_named(&vault.actor, &named(name)).unwrap().members;
    assert_eq!((members("people"), members("team")), (vec![eve.clone()], vec![bob.clone()]));
    // The right is by the group when the role is gone from it, too.
    vault.vault.revoke_role(&vault.actor, binding.id).unwrap();
    let removed = answered(&lines[1], Answer::Removed { by: Some(vault.actor.principal().clone()), at: Timestamp(2) });
    vault.vault.answer_review_line(&vault.actor, &lines[1], &removed).unwrap();
    assert_eq!((members("people"), members("team")), (vec![], vec![bob]));
    log_is_sound(&vault);
}
