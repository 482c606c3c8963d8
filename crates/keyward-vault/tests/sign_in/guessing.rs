//! Guessing: how far it gets, what it learns, and what is left of it in the log.

use keyward_testing::{Brittle, Switch};

use super::*;

fn waits(result: Result<(PlainToken, Session), Error>) -> i64 {
    match result {
        Err(Error::TooManyAttempts { seconds }) => seconds,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("signed in"),
    }
}

fn is_unknown(result: &Result<(PlainToken, Session), Error>) -> bool {
    matches!(result, Err(Error::NotIdentified))
}

#[test]
fn an_unknown_account_and_a_wrong_password_go_the_same_way() {
    let house = house();
    house.vault.add_user(&house.actor, &login("without-password"), "").unwrap();
    let left = house.vault.add_user(&house.actor, &login("left"), "").unwrap();
    choose(&house, &left, GOOD);
    house.vault.disable(&house.actor, &left.principal).unwrap();
    // The first entry that the door ever makes brings its key with it.
    let _ = sign_in(&house.vault, "somebody", "wrong");
    let mut ways = Vec::new();
    for name in ["ann", "nobody", "without-password", "left", "NOT A LOGIN", ""] {
        let (tried, first) = (house.vault.passwords_tried(), house.vault.log_size().unwrap());
        // The right password of the one that left, a wrong one for all others.
        let password = if name == "left" { GOOD } else { "wrong" };
        let error = sign_in(&house.vault, name, password).unwrap_err().to_string();
        let entries: Vec<String> = entries_since(&house, first)
            .iter()
            .map(|line| {
                let mut entry = line.entry.clone();
                (entry.commit, entry.records) = (keyward_audit::Hash([0; 32]), Vec::new());
                let records: Vec<_> =
                    line.entry.records.iter().map(|one| (one.collection.clone(), one.key.len())).collect();
                format!("{entry:?} {records:?}")
            })
            .collect();
        ways.push((error, house.vault.passwords_tried() - tried, entries));
    }
    assert!(ways.iter().all(|way| *way == ways[0]), "{ways:#?}");
    assert_eq!(ways[0].1, 1);
}

#[test]
fn wrong_tries_cost_more_and_more_and_a_lock_ends_by_itself() {
    let house = house();
    for wait in [0, 0, 0, 1, 2, 4, 8, 16, 32] {
        assert!(is_unknown(&sign_in(&house.vault, "ann", "wrong")));
        if wait > 0 {
            assert_eq!(waits(sign_in(&house.vault, "ann", GOOD)), wait, "the right one is not tried either");
        }
        house.clock.advance(wait * SECOND);
    }
    let first = house.vault.log_size().unwrap();
    assert!(is_unknown(&sign_in(&house.vault, "ann", "wrong")));
    let lines = entries_since(&house, first);
    assert_eq!(lines.iter().map(action).collect::<Vec<_>>(), ["sign-in", "sign-in.lock"]);
    assert_eq!(told(&lines[1], "locked").as_deref(), Some("account"));
    assert_eq!(waits(sign_in(&house.vault, "ann", GOOD)), 15 * 60);
    assert!(sign_in(&house.vault, "eve", GOOD).is_ok(), "others are not held up");
    house.clock.advance(15 * MINUTE - 1);
    assert_eq!(waits(sign_in(&house.vault, "ann", GOOD)), 1);
    house.clock.advance(1);
    assert!(sign_in(&house.vault, "ann", GOOD).is_ok());
    assert!(is_unknown(&sign_in(&house.vault, "ann", "wrong")), "being right has cleared the account");
    assert_in_order(&house);
}

#[test]
fn a_login_that_nobody_has_is_locked_like_any_other() {
    let house = house();
    let until_locked = |name: &str| {
        let mut seen = Vec::new();
        for _ in 0..6 {
            let result = sign_in_with(&house.vault, name, "wrong", None, from("198.51.100.1"));
            seen.push(result.unwrap_err().to_string());
        }
        seen
    };
    assert_eq!(until_locked("ann"), until_locked("nobody"));
}

