//! HTTP/2 on both sides.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use keyward_gateway::{Config, Transport};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};

use crate::support::*;

/// A caller that speaks HTTP/2 from the first byte.
async fn callers(site: &Site) -> hyper::client::conn::http2::SendRequest<Full<Bytes>> {
    let stream = tokio::net::TcpStream::connect(site.address()).await.unwrap();
    let (send, driver) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(driver);
    send
}

fn request(path: &str, body: &str) -> Request<Full<Bytes>> {
    Request::post(format!("http://localhost{path}"))
        .header("authorization", format!("Bearer {}", key()))
        .header("content-type", "application/json")
        .body(Full::from(body.to_owned()))
        .unwrap()
}

#[tokio::test]
async fn many_calls_over_one_connection() {
    let site = Site::new(Double::new(|request| {
        Reply::default()
            .then(100, format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.body.len()))
            .then(0, request.body.clone())
    }));
    let send = callers(&site).await;
    let calls: Vec<_> = (0..20)
        .map(|number| {
            let mut send = send.clone();
            tokio::spawn(async move {
                let body = format!("{{\"model\":\"m{number}\"}}");
                let response = send.send_request(request("/openai/v1/chat/completions", &body)).await.unwrap();
                assert_eq!(response.status(), StatusCode::OK);
                assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), body);
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert!(site.received().iter().all(|request| request.line() == "POST /base/v1/chat/completions HTTP/1.1"));
    assert!(site.received().iter().all(|request| request.header("content-length").is_some()), "no length is lost");
}

#[tokio::test]
async fn foreign_names_and_connect_are_refused() {
    let site = Site::new(Double::new(|_| json("{}")));
    let mut send = callers(&site).await;
    let foreign = Request::get("http://evil.example/openai/v1/models").body(Full::default()).unwrap();
    assert_eq!(send.send_request(foreign).await.unwrap().status(), StatusCode::MISDIRECTED_REQUEST);
    let mut other = request("/openai/v1/models", "");
    other.headers_mut().insert("host", "evil.example".parse().unwrap());
    assert_eq!(send.send_request(other).await.unwrap().status(), StatusCode::MISDIRECTED_REQUEST);
    assert!(site.received().is_empty());
}

#[tokio::test]
async fn a_stream_that_is_reset_is_recorded() {
    let site = Site::new(Double::new(|_| {
        let head = reply("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n");
        (0..100).fold(head, |reply, _| reply.then(10, "x".repeat(1000)))
    }));
    let mut send = callers(&site).await;
    let mut response = send.send_request(request("/openai/v1/chat/completions", "{}")).await.unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    let record = tokio::task::spawn_blocking(move || site.records(1)[0]).await.unwrap();
    assert_eq!(record.end, keyward_gateway::End::HungUp);
}

/// An upstream by TLS that speaks what is asked of it, and tells by which version it was called.
fn upstream(protocols: &'static [&'static [u8]]) -> (u16, RootCertStore) {
    let (tls, roots) = certificate(protocols);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(serve(listener, TlsAcceptor::from(tls)));
    });
    (port, roots)
}

/// A fresh certificate of `localhost`, and the roots by which it is believed.
fn certificate(protocols: &[&[u8]]) -> (Arc<ServerConfig>, RootCertStore) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let mut tls = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    (Arc::new(tls), roots)
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_the_next_caller() {
    let ((first, believed), (second, then)) = (certificate(&[b"http/1.1"]), certificate(&[b"http/1.1"]));
    let shown = Arc::new(std::sync::Mutex::new(first));
    let show = Arc::clone(&shown);
    let site = Site::with(Double::new(|_| json("{}")), |setting| {
        setting.config.tls = Some(Arc::new(move || Arc::clone(&show.lock().unwrap())));
    });
    let greets = async |roots: &RootCertStore| {
        let client = Config::with_roots(([127, 0, 0, 1], 0).into(), roots.clone()).upstream_tls;
        let stream = tokio::net::TcpStream::connect(site.address()).await.unwrap();
        let name = "localhost".try_into().unwrap();
        tokio_rustls::TlsConnector::from(client).connect(name, stream).await.is_ok()
    };
    assert!(greets(&believed).await && !greets(&then).await);
    *shown.lock().unwrap() = second;
    assert!(greets(&then).await && !greets(&believed).await);
}

async fn serve(listener: std::net::TcpListener, tls: TlsAcceptor) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let tls = tls.clone();
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            let service = hyper::service::service_fn(|request: Request<hyper::body::Incoming>| async move {
                let version = request.version();
                let host = request.uri().host().map(str::to_owned);
                let echo = request.headers()["authorization"].to_str().unwrap().to_owned();
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let text = format!("{version:?} {host:?} {} {echo}", body.len());
                Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from(text))))
            });
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn tls_site(protocols: &'static [&'static [u8]], host: &str, trusted: bool) -> Site {
    let (port, roots) = upstream(protocols);
    Site::with(Double::new(|_| json("{}")), |setting| {
        setting.upstream.host = host.into();
        setting.upstream.port = port;
        setting.upstream.transport = Transport::Tls;
        let roots = if trusted { roots } else { RootCertStore::empty() };
        setting.config.upstream_tls = Config::with_roots(setting.config.listen, roots).upstream_tls;
        setting.config.times.connect = std::time::Duration::from_secs(5);
    })
}

#[test]
fn an_upstream_is_spoken_to_as_it_offers() {
    const BOTH: &[&[u8]] = &[b"h2", b"http/1.1"];
    const ONE: &[&[u8]] = &[b"http/1.1"];
    for (protocols, version) in [(BOTH, Version::HTTP_2), (ONE, Version::HTTP_11), (&[], Version::HTTP_11)] {
        let site = tls_site(protocols, "localhost", true);
        for length in [0, 5, 200_000] {
            let answer = site.send(post("/openai/v1/files", &"x".repeat(length)));
            let text = answer.text();
            assert_eq!(answer.status, 200, "{text}");
            assert!(text.starts_with(&format!("{version:?} ")) && text.contains(&format!(" {length} ")), "{text}");
            assert!(text.ends_with(&format!("Bearer {}", "*".repeat(value().len()))), "{text}");
        }
    }
}

#[test]
fn a_certificate_that_is_not_verified_gets_no_key() {
    for (host, trusted) in [("localhost", false), ("127.0.0.1", true)] {
        let site = tls_site(&[b"h2"], host, trusted);
        let answer = site.send(get("/openai/v1/models"));
        assert_eq!((answer.status, answer.refused()), (502, Some("upstream_connection")), "{host}");
    }
}
