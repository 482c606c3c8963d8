use data_encoding::{BASE64, BASE64URL_NOPAD};

use super::super::{Candidate, Engine, Hint};
use super::*;

fn scan(engine: &Engine, path: &str, source: &str) -> Vec<Candidate> {
    engine.scan(&Text { bytes: source.as_bytes(), hint: Hint { path, depth: 0 } })
}

/// Rules and confidences of what would be reported.
fn reported(path: &str, source: &str) -> Vec<(String, &'static str)> {
    reported_by(&Engine::new(Vec::new()), path, source)
}

fn reported_by(engine: &Engine, path: &str, source: &str) -> Vec<(String, &'static str)> {
    let sure = scan(engine, path, source).into_iter().filter(|one| !one.weak);
    sure.map(|one| (engine.rule(one.rule).id.clone(), one.confidence.as_str())).collect()
}

fn bytes(count: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as u8
    };
    (0..count).map(|_| next()).collect()
}

/// A PEM text of a value of DER that holds random bytes.
fn pem(label: &str, size: usize) -> String {
    let mut der = vec![0x30, 0x82, (size >> 8) as u8, size as u8];
    der.extend(bytes(size));
    let body: Vec<String> =
        BASE64.encode(&der).as_bytes().chunks(64).map(|c| String::from_utf8_lossy(c).into()).collect();
    format!("-----{} {label}-----\n{}\n-----END {label}-----", "BEGIN", body.join("\n"))
}

#[test]
fn private_keys_are_found_in_every_dress() {
    let label = ["RSA PRIVATE", " KEY"].concat();
    let key = pem(&label, 600);
    let lines: Vec<&str> = key.lines().collect();
    for source in [
        key.clone(),
        key.replace('\n', "\\n"),
        key.replace('\n', "\\\\n"),
        format!("\"private_key\": \"{}\\n\"", key.replace('\n', "\\n")),
        key.replace('\n', "\r\n"),
        key.replace('\n', " "),
        key.replace('\n', ""),
        lines.iter().map(|line| format!("    \"{line}\\n\" +\n")).collect(),
        lines.iter().map(|line| format!("# {line}\n")).collect(),
        pem(&["EC PRIVATE", " KEY"].concat(), 118),
        pem(&["PRIVATE", " KEY"].concat(), 300),
    ] {
        assert_eq!(reported("a.txt.key", &source), [("private-key".to_owned(), "high")], "{source}");
    }
}

#[test]
fn encrypted_keys_are_low_and_cut_ones_nothing() {
    let label = ["RSA PRIVATE", " KEY"].concat();
    let encrypted = pem(&["ENCRYPTED PRIVATE", " KEY"].concat(), 300);
    assert_eq!(reported("k", &encrypted), [("private-key-encrypted".to_owned(), "low")]);
    let old = pem(&label, 300).replacen("-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n", 1);
    assert_eq!(reported("k", &old), [("private-key-encrypted".to_owned(), "low")]);
    let whole = pem(&label, 600);
    let middle = whole.len() / 2;
    for source in [
        whole[..middle].to_owned(),
        format!("{}\n-----END {label}-----", &whole[..middle]),
        format!("-----{} {label}-----\n...\n-----END {label}-----", "BEGIN"),
        format!("-----{} {label}-----\n{}\n-----END {label}-----", "BEGIN", "A".repeat(640)),
        pem(&["PUBLIC", " KEY"].concat(), 300),
        pem("CERTIFICATE", 800),
    ] {
        assert!(reported("k", &source).is_empty(), "{source}");
    }
}

#[test]
fn openssh_putty_xml_and_json_keys_are_found() {
    let openssh = |cipher: &str| {
        let mut data = b"openssh-key-v1\0\0\0\0".to_vec();
        data.push(cipher.len() as u8);
        data.extend(cipher.as_bytes());
        data.extend(bytes(300));
        let label = ["OPENSSH PRIVATE", " KEY"].concat();
        format!("-----{} {label}-----\n{}\n-----END {label}-----", "BEGIN", BASE64.encode(&data))
    };
    assert_eq!(reported("id", &openssh("none")), [("private-key".to_owned(), "high")]);
    assert_eq!(reported("id", &openssh("aes256-ctr")), [("private-key-encrypted".to_owned(), "low")]);
    let putty = format!(
        "{}2: ssh-rsa\nEncryption: none\nComment: x\nPublic-Lines: 1\nAAAA\nPrivate-Lines: 2\n{}\nPrivate-MAC: 00\n",
        "PuTTY-User-Key-File-",
        BASE64.encode(&bytes(120))
    );
    assert_eq!(reported("k.ppk", &putty), [("private-key".to_owned(), "high")]);
    let xml = format!("<{}><Modulus>AQ==</Modulus><D>{}</D></RSAKeyValue>", "RSAKeyValue", BASE64.encode(&bytes(128)));
    assert_eq!(reported("k.config", &xml), [("private-key".to_owned(), "high")]);
    let jwk = |member: &str| {
        format!("{{\"kty\":\"EC\",\"{member}\":\"{}\",\"crv\":\"P-256\"}}", BASE64URL_NOPAD.encode(&bytes(32)))
    };
    assert_eq!(reported("k.json", &jwk("d")), [("private-key".to_owned(), "high")]);
    assert!(reported("k.json", &jwk("x")).is_empty());
}

fn token(header: &str, claims: &str) -> String {
    let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    format!("{}.{}.{}", part(header), part(claims), BASE64URL_NOPAD.encode(&bytes(32)))
}

