use keyward_access::{BudgetUnit, BudgetWindow, KeyRules, Role, VirtualKey};
use keyward_audit::{Action, Outcome};
use keyward_types::{Timestamp, Version};
use keyward_vault::{GatewayDenial, NewVirtualKey, UsageCall, UsageCounts, UsageRow};

use crate::virtual_keys::Shop;

fn rules(json: &str) -> KeyRules {
    serde_json::from_str(json).unwrap()
}

fn with_rules(shop: &Shop, json: &str) -> VirtualKey {
    shop.make(&shop.ada(), NewVirtualKey { rules: rules(json), ..shop.wanted("chat") }).unwrap().1
}

fn call<'a>(shop: &Shop, key: &'a VirtualKey, model: &'a str, cost: u64) -> UsageCall<'a> {
    UsageCall {
        at: shop.now(),
        key: &key.id,
        secret: key.routes[0].place.secret,
        version: Version::FIRST,
        provider: "openai",
        model,
        tag: "",
        endpoint: "",
        counts: UsageCounts { requests: 1, tokens_in: 10, tokens_out: 5, cost, ..UsageCounts::default() },
    }
}

fn all(shop: &Shop) -> Vec<UsageRow> {
    shop.team.desk.vault.usage(&shop.ada(), Timestamp(shop.now().0 - 1), shop.now()).unwrap()
}

#[test]
fn calls_are_counted_and_told_of_in_one_commit() {
    let shop = Shop::new(101);
    let vault = &shop.team.desk.vault;
    let key = with_rules(&shop, "{}");
    let before = vault.log(0, 1000).unwrap().len();
    let calls = [call(&shop, &key, "gpt-4o", 30), call(&shop, &key, "gpt-4o", 12), call(&shop, &key, "gpt-5", 1)];
    vault.record_usage(("one", 1), &calls, &[]).unwrap();
    vault.record_usage(("one", 2), &calls[..1], &[]).unwrap();
    vault.record_usage(("two", 1), &calls[..1], &[]).unwrap();
    let told: Vec<_> = vault.log(0, 1000).unwrap().split_off(before);
    let told: Vec<_> = told.iter().map(|line| (line.entry.action, line.entry.version, line.entry.count)).collect();
    let entry = |n| (Action::SecretUse, Some(1), Some(n));
    assert_eq!(told, [entry(3), entry(1), entry(1)], "one for each key and version, however many calls");
    let rows = all(&shop);
    assert_eq!(rows.len(), 3, "two models here, one there");
    let here = rows.iter().find(|row| row.node == "one" && row.model == "gpt-4o").unwrap();
    assert_eq!((here.counts.requests, here.counts.cost, here.counts.tokens_in), (3, 72, 30));
    vault.verify(None).unwrap();
}

#[test]
fn it_is_told_which_key_is_on_which_version() {
    let shop = Shop::new(111);
    let vault = &shop.team.desk.vault;
    let key = with_rules(&shop, "{}");
    let old = call(&shop, &key, "gpt-4o", 30);
    let new = UsageCall { version: Version::FIRST.next(), ..call(&shop, &key, "gpt-5", 1) };
    vault.record_usage(("one", 1), &[old.clone(), old.clone(), new], &[]).unwrap();
    vault.record_usage(("two", 1), &[old], &[]).unwrap();
    let secret = key.routes[0].place.secret;
    let uses = vault.version_uses(&shop.ada(), secret).unwrap();
    let told: Vec<_> = uses.iter().map(|known| (known.version.get(), known.requests, known.name.as_deref())).collect();
    assert_eq!(told, [(1, 3, Some("chat")), (2, 1, Some("chat"))]);
    let other = keyward_types::SecretId::from_bytes([7; 16]);
    assert!(vault.version_uses(&shop.ada(), other).unwrap().is_empty());
}

#[test]
fn what_is_offered_again_is_counted_once() {
    let shop = Shop::new(110);
    let vault = &shop.team.desk.vault;
    let key = with_rules(&shop, "{}");
    let calls = [call(&shop, &key, "gpt-4o", 30), call(&shop, &key, "gpt-5", 1)];
    vault.record_usage(("one", 1), &calls[..1], &[]).unwrap();
    let size = |log: usize| vault.log(0, 1000).unwrap().len() - log;
    let before = size(0);
    // The answer to the second one is lost, and it comes again.
    for _ in 0..3 {
        vault.record_usage(("one", 2), &calls, &[]).unwrap();
    }
    assert_eq!(size(before), 1, "one entry");
    let costs: u64 = all(&shop).iter().map(|row| row.counts.cost).sum();
    assert_eq!(costs, 30 + 30 + 1);
    vault.record_usage(("one", 3), &calls[..1], &[]).unwrap();
    vault.record_usage(("two", 2), &calls[..1], &[]).unwrap();
    assert_eq!(all(&shop).iter().map(|row| row.counts.requests).sum::<u64>(), 5);
    vault.verify(None).unwrap();
}

