use super::*;

fn parse(text: &str) -> ConnectionString {
    ConnectionString::parse(text).unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn every_part_is_found() {
    let c = parse("postgresql+asyncpg://app%40eu:p%2Fw%25@db.example.com:5433/shop?sslmode=verify-full");
    assert_eq!(c.scheme, "postgresql+asyncpg");
    assert_eq!(c.user.as_deref(), Some("app@eu"));
    assert_eq!(c.password.unwrap().expose(), "p/w%");
    assert_eq!(c.hosts, [Host { name: "db.example.com".into(), port: Some(5433) }]);
    assert_eq!(c.database.as_deref(), Some("shop"));
    assert_eq!(c.tls, Tls::Verified);
}

#[test]
fn ipv6_and_several_hosts() {
    let c = parse("mongodb://u:p@[2001:db8::1]:27017,b.example.com,c:27019/db");
    let hosts: Vec<String> = c.hosts.iter().map(Host::to_string).collect();
    assert_eq!(hosts, ["[2001:db8::1]:27017", "b.example.com", "c:27019"]);
}

#[test]
fn parts_may_be_missing() {
    let c = parse("postgres:///app?host=/run/postgresql");
    assert_eq!((c.user, c.hosts[0].name.as_str()), (None, "/run/postgresql"));
    let c = parse("redis://:pw@cache");
    assert_eq!((c.user, c.password.is_some(), c.database), (None, true, None));
    let c = parse("postgres://");
    assert!(c.hosts.is_empty() && c.password.is_none());
    let c = parse("postgres://%2Frun%2Fpostgresql/db");
    assert!(c.is_local());
}

#[test]
fn what_is_none_is_refused() {
    for text in ["", "postgres", "postgres:/x", "https://u:p@h/", "postgres://h:99999/db", "postgres://h:abc/db"] {
        assert!(ConnectionString::parse(text).is_none(), "{text}");
    }
}

#[test]
fn tls_in_every_drivers_words() {
    use Tls::{Off, Opportunistic, RequiredUnverified, Unknown, Verified};
    for (text, tls) in [
        ("postgres://h/d", Opportunistic),
        ("postgres://h/d?sslmode=disable", Off),
        ("postgres://h/d?sslmode=prefer", Opportunistic),
        ("postgres://h/d?sslmode=require", RequiredUnverified),
        ("postgres://h/d?sslmode=require&sslrootcert=/ca.pem", Verified),
        ("postgres://h/d?sslmode=no-verify", RequiredUnverified),
        ("postgres://h/d?sslmode=verify-ca", Verified),
        ("postgres://h/d?ssl=true", RequiredUnverified),
        ("postgres://h/d?sslmode=bogus", Unknown),
        ("jdbc:postgresql://h/d?user=u&password=p&ssl=false", Off),
        ("mysql://h/d", Opportunistic),
        ("mysql://h/d?ssl-mode=REQUIRED", RequiredUnverified),
        ("mysql://h/d?sslMode=VERIFY_IDENTITY", Verified),
        ("mysql://h/d?tls=true", Verified),
        ("mysql://h/d?tls=skip-verify", RequiredUnverified),
        ("mariadb://h/d?useSSL=false", Off),
        ("mysql://h/d?sslaccept=strict", Verified),
        ("redis://h", Off),
        ("rediss://h", Verified),
        ("rediss://h?ssl_cert_reqs=none", RequiredUnverified),
        ("rediss://h/0#insecure", RequiredUnverified),
        ("mongodb://h", Off),
        ("mongodb://h/?tls=true", Verified),
        ("mongodb+srv://h/?retryWrites=true", Verified),
        ("mongodb+srv://h/?tlsInsecure=true", RequiredUnverified),
        ("mongodb+srv://h/?tls=false", Off),
        ("amqp://h", Off),
        ("amqps://h/vhost", Verified),
        ("amqps://h/?verify=verify_none", RequiredUnverified),
        ("sqlserver://h", Unknown),
    ] {
        assert_eq!(parse(text).tls, tls, "{text}");
    }
}

#[test]
fn no_form_of_output_has_the_password() {
    for text in [
        "postgres://u:hunter2@h/db",
        "postgres://u:hunter2/x@h/db",
        "jdbc:postgresql://h/db?user=u&password=hunter2",
        "postgres://u:first@h/db?sslpassword=hunter2",
    ] {
        let c = parse(text);
        assert!(!format!("{c} {c:?} {c:#?}").contains("hunter2"), "{c}");
    }
    assert_eq!(
        parse("postgres://u:p@[::1]:1/d?sslmode=require").to_string(),
        "postgres://u:****@[::1]:1/d?sslmode=require"
    );
    assert_eq!(parse("redis://:p@h").to_string(), "redis://:****@h");
}

#[test]
fn this_machine_is_known() {
    for (text, local) in [
        ("postgres://localhost/d", true),
        ("postgres://127.0.0.1/d", true),
        ("postgres://127.example.com/d", false),
        ("postgres://127.0.0.evil/d", false),
        ("postgres://localhost,db/d", false),
        ("postgres:///d", true),
        ("redis://[::1]", true),
    ] {
        assert_eq!(parse(text).is_local(), local, "{text}");
    }
}
