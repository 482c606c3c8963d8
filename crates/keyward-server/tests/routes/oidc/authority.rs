//! Providers and issuers whose certificate is signed by an authority of one's own (`ca`).

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use keyward_testing::oidc::{Provider, Signer};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::browser::{Asked, Browser, encoded};
use super::{CLIENT, NOW, add, link, served};

/// An authority, and its certificate in PEM.
fn authority() -> (CertifiedIssuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let pem = authority.pem();
    (authority, pem)
}

/// What an authority signed answers at this address, by what the provider answers.
fn behind_tls(provider: &Provider, authority: &CertifiedIssuer<'static, KeyPair>) -> String {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let (config, plain) = (Arc::new(config), provider.issuer().trim_start_matches("http://").to_owned());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Who does not trust the certificate goes away in between.
            let _ = pass_on(StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream), &plain);
        }
    });
    let mut document = provider.document();
    for value in document.as_object_mut().unwrap().values_mut() {
        if let Some(text) = value.as_str() {
            *value = text.replace(&provider.issuer(), &issuer).into();
        }
    }
    provider.answer("/.well-known/openid-configuration", &document);
    issuer
}

/// One request and its answer.
fn pass_on(encrypted: StreamOwned<ServerConnection, TcpStream>, to: &str) -> std::io::Result<()> {
    let (mut reader, mut head, mut length) = (BufReader::new(encrypted), String::new(), 0);
    while reader.read_line(&mut head)? > 2 {
        let line = head.lines().last().unwrap_or_default();
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut plain = TcpStream::connect(to)?;
    plain.write_all(&[head.as_bytes(), &body].concat())?;
    let mut answer = Vec::new();
    plain.read_to_end(&mut answer)?;
    let mut encrypted = reader.into_inner();
    encrypted.write_all(&answer)?;
    encrypted.conn.send_close_notify();
    encrypted.flush()
}

/// Who is sent to this provider and comes back; what he is answered.
fn through(provider: &Provider, issuer: &str, key: &Signer, ca: Option<&str>) -> (u16, String, Option<String>) {
    let (served, _) = served();
    add(&served, "idp", issuer, json!({ "ca": ca }));
    served.ask("POST", "/users", Some(json!({ "login": "ann", "name": "" }))).is(201);
    let mut browser = Browser::at(&served);
    let link = link(&served, "ann");
    let onward = browser.post("/auth/oidc/idp/link", json!({ "link": link }));
    if onward.status != 200 {
        return (onward.status, onward.text(), None);
    }
    let asked = Asked::of(onward.json()["location"].as_str().unwrap());
    assert!(asked.address.starts_with(issuer), "{}", asked.address);
    let claims: Value = json!({
        "iss": issuer, "sub": "ann-there", "aud": CLIENT, "nonce": asked.nonce, "iat": NOW, "exp": NOW + 300,
    });
    provider.give(&key.sign(&claims));
    let back = browser.back("idp", &format!("code=a-code&state={}&iss={}", asked.state, encoded(issuer)));
    (back.status, back.text(), browser.login())
}

#[test]
fn a_provider_of_an_authority_of_ones_own_is_believed_where_that_is_named_and_nowhere_else() {
    let key = Signer::es256("first");
    let provider = Provider::start(&[&key]);
    let ((ours, pem), (_, of_others)) = (authority(), authority());
    let issuer = behind_tls(&provider, &ours);
    let (status, said, login) = through(&provider, &issuer, &key, Some(&pem));
    assert_eq!((status, login.as_deref()), (303, Some("ann")), "{said}");
    // By discovery, its keys and the code alike.
    for path in ["/.well-known/openid-configuration", "/keys", "/token"] {
        assert_eq!(provider.asked(path).len(), 1, "{path}");
    }
    for ca in [None, Some(of_others.as_str())] {
        let (status, said, login) = through(&provider, &issuer, &key, ca);
        assert!(status >= 500 && login.is_none(), "{status}: {said}");
        assert!(said.contains("its certificate is not trusted"), "{said}");
        assert_eq!(provider.asked("/token").len(), 1, "and nothing is shown to it");
    }
}

/// The same of an issuer of workloads' tokens, as a cluster is.
#[test]
fn a_cluster_of_an_authority_of_ones_own_is_believed_where_that_is_named() {
    let key = Signer::es256("first");
    let provider = Provider::start(&[&key]);
    let (ours, pem) = authority();
    let issuer = behind_tls(&provider, &ours);
    let (served, _) = served();
    served.ask("POST", "/service-accounts", Some(json!({ "login": "web", "name": "" }))).is(201);
    let trust = |ca: Option<&str>| {
        let audience = "https://keyward.example";
        let claims = ["sub=system:serviceaccount:shop:web"];
        let trust =
            json!({ "issuer": issuer, "audience": audience, "allow_private": true, "claims": claims, "ca": ca });
        served.ask("POST", "/service-accounts/web/trusts", Some(trust)).is(201)["id"].as_str().unwrap().to_owned()
    };
    let show = |jti: &str| {
        let claims = json!({
            "iss": issuer, "aud": "https://keyward.example", "sub": "system:serviceaccount:shop:web", "jti": jti,
            "iat": NOW, "nbf": NOW - 5, "exp": NOW + 300,
        });
        let body = json!({ "service_account": "web", "token": key.sign(&claims) }).to_string();
        served.raw("POST", "/api/v1/auth/workload", &[("content-type", "application/json")], body.as_bytes())
    };
    let blind = trust(None);
    let refused = show("one");
    assert!(refused.status >= 400, "{}", refused.text());
    served.ask("DELETE", &format!("/service-accounts/web/trusts/{blind}"), None).is(200);
    trust(Some(&pem));
    show("two").is(200);
}