#[test]
fn made_up_models_make_no_rows() {
    let shop = Shop::new(102);
    let key = with_rules(&shop, "{}");
    let names: Vec<String> = (0..500).map(|n| format!("model-{n}")).collect();
    for (batch, part) in (1..).zip(names.chunks(100)) {
        let calls: Vec<_> = part.iter().map(|name| call(&shop, &key, name, 1)).collect();
        shop.team.desk.vault.record_usage(("one", batch), &calls, &[]).unwrap();
    }
    let odd = call(&shop, &key, "a\nb", 1);
    shop.team.desk.vault.record_usage(("one", 9), &[odd], &[]).unwrap();
    let rows = all(&shop);
    assert_eq!(rows.len(), 65, "64 and all others");
    assert_eq!(rows.iter().map(|row| row.counts.requests).sum::<u64>(), 501, "and none is lost");
}

#[test]
fn usage_is_seen_by_who_sees_the_key() {
    let shop = Shop::new(103);
    let vault = &shop.team.desk.vault;
    let key = with_rules(&shop, "{}");
    vault.record_usage(("one", 1), &[call(&shop, &key, "gpt-4o", 1)], &[]).unwrap();
    let eve = shop.team.member("eve", Role::Developer, "shop");
    let of = |actor| vault.usage(&actor, shop.now(), shop.now()).unwrap().len();
    assert_eq!((of(shop.ada()), of(shop.team.acting(&eve))), (1, 0));
    assert!(vault.usage(&shop.ada(), Timestamp(shop.now().0 + 1), shop.now()).is_err());
}

