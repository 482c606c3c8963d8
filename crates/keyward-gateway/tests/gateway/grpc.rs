//! Calls of gRPC: HTTP/2 from end to end, with the status where gRPC has it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use keyward_gateway::*;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::support::*;

/// A service that gives back the messages that it gets, as they come, with a status behind them.
struct Service {
    port: u16,
    heads: Arc<Mutex<Vec<Parts>>>,
}

impl Service {
    fn new() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let heads = Arc::<Mutex<Vec<Parts>>>::default();
        let ours = Arc::clone(&heads);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let heads = Arc::clone(&ours);
                    let answer = service_fn(move |request: Request<Incoming>| {
                        let (parts, body) = request.into_parts();
                        let answered = answer(&parts, body);
                        heads.lock().unwrap().push(parts);
                        std::future::ready(Ok::<_, Infallible>(answered))
                    });
                    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    tokio::spawn(builder.serve_connection(TokioIo::new(stream), answer));
                }
            });
        });
        Self { port, heads }
    }

    fn heads(&self) -> Vec<Parts> {
        self.heads.lock().unwrap().clone()
    }
}

fn answer(parts: &Parts, body: Incoming) -> Response<Given> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", 0.into());
    let mut answer = Response::builder().header("content-type", "application/grpc");
    let given = match parts.uri.path() {
        "/qdrant.Points/Fail" => {
            answer = answer.header("grpc-status", 5).header("grpc-message", "no such collection");
            Given { body: None, said: None, trailers: None, breaks: None }
        }
        "/qdrant.Points/Tell" => {
            // What a service must not do: it tells the key, in a message and behind it.
            let key = parts.headers["api-key"].clone();
            trailers.insert("x-key", key.clone());
            answer = answer.header("x-shown", key.clone());
            let said = [message(key.as_bytes()), message(b"ends with sk-real")].concat();
            Given { body: None, said: Some(said.into()), trailers: Some(trailers), breaks: None }
        }
        "/qdrant.Points/Coded" => {
            let said = Bytes::from_static(&[1, 0, 0, 0, 1, 7]);
            Given { body: None, said: Some(said), trailers: Some(trailers), breaks: None }
        }
        "/qdrant.Points/Cut" => Given {
            body: None,
            said: Some(message(b"some").into()),
            trailers: None,
            breaks: Some(Box::pin(tokio::time::sleep(Duration::from_millis(50)))),
        },
        _ => Given { body: Some(body), said: None, trailers: Some(trailers), breaks: None },
    };
    answer.body(given).unwrap()
}

