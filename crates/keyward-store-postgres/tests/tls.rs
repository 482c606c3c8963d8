//! TLS to a real server: only who proves to be the named one is spoken to.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

mod kit;

use std::path::{Path, PathBuf};

use keyward_store_postgres::{Address, Postgres};
use keyward_testing::postgres::Postgres as Server;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// Certificates and keys in PEM.
struct Authority {
    root: String,
    certificate: String,
    key: String,
}

/// A root, and a certificate for `localhost` that it signed.
fn authority() -> Authority {
    let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = Issuer::from_params(&root, &root_key);
    let leaf = CertificateParams::new(vec!["localhost".into()]).unwrap().signed_by(&key, &issuer).unwrap();
    Authority { root: root.self_signed(&root_key).unwrap().pem(), certificate: leaf.pem(), key: key.serialize_pem() }
}

#[test]
fn only_the_named_server_is_spoken_to() {
    let password = ["a", "pass", "word"].concat();
    let (ours, other) = (authority(), authority());
    let server = Server::start_with_tls(&ours.certificate, &ours.key, &password);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| -> PathBuf {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    };
    let (ours, other) = (file("ours.pem", &ours.root), file("other.pem", &other.root));
    let address = |host: &str, more: &str| -> Address {
        let text = format!("postgres://keyward@{host}:{}/postgres?schema=secured{more}", server.port());
        text.parse::<Address>().unwrap().with_password(&password)
    };
    let roots = |path: &Path| format!("&sslmode=verify-full&sslrootcert={}", path.display());

    let made = Postgres::create(&address("localhost", &roots(&ours)), || 0).unwrap();
    kit::store(made).commit(kit::put("a", b"")).unwrap();
    kit::store(Postgres::open(&address("localhost", "&sslmode=require"), || 0).unwrap());
    let refusal =
        |host: &str, more: &str| Postgres::open(&address(host, more), || 0).err().expect("it is refused").to_string();
    assert!(refusal("localhost", &roots(&other)).contains("certificate"), "another authority");
    assert!(refusal("127.0.0.1", &roots(&ours)).contains("certificate"), "another name");
    assert!(refusal("localhost", "&sslmode=verify-full").contains("certificate"), "nobody that the system trusts");
    assert!(!refusal("localhost", "").contains(&password), "this server takes no plaintext");
}
