//! The upstream of a measurement: `stub PORT` answers every request with a chat completion of 1 KiB,
//! and one whose body has `"stream":true` with twenty events.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;

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

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let streams = memchr::memmem::find(&body, b"\"stream\":true").is_some();
    let (sort, body) = if streams { ("text/event-stream", events()) } else { ("application/json", completion()) };
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(sort));
    Ok(response)
}

fn completion() -> Bytes {
    static BODY: std::sync::OnceLock<Bytes> = std::sync::OnceLock::new();
    let make = || {
        let text = "lorem ipsum dolor sit amet ".repeat(25);
        Bytes::from(format!(
            r#"{{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o-2024-08-06","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":23,"completion_tokens":150,"total_tokens":173,"prompt_tokens_details":{{"cached_tokens":0}}}}}}"#
        ))
    };
    BODY.get_or_init(make).clone()
}

fn events() -> Bytes {
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word\"}}]}\n\n";
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":23,\"completion_tokens\":20}}\n\n";
    Bytes::from([&event.repeat(20), usage, "data: [DONE]\n\n"].concat())
}
