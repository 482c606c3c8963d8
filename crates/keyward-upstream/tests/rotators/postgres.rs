//! PostgreSQL, the real one.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use keyward_testing::postgres::Postgres;
use keyward_testing::rotators::{Chance, Now, World, rotator_conformance};
use keyward_types::{Secret, Verified};
use keyward_upstream::rotators::TwoRoles;
use keyward_upstream::{Ctx, Fault, LastUsed, Refusal, Rotator};

/// One server for all, which asks for passwords on its network address and logs every statement.
struct Server {
    postgres: Postgres,
    roots: String,
    password: String,
    _folder: tempfile::TempDir,
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let roots = folder.path().join("roots.pem");
        std::fs::write(&roots, made.cert.pem()).unwrap();
        let password = "made-for-the-test".to_owned();
        let postgres = Postgres::start_with_tls(&made.cert.pem(), &made.signing_key.serialize_pem(), &password);
        postgres.sql("public", "ALTER SYSTEM SET log_statement = 'all'");
        postgres.sql("public", "SELECT pg_reload_conf()");
        Server { postgres, roots: roots.display().to_string(), password, _folder: folder }
    })
}

/// Two roles of one's own.
struct Roles {
    one: String,
    other: String,
    current: String,
}

fn url(user: &str, password: &str) -> String {
    let server = server();
    let roots = server.roots.replace('/', "%2F");
    let place = format!("127.0.0.1:{}/postgres", server.postgres.port());
    format!("postgresql://{user}:{password}@{place}?sslmode=verify-full&sslrootcert={roots}")
}

fn roles() -> Roles {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let (one, other) = (format!("app{number}_a"), format!("app{number}_b"));
    server().postgres.two_roles([&one, &other], &format!("app{number}_owner"), "the-first-one");
    Roles { current: url(&one, "the-first-one"), one, other }
}

fn secret(text: &str) -> Secret<String> {
    Secret::new("a value", text.to_owned())
}

impl Roles {
    fn rotator(&self) -> TwoRoles {
        TwoRoles::new(&self.one, &self.other).unwrap()
    }

    fn with<T>(&self, call: impl FnOnce(&Ctx<'_>) -> T) -> T {
        let (admin, current) = (self.admin(), self.current());
        call(&Ctx { admin: admin.as_ref(), current: Some(&current), replaces: None, clock: &Now, random: &Chance })
    }
}

impl World for Roles {
    fn admin(&self) -> Option<Secret<String>> {
        Some(secret(&url("keyward", &server().password)))
    }

    fn wrong_admin(&self) -> Option<Secret<String>> {
        Some(secret(&url("keyward", "not-this-one")))
    }

    fn current(&self) -> Secret<String> {
        secret(&self.current)
    }

    fn live(&self) -> Vec<String> {
        let sql = format!(
            "SELECT rolname FROM pg_authid WHERE rolname IN ('{}', '{}') AND rolcanlogin AND rolpassword IS NOT NULL",
            self.one, self.other
        );
        server().postgres.sql("public", &sql).lines().map(str::to_owned).collect()
    }
}

#[test]
fn two_roles_stand_in_for_each_other() {
    let ran = rotator_conformance(|world: &Roles| Box::new(world.rotator()), roles);
    assert_eq!(ran.len(), 5, "{ran:?}");
}

#[test]
fn who_still_uses_the_old_role_is_named_and_ended_with_it() {
    let roles = roles();
    let rotator = roles.rotator();
    let tag = "kw-stragglers".parse().unwrap();
    let mut straggler = std::process::Command::new("sh");
    let old = roles.current.replace("?", "?application_name=billing-cron&");
    let sleeping = straggler
        .args(["-c", "psql -X -c 'SELECT pg_sleep(60)' \"$0\" 2>&1", &old])
        .stdout(std::process::Stdio::piped());
    let sleeping = sleeping.spawn().unwrap();
    let id = keyward_upstream::KeyId::new(roles.one.clone());
    let named = (0..100).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        match roles.with(|ctx| rotator.last_used(ctx, &id)).unwrap() {
            LastUsed::Now(who) => Some(who),
            _ => None,
        }
    });
    assert_eq!(named.unwrap(), ["billing-cron at 127.0.0.1"]);
    let chosen = roles.with(|ctx| rotator.choose(ctx, &tag)).unwrap().unwrap();
    roles.with(|ctx| rotator.mint(ctx, &tag, Some(&chosen))).unwrap();
    roles.with(|ctx| rotator.retire(ctx, &id)).unwrap();
    let said = String::from_utf8(sleeping.wait_with_output().unwrap().stdout).unwrap();
    assert!(said.contains("terminating connection"), "{said}");
    let verdict = roles.with(|ctx| rotator.probe(ctx, &roles.current())).unwrap();
    assert_eq!(verdict.verified, Verified::Invalid, "{verdict:?}");
}

#[test]
fn a_role_that_should_be_idle_and_is_not_is_left_alone() {
    let roles = roles();
    server().postgres.sql("public", &format!("ALTER ROLE {} LOGIN PASSWORD 'in-use'", roles.other));
    let other = url(&roles.other, "in-use").replace("?", "?application_name=forgotten&");
    let mut command = std::process::Command::new("psql");
    let mut psql = command.args(["-X", "-c", "SELECT pg_sleep(30)", &other]).spawn().unwrap();
    let (rotator, tag) = (roles.rotator(), "kw-busy".parse().unwrap());
    let chosen = roles.with(|ctx| rotator.choose(ctx, &tag)).unwrap().unwrap();
    let named = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        roles.with(|ctx| rotator.preflight(ctx)).unwrap().warnings.concat().contains("forgotten at 127.0.0.1")
    });
    let refused = roles.with(|ctx| rotator.mint(ctx, &tag, Some(&chosen)));
    psql.kill().unwrap();
    psql.wait().unwrap();
    assert!(named);
    assert!(matches!(refused, Err(Fault::Refused(Refusal::Busy, why)) if why.contains("forgotten")));
}

