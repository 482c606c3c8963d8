use keyward_access::KeyRules;
use keyward_audit::{Action, Via};
use keyward_testing::{Brittle, Switch, TestVault};
use keyward_types::{Clock, Place, Version};
use keyward_vault::{Error, HoldingKind, NewRoute, NewVirtualKey};

use crate::virtual_keys::{SECRET, Shop};

fn wanted(shop: &Shop) -> Vec<(Place, Version)> {
    let live = shop.team.desk.vault.live_keys().unwrap();
    live.all().flat_map(|key| &key.routes).map(|route| (route.place, route.version)).collect()
}

#[test]
fn a_lease_applies_the_value_for_a_minute_and_is_on_record_first() {
    let shop = Shop::new(90);
    let vault = &shop.team.desk.vault;
    shop.made("chat");
    let before = vault.log(0, 1000).unwrap().len();
    let leases = vault.lease_for_gateway("one", &wanted(&shop)).unwrap();
    let lines = vault.log(0, 1000).unwrap().split_off(before);
    let told: Vec<_> =
        lines.iter().map(|line| (line.entry.action, line.entry.principal.as_str(), line.entry.via)).collect();
    assert_eq!(told, [(Action::SecretUse, "system:gateway", Some(Via::Gateway))]);
    let now = shop.now();
    let applied = leases[0].lease.apply(now, |value| value == b"what-the-service-knows-us-by-42");
    assert_eq!(applied, Some(true));
    assert_eq!(leases[0].lease.until().0, now.0 + 60_000);
    assert_eq!(leases[0].lease.apply(leases[0].lease.until(), |_| ()), None, "then it is over");
}

#[test]
fn a_node_is_said_to_have_a_value_as_long_as_its_lease() {
    let shop = Shop::new(91);
    let vault = &shop.team.desk.vault;
    shop.made("chat");
    let wanted = wanted(&shop);
    let holdings = || vault.holdings(wanted[0].0.secret).unwrap();
    vault.lease_for_gateway("one", &wanted).unwrap();
    let since = shop.now();
    shop.team.desk.clock.advance(30_000);
    vault.lease_for_gateway("one", &wanted).unwrap();
    vault.lease_for_gateway("two", &wanted).unwrap();
    let of_one = holdings().into_iter().find(|one| one.since == since).unwrap();
    assert_eq!((of_one.kind, of_one.until.unwrap().0), (HoldingKind::Gateway, shop.now().0 + 60_000));
    assert_eq!(holdings().len(), 2, "a renewal goes on with it, another node has one of its own");
    shop.team.desk.clock.advance(120_000);
    vault.lease_for_gateway("one", &wanted).unwrap();
    assert!(holdings().iter().any(|one| one.since == shop.now()), "after a break it begins anew");
}

#[test]
fn what_no_key_stands_for_is_not_leased() {
    let shop = Shop::new(92);
    let vault = &shop.team.desk.vault;
    let (_, key) = shop.made("chat");
    let wanted = wanted(&shop);
    let production = shop.team.scope("production");
    let other = vault.head(shop.team.owner(), &production, &"DB_URL".parse().unwrap()).unwrap();
    assert!(vault.lease_for_gateway("one", &[(other.place, Version::FIRST)]).unwrap().is_empty());
    assert!(vault.lease_for_gateway("one", &[(wanted[0].0, Version::FIRST.next())]).unwrap().is_empty());
    vault.revoke_virtual_key(&shop.ada(), &key.id).unwrap();
    let before = vault.log(0, 1000).unwrap().len();
    assert!(vault.lease_for_gateway("one", &wanted).unwrap().is_empty());
    assert_eq!(vault.log(0, 1000).unwrap().len(), before, "nothing was opened, nothing is told");
}

#[test]
fn the_version_before_is_leased_as_long_as_it_is_the_previous_one() {
    let shop = Shop::new(93);
    let vault = &shop.team.desk.vault;
    shop.made("chat");
    let production = shop.team.scope("production");
    let next = crate::kit::new_value(SECRET, "the-next-value-of-it-43");
    vault.write(shop.team.owner(), &production, vec![next]).unwrap();
    let live = vault.live_keys().unwrap();
    let route = &live.all().next().unwrap().routes[0];
    assert_eq!((route.version, route.previous), (Version::FIRST.next(), Some(Version::FIRST)));
    let both = [(route.place, route.version), (route.place, Version::FIRST)];
    assert_eq!(vault.lease_for_gateway("one", &both).unwrap().len(), 2);
}

#[test]
fn a_trap_is_leased_nothing() {
    let shop = Shop::new(95);
    let trap = KeyRules { canary: true, ..KeyRules::default() };
    shop.make(&shop.ada(), NewVirtualKey { rules: trap, ..shop.wanted("bait") }).unwrap();
    let wanted = wanted(&shop);
    assert_eq!(wanted.len(), 1, "a gateway has to know it to be alarmed");
    assert!(shop.team.desk.vault.lease_for_gateway("one", &wanted).unwrap().is_empty());
}

#[test]
fn when_nothing_can_be_recorded_there_is_no_lease() {
    let switch = Switch::default();
    let house = TestVault::over(94, |engine| Box::new(Brittle::new(engine, &switch)));
    house.set(SECRET, "what-the-service-knows-us-by-42").unwrap();
    let route = NewRoute { secret: SECRET.parse().unwrap(), provider: Some("openai".into()), upstream: None };
    let new = NewVirtualKey {
        name: "chat".parse().unwrap(),
        owner: None,
        secrets: vec![route],
        rules: KeyRules::default(),
        expires_at: None,
    };
    house.vault.create_virtual_key(&house.actor, &house.scope, new, &|_| Ok(())).unwrap();
    let live = house.vault.live_keys().unwrap();
    let route = &live.all().next().unwrap().routes[0];
    let wanted = [(route.place, route.version)];
    let lease = house.vault.lease_for_gateway("one", &wanted).unwrap().remove(0);
    switch.fail(true);
    assert!(matches!(house.vault.lease_for_gateway("one", &wanted), Err(Error::Store(_))));
    house.clock.advance(60_000);
    assert_eq!(lease.lease.apply(house.clock.now(), |_| ()), None, "and with the last one it ends");
    switch.fail(false);
    assert_eq!(house.vault.lease_for_gateway("one", &wanted).unwrap().len(), 1);
}
