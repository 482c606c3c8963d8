//! MariaDB, the real one.

use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use keyward_testing::mariadb::MariaDb;
use keyward_testing::rotators::{Chance, Now, World, rotator_conformance};
use keyward_types::{Secret, Verified};
use keyward_upstream::rotators::TwoUsers;
use keyward_upstream::{Ctx, Fault, KeyId, LastUsed, Refusal, Rotator};

fn server() -> &'static MariaDb {
    static SERVER: OnceLock<MariaDb> = OnceLock::new();
    SERVER.get_or_init(|| {
        let maria = MariaDb::start();
        maria.sql("CREATE DATABASE shop; CREATE USER 'over'@'%' IDENTIFIED BY 'over-all'");
        maria.sql(
            "GRANT CREATE USER, PROCESS, CONNECTION ADMIN ON *.* TO 'over'@'%'; GRANT SELECT ON mysql.* TO 'over'@'%'",
        );
        maria
    })
}

/// Two users of one's own.
struct Users {
    one: String,
    other: String,
}

fn users() -> Users {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let users = Users { one: format!("app{number}_a"), other: format!("app{number}_b") };
    for user in [&users.one, &users.other] {
        server().sql(&format!("CREATE USER '{user}'@'%' IDENTIFIED BY 'the-first-one'"));
        server().sql(&format!("GRANT SELECT, INSERT ON shop.* TO '{user}'@'%'"));
    }
    server().sql(&format!("ALTER USER '{}'@'%' ACCOUNT LOCK", users.other));
    users
}

fn url(user: &str, password: &str) -> Secret<String> {
    Secret::new("a value", format!("mysql://{user}:{password}@127.0.0.1:{}/shop", server().port()))
}

impl World for Users {
    fn admin(&self) -> Option<Secret<String>> {
        Some(url("over", "over-all"))
    }

    fn wrong_admin(&self) -> Option<Secret<String>> {
        Some(url("over", "not-this-one"))
    }

    fn current(&self) -> Secret<String> {
        url(&self.one, "the-first-one")
    }

    fn live(&self) -> Vec<String> {
        let sql = format!(
            "SELECT user FROM mysql.global_priv WHERE user IN ('{}', '{}') \
             AND NOT coalesce(json_value(priv, '$.account_locked'), 0)",
            self.one, self.other
        );
        server().sql(&sql).lines().map(str::to_owned).collect()
    }

    fn permissions(&self, id: &KeyId) -> Option<String> {
        Some(server().sql(&format!("SHOW GRANTS FOR '{id}'@'%'")).lines().last()?.replace(id.as_str(), "USER"))
    }
}

fn rotator(users: &Users) -> TwoUsers {
    TwoUsers::new(&users.one, &users.other, "%").unwrap()
}

#[test]
fn two_users_stand_in_for_each_other() {
    let ran = rotator_conformance(|users: &Users| Box::new(rotator(users)), users);
    assert_eq!(ran.len(), 5, "{ran:?}");
}

#[test]
fn who_still_uses_the_old_user_is_seen_and_ended_with_it() {
    let users = users();
    let (rotator, admin, current) = (rotator(&users), users.admin(), users.current());
    let ctx = Ctx { admin: admin.as_ref(), current: Some(&current), replaces: None, clock: &Now, random: &Chance };
    let mut command = Command::new("mariadb");
    command.args(["--no-defaults", "-h", "127.0.0.1", "-u", &users.one, "-pthe-first-one", "-e", "SELECT sleep(60)"]);
    command.arg(format!("-P{}", server().port()));
    let sleeping = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let old = KeyId::new(users.one.clone());
    let seen = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        matches!(rotator.last_used(&ctx, &old).unwrap(), LastUsed::Now(from) if from[0].starts_with("127.0.0.1:") || from[0].starts_with("localhost"))
    });
    assert!(seen);
    let tag = "kw-maria".parse().unwrap();
    let chosen = rotator.choose(&ctx, &tag).unwrap().unwrap();
    rotator.mint(&ctx, &tag, Some(&chosen)).unwrap();
    rotator.retire(&ctx, &old).unwrap();
    let said = String::from_utf8(sleeping.wait_with_output().unwrap().stderr).unwrap();
    assert!(said.contains("ERROR"), "{said}");
    assert_eq!(rotator.probe(&ctx, &current).unwrap().verified, Verified::Invalid);
}

#[test]
fn an_administrator_with_too_few_rights_changes_nothing() {
    let users = users();
    let (rotator, current) = (rotator(&users), users.current());
    let ctx = Ctx { admin: Some(&current), current: Some(&current), replaces: None, clock: &Now, random: &Chance };
    let refused = rotator.preflight(&ctx);
    assert!(matches!(refused, Err(Fault::Refused(Refusal::Permission, _))), "{refused:?}");
    let missing = TwoUsers::new(&users.one, "nobody_of_that_name", "%").unwrap();
    let admin = users.admin();
    let refused = missing.preflight(&Ctx { admin: admin.as_ref(), ..ctx });
    assert!(matches!(refused, Err(Fault::Refused(Refusal::Missing, _))), "{refused:?}");
}
