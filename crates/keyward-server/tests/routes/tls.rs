use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyward_server::{Config, Listen, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::kit::{Answer, Served};

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Certificate and key, as PEM.
fn issued(authority: &Issuer, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn write(folder: &Path, authority: &Issuer, name: &str) -> Tls {
    let (certificate, key) = issued(authority, name);
    let tls = Tls { certificate: folder.join("cert.pem"), key: folder.join("key.pem"), client_ca: None };
    std::fs::write(&tls.key, key).unwrap();
    std::fs::write(&tls.certificate, certificate).unwrap();
    tls
}

fn served(tls: Tls) -> Served {
    let listen = Listen { address: Some("127.0.0.1:0".parse().unwrap()), tls: Some(tls), ..Listen::default() };
    Served::with(Config { listen: vec![listen], ..Config::default() })
}

/// Asks `/healthz` as `localhost`; the certificate that the server showed, and its answer.
fn ask(
    served: &Served,
    authority: &Issuer,
    client: Option<(String, String)>,
) -> Result<(CertificateDer<'static>, Answer), String> {
    ask_with(served, authority.der().clone(), client)
}

fn ask_with(
    served: &Served,
    authority: CertificateDer<'static>,
    client: Option<(String, String)>,
) -> Result<(CertificateDer<'static>, Answer), String> {
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    exchange(served, authority, client, request)
}

fn exchange(
    served: &Served,
    authority: CertificateDer<'static>,
    client: Option<(String, String)>,
    request: &[u8],
) -> Result<(CertificateDer<'static>, Answer), String> {
    let mut stream = connected(served, authority, client, &[]);
    stream.write_all(request).map_err(|error| error.to_string())?;
    let answer = Answer::read(&mut stream);
    if answer.status == 0 {
        return Err("the server closed".into());
    }
    Ok((stream.conn.peer_certificates().unwrap()[0].clone().into_owned(), answer))
}

/// A connection as `localhost`, of a client that speaks these protocols.
fn connected(
    served: &Served,
    authority: CertificateDer<'static>,
    client: Option<(String, String)>,
    protocols: &[&[u8]],
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(authority).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap()
        }
    };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let connection = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let stream = TcpStream::connect(served.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    StreamOwned::new(connection, stream)
}

/// RFC 9113, section 3.4: the preface, and a frame of settings that has none.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[test]
fn what_was_agreed_on_with_the_keys_is_spoken() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority());
    let served = served(write(folder.path(), &authority, "localhost"));
    let speak = |protocols: &[&[u8]], bytes: &[u8]| {
        let mut stream = connected(&served, authority.der().clone(), None, protocols);
        stream.write_all(bytes).unwrap();
        let (mut start, mut read) = ([0; 9], 0);
        while read < start.len() {
            match stream.read(&mut start[read..]) {
                Ok(0) | Err(_) => break,
                Ok(more) => read += more,
            }
        }
        start[..read].to_vec()
    };
    let plain = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let (http1, http2): (&[u8], &[u8]) = (b"http/1.1", b"h2");
    for protocols in [&[http2, http1][..], &[http1, http2], &[http2]] {
        // The server would rather speak HTTP/2. Its own settings come first: a frame of kind 4.
        assert_eq!(speak(protocols, HTTP2)[3], 4, "{protocols:?}");
        assert_ne!(speak(protocols, plain), b"HTTP/1.1 ", "{protocols:?}");
    }
    for protocols in [&[http1][..], &[]] {
        assert_eq!(speak(protocols, plain), b"HTTP/1.1 ", "{protocols:?}");
        assert_ne!(speak(protocols, HTTP2).get(3), Some(&4), "nobody agreed on HTTP/2");
    }
}

#[test]
fn a_renewed_certificate_is_used_without_a_restart() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority());
    let served = served(write(folder.path(), &authority, "localhost"));
    let (first, answer) = ask(&served, &authority, None).unwrap();
    answer.is(200);
    // One that cannot be used changes nothing.
    std::fs::write(folder.path().join("cert.pem"), "nonsense").unwrap();
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(ask(&served, &authority, None).unwrap().0, first);
    write(folder.path(), &authority, "localhost");
    let started = Instant::now();
    while ask(&served, &authority, None).unwrap().0 == first {
        assert!(started.elapsed() < Duration::from_secs(15), "the renewed certificate is not used");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn clients_without_a_certificate_are_refused_where_one_is_needed() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority());
    let clients = self::authority();
    let ca = folder.path().join("clients.pem");
    std::fs::write(&ca, clients.pem()).unwrap();
    let tls = Tls { client_ca: Some(ca), ..write(folder.path(), &authority, "localhost") };
    let served = served(tls);
    assert!(ask(&served, &authority, None).is_err());
    let foreign = issued(&self::authority(), "ci");
    assert!(ask(&served, &authority, Some(foreign)).is_err());
    ask(&served, &authority, Some(issued(&clients, "ci"))).unwrap().1.is(200);
}

