//! Services that want requests signed: the key signs what is sent, and is not sent.

use std::sync::Arc;

use keyward_gateway::keyed::{Hash, Keyed, Request, Writing};
use keyward_gateway::{Injection, KeyedHeader, Signing};
use keyward_sign::sigv4::{AccessKey, Signed, body_hash};
use keyward_types::{Timestamp, Version};

use crate::support::*;

fn signing(signing: Signing) -> Site {
    Site::with(Double::new(|_| json("{}")), |setting| {
        setting.upstream.injection = Injection::Sign(Arc::new(signing));
        setting.upstream.interface = None;
    })
}

fn keyed(name: Option<&'static str>) -> Signing {
    let over = r"{seconds}\n{method} {path}?{query}\n{body}";
    Signing::Keyed(Box::new(KeyedHeader {
        keyed: Keyed::parse(over, Hash::Sha256, Writing::Hex).unwrap(),
        header: "x-signature".parse().unwrap(),
        prefix: "v1=".into(),
        time: Some("x-time".parse().unwrap()),
        name: name.map(|name| name.parse().unwrap()),
    }))
}

#[test]
fn an_hmac_is_of_what_is_sent() {
    let site = signing(keyed(None));
    // Chunked, and of no sort that is read: all of it is waited for all the same.
    let request = format!(
        "PUT /openai/v1/blobs?a=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nX-Signature: v1=mine\r\n\
         X-Time: 1\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
        key()
    );
    assert_eq!(site.send(request).status, 200);
    let received = &site.received()[0];
    let signed = Request {
        method: "PUT",
        host: "",
        path: "/base/v1/blobs",
        query: "a=1",
        body: b"hello world",
        at: Timestamp(NOW),
    };
    let keyed = Keyed::parse(r"{seconds}\n{method} {path}?{query}\n{body}", Hash::Sha256, Writing::Hex).unwrap();
    let expected = format!("v1={}", keyed.sign(value().as_bytes(), &signed));
    assert_eq!(received.header("x-signature"), Some(&*expected));
    assert_eq!(received.header("x-time"), Some("1800000000"));
    assert_eq!(received.head.to_lowercase().matches("x-signature").count(), 1, "the caller's own is taken out");
    assert_eq!((received.header("content-length"), received.body.as_slice()), (Some("11"), b"hello world".as_slice()));
    assert!(received.header("authorization").is_none() && !received.head.contains(&value()));
}

#[test]
fn a_key_may_have_a_name() {
    let site = signing(keyed(Some("x-key")));
    *site.vault.lease.lock().unwrap() = Some(Arc::new(lease("ours:0123456789abcdef", Version::FIRST)));
    assert_eq!(site.send(get("/openai/v1/a")).status, 200);
    assert_eq!(site.received()[0].header("x-key"), Some("ours"));
    assert!(!site.received()[0].head.contains("0123456789abcdef"));
    // A value without a name signs nothing, and nothing goes out.
    *site.vault.lease.lock().unwrap() = Some(Arc::new(lease("0123456789abcdef", Version::FIRST)));
    assert_eq!(site.send(get("/openai/v1/a")).status, 400);
    assert_eq!(site.received().len(), 1);
}

#[test]
fn aws_is_signed_as_it_wants_it() {
    let site = signing(Signing::Aws { region: "eu-central-1".into(), service: "execute-api".into() });
    let secret = "s".repeat(40);
    *site.vault.lease.lock().unwrap() = Some(Arc::new(lease(&format!("AKIDEXAMPLE:{secret}"), Version::FIRST)));
    let mut request = post("/openai/v1/a%20b?z=1&a=x", "{\"a\":1}");
    request = request.replacen("Content-Type", "X-Amz-Date: 20000101T000000Z\r\nX-Amz-Target: T.do\r\nContent-Type", 1);
    assert_eq!(site.send(request).status, 200);
    let received = &site.received()[0];
    let hash = body_hash(b"{\"a\":1}");
    let headers = [("x-amz-content-sha256", &*hash), ("x-amz-target", "T.do"), ("content-type", "application/json")];
    let signed = Signed {
        method: "POST",
        host: received.header("host").unwrap(),
        path: "/base/v1/a%2520b",
        query: "a=x&z=1",
        headers: &headers,
        body: b"{\"a\":1}",
        region: "eu-central-1",
        service: "execute-api",
    };
    let (pair, _) = AccessKey::read(&format!("AKIDEXAMPLE:{secret}")).unwrap();
    let (date, authorization) = signed.by(&pair, Timestamp(NOW));
    assert_eq!(received.header("authorization"), Some(&*authorization));
    assert_eq!((received.header("x-amz-date"), date.as_str()), (Some(&*date), "20270115T080000Z"));
    assert_eq!(received.head.to_lowercase().matches("x-amz-date:").count(), 1);
    assert_eq!(received.header("x-amz-content-sha256"), Some(&*hash));
    assert!(!received.head.contains(&secret));
}
