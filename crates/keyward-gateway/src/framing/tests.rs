use super::*;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn feed(framing: &mut Framing, bytes: &[u8]) -> Result<(), Reason> {
    framing.push(bytes);
    while framing.next()?.is_some() {}
    Ok(())
}

fn read(text: &str) -> Result<(), Reason> {
    let whole = feed(&mut Framing::default(), text.as_bytes());
    for split in 0..text.len() {
        let mut framing = Framing::default();
        let (first, second) = text.as_bytes().split_at(split);
        let parts = feed(&mut framing, first).and_then(|()| feed(&mut framing, second));
        assert_eq!(parts, whole, "split at {split} of {text:?}");
    }
    whole
}

fn post(headers: &str, body: &str) -> Result<(), Reason> {
    // Whatever follows has to be read as a request again, else the body was counted wrongly.
    read(&format!("POST /a HTTP/1.1\r\nHost: a\r\n{headers}\r\n{body}{GET}"))
}

#[test]
fn bodies_are_counted() {
    assert_eq!(post("Content-Length: 5\r\n", "hello"), Ok(()));
    assert_eq!(post("Content-Length: 0\r\n", ""), Ok(()));
    assert_eq!(post("", ""), Ok(()));
    assert_eq!(post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0A\r\n0123456789\r\n0\r\n\r\n"), Ok(()));
    assert_eq!(post("transfer-encoding: Chunked\r\n", "0\r\nx-check: 1\r\n\r\n"), Ok(()));
    assert_eq!(post("Content-Length: 5\r\n", "hello:"), Err(Reason::Framing));
}

#[test]
fn a_request_is_given_in_parts() {
    let mut framing = Framing::default();
    framing.push(b"POST /a?b HTTP/1.1\r\nHost: a\r\nX-Y:  z \r\ncontent-length: 5\r\n\r\nhel");
    let Ok(Some(Part::Head(parts, length))) = framing.next() else { panic!("it is there") };
    assert_eq!((parts.method.as_str(), parts.uri.to_string(), length), ("POST", "/a?b".into(), Length::Is(5)));
    assert_eq!((&parts.headers["x-y"], &parts.headers["host"]), (&"z".parse().unwrap(), &"a".parse().unwrap()));
    assert!(matches!(framing.next(), Ok(Some(Part::Data(bytes))) if bytes == "hel"));
    assert!(matches!(framing.next(), Ok(None)));
    framing.push(b"loGET / HTTP/1.1\r\n");
    assert!(matches!(framing.next(), Ok(Some(Part::Data(bytes))) if bytes == "lo"));
    assert!(matches!(framing.next(), Ok(Some(Part::End))) && matches!(framing.next(), Ok(None)));
    assert_eq!(framing.waiting(), 16);
}

#[test]
fn a_head_of_too_many_lines_is_refused() {
    let lines = |number: usize| read_once(&format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "x: y\r\n".repeat(number)));
    assert_eq!((lines(99), lines(100)), (Ok(()), Err(Reason::Head)));
}

fn read_once(text: &str) -> Result<(), Reason> {
    feed(&mut Framing::default(), text.as_bytes())
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    for headers in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length:\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding:\u{b}chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "X: a\r\n Transfer-Encoding: chunked\r\n",
        "X: a\r\n\tb\r\n",
        "X: a\n",
        "X: a\rTransfer-Encoding: chunked\r\n",
        "X: a\0b\r\n",
        "X\r\n",
        ": a\r\n",
        "Host: b\r\n",
    ] {
        assert_eq!(post(headers, ""), Err(Reason::Framing), "{headers:?}");
    }
    assert_eq!(post("Upgrade: h2c\r\n", ""), Err(Reason::Upgrade));
}

#[test]
fn chunks_have_one_spelling() {
    let chunked = |body: &str| post("Transfer-Encoding: chunked\r\n", body);
    for body in [
        "5;a=b\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "fffffffffffffffff\r\n",
        "-1\r\n",
    ] {
        assert_eq!(chunked(body), Err(Reason::Framing), "{body:?}");
    }
}

#[test]
fn request_lines_have_one_spelling() {
    for (line, reason) in [
        ("GET / HTTP/1.0", Reason::Version),
        ("GET / HTTP/1.2", Reason::Version),
        ("GET / http/1.1", Reason::Version),
        ("GET /", Reason::Framing),
        ("GET  / HTTP/1.1", Reason::Framing),
        ("GET / x HTTP/1.1", Reason::Framing),
        (" GET / HTTP/1.1", Reason::Framing),
        ("G(T / HTTP/1.1", Reason::Framing),
        ("CONNECT a:443 HTTP/1.1", Reason::Connect),
    ] {
        assert_eq!(read(&format!("{line}\r\nHost: a\r\n\r\n")), Err(reason), "{line:?}");
    }
    assert_eq!(read("GET / HTTP/1.1\r\n\r\n"), Err(Reason::Framing), "no host");
    assert_eq!(read("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), Err(Reason::Framing));
}

#[test]
fn a_head_without_an_end_is_refused() {
    let mut framing = Framing::default();
    let piece = [b'a'; 8192];
    assert!((0..1000).any(|_| feed(&mut framing, &piece) == Err(Reason::Framing)));
}
