//! The upstream of a measurement: `stub PORT` answers every request with a chat completion of 1 KiB, and
//! one whose body has `"stream":true` with twenty events. A body with `pace=5,events=40;` in it gets so
//! many events, so many milliseconds apart, each with the microsecond at which it was sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::time::{Interval, MissedTickBehavior};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).ok_or("stub PORT")?.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(async move {
                // Its end is the peer's business.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
            });
        }
    })
}

async fn answer(request: Request<Incoming>) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let (sort, body) = match (Paced::asked(&text), text.contains("\"stream\":true")) {
        (Some(paced), _) => ("text/event-stream", paced.boxed()),
        (None, true) => ("text/event-stream", Full::new(events()).boxed()),
        (None, false) => ("application/json", Full::new(completion()).boxed()),
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(sort));
    Ok(response)
}

/// Events, one after the other.
struct Paced {
    clock: Interval,
    left: u32,
}

impl Paced {
    fn asked(body: &str) -> Option<Self> {
        let (pace, rest) = body.split_once("pace=")?.1.split_once(",events=")?;
        let left = rest.split(';').next()?.parse().ok()?;
        let mut clock = tokio::time::interval(Duration::from_millis(pace.parse().ok()?));
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Some(Self { clock, left })
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        ready!(self.clock.poll_tick(context));
        self.left -= 1;
        let event = match self.left {
            0 => "data: [DONE]\n\n".to_owned(),
            _ => format!(
                "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4o\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"@{}@\"}},\"finish_reason\":null}}]}}\n\n",
                micros()
            ),
        };
        Poll::Ready(Some(Ok(Frame::data(event.into()))))
    }
}

#[allow(clippy::disallowed_methods, reason = "both ends of a measurement read this clock")]
fn micros() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_micros())
}

fn completion() -> Bytes {
    static BODY: std::sync::OnceLock<Bytes> = std::sync::OnceLock::new();
    let make = || {
        let text = "lorem ipsum dolor sit amet ".repeat(25);
        Bytes::from(format!(
            r#"{{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o-2024-08-06","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":23,"completion_tokens":150,"total_tokens":173,"prompt_tokens_details":{{"cached_tokens":0}}}}}}"#
        ))
    };
    BODY.get_or_init(make).clone()
}

fn events() -> Bytes {
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word\"}}]}\n\n";
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":23,\"completion_tokens\":20}}\n\n";
    Bytes::from([&event.repeat(20), usage, "data: [DONE]\n\n"].concat())
}
