//! `encrypt` and `decrypt` against the `age` command (Debian package `age`).

use std::process::Command;

use crate::kit::{PASSPHRASE, User, mode};
use crate::others_keys::age_identity;

const TEXT: &str = "what is in the file\nof the test\0\n";

fn path(user: &User, name: &str) -> String {
    user.path(name).to_str().unwrap().to_owned()
}

#[test]
fn what_we_encrypt_age_decrypts_and_the_other_way() {
    let user = User::new();
    let (identity, key) = age_identity(&user, "key.txt");
    let plain = path(&user, "plain");
    for armor in [false, true] {
        std::fs::write(&plain, TEXT).unwrap();
        let mut args = vec!["encrypt", &plain, "-r", &key];
        args.extend(armor.then_some("--armor"));
        user.run(&args).ok();
        let sealed = format!("{plain}.age");
        let theirs = Command::new("age").args(["-d", "-i", &identity, &sealed]).output().expect("`age` is installed");
        assert_eq!(theirs.stdout, TEXT.as_bytes(), "{theirs:?}");

        std::fs::remove_file(&sealed).unwrap();
        let mut age = Command::new("age");
        age.args(["-r", &key, "-o", &sealed]).args(armor.then_some("-a")).arg(&plain);
        assert!(age.status().unwrap().success());
        user.run(&["decrypt", &sealed, "-i", &identity]).failed(2, "exists already");
        std::fs::remove_file(&plain).unwrap();
        user.run(&["decrypt", &sealed, "-i", &identity]).ok();
        assert_eq!(std::fs::read(&plain).unwrap(), TEXT.as_bytes());
        assert_eq!(mode(user.path("plain").as_path()), 0o600);
        std::fs::remove_file(&sealed).unwrap();
    }
}

#[test]
fn passphrases_and_pipes_work_and_damage_leaves_nothing() {
    let user = User::new();
    let (plain, sealed, word) = (path(&user, "plain"), path(&user, "plain.age"), path(&user, "word"));
    std::fs::write(&plain, TEXT.repeat(9000)).unwrap();
    std::fs::write(&word, PASSPHRASE).unwrap();
    user.run(&["encrypt", &plain]).failed(2, "nobody is named");
    user.run(&["encrypt", &plain, "--passphrase-file", &word]).ok();
    user.run(&["encrypt", &plain, "--passphrase-file", &word]).failed(2, "exists already");
    user.run(&["decrypt", &sealed]).failed(2, "wants a passphrase");
    let opened = user.run(&["decrypt", &sealed, "--passphrase-file", &word, "-o", "-"]).ok();
    assert!(opened.out == TEXT.repeat(9000));
    std::fs::write(&word, "another passphrase").unwrap();
    user.run(&["decrypt", &sealed, "--passphrase-file", &word, "-o", "-"]).failed(5, "does not open");

    let (identity, key) = age_identity(&user, "key.txt");
    let (other, _) = age_identity(&user, "other.txt");
    let armored = user.feed(&["encrypt", "-", "--armor", "-r", &key], TEXT).ok().out;
    assert_eq!(user.feed(&["decrypt", "-", "-i", &identity], &armored).ok().out, TEXT);
    user.feed(&["decrypt", "-", "-i", &other], &armored).failed(5, "does not open");
    user.feed(&["decrypt", "-", "-i", &identity], "no age file").failed(2, "no age file");

    user.run(&["encrypt", &plain, "-r", &key, "-o", &path(&user, "cut.age")]).ok();
    let mut bytes = std::fs::read(user.path("cut.age")).unwrap();
    bytes.truncate(100_000);
    std::fs::write(user.path("cut.age"), bytes).unwrap();
    let failed = user.run(&["decrypt", &path(&user, "cut.age"), "-i", &identity]);
    assert_eq!(failed.code, 70, "{failed:?}");
    assert!(!user.path("cut").exists(), "half a file was left");
}
