//! What a connection string asks of TLS, in each driver's own words.
//!
//! Sources: libpq's `sslmode`, node-postgres' `no-verify`, MySQL Connector's `ssl-mode` and
//! `useSSL`, Go's `tls`, Prisma's `sslaccept`, redis-py's `ssl_cert_reqs`, redis-rs' `#insecure`,
//! MongoDB's `tls…` options, RabbitMQ's URI query parameters.

use crate::connection::Tls;
use crate::url::Url;

/// What `url` asks for. `scheme` is in lower case, `base` is it without dialect.
pub(crate) fn asked(scheme: &str, base: &str, url: &Url<'_>) -> Tls {
    match base {
        "postgres" | "postgresql" | "postgis" | "cockroachdb" | "cockroach" | "timescaledb" => postgresql(url),
        "mysql" | "mysql2" | "mariadb" => mysql(url),
        "redis" | "valkey" => Tls::Off,
        "rediss" | "valkeys" => rediss(url),
        "mongodb" => mongodb(scheme == "mongodb+srv", url),
        "amqp" => Tls::Off,
        "amqps" => amqps(url),
        _ => Tls::Unknown,
    }
}

/// Without `sslmode`, libpq prefers TLS and takes clear text. `require` checks nothing, unless a
/// root certificate is named, when it checks as `verify-ca` does.
fn postgresql(url: &Url<'_>) -> Tls {
    let mode = url.parameter("sslmode").map(str::to_ascii_lowercase);
    match mode.as_deref() {
        Some("disable") => Tls::Off,
        Some("allow" | "prefer") => Tls::Opportunistic,
        Some("require") if url.parameter("sslrootcert").is_some() => Tls::Verified,
        Some("require" | "no-verify") => Tls::RequiredUnverified,
        Some("verify-ca" | "verify-full") => Tls::Verified,
        Some(_) => Tls::Unknown,
        None => match flag(url, &["ssl"]) {
            Some(true) => Tls::RequiredUnverified,
            Some(false) => Tls::Off,
            None => Tls::Opportunistic,
        },
    }
}

fn mysql(url: &Url<'_>) -> Tls {
    let mode = url.parameter("ssl-mode").or_else(|| url.parameter("tls")).map(str::to_ascii_lowercase);
    match mode.as_deref() {
        Some("disabled") => return Tls::Off,
        Some("preferred") => return Tls::Opportunistic,
        Some("required" | "skip-verify") => return Tls::RequiredUnverified,
        Some("verify_ca" | "verify_identity" | "verify-ca" | "verify-full") => return Tls::Verified,
        _ => {}
    }
    let unverified = flag(url, &["verifyServerCertificate", "ssl_verify_cert"]) == Some(false)
        || url.parameter("sslaccept").is_some_and(|value| value == "accept_invalid_certs");
    let verified =
        url.parameter("ssl_ca").is_some() || url.parameter("sslaccept").is_some_and(|value| value == "strict");
    match flag(url, &["tls", "ssl", "useSSL"]) {
        Some(false) => Tls::Off,
        _ if unverified => Tls::RequiredUnverified,
        _ if verified => Tls::Verified,
        // Go's `tls=true` checks; the others' `ssl=true` depends on the driver.
        Some(true) if url.parameter("tls").is_some() => Tls::Verified,
        Some(true) => Tls::RequiredUnverified,
        None => Tls::Opportunistic,
    }
}

/// Clients in wide use check certificates unless told not to.
fn rediss(url: &Url<'_>) -> Tls {
    let requirement = url.parameter("ssl_cert_reqs").map(str::to_ascii_lowercase);
    let careless = matches!(requirement.as_deref(), Some("none" | "optional" | "cert_none" | "cert_optional"));
    if careless || url.fragment == "insecure" { Tls::RequiredUnverified } else { Tls::Verified }
}

/// `+srv` turns TLS on by itself.
fn mongodb(srv: bool, url: &Url<'_>) -> Tls {
    let careless = ["tlsInsecure", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames"];
    match flag(url, &["tls", "ssl"]).unwrap_or(srv) {
        false => Tls::Off,
        true if careless.iter().any(|name| flag(url, &[name]) == Some(true)) => Tls::RequiredUnverified,
        true => Tls::Verified,
    }
}

fn amqps(url: &Url<'_>) -> Tls {
    match url.parameter("verify") {
        Some("verify_none") => Tls::RequiredUnverified,
        _ => Tls::Verified,
    }
}

/// The first of these parameters that is a plain yes or no.
fn flag(url: &Url<'_>, names: &[&str]) -> Option<bool> {
    names.iter().filter_map(|name| url.parameter(name)).find_map(|value| match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" | "require" | "required" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    })
}
