//! Redis, the real one.

use keyward_testing::redis::Redis;
use keyward_testing::rotators::{Chance, Now, World, rotator_conformance};
use keyward_types::Secret;
use keyward_upstream::rotators::RedisAcl;
use keyward_upstream::{Ctx, Rotator};

struct Server {
    redis: Redis,
}

fn secret(text: String) -> Secret<String> {
    Secret::new("a value", text)
}

fn fresh() -> Server {
    let users = ["default off", "admin on >over-all ~* &* +@all", "app on >the-first-one ~app:* +@read +ping"];
    Server { redis: Redis::start(&users) }
}

impl World for Server {
    fn admin(&self) -> Option<Secret<String>> {
        Some(secret(format!("redis://admin:over-all@127.0.0.1:{}", self.redis.port())))
    }

    fn wrong_admin(&self) -> Option<Secret<String>> {
        Some(secret(format!("redis://admin:not-this-one@127.0.0.1:{}", self.redis.port())))
    }

    fn current(&self) -> Secret<String> {
        secret(format!("redis://app:the-first-one@127.0.0.1:{}/0", self.redis.port()))
    }

    fn live(&self) -> Vec<String> {
        let users = self.redis.users();
        let app = users.lines().find(|line| line.starts_with("user app ")).expect("there is one").to_owned();
        let hashes = app.split(' ').filter(|word| word.starts_with('#') || word.starts_with('>'));
        hashes.map(str::to_owned).collect()
    }

    fn permissions(&self, _: &keyward_upstream::KeyId) -> Option<String> {
        // They are the user's.
        let users = self.redis.users();
        let app = users.lines().find(|line| line.starts_with("user app "))?;
        Some(app.split(' ').filter(|word| word.starts_with(['+', '-', '~'])).collect::<Vec<_>>().join(" "))
    }
}

#[test]
fn a_user_has_two_passwords_for_a_while() {
    let ran = rotator_conformance(|_: &Server| Box::new(RedisAcl), fresh);
    assert_eq!(ran.len(), 5, "{ran:?}");
}

#[test]
fn the_server_is_sent_hashes_and_keeps_them() {
    let world = fresh();
    let (admin, current) = (world.admin(), world.current());
    let ctx = Ctx { admin: admin.as_ref(), current: Some(&current), replaces: None, clock: &Now, random: &Chance };
    let tag = "kw-hash".parse().unwrap();
    let chosen = RedisAcl.choose(&ctx, &tag).unwrap().unwrap();
    assert!(chosen.value.expose().ends_with(&format!("@127.0.0.1:{}/0", world.redis.port())));
    RedisAcl.mint(&ctx, &tag, Some(&chosen)).unwrap();
    assert!(world.redis.users().contains(&format!("#{}", chosen.id)), "it outlives a start");
    assert_eq!(RedisAcl.find(&ctx, &tag).unwrap()[0].id, chosen.id);
}