#[test]
fn what_was_turned_away_is_told_by_reason_and_a_trap_is_an_alarm() {
    let shop = Shop::new(104);
    let vault = &shop.team.desk.vault;
    let key = with_rules(&shop, r#"{"canary":true}"#);
    let denial = |key, reason, canary, count| GatewayDenial {
        key,
        network: Some("192.0.2.0/24".into()),
        reason,
        canary,
        second: 1_700_000_000,
        count,
    };
    let before = vault.log(0, 1000).unwrap().len();
    let denials = [denial(Some(key.id.as_str()), "canary", true, 1), denial(None, "no key", false, 250)];
    vault.record_usage(("one", 1), &[], &denials).unwrap();
    let told: Vec<_> = vault.log(0, 1000).unwrap().split_off(before);
    let told: Vec<_> = told.iter().map(|line| (line.entry.action, line.entry.outcome, line.entry.count)).collect();
    assert_eq!(
        told,
        [(Action::VirtualKeyAlarm, Outcome::Denied, Some(1)), (Action::GatewayDeny, Outcome::Denied, Some(250))]
    );
    vault.record_usage(("one", 1), &[], &[]).unwrap();
    assert_eq!(vault.log(0, 1000).unwrap().len(), before + 2, "nothing happened, nothing is told");
}

#[test]
fn whoever_knocks_from_everywhere_makes_few_entries_and_none_is_lost() {
    let shop = Shop::new(109);
    let vault = &shop.team.desk.vault;
    let denials: Vec<_> = (0..5_000)
        .map(|n| GatewayDenial {
            key: None,
            network: Some(format!("10.{}.{}.0/24", n / 256, n % 256)),
            reason: "no key",
            canary: false,
            second: 1_700_000_000,
            count: 1,
        })
        .collect();
    let before = vault.log(0, 1000).unwrap().len();
    vault.record_usage(("one", 1), &[], &denials).unwrap();
    let told = vault.log(0, 1000).unwrap().split_off(before);
    assert_eq!(told.len(), 65);
    assert_eq!(told.iter().filter_map(|line| line.entry.count).sum::<u64>(), 5_000);
}

#[test]
fn of_a_thousand_who_ask_at_once_ten_get_what_ten_may_have() {
    let shop = Shop::new(105);
    let key = with_rules(&shop, r#"{"uses":10,"strict":true}"#);
    let vault = &shop.team.desk.vault;
    let reserve = || vault.reserve_budget("one", &key.id, BudgetUnit::Requests, BudgetWindow::Total, 1).unwrap().amount;
    let granted: u64 = std::thread::scope(|scope| {
        let askers: Vec<_> = (0..8).map(|_| scope.spawn(|| (0..125).map(|_| reserve()).sum::<u64>())).collect();
        askers.into_iter().map(|asker| asker.join().unwrap()).sum()
    });
    assert_eq!(granted, 10);
}

#[test]
fn a_chunk_is_a_hundredth_and_a_new_day_begins_anew() {
    let shop = Shop::new(106);
    let vault = &shop.team.desk.vault;
    let key = with_rules(&shop, r#"{"budgets":["5usd/day"]}"#);
    let reserve = |want| vault.reserve_budget("one", &key.id, BudgetUnit::MicroUsd, BudgetWindow::Day, want).unwrap();
    let first = reserve(7);
    assert_eq!(first.amount, 50_000, "so that it is asked for seldom");
    assert_eq!(first.until, Some(shop.now().day_start().plus_days(1)));
    assert_eq!(reserve(5_000_000).amount, 4_950_000, "what is left");
    assert_eq!(reserve(1).amount, 0);
    vault.give_back_budget("one", &key.id, BudgetUnit::MicroUsd, BudgetWindow::Day, first).unwrap();
    assert_eq!(vault.budget_uses(&key).unwrap()[0].1, 4_950_000);
    assert_eq!(reserve(60_000).amount, 50_000);
    shop.team.desk.clock.advance(24 * 60 * 60 * 1000);
    assert_eq!(vault.budget_uses(&key).unwrap()[0].1, 0);
    vault.give_back_budget("one", &key.id, BudgetUnit::MicroUsd, BudgetWindow::Day, first).unwrap();
    assert_eq!(reserve(1).amount, 50_000, "what is left of yesterday is worth nothing today");
}

#[test]
fn what_was_reserved_counts_as_spent_by_whoever_comes_next() {
    let shop = Shop::new(107);
    let key = with_rules(&shop, r#"{"budgets":["100tokens/total"]}"#);
    let ask = |vault: &keyward_vault::Vault, want| {
        vault.reserve_budget("one", &key.id, BudgetUnit::Tokens, BudgetWindow::Total, want).unwrap().amount
    };
    assert_eq!(ask(&shop.team.desk.vault, 90), 90);
    // The process is gone with all that it had.
    let (folder, file) = shop.team.desk.close();
    let database = folder.path().join("vault.db");
    let again = keyward_testing::vault::open(&database, &file).unwrap();
    assert_eq!(ask(&again, 90), 10);
}

#[test]
fn a_budget_is_the_keys_own_and_of_a_living_key() {
    let shop = Shop::new(108);
    let vault = &shop.team.desk.vault;
    let key = with_rules(&shop, r#"{"budgets":["5usd/day"]}"#);
    assert!(vault.reserve_budget("one", &key.id, BudgetUnit::MicroUsd, BudgetWindow::Month, 1).is_err());
    vault.revoke_virtual_key(&shop.ada(), &key.id).unwrap();
    let reserved = vault.reserve_budget("one", &key.id, BudgetUnit::MicroUsd, BudgetWindow::Day, 1).unwrap();
    assert_eq!(reserved.amount, 0);
}

#[test]
fn what_a_secret_is_used_for_is_known_by_call_and_day() {
    let shop = Shop::new(131);
    let vault = &shop.team.desk.vault;
    let key = with_rules(&shop, "{}");
    let place = key.routes[0].place;
    let to = |endpoint| UsageCall { endpoint, ..call(&shop, &key, "gpt-5", 1) };
    let failed = UsageCounts { requests: 1, failed: 1, ..UsageCounts::default() };
    let denied = UsageCall { counts: failed, ..to("DELETE /v1/files/*") };
    vault.record_usage(("one", 1), &[to("POST /v1/responses"), to("GET /v1/models"), denied], &[]).unwrap();
    vault.record_usage(("one", 2), &[to("POST /v1/responses"), to("")], &[]).unwrap();
    vault.record_usage(("two", 1), &[to("POST /v1/responses")], &[]).unwrap();
    let seen = |days| -> Vec<String> {
        vault.endpoints_of(&place, days).unwrap().into_iter().map(|one| one.endpoint).collect()
    };
    assert_eq!(seen(30), ["GET /v1/models", "POST /v1/responses"], "what failed needs no right");
    shop.team.desk.clock.advance(40 * 24 * 60 * 60 * 1000);
    assert_eq!((seen(30).len(), seen(60).len()), (0, 2));
    // Whoever makes up paths makes no rows.
    let paths: Vec<String> = (0..400).map(|n| format!("GET /v1/x{n}y")).collect();
    let many: Vec<UsageCall<'_>> = paths.iter().map(|path| to(path)).collect();
    vault.record_usage(("one", 3), &many[..200], &[]).unwrap();
    vault.record_usage(("one", 4), &many[200..], &[]).unwrap();
    let all = seen(1);
    assert!(all.len() == 257 && all.iter().any(|one| one == "(others)"), "{}", all.len());
    // What nobody looks back to goes with the first call of a later day.
    shop.team.desk.clock.advance(60 * 24 * 60 * 60 * 1000);
    assert_eq!(seen(300).len(), 259);
    vault.record_usage(("one", 5), &[to("POST /v1/responses")], &[]).unwrap();
    assert_eq!(seen(300).len(), 258, "those of the first day are gone, those of sixty days ago are not");
    shop.team.desk.clock.advance(60 * 24 * 60 * 60 * 1000);
    vault.record_usage(("one", 6), &[to("GET /v1/models")], &[]).unwrap();
    assert_eq!(seen(300), ["GET /v1/models", "POST /v1/responses"]);
    vault.verify(None).unwrap();
}
