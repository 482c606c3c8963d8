//! A vault that a key of AWS KMS opens, as moto has it.

use keyward_testing::doubles::{Double, Relay};
use keyward_testing::moto::Moto;
use serde_json::json;

use crate::kit::{User, slot_kinds};

const REGION: &str = "eu-central-1";

/// What a shell has that may ask AWS, which is on this machine.
struct Shell(Vec<(&'static str, String)>);

impl Shell {
    fn of(pair: &str, url: &str) -> Self {
        let (id, secret) = pair.split_once(':').unwrap();
        Self(vec![
            ("AWS_ACCESS_KEY_ID", id.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", secret.to_owned()),
            ("KEYWARD_UPSTREAM_HOSTS", format!("kms.{REGION}.amazonaws.com={url}")),
        ])
    }

    fn env(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

#[test]
fn a_key_of_kms_opens_the_vault_and_nobody_is_asked() {
    let (user, moto) = (User::with_vault(), Moto::start());
    let admin = moto.user("admin", "kms%3A*");
    let arn = moto.kms_key(&admin, REGION);
    let (_, id) = arn.rsplit_once('/').unwrap();
    let alias = json!({ "AliasName": "alias/keyward", "TargetKeyId": id });
    moto.call(&admin, REGION, ("kms", "TrentService"), ("CreateAlias", &alias));
    let relay = Double::start(Relay::to(&moto.url()));
    let (shell, stranger) = (Shell::of(&admin, &relay.url()), moto.user("stranger", "sts%3A*"));
    let stranger = Shell::of(&stranger, &moto.url());
    let (name, _) = admin.split_once(':').unwrap();
    let forger = Shell::of(&format!("{name}:nobody-has-this-one-0000"), &moto.url());
    let cut_off = Shell::of(&admin, "http://127.0.0.1:9");

    let add = |key: &'static str, more: &[&'static str], shell: &Shell| {
        user.run_env(&[&["slot", "add", "kms", "--key-id", key], more].concat(), &shell.env())
    };
    let there = &["--region", REGION];
    user.run(&["slot", "add", "kms", "--key-id", "alias/keyward", "--region", REGION]).failed(2, "AWS_ACCESS_KEY_ID");
    add("alias/keyward", &[], &shell).failed(2, "region");
    add("alias/keyward", &["--region", "evil.example"], &shell).failed(2, "region");
    add("alias/nobody", there, &shell).failed(4, "NotFoundException");
    add("alias/keyward", there, &stranger).failed(3, "permission missing");
    add("alias/keyward", there, &forger).failed(3, "AWS KMS");
    add("alias/keyward", there, &cut_off).failed(70, "cannot be reached");
    assert_eq!(slot_kinds(&user, &[]), ["key-file"], "nothing came of any of them");
    add("alias/keyward", there, &shell).ok();
    assert_eq!(slot_kinds(&user, &[]), ["key-file", "kms"]);
    user.run(&["rekey"]).ok();
    user.run(&["backup", user.path("copy.db").to_str().unwrap()]).ok();

    std::fs::remove_file(user.key_file()).unwrap();
    user.feed(&["set", "KEPT"], "a value").failed(5, "no credentials for AWS");
    user.run_env(&["whoami"], &stranger.env()).failed(5, "permission missing");
    user.run_env(&["whoami"], &forger.env()).failed(5, "AWS KMS");
    user.run_env(&["whoami"], &cut_off.env()).failed(5, "cannot be reached");
    user.run_env(&["whoami"], &shell.env()).ok();
    user.run_env(&["audit", "verify"], &shell.env()).ok();

    // What KMS opens stays open for a while, for shells that may not ask it.
    user.run_env(&["unlock", "--for", "5m"], &shell.env()).ok();
    user.feed(&["set", "KEPT"], "a value").ok();
    user.run(&["lock"]).ok();
    relay.service().refuse("Decrypt", "CiphertextBlob", "DisabledException");
    user.run_env(&["get", "KEPT"], &shell.env()).failed(5, "disabled");
    relay.service().allow();
    assert_eq!(user.run_env(&["get", "KEPT"], &shell.env()).ok().out, "a value");

    // A copy of the store is opened by it as well.
    let elsewhere = User::new();
    elsewhere.run_env(&["restore", user.path("copy.db").to_str().unwrap()], &shell.env()).ok();
    assert_eq!(slot_kinds(&elsewhere, &shell.env()), ["kms"]);
}