/// What is answered, in this order.
struct Given {
    body: Option<Incoming>,
    said: Option<Bytes>,
    trailers: Option<HeaderMap>,
    /// When it breaks off instead.
    breaks: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Body for Given {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        if let Some(body) = &mut self.body {
            if let Some(frame) = ready!(Pin::new(body).poll_frame(context)) {
                return Poll::Ready(Some(frame.map_err(std::io::Error::other)));
            }
            self.body = None;
        }
        if let Some(said) = self.said.take() {
            return Poll::Ready(Some(Ok(Frame::data(said))));
        }
        if let Some(pause) = &mut self.breaks {
            ready!(pause.as_mut().poll(context));
            return Poll::Ready(Some(Err(std::io::Error::other("it breaks"))));
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none() && self.said.is_none() && self.trailers.is_none() && self.breaks.is_none()
    }
}

/// Messages that are sent one by one.
struct Feed(UnboundedReceiver<Bytes>);

impl Body for Feed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

fn message(text: &[u8]) -> Vec<u8> {
    [&[0][..], &u32::try_from(text.len()).unwrap().to_be_bytes(), text].concat()
}

/// A gateway in front of it.
fn site(service: &Service, change: impl FnOnce(&mut Setting)) -> Site {
    Site::with(Double::new(|_| json("{}")), |setting| {
        setting.upstream.provider = "qdrant".into();
        setting.upstream.injection = Injection::Header(HeaderName::from_static("api-key"), "".into());
        setting.upstream.interface = None;
        setting.upstream.shape = Shape::Qdrant;
        setting.upstream.grpc_port = Some(service.port);
        change(setting);
    })
}

async fn client(site: &Site) -> SendRequest<Feed> {
    let stream = tokio::net::TcpStream::connect(site.address()).await.unwrap();
    let (send, driver) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(driver);
    send
}

fn call(method: &str, key: &str) -> (UnboundedSender<Bytes>, Request<Feed>) {
    let (feed, from) = unbounded_channel();
    let request = Request::post(format!("http://localhost/qdrant.Points/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("api-key", key)
        .header("grpc-accept-encoding", "identity, deflate, gzip")
        .header("grpc-timeout", "5S")
        .header("x-own", "stays")
        .body(Feed(from))
        .unwrap();
    (feed, request)
}

fn status(headers: &HeaderMap) -> Option<&str> {
    headers.get("grpc-status").map(|status| status.to_str().unwrap())
}

#[tokio::test]
async fn messages_go_both_ways_while_both_go_on_and_the_status_comes_behind() {
    let service = Service::new();
    let site = site(&service, |_| {});
    let mut send = client(&site).await;
    let (feed, request) = call("Echo", &key());
    feed.send(message(b"first").into()).unwrap();
    let mut response = send.send_request(request).await.unwrap();
    assert_eq!((response.status(), status(response.headers())), (StatusCode::OK, None));
    let mut next = async || response.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(next().await.into_data().unwrap(), message(b"first"));
    for text in [&b"second"[..], b"", &[7; 100_000]] {
        feed.send(message(text).into()).unwrap();
        let mut came = Vec::new();
        while came.len() < text.len() + 5 {
            came.extend(next().await.into_data().unwrap());
        }
        assert_eq!(came, message(text));
    }
    drop(feed);
    let trailers = next().await.into_trailers().unwrap();
    assert_eq!(status(&trailers), Some("0"));
    assert!(response.body_mut().frame().await.is_none());

    let head = &service.heads()[0];
    assert_eq!((head.uri.path(), head.version), ("/qdrant.Points/Echo", hyper::Version::HTTP_2));
    let told = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!((told("api-key"), told("te")), (Some(value()), Some("trailers".into())));
    assert_eq!((told("grpc-timeout"), told("x-own")), (Some("5S".into()), Some("stays".into())));
    assert_eq!(told("grpc-accept-encoding"), Some("identity".into()), "what comes coded cannot be looked into");
    let record = tokio::task::spawn_blocking(move || site.records(1)[0]).await.unwrap();
    assert_eq!((record.status, record.end, record.truth), (200, End::Whole, Truth::Uncounted));
    assert_eq!((record.bytes_in, record.bytes_out), (100_031, 100_031));
}

#[tokio::test]
async fn a_status_without_messages_is_one_head() {
    let service = Service::new();
    let site = site(&service, |_| {});
    let mut send = client(&site).await;
    let response = send.send_request(call("Fail", &key()).1).await.unwrap();
    assert_eq!((response.status(), status(response.headers())), (StatusCode::OK, Some("5")));
    assert_eq!(response.headers()["grpc-message"], "no such collection");
    assert!(response.body().is_end_stream());
}

#[tokio::test]
async fn the_key_comes_back_in_no_message_head_or_trailer() {
    let service = Service::new();
    let site = site(&service, |_| {});
    let mut send = client(&site).await;
    let response = send.send_request(call("Tell", &key()).1).await.unwrap();
    let stars = "*".repeat(value().len());
    assert_eq!(response.headers()["x-shown"], stars);
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-key"], stars);
    let told = [message(stars.as_bytes()), message(b"ends with sk-real")].concat();
    assert_eq!(body.to_bytes(), told);
}

#[tokio::test]
async fn what_breaks_off_ends_with_a_status_too() {
    let service = Service::new();
    let site = site(&service, |_| {});
    let mut send = client(&site).await;
    for (method, came) in [("Cut", &message(b"some")[..]), ("Coded", b"")] {
        let response = send.send_request(call(method, &key()).1).await.unwrap();
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().and_then(status), Some("14"), "{method}");
        assert_eq!(body.to_bytes(), came, "{method}");
    }
}

#[tokio::test]
async fn refusals_have_the_status_that_clients_act_upon() {
    let service = Service::new();
    let told = async |change: fn(&mut Setting), key: &str| {
        let site = site(&service, change);
        let mut send = client(&site).await;
        let (_, request) = call("Echo", key);
        let mut response = send.send_request(request).await.unwrap();
        if status(response.headers()) == Some("0") || status(response.headers()).is_none() {
            response = send.send_request(call("Echo", key).1).await.unwrap();
        }
        assert_eq!(
            (response.status(), response.headers()["content-type"].to_str().unwrap()),
            (StatusCode::OK, "application/grpc")
        );
        assert!(response.body().is_end_stream() && !response.headers()["grpc-message"].is_empty());
        let waits = response.headers().get("retry-after").map(HeaderValue::len).is_some();
        (status(response.headers()).unwrap().to_owned(), waits)
    };
    let nobody = key().replace("Abc", "Xyz");
    assert_eq!(told(|_| {}, &nobody).await, ("16".into(), false));
    assert_eq!(told(|_| {}, "no key at all").await, ("16".into(), false));
    let narrow = |setting: &mut Setting| {
        let mut route = any_route(setting);
        route.calls = [Call { methods: [].into(), path: Glob::path("/qdrant.Collections/*") }].into();
        setting.grant.routes = [route].into();
    };
    assert_eq!(told(narrow, &key()).await, ("7".into(), false));
    assert_eq!(told(|setting| setting.grant.rpm = Some(1), &key()).await, ("8".into(), true));
    let nowhere = |setting: &mut Setting| {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        setting.upstream.grpc_port = Some(free);
    };
    assert_eq!(told(nowhere, &key()).await, ("14".into(), true));
}

#[tokio::test]
async fn what_is_no_call_of_it_goes_where_it_always_went() {
    let service = Service::new();
    let site = site(&service, |_| {});
    let mut send = client(&site).await;
    let (feed, mut request) = call("Echo", &key());
    drop(feed);
    request.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc-web"));
    let response = send.send_request(request).await.unwrap();
    assert_eq!((response.status(), status(response.headers())), (StatusCode::NOT_FOUND, None), "no such provider");
    let answer =
        site.send(format!("GET /qdrant/collections HTTP/1.1\r\nHost: localhost\r\napi-key: {}\r\n\r\n", key()));
    assert_eq!(answer.status, 200);
    assert_eq!(site.received()[0].line(), "GET /base/collections HTTP/1.1");
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(service.heads().is_empty());
}
