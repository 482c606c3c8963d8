use keyward_access::{Identity, KeyRules, Role, VirtualKey};
use keyward_audit::{Action, Outcome};
use keyward_testing::Seed;
use keyward_types::token::PlainToken;
use keyward_types::{Clock, Timestamp};
use keyward_vault::{Actor, Edit, Error, LiveKey, NewChild, NewRoute, NewVirtualKey};

use crate::kit::{Team, is_denied, is_refused, login, new_value};

/// A team with a key of a service in production, which the program `bot` may use and its owner `ada`
/// answers for.
pub(crate) struct Shop {
    pub(crate) team: Team,
    pub(crate) ada: Identity,
    pub(crate) bot: Identity,
}

pub(crate) const SECRET: &str = "CHAT_KEY";
const DAY: i64 = 24 * 60 * 60 * 1000;

impl Shop {
    pub(crate) fn new(seed: u64) -> Self {
        let team = Team::new(seed);
        let edit = Edit { provider: Some(Some("openai".into())), ..Edit::default() };
        let value = keyward_vault::NewValue { edit, ..new_value(SECRET, "what-the-service-knows-us-by-42") };
        team.desk.vault.write(team.owner(), &team.scope("production"), vec![value]).unwrap();
        let ada = team.member("ada", Role::Operator, "shop/production");
        let bot = team.service("bot", &ada);
        team.grant(&bot, Role::Operator, "shop/production");
        Self { team, ada, bot }
    }

    pub(crate) fn wanted(&self, name: &str) -> NewVirtualKey {
        let secrets = vec![NewRoute { secret: SECRET.parse().unwrap(), provider: None, upstream: None }];
        let owner = Some(self.bot.principal.clone());
        NewVirtualKey { name: login(name), owner, secrets, rules: KeyRules::default(), expires_at: None }
    }

    pub(crate) fn make(&self, actor: &Actor, new: NewVirtualKey) -> Result<(PlainToken, VirtualKey), Error> {
        self.team.desk.vault.create_virtual_key(actor, &self.team.scope("production"), new, &|_| Ok(()))
    }

    pub(crate) fn made(&self, name: &str) -> (PlainToken, VirtualKey) {
        self.make(&self.ada(), self.wanted(name)).unwrap()
    }

    pub(crate) fn ada(&self) -> Actor {
        self.team.acting(&self.ada)
    }

    /// Whether a gateway would serve this text now.
    pub(crate) fn serves(&self, token: &PlainToken) -> bool {
        let vault = &self.team.desk.vault;
        let hash = vault.key_lookup().hash_of(token.expose()).unwrap();
        let (live, now) = (vault.live_keys().unwrap(), self.now());
        live.hashes().any(|(known, until, _)| known == hash && until.is_none_or(|until| now < until))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.team.desk.clock.now()
    }
}