#[test]
fn the_password_reaches_neither_the_log_nor_the_activity() {
    let roles = roles();
    let (rotator, tag) = (roles.rotator(), "kw-unseen".parse().unwrap());
    let chosen = roles.with(|ctx| rotator.choose(ctx, &tag)).unwrap().unwrap();
    roles.with(|ctx| rotator.mint(ctx, &tag, Some(&chosen))).unwrap();
    let text = chosen.value.expose();
    let password = text.split_once("://").unwrap().1.split_once('@').unwrap().0.split_once(':').unwrap().1;
    let log = server().postgres.log();
    assert!(
        log.contains(&format!("ALTER ROLE \"{}\" WITH LOGIN PASSWORD 'SCRAM-SHA-256$", roles.other)),
        "it is logged"
    );
    assert!(!log.contains(password));
}

#[test]
fn what_is_missing_is_told_with_what_to_do() {
    let roles = roles();
    let rotator = TwoRoles::new(&roles.one, "nobody_of_that_name").unwrap();
    let refused = roles.with(|ctx| rotator.preflight(ctx));
    assert!(
        matches!(refused, Err(Fault::Refused(Refusal::Missing, why)) if why.contains("CREATE ROLE \"nobody_of_that_name\""))
    );
    // Who may not alter the roles is told so, before anything is changed.
    let poor = url(&roles.one, "the-first-one");
    let (poor, current) = (secret(&poor), roles.current());
    let ctx = Ctx { admin: Some(&poor), current: Some(&current), replaces: None, clock: &Now, random: &Chance };
    assert!(matches!(roles.rotator().preflight(&ctx), Err(Fault::Refused(Refusal::Permission, _))));
    let chosen = roles.rotator().choose(&ctx, &"kw-poor".parse().unwrap()).unwrap();
    let refused = roles.rotator().mint(&ctx, &"kw-poor".parse().unwrap(), chosen.as_ref());
    assert!(matches!(refused, Err(Fault::Refused(Refusal::Permission, _))), "{refused:?}");
}

#[test]
fn a_password_that_a_person_resets_where_it_is_hosted_is_tried_and_the_old_one_seen_dead() {
    let roles = roles();
    let (rotator, tag) = (keyward_upstream::rotators::ByHand, "kw-by-hand".parse().unwrap());
    assert!(rotator.plan().iter().any(|call| call.method == "by hand" && call.address.contains("reset_password")));
    let seen = roles.with(|ctx| rotator.preflight(ctx)).unwrap();
    assert!(seen.warnings[0].contains("cuts every connection"), "{seen:?}");
    let old = seen.current.unwrap();
    let told = roles.with(|ctx| rotator.mint(ctx, &tag, None)).unwrap_err();
    assert!(matches!(&told, Fault::Refused(Refusal::ByHand, how) if how.contains(&roles.one)), "{told:?}");
    assert!(!told.to_string().contains("the-first-one"));
    // As long as nobody has reset it, nothing is lost and nothing ended.
    let waits = roles.with(|ctx| rotator.retire(ctx, &old)).unwrap_err();
    assert!(matches!(waits, Fault::Refused(Refusal::ByHand, _)), "{waits:?}");
    // A reset whose answer was lost is done once more: the password that nobody saw is nobody's.
    for password in ["seen-by-nobody", "the-next-one"] {
        server().postgres.sql("public", &format!("ALTER ROLE {} PASSWORD '{password}'", roles.one));
    }
    let brought = secret(&url(&roles.one, "the-next-one"));
    let verdict = |value: &Secret<String>| roles.with(|ctx| rotator.probe(ctx, value)).unwrap();
    assert_eq!(verdict(&brought).verified, Verified::Valid);
    assert_eq!(verdict(&secret(&url(&roles.one, "seen-by-nobody"))).verified, Verified::Invalid);
    let wrong = secret("not a url");
    assert_eq!(verdict(&wrong).verified, Verified::Indeterminate);
    let identified = roles.with(|ctx| rotator.identify(ctx, &brought)).unwrap().unwrap();
    assert_ne!(identified, old);
    for _ in 0..2 {
        roles.with(|ctx| rotator.retire(ctx, &old)).expect("the reset has ended it");
    }
    let other = roles.with(|ctx| rotator.retire(ctx, &identified)).unwrap_err();
    assert!(matches!(other, Fault::Refused(Refusal::Input, _)), "{other:?}");
    // Of Neon's the steps are known.
    let neon = secret("postgresql://shop_owner:x@ep-late-frost-1.eu-central-1.aws.neon.tech/shop?sslmode=require");
    let ctx = Ctx { admin: None, current: Some(&neon), replaces: None, clock: &Now, random: &Chance };
    let told = rotator.mint(&ctx, &tag, None).unwrap_err().to_string();
    for step in ["`shop_owner`", "/roles/shop_owner/reset_password", "`finished`", "/roles/shop_owner/reveal_password"]
    {
        assert!(told.contains(step), "{told}");
    }
}
