//! Services that make their keys themselves.

use keyward_client::{Desk, RotateAsk};
use keyward_testing::doubles::{ApiKeys, Iam, Neon, OpenAi, Qdrant, QdrantNode};
use keyward_testing::mariadb::MariaDb;
use keyward_testing::redis::Redis;

use super::shop::{Shop, at, becomes, by, doubles, name};

/// The whole way: the file has the new value at once, the old key lives for a day and its rest for
/// another, and at the end `live` is one key that is not among those of the beginning.
#[track_caller]
fn whole(shop: &Shop, ask: &RotateAsk, live: &dyn Fn() -> Vec<String>) {
    let before = live();
    assert_eq!(before.len(), 1, "{before:?}");
    let plan = shop.desk.rotation_preview(at(), name(), ask.clone()).unwrap();
    assert!(plan.steps.iter().any(|step| step.starts_with("mint: ")), "{:#?}", plan.steps);
    let old = shop.file();
    let begun = shop.rotate(ask.clone());
    assert_eq!(begun.state, "observing", "{begun:#?}");
    assert_ne!(shop.file(), old, "the file has the new value");
    shop.is_in_step();
    assert!(live().contains(&before[0]), "the old one works as long as somebody may need it: {:?}", live());
    let after = shop.hours(100);
    assert_eq!(after.state, "done", "{after:#?}");
    assert!(!live().contains(&before[0]) && live().len() == 1, "{:?} of {before:?}", live());
    shop.is_in_step();

    // What was said is remembered, and which key it is now is known.
    let before = live();
    assert_eq!(shop.rotate(RotateAsk::default()).state, "observing");
    let after = shop.hours(100);
    assert_eq!(after.state, "done", "{after:#?}");
    assert!(!live().contains(&before[0]) && live().len() == 1, "{:?} of {before:?}", live());
}

#[test]
fn openai() {
    let (doubles, _turn) = doubles();
    let (service, admin, current) = OpenAi::new();
    becomes(&doubles.openai, service);
    let shop = Shop::new("openai", &current, Some(&admin));
    let ask = by(&[("project", "proj_1"), ("service_account", "svc_acct_1")], true);
    whole(&shop, &ask, &|| doubles.openai.service().live());
}

#[test]
fn gemini() {
    let (doubles, _turn) = doubles();
    let (service, admin, current) = ApiKeys::with_service_account();
    becomes(&doubles.google, service);
    let shop = Shop::new("gemini", &current, Some(&admin));
    whole(&shop, &by(&[("project", "shop-1")], true), &|| doubles.google.service().live());
}

#[test]
fn qdrant_cloud() {
    let (doubles, _turn) = doubles();
    let (service, admin, current) = Qdrant::new();
    becomes(&doubles.qdrant, service);
    let shop = Shop::new("qdrant", &current, Some(&admin));
    let ask = by(&[("account", "acc-1"), ("cluster", "c-1"), ("host", Qdrant::CLUSTER)], true);
    whole(&shop, &ask, &|| doubles.qdrant.service().live());
}

#[test]
fn qdrant_of_ones_own() {
    let (doubles, _turn) = doubles();
    let (service, admin, current) = QdrantNode::new();
    becomes(&doubles.node, service);
    let shop = Shop::new("qdrant", &current, Some(&admin));
    let ask = by(&[("host", QdrantNode::HOST), ("access", "products=r"), ("days", "90")], true);
    whole(&shop, &ask, &|| doubles.node.service().live());
}

#[test]
fn neon() {
    let (doubles, _turn) = doubles();
    let (service, admin, current, id) = Neon::new();
    becomes(&doubles.neon, service);
    let shop = Shop::new("neon", &current, Some(&admin));
    // Its list shows nothing of values: which key it is has to be said the first time.
    let ask = by(&[("organization", "org-1"), ("project", "late-frost-1"), ("key", &id)], true);
    whole(&shop, &ask, &|| doubles.neon.service().live());
}