#[test]
fn lesson_checked_and_then_counted_tries_side_by_side_get_no_more_than_their_number() {
    let house = house();
    let first = house.vault.log_size().unwrap();
    let results: Vec<_> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..16).map(|_| scope.spawn(|| sign_in(&house.vault, "ann", "wrong"))).collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    // The clock stands still: three are free, and the fourth makes all others wait.
    let tried = results.iter().filter(|result| is_unknown(result)).count();
    assert!(tried <= 4, "{tried} were tried");
    let counted: u64 = entries_since(&house, first)
        .iter()
        .filter(|line| told(line, "why").as_deref() == Some("wrong"))
        .filter_map(|line| line.entry.count)
        .sum();
    assert_eq!(counted, tried as u64);
}

#[test]
fn counts_outlive_the_process() {
    let house = house();
    for _ in 0..4 {
        let _ = sign_in(&house.vault, "ann", "wrong");
    }
    let (vault, _folder) = reopened(house);
    assert!(matches!(sign_in(&vault, "ann", GOOD), Err(Error::TooManyAttempts { .. })));
}

#[test]
fn what_is_refused_untried_is_told_once_a_minute_with_its_count() {
    let house = house();
    for _ in 0..4 {
        let _ = sign_in(&house.vault, "ann", "wrong");
    }
    let first = house.vault.log_size().unwrap();
    for _ in 0..50 {
        assert_eq!(waits(sign_in(&house.vault, "ann", "wrong")), 1);
    }
    assert_eq!(house.vault.log_size().unwrap(), first + 1, "fifty refusals, one entry");
    house.clock.advance(MINUTE);
    sweep(&house).unwrap();
    let counts: Vec<_> = entries_since(&house, first)
        .iter()
        .filter(|line| told(line, "why").as_deref() == Some("too many failures"))
        .map(|line| line.entry.count.unwrap())
        .collect();
    assert_eq!(counts, [1, 49]);
}

#[test]
fn one_network_cannot_guess_at_everybody_and_being_right_does_not_pay_for_it() {
    let house = house();
    for i in 0..19 {
        assert!(is_unknown(&sign_in_with(&house.vault, &format!("guess-{i}"), "wrong", None, from("203.0.113.5"))));
    }
    assert!(sign_in_with(&house.vault, "eve", GOOD, None, from("203.0.113.5")).is_ok());
    for i in 19..21 {
        assert!(is_unknown(&sign_in_with(&house.vault, &format!("guess-{i}"), "wrong", None, from("203.0.113.99"))));
    }
    // The 21st wrong one of the network: one second, for whoever comes from there.
    assert_eq!(waits(sign_in_with(&house.vault, "ann", GOOD, None, from("203.0.113.200"))), 1);
    assert!(sign_in(&house.vault, "ann", GOOD).is_ok(), "elsewhere it is nobody's business");
}

#[test]
fn a_clock_that_jumps_shuts_nobody_out_and_gives_no_free_tries() {
    let house = house();
    for _ in 0..4 {
        let _ = sign_in(&house.vault, "ann", "wrong");
    }
    house.clock.advance(-24 * HOUR);
    assert_eq!(waits(sign_in(&house.vault, "ann", GOOD)), 1);
    house.clock.advance(SECOND);
    assert!(is_unknown(&sign_in(&house.vault, "ann", "wrong")), "a day back, and the wait was a second");
    assert_eq!(waits(sign_in(&house.vault, "ann", GOOD)), 2, "what was wrong before the jump counts still");
}

#[test]
fn without_a_record_nobody_is_let_in_and_no_try_is_free() {
    let switch = Switch::default();
    let house = TestVault::over(12, |engine| Box::new(Brittle::new(engine, &switch)));
    let account = house.vault.add_user(&house.actor, &login("ann"), "").unwrap();
    choose(&house, &account, GOOD);
    switch.fail(true);
    for password in [GOOD, "wrong"] {
        assert!(matches!(sign_in(&house.vault, "ann", password), Err(Error::Store(_))));
    }
    switch.fail(false);
    assert!(house.vault.sessions(&house.actor, &account.principal).unwrap().is_empty());
    assert!(sign_in(&house.vault, "ann", GOOD).is_ok());
    assert_in_order(&house);
}

#[test]
fn stale_counts_are_swept_away() {
    let house = house();
    let _ = sign_in(&house.vault, "ann", "wrong");
    assert_eq!(sweep(&house).unwrap(), 0);
    house.clock.advance(2 * HOUR);
    assert_eq!(sweep(&house).unwrap(), 2, "one of the account, one of the network");
    assert_in_order(&house);
}