#[test]
fn plain_http_is_no_way_around_tls() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority());
    let served = served(write(folder.path(), &authority, "localhost"));
    assert_eq!(served.raw("GET", "/healthz", &[], b"").status, 0);
}

#[test]
fn files_that_cannot_be_used_stop_the_start() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority());
    let tls = write(folder.path(), &authority, "localhost");
    std::fs::write(&tls.key, issued(&authority, "localhost").1).unwrap();
    let listen = Listen { address: Some("127.0.0.1:0".parse().unwrap()), tls: Some(tls), ..Listen::default() };
    let config = Config { listen: vec![listen], ..Config::default() };
    let vault = Served::start().vault.clone();
    let failure = keyward_server::Server::bind(vault, keyward_server::Tokens, config).err().unwrap();
    assert!(failure.message.contains("cannot be used"), "{failure}");
}

#[test]
fn certificates_of_ones_own_authority_are_taken() {
    use keyward_server::ca;
    let folder = tempfile::tempdir().unwrap();
    let authority = ca::init(folder.path()).unwrap();
    assert!(ca::init(folder.path()).is_err(), "an authority is not replaced");
    let server = ca::issue(folder.path(), &["localhost".into(), "127.0.0.1".into()], ca::Use::Server, 90).unwrap();
    let client = ca::issue(folder.path(), &["ci".into()], ca::Use::Client, 1).unwrap();
    assert!(ca::issue(folder.path(), &["x".into()], ca::Use::Server, 398).is_err());
    let mode = |path: &Path| std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions());
    assert!([&authority.key, &server.key, &client.key].iter().all(|key| mode(key) & 0o777 == 0o600));
    let served = served(Tls {
        certificate: server.certificate,
        key: server.key,
        client_ca: Some(authority.certificate.clone()),
    });
    let roots = CertificateDer::from_pem_file(&authority.certificate).unwrap();
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let own = (read(&client.certificate), read(&client.key));
    ask_with(&served, roots.clone(), Some(own)).unwrap().1.is(200);
    assert!(ask_with(&served, roots, None).is_err());
}

/// Over TLS the cookie has the name that no page in the clear and no other host can set.
#[test]
fn lesson_cookie_flags_over_tls() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority());
    let served = served(write(folder.path(), &authority, "localhost"));
    let ask = |method: &str, path: &str, headers: &str, body: &str| {
        let text = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nhost: localhost:{}\r\nconnection: close\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
            served.address.port(),
            body.len()
        );
        exchange(&served, authority.der().clone(), None, text.as_bytes()).unwrap().1
    };
    let bearer = format!("authorization: Bearer {}\r\n", served.token);
    let made = ask("POST", "/auth/links", &bearer, r#"{"login":"ada"}"#).is(201);
    let (page, link) = made["link"].as_str().unwrap().split_once("/#link=").unwrap();
    let password = "nine violet herons argue";
    ask("POST", "/auth/links/use", "", &format!(r#"{{"link":"{link}","password":"{password}"}}"#)).is(200);
    let signed = ask("POST", "/auth/sign-in", "", &format!(r#"{{"login":"ada","password":"{password}"}}"#));
    signed.is(200);
    let cookie = signed.header("set-cookie");
    assert!(cookie.starts_with("__Host-keyward=kwu_") && !cookie.contains("Domain"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    let with = |cookie: &str, origin: &str| format!("cookie: {cookie}\r\norigin: {origin}\r\n");
    ask("GET", "/auth/session", &with(pair, page), "").is(200);
    let renamed = pair.replace("__Host-", "");
    assert_eq!(ask("GET", "/auth/session", &with(&renamed, page), "").problem(401), "unauthenticated");
    let in_the_clear = page.replace("https", "http");
    assert_eq!(ask("POST", "/auth/sign-out", &with(pair, &in_the_clear), "").problem(403), "cross_site");
    assert_eq!(ask("POST", "/auth/sign-out", &with(pair, page), "").status, 204);
}
