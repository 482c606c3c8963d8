//! An upstream that keeps nothing: it answers as the body asks, whole, as a stream, with a failure, or by
//! ending the connection behind its answer.

use std::net::SocketAddr;
use std::sync::mpsc::channel;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Starts it on a thread of its own, which ends with the process.
pub(crate) fn start() -> SocketAddr {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                tokio::spawn(serve(stream));
            }
        });
    });
    told.recv().unwrap()
}

async fn serve(mut stream: TcpStream) {
    let mut buffer = Vec::with_capacity(8 * 1024);
    let usage = r#""usage":{"prompt_tokens":23,"completion_tokens":150,"total_tokens":173}"#;
    let text = "lorem ipsum dolor sit amet ".repeat(25);
    let whole = format!(
        r#"{{"object":"chat.completion","model":"gpt-4o","choices":[{{"message":{{"content":"{text}"}}}}],{usage}}}"#
    );
    let event = |json: &str| format!("data: {json}\n\n");
    let events = [
        event(r#"{"choices":[{"index":0,"delta":{"content":"word"}}]}"#).repeat(10),
        event(&format!(r#"{{"choices":[],{usage}}}"#)),
        event("[DONE]"),
    ];
    while let Some(body) = next(&mut stream, &mut buffer).await {
        let asked = |word: &str| memchr::memmem::find(&body, word.as_bytes()).is_some();
        let json = |status: &str, more: &str, body: &str| {
            let length = body.len();
            format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{more}content-length: {length}\r\n\r\n{body}"
            )
        };
        let answer = if asked("\"stream\":true") {
            let chunks: String = events.iter().map(|event| format!("{:x}\r\n{event}\r\n", event.len())).collect();
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
            )
        } else if asked("fail") {
            json("500 Oh", "", r#"{"error":{"message":"no"}}"#)
        } else if asked("leave") {
            json("200 OK", "connection: close\r\n", &whole)
        } else {
            json("200 OK", "", &whole)
        };
        if stream.write_all(answer.as_bytes()).await.is_err() || asked("leave") {
            return;
        }
    }
}

/// The body of the next request; `None` when the connection ends.
async fn next(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
            let whole = end + 4 + length.unwrap_or(0_usize);
            if buffer.len() >= whole {
                let body = buffer[end + 4..whole].to_vec();
                buffer.drain(..whole);
                return Some(body);
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}