#[test]
fn tokens_are_read_before_they_are_reported() {
    let header = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    let live = token(header, "{\"sub\":\"42\",\"exp\":4102444800}");
    assert_eq!(reported("a.txt.py", &live), [("json-web-token".to_owned(), "high")]);
    let mortal = token(header, "{\"sub\":\"42\",\"exp\":1500000000.5}");
    let confidence_at = |now: i64| reported_by(&Engine::at(Timestamp(now), Vec::new()), "a.py", &mortal)[0].1;
    assert_eq!(confidence_at(1_500_000_000_499), "high");
    assert_eq!(confidence_at(1_500_000_000_500), "low", "it has expired");
    assert_eq!(reported("a.py", &mortal)[0].1, "high", "nobody said what time it is");
    for source in [
        token("{\"typ\":\"JWT\"}", "{}"),
        token(header, "{\"role\":\"anon\",\"iss\":\"supabase\"}"),
        token(header, "{\"sub\":\"1234567890\",\"name\":\"John Doe\"}"),
        token("{\"alg\":\"none\"}", "{\"sub\":\"42\"}"),
        format!("{}.{}", BASE64URL_NOPAD.encode(header.as_bytes()), "x"),
    ] {
        assert!(reported("a.py", &source).is_empty(), "{source}");
    }
}

#[test]
fn urls_of_every_scheme_give_their_password() {
    let x = ["q7Gk2LmZ", "p0Xw9RtY"].concat();
    for scheme in [
        "postgres",
        "postgresql+asyncpg",
        "mysql",
        "mongodb+srv",
        "redis",
        "amqp",
        "smtp",
        "ftp",
        "ldap",
        "https",
        "jdbc:sqlserver",
        "unheard",
    ] {
        let source = format!("url = \"{scheme}://app:{x}@db.corp.net:5432/shop?x=1\"");
        let found = scan(&Engine::new(Vec::new()), "a.py", &source);
        assert!(found.iter().any(|one| !one.weak && one.value.as_slice() == x.as_bytes()), "{source}");
    }
    let found = scan(&Engine::new(Vec::new()), "a.py", &format!("redis://:{x}%2F@cache.corp.net/0"));
    assert_eq!(found[0].value.as_slice(), format!("{x}/").as_bytes());
    for source in [
        "postgres://user:password@localhost/db",
        "postgres://user:${PASSWORD}@db.corp.net/db",
        "https://user:pass@example.com/",
        "mysql://%s:%s@%s/%s",
        "https://a.corp.net/@scope/package@1.2.3",
        "http://localhost:8080/a@b",
        "mongodb://<user>:<password>@cluster0.corp.net",
        "git+ssh://git@github.com/a/b.git",
    ] {
        assert!(reported("a.py", source).is_empty(), "{source}: {:?}", reported("a.py", source));
    }
}

#[test]
fn files_of_credentials_are_known_by_name() {
    let x = ["q7Gk2LmZ", "p0Xw9RtY"].concat();
    let hex = "3f9a1c7e5b2d80469e1f37c05d2b684a";
    for (path, source) in [
        ("home/.netrc", format!("machine api.corp.net\n  login bob\n  password {x}\n")),
        (".pgpass", format!("db.corp.net:5432:shop:app:{x}\n")),
        (".git-credentials", format!("https://bob:{x}@git.corp.net\n")),
        ("config/master.key", hex.to_owned()),
        (
            ".docker/config.json",
            format!(
                "{{\"auths\":{{\"r.corp.net\":{{\"auth\":\"{}\"}}}}}}",
                BASE64.encode(format!("bob:{x}").as_bytes())
            ),
        ),
        (".htpasswd", format!("bob:$apr1$ab$cdefghij{x}\n")),
        ("app/.env.production", format!("SOMETHING_PRIVATE={x}\n")),
        ("secret.yaml", format!("kind: Secret\nstringData:\n  whatever: {x}\n")),
    ] {
        assert_eq!(reported(path, &source).len(), 1, "{path}: {source}");
    }
    assert!(reported(".env.example", &format!("SOMETHING_PRIVATE={x}\n")).is_empty());
    assert!(reported(".netrc", "machine a login b password changeme\n").is_empty());
}

#[test]
fn a_password_in_the_url_of_a_database_may_have_a_slash() {
    let password = ["ab7G", "k2Lm/Zp0", "Xw"].concat();
    for scheme in ["postgres", "mysql", "mongodb+srv"] {
        let source = format!("x({:?})", format!("{scheme}://app:{password}@db.corp.net/shop"));
        assert_eq!(reported("a.py", &source), [("connection-string".to_owned(), "medium")], "{source}");
    }
    for source in ["postgres://db.corp.net:5432/x@y", "http://corp.net:PORT/a7Gk2/x@y.z", "redis://h:6379/0?a=b@c"] {
        assert_eq!(reported("a.py", &format!("x({source:?})")), [], "{source}");
    }
}

#[test]
fn tokens_of_unknown_services_are_known_by_their_prefix() {
    let drawn = ["q7Gk2LmZ", "p0Xw9RtY", "5sBn3KdV", "8hJc"].concat();
    for source in [
        format!("client({:?})", format!("sk-{drawn}")),
        format!("client({:?})", format!("sk_{drawn}")),
        format!("client({:?})", format!("shop_live_{drawn}")),
        format!("client({:?})", format!("sm_pat_{drawn}")),
    ] {
        assert_eq!(reported("a.py", &source), [("prefixed-token".to_owned(), "medium")], "{source}");
    }
    for source in [
        format!("task_{drawn}"),
        format!("risk-{drawn}"),
        format!("alive_{drawn}"),
        format!("numpy/x.py,sha256=sk_{drawn},1016"),
        "sk-your-api-key-goes-here-please".to_owned(),
        "sk_buff_head_init_class_of_packets".to_owned(),
        "compat_sys_getsockopt_with_a_long_name".to_owned(),
    ] {
        assert_eq!(reported("a.py", &format!("x({source:?})")), [], "{source}");
    }
}