fn rules(json: &str) -> KeyRules {
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_key_serves_from_its_making_to_its_end_and_its_text_is_kept_nowhere() {
    let shop = Shop::new(71);
    let end = Timestamp(shop.now().0 + 60_000);
    let (token, key) = shop.make(&shop.ada(), NewVirtualKey { expires_at: Some(end), ..shop.wanted("chat") }).unwrap();
    assert!(token.expose().starts_with("kwv_") && token.id() == key.id);
    assert!(shop.serves(&token));
    let live = shop.team.desk.vault.live_keys().unwrap();
    let serving = live.by_id(&key.id).unwrap();
    assert_eq!((serving.routes[0].provider.as_str(), serving.routes[0].version.get()), ("openai", 1));
    assert_eq!(
        (serving.project.as_str(), serving.environment.as_str(), serving.of_program),
        ("shop", "production", true)
    );
    shop.team.desk.clock.advance(59_999);
    assert!(shop.serves(&token));
    shop.team.desk.clock.advance(1);
    assert!(!shop.serves(&token));
    assert!(!format!("{key:?}").contains(&token.expose()[16..46]));
}

#[test]
fn who_may_not_use_a_secret_makes_no_key_of_it_and_that_is_on_record() {
    let shop = Shop::new(72);
    let eve = shop.team.member("eve", Role::Auditor, "shop");
    let mine = NewVirtualKey { owner: None, ..shop.wanted("mine") };
    assert!(is_denied(shop.make(&shop.team.acting(&eve), mine)));
    assert!(is_denied(shop.make(&shop.team.acting(&eve), shop.wanted("theirs"))), "nor in another's name");
    let idle = shop.team.service("idle", &shop.ada);
    let of_idle = NewVirtualKey { owner: Some(idle.principal.clone()), ..shop.wanted("idle") };
    assert!(is_refused(shop.make(&shop.ada(), of_idle)), "an owner who may not use it");
    let lines = shop.team.desk.vault.log(0, 1000).unwrap();
    let denied = lines.iter().filter(|line| line.entry.outcome == Outcome::Denied);
    let denied: Vec<_> = denied.map(|line| (line.entry.action, line.entry.principal.clone())).collect();
    let eve = eve.principal.to_string();
    assert_eq!(denied, [(Action::VirtualKeyCreate, eve.clone()), (Action::VirtualKeyCreate, eve)]);
}

#[test]
fn whoever_says_where_a_value_goes_has_to_have_it() {
    let shop = Shop::new(73);
    let elsewhere = |provider: Option<&str>, upstream: Option<&str>| {
        let upstream = upstream.map(|text| text.parse().unwrap());
        let route = NewRoute { secret: SECRET.parse().unwrap(), provider: provider.map(str::to_owned), upstream };
        NewVirtualKey { secrets: vec![route], ..shop.wanted("elsewhere") }
    };
    let stranger = elsewhere(None, Some("https://collector.example"));
    assert!(is_denied(shop.make(&shop.ada(), stranger.clone())), "an operator uses and does not read");
    assert!(is_denied(shop.make(&shop.ada(), elsewhere(Some("cohere"), None))));
    assert!(shop.make(&shop.ada(), elsewhere(Some("openai"), None)).is_ok(), "the service it belongs to anyway");
    let of_owner = NewVirtualKey { name: login("other"), owner: None, ..stranger };
    assert!(shop.make(shop.team.owner(), of_owner).is_ok());
}

#[test]
fn a_key_follows_its_owner_down_at_once() {
    let shop = Shop::new(74);
    let (token, _) = shop.made("chat");
    let bindings = shop.team.desk.vault.role_bindings(shop.team.owner()).unwrap();
    let of_bot = keyward_access::Subject::Principal(shop.bot.principal.clone());
    let id = bindings.iter().find(|one| one.subject == of_bot).unwrap().id;
    shop.team.desk.vault.revoke_role(shop.team.owner(), id).unwrap();
    assert!(!shop.serves(&token));
    shop.team.grant(&shop.bot, Role::Operator, "shop/production");
    assert!(shop.serves(&token), "it has a part of what he may, and he may again");
    shop.team.desk.vault.disable(shop.team.owner(), &shop.bot.principal).unwrap();
    shop.team.desk.vault.enable(shop.team.owner(), &shop.bot.principal).unwrap();
    assert!(!shop.serves(&token), "and ends with the account for ever");
}

#[test]
fn a_role_for_a_time_takes_its_keys_along_when_it_ends() {
    let shop = Shop::new(75);
    let temp = shop.team.service("temp", &shop.ada);
    let subject = keyward_access::Subject::Principal(temp.principal.clone());
    let until = Timestamp(shop.now().0 + 1_000);
    let reach = shop.team.reach("shop/production");
    shop.team.desk.vault.grant(shop.team.owner(), &subject, Role::Operator, &reach, Some(until)).unwrap();
    let new = NewVirtualKey { owner: Some(temp.principal.clone()), ..shop.wanted("temp") };
    let (token, _) = shop.make(shop.team.owner(), new).unwrap();
    assert!(shop.serves(&token));
    shop.team.desk.clock.advance(1_000);
    assert!(!shop.serves(&token));
}

#[test]
fn a_revoked_key_is_dead_before_the_answer_and_takes_its_children_along() {
    let shop = Shop::new(76);
    let vault = &shop.team.desk.vault;
    let (token, key) = shop.made("chat");
    let (child, _) = vault.mint_child_key(&shop.ada(), &key.id, NewChild::default()).unwrap();
    assert!(shop.serves(&token) && shop.serves(&child));
    vault.revoke_virtual_key(&shop.ada(), &key.id).unwrap();
    assert!(!shop.serves(&token) && !shop.serves(&child));
    assert!(is_refused(vault.revoke_virtual_key(&shop.ada(), &key.id)));
    assert!(shop.make(&shop.ada(), shop.wanted("chat")).is_ok(), "its name is free");
    assert!(matches!(shop.make(&shop.ada(), shop.wanted("chat")), Err(Error::Exists { .. })));
}

#[test]
fn who_waits_for_changes_is_told_before_the_change_is_answered() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let shop = Shop::new(77);
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    shop.team.desk.vault.on_key_change(move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let (_, key) = shop.made("chat");
    assert_eq!(told.load(Ordering::SeqCst), 1);
    shop.team.desk.vault.revoke_virtual_key(&shop.ada(), &key.id).unwrap();
    assert_eq!(told.load(Ordering::SeqCst), 2);
    shop.team.read(shop.team.owner(), "production", SECRET).unwrap();
    assert_eq!(told.load(Ordering::SeqCst), 2, "a read changes no key");
    let before = shop.team.desk.vault.live_keys().unwrap();
    assert_eq!(before.serial(), shop.team.desk.vault.live_keys().unwrap().serial(), "nor is anything made anew");
}

#[test]
fn a_new_text_takes_over_at_once_and_the_old_one_has_its_grace() {
    let shop = Shop::new(78);
    let vault = &shop.team.desk.vault;
    let (old, key) = shop.made("chat");
    let (new, renewed) = vault.rotate_virtual_key(&shop.ada(), &key.id, 10_000).unwrap();
    assert_eq!((renewed.id.as_str(), new.id()), (key.id.as_str(), key.id.as_str()), "the id stays");
    assert!(shop.serves(&old) && shop.serves(&new));
    shop.team.desk.clock.advance(10_000);
    assert!(!shop.serves(&old) && shop.serves(&new));
    let (newest, _) = vault.rotate_virtual_key(&shop.ada(), &key.id, 0).unwrap();
    assert!(!shop.serves(&new) && shop.serves(&newest), "without grace it is dead at once");
    assert!(is_refused(vault.rotate_virtual_key(&shop.ada(), &key.id, 8 * DAY)));
    let eve = shop.team.member("eve", Role::Developer, "shop");
    let refused = vault.rotate_virtual_key(&shop.team.acting(&eve), &key.id, 0);
    assert!(matches!(refused, Err(Error::Missing { .. })), "whose key it is, is not for everybody: {refused:?}");
}

#[test]
fn a_new_version_is_what_a_key_stands_for_at_once() {
    let shop = Shop::new(79);
    let (_, key) = shop.made("chat");
    let production = shop.team.scope("production");
    shop.team
        .desk
        .vault
        .write(shop.team.owner(), &production, vec![new_value(SECRET, "the-next-value-of-it-43")])
        .unwrap();
    let live = shop.team.desk.vault.live_keys().unwrap();
    assert_eq!(live.by_id(&key.id).unwrap().routes[0].version.get(), 2);
    shop.team.desk.vault.delete(shop.team.owner(), &production, &SECRET.parse().unwrap()).unwrap();
    assert!(shop.team.desk.vault.live_keys().unwrap().is_empty(), "without a value it serves nobody");
}

#[test]
fn a_child_is_within_its_parent_and_short() {
    let shop = Shop::new(80);
    let vault = &shop.team.desk.vault;
    let rules_of = r#"{"models":["gpt-*"],"rpm":60,"budgets":["5usd/day"]}"#;
    let (_, parent) = shop.make(&shop.ada(), NewVirtualKey { rules: rules(rules_of), ..shop.wanted("chat") }).unwrap();
    let child = |json: &str| NewChild { rules: rules(json), subject: Some("visitor-7".into()), ..NewChild::default() };
    let (token, minted) = vault.mint_child_key(&shop.ada(), &parent.id, child(r#"{"rpm":6}"#)).unwrap();
    assert_eq!((minted.rules.rpm, minted.rules.models.len()), (Some(6), 1), "what it does not name is inherited");
    assert_eq!(minted.expires_at, Some(Timestamp(shop.now().0 + 60 * 60 * 1000)));
    let live = vault.live_keys().unwrap();
    let caps: Vec<_> = live.by_id(&minted.id).unwrap().caps().map(|(whose, cap)| (whose.id.clone(), cap)).collect();
    assert_eq!(caps, [(parent.id.clone(), "5usd/day".parse().unwrap())], "its parent's budgets are spent");
    assert!(is_refused(vault.mint_child_key(&shop.ada(), &parent.id, child(r#"{"models":["*"]}"#))));
    let long = NewChild { lives: Some(DAY + 1), ..NewChild::default() };
    assert!(is_refused(vault.mint_child_key(&shop.ada(), &parent.id, long)));
    let foreign = NewChild { providers: vec!["cohere".into()], ..NewChild::default() };
    assert!(is_refused(vault.mint_child_key(&shop.ada(), &parent.id, foreign)));
    let eve = shop.team.member("eve", Role::Operator, "shop/production");
    let refused = vault.mint_child_key(&shop.team.acting(&eve), &parent.id, NewChild::default());
    assert!(matches!(refused, Err(Error::Missing { .. })), "the right to use the secret is not the right to the key");
    assert!(shop.serves(&token));
    shop.team.desk.clock.advance(60 * 60 * 1000);
    assert!(!shop.serves(&token));
}

#[test]
fn a_backend_makes_children_with_the_right_to_use_one_secret_and_no_other() {
    let shop = Shop::new(81);
    let vault = &shop.team.desk.vault;
    let (_, parent) = shop.made("chat");
    let scoped = |scope: &str| {
        let new = keyward_vault::NewToken {
            owner: Some(shop.bot.principal.clone()),
            scopes: crate::kit::scopes(&[scope]),
            expires_at: Some(Timestamp(shop.now().0 + DAY)),
            ..keyward_vault::NewToken::default()
        };
        shop.team.with_token(&shop.team.token(&shop.ada(), new).unwrap()).unwrap()
    };
    let backend = scoped("use:shop/production/CHAT_KEY");
    let (child, minted) = vault.mint_child_key(&backend, &parent.id, NewChild::default()).unwrap();
    assert!(shop.serves(&child));
    let read_only = keyward_vault::NewToken { read_only: true, ..keyward_vault::NewToken::default() };
    let looks_on = shop.team.with_token(&shop.team.token(&shop.ada(), read_only).unwrap()).unwrap();
    assert!(is_denied(vault.mint_child_key(&looks_on, &parent.id, NewChild::default())), "a key is a change");
    assert!(is_denied(vault.mint_child_key(&scoped("use:shop/production/DB_URL"), &parent.id, NewChild::default())));
    assert!(vault.create_virtual_key(&backend, &shop.team.scope("production"), shop.wanted("x"), &|_| Ok(())).is_err());
    assert!(vault.rotate_virtual_key(&backend, &parent.id, 0).is_err());
    vault.revoke_token(&shop.ada(), minted.made_with.as_deref().unwrap()).unwrap();
    assert!(!shop.serves(&child), "what a token made ends with it");
}

#[test]
fn a_project_for_some_networks_narrows_its_keys() {
    let shop = Shop::new(82);
    let vault = &shop.team.desk.vault;
    let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
    let narrow = KeyRules { networks: networks(&["10.1.0.0/16", "192.0.2.0/24"]), ..KeyRules::default() };
    let (_, key) = shop.make(&shop.ada(), NewVirtualKey { rules: narrow, ..shop.wanted("chat") }).unwrap();
    let (_, open) = shop.made("open");
    vault.set_networks(shop.team.owner(), &"shop".parse().unwrap(), &networks(&["10.0.0.0/8"]), true).unwrap();
    let live = vault.live_keys().unwrap();
    assert_eq!(live.by_id(&key.id).unwrap().networks, networks(&["10.1.0.0/16"]), "both lists count");
    assert_eq!(live.by_id(&open.id).unwrap().networks, networks(&["10.0.0.0/8"]));
    vault.set_networks(shop.team.owner(), &"shop".parse().unwrap(), &networks(&["203.0.113.0/24"]), true).unwrap();
    assert!(vault.live_keys().unwrap().by_id(&key.id).is_none(), "no network is in both");
}

#[test]
fn keys_are_seen_by_their_owners_and_by_who_may_list_the_vault() {
    let shop = Shop::new(83);
    let vault = &shop.team.desk.vault;
    let (_, key) = shop.made("chat");
    vault.mint_child_key(&shop.ada(), &key.id, NewChild::default()).unwrap();
    let names = |actor: &Actor| vault.virtual_keys(actor).unwrap().len();
    let eve = shop.team.member("eve", Role::Developer, "shop");
    assert_eq!((names(&shop.ada()), names(shop.team.owner()), names(&shop.team.acting(&eve))), (1, 1, 0));
    assert_eq!(vault.virtual_key(&shop.ada(), &key.id).unwrap().1, 1, "children are counted");
    assert!(matches!(vault.virtual_key(&shop.team.acting(&eve), &key.id), Err(Error::Missing { .. })));
}

#[test]
fn each_change_of_a_key_is_one_entry_and_replays() {
    let shop = Shop::new(84);
    let vault = &shop.team.desk.vault;
    let (_, key) = shop.made("chat");
    vault.mint_child_key(&shop.ada(), &key.id, NewChild::default()).unwrap();
    vault.rotate_virtual_key(&shop.ada(), &key.id, 1_000).unwrap();
    vault.revoke_virtual_key(&shop.ada(), &key.id).unwrap();
    let lines = vault.log(0, 1000).unwrap();
    let of_keys: Vec<_> = lines.iter().filter(|line| line.entry.action.as_str().starts_with("virtual-key.")).collect();
    let actions: Vec<_> = of_keys.iter().map(|line| (line.entry.action, line.entry.outcome)).collect();
    use Action::{VirtualKeyCreate, VirtualKeyMint, VirtualKeyRevoke, VirtualKeyRotate};
    let expected = [VirtualKeyCreate, VirtualKeyMint, VirtualKeyRotate, VirtualKeyRevoke];
    assert_eq!(actions, expected.map(|action| (action, Outcome::Allowed)));
    vault.verify(None).unwrap();
}

#[test]
fn records_of_children_are_cleared_away_a_week_after_their_end_and_their_parents_stay() {
    let shop = Shop::new(85);
    let vault = &shop.team.desk.vault;
    let (_, parent) = shop.made("chat");
    for _ in 0..3 {
        vault.mint_child_key(&shop.ada(), &parent.id, NewChild::default()).unwrap();
    }
    let lead = vault.lead("here", std::time::Duration::from_secs(60)).unwrap().unwrap();
    assert_eq!(vault.sweep_virtual_keys(&lead).unwrap(), 0);
    shop.team.desk.clock.advance(8 * DAY);
    let (kept, _) = vault.mint_child_key(&shop.ada(), &parent.id, NewChild::default()).unwrap();
    assert_eq!(vault.sweep_virtual_keys(&lead).unwrap(), 3);
    assert_eq!(vault.virtual_key(&shop.ada(), &parent.id).unwrap().1, 1);
    assert!(shop.serves(&kept));
    vault.verify(None).unwrap();
}

#[test]
fn what_a_gateway_cannot_send_is_no_key() {
    let shop = Shop::new(86);
    let vault = &shop.team.desk.vault;
    let refused = |_: &keyward_access::KeyRoute| Err("no gateway sends that".to_owned());
    let made = vault.create_virtual_key(&shop.ada(), &shop.team.scope("production"), shop.wanted("chat"), &refused);
    assert!(matches!(made, Err(Error::Refused(why)) if why == "no gateway sends that"));
    assert!(!vault.also_serves("billing"));
    vault.also_serve(["billing".to_owned()].into());
    assert!(vault.also_serves("billing") && !vault.also_serves("other"));
}

/// Only what a change concerns is looked at: after any changes that is what looking at everything shows.
#[test]
fn after_any_changes_all_is_as_a_whole_look_shows_it() {
    const NAMES: [&str; 4] = [SECRET, "MAIL_KEY", "MAPS_KEY", "UNUSED_KEY"];
    let mut seed = Seed::of_campaign();
    println!("seed {}", seed.number());
    let shop = Shop::new(95);
    let (vault, production) = (&shop.team.desk.vault, shop.team.scope("production"));
    let provider = |name: &str| if name == SECRET { "openai" } else { "qdrant" };
    let write = |name: &str, value: u64| {
        let edit = Edit { provider: Some(Some(provider(name).into())), ..Edit::default() };
        let value = keyward_vault::NewValue { edit, ..new_value(name, &format!("what-it-knows-us-by-{value:06}")) };
        drop(vault.write(shop.team.owner(), &production, vec![value]));
    };
    NAMES.iter().skip(1).for_each(|name| write(name, 0));
    let content = || -> Vec<LiveKey> { vault.live_keys().unwrap().all().map(|live| (**live).clone()).collect() };
    let (mut made, mut most, mut unused) = (Vec::<String>::new(), 0, 0);
    for step in 0..250 {
        let some_key = |seed: &mut Seed| made.get(seed.below(made.len().max(1))).cloned().unwrap_or_default();
        match seed.below(10) {
            0..=2 => {
                let name = NAMES[seed.below(3)];
                let secrets = vec![NewRoute { secret: name.parse().unwrap(), provider: None, upstream: None }];
                let expires_at = seed.once_in(2).then(|| Timestamp(shop.now().0 + 1 + seed.below(60_000) as i64));
                let new = NewVirtualKey { secrets, expires_at, ..shop.wanted(&format!("key-{step}")) };
                // A secret that was deleted is nothing to make a key of.
                made.extend(shop.make(&shop.ada(), new).ok().map(|(_, key)| key.id));
            }
            3 => {
                let lives = Some(1_000 + seed.below(60_000) as i64);
                let child = NewChild { lives, ..NewChild::default() };
                made.extend(vault.mint_child_key(&shop.ada(), &some_key(&mut seed), child).ok().map(|(_, key)| key.id));
            }
            4 => drop(vault.revoke_virtual_key(&shop.ada(), &some_key(&mut seed))),
            5 => drop(vault.rotate_virtual_key(&shop.ada(), &some_key(&mut seed), seed.below(30_000) as i64)),
            6 => write(NAMES[seed.below(3)], step),
            7 if seed.once_in(3) => {
                drop(vault.delete(shop.team.owner(), &production, &NAMES[seed.below(3)].parse().unwrap()))
            }
            8 => {
                let before = vault.live_keys().unwrap().serial();
                write("UNUSED_KEY", step);
                let after = vault.live_keys().unwrap().serial();
                assert_eq!(before, after, "nobody stands for it");
                unused += 1;
            }
            _ => shop.team.desk.clock.advance(seed.below(5_000) as i64),
        }
        let alone = content();
        most = most.max(alone.len());
        if seed.once_in(6) {
            let serial = vault.live_keys().unwrap().serial();
            vault.catch_up_with_all().unwrap();
            assert_eq!(alone, content(), "step {step}");
            assert_eq!(serial, vault.live_keys().unwrap().serial(), "and nothing is made anew of it");
        }
    }
    assert!(most > 5 && unused > 5, "{most} keys served at once, {unused} changes concerned none");
}