#[test]
fn aws_iam() {
    let (doubles, _turn) = doubles();
    let (service, admin, current) = Iam::new();
    becomes(&doubles.iam, service);
    let shop = Shop::new("aws", &current, Some(&admin));
    whole(&shop, &by(&[("user", "deploy")], true), &|| doubles.iam.service().live());
}

/// Access keys have no names: what another administrator puts into a free slot would be taken for ours.
/// So nobody looks for what is left, unless it was ever unknown whether a key was made.
#[test]
fn a_key_that_somebody_else_makes_at_aws_is_not_looked_for() {
    let (doubles, _turn) = doubles();
    let (service, admin, current) = Iam::new();
    becomes(&doubles.iam, service);
    let shop = Shop::new("aws", &current, Some(&admin));
    shop.rotate(by(&[("user", "deploy")], true));
    assert_eq!(shop.hours(100).state, "done");
    let seen = doubles.iam.seen();
    let made = seen.iter().rposition(|request| request.body.contains("Action=CreateAccessKey")).unwrap();
    let after = &seen[made..];
    assert!(after.iter().any(|request| request.body.contains("Action=DeleteAccessKey")));
    assert!(!after.iter().any(|request| request.body.contains("Action=ListAccessKeys")));
}

#[test]
fn redis() {
    let users = ["default off", "admin on >over-all ~* &* +@all", "app on >the-first-one ~app:* +@read +ping"];
    let redis = Redis::start(&users);
    let url = |user: &str| format!("redis://{user}@127.0.0.1:{}", redis.port());
    let shop = Shop::new("redis", &url("app:the-first-one"), Some(&url("admin:over-all")));
    // The server's own file has a hash for each password of the user.
    let passwords = || {
        let users = redis.users();
        let app = users.lines().find(|line| line.starts_with("user app ")).unwrap().to_owned();
        app.split(' ').filter(|word| word.starts_with('#')).count()
    };
    let begun = shop.rotate(by(&[], true));
    assert_eq!((begun.state.as_str(), passwords()), ("observing", 2), "{begun:#?}");
    assert!(shop.file().starts_with("redis://app:") && !shop.file().contains("the-first-one"));
    shop.is_in_step();
    let after = shop.hours(100);
    assert_eq!((after.state.as_str(), passwords()), ("done", 1), "{after:#?}");
    assert_eq!(shop.rotate(RotateAsk::default()).state, "observing");
    assert_eq!((shop.hours(100).state.as_str(), passwords()), ("done", 1));
}

#[test]
fn mariadb() {
    let maria = MariaDb::start();
    maria.sql("CREATE DATABASE shop; CREATE USER 'over'@'%' IDENTIFIED BY 'over-all'");
    maria.sql(
        "GRANT CREATE USER, PROCESS, CONNECTION ADMIN ON *.* TO 'over'@'%'; GRANT SELECT ON mysql.* TO 'over'@'%'",
    );
    for user in ["app_a", "app_b"] {
        maria.sql(&format!("CREATE USER '{user}'@'%' IDENTIFIED BY 'the-first-one'"));
        maria.sql(&format!("GRANT SELECT ON shop.* TO '{user}'@'%'"));
    }
    maria.sql("ALTER USER 'app_b'@'%' ACCOUNT LOCK");
    let url = |user: &str| format!("mysql://{user}@127.0.0.1:{}/shop", maria.port());
    let shop = Shop::new("mysql", &url("app_a:the-first-one"), Some(&url("over:over-all")));
    // Whose password is the one that the file has.
    let begun = shop.rotate(by(&[("users", "app_a,app_b")], true));
    assert_eq!(begun.state, "observing", "{begun:#?}");
    assert!(shop.file().contains("app_b:"), "the idle one is in use now");
    shop.is_in_step();
    let after = shop.hours(100);
    assert_eq!(after.state, "done", "{after:#?}");
    assert_eq!(shop.rotate(RotateAsk::default()).state, "observing");
    assert!(shop.file().contains("app_a:"), "and back");
    assert_eq!(shop.hours(100).state, "done");
}
