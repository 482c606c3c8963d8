//! gRPC: calls over HTTP/2 from end to end, whose answers end with a status of their own.
//!
//! A client of gRPC has no base URL, but a host alone: its path is the package and name of a service
//! (`/qdrant.Points/Search`), and the package's first word is the provider. Every message of an answer is
//! looked into by itself: its end is known by its length, and it does not wait for the one behind it.

use bytes::{Bytes, BytesMut};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Version};

use crate::redact::Redactor;
use crate::refusal::Reason;

/// What codings of messages a peer takes.
pub(crate) const ACCEPT: HeaderName = HeaderName::from_static("grpc-accept-encoding");
pub(crate) const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";

/// Whether a request is a call of gRPC.
pub(crate) fn is_call<B>(request: &Request<B>) -> bool {
    request.version() == Version::HTTP_2 && is_grpc(request.headers())
}

/// Whether a body is made of messages.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let sort = headers.get(CONTENT_TYPE).and_then(|sort| sort.as_bytes().strip_prefix(b"application/grpc"));
    // What follows is how messages are written; `application/grpc-web` is something else.
    sort.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';' | b' ')))
}

/// The provider that a service belongs to, by the first word of its package.
pub(crate) fn provider(service: &str) -> Option<&str> {
    service.split_once('.').map(|(package, _)| package).filter(|package| !package.is_empty())
}

/// The status of gRPC for one of HTTP (`grpc/status.h`).
pub(crate) fn status_of(http: u16) -> u16 {
    match http {
        400 => 3,
        401 => 16,
        403 => 7,
        404 | 421 => 5,
        408 => 4,
        413 | 429 | 431 => 8,
        405 | 426 | 505 => 12,
        500.. => 14,
        _ => 2,
    }
}

/// How a call is told that it has failed, in the first head or behind the messages that came.
pub(crate) fn tell(reason: Reason, headers: &mut HeaderMap) {
    let (status, sentence) = (status_of(reason.status().as_u16()), reason.sentence());
    headers.insert(STATUS, status.into());
    // Printable and without `%`, so that nothing of it has to be encoded.
    if let Ok(message) = HeaderValue::try_from(format!("keyward: {sentence}")) {
        headers.insert(MESSAGE, message);
    }
}

/// The messages of one body, as they pass.
#[derive(Default)]
pub(crate) struct Messages {
    /// The beginning of a message: whether it is coded, and its length.
    head: [u8; HEAD],
    read: usize,
    left: u64,
}

const HEAD: usize = 5;

/// A message is coded, and nobody could look into it.
#[derive(Debug)]
pub(crate) struct IsCoded;

impl Messages {
    /// What of these bytes may be passed on.
    pub(crate) fn redact(&mut self, bytes: &[u8], redactor: &mut Redactor) -> Result<Bytes, IsCoded> {
        let (mut out, mut rest) = (BytesMut::with_capacity(bytes.len()), bytes);
        while !rest.is_empty() {
            if self.read < HEAD {
                let here = (HEAD - self.read).min(rest.len());
                self.head[self.read..self.read + here].copy_from_slice(&rest[..here]);
                self.read += here;
                out.extend_from_slice(&rest[..here]);
                rest = &rest[here..];
                if self.read < HEAD {
                    break;
                }
                let [coded, a, b, c, d] = self.head;
                if coded != 0 {
                    return Err(IsCoded);
                }
                self.left = u64::from(u32::from_be_bytes([a, b, c, d]));
            } else {
                let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
                out.extend_from_slice(&redactor.push(Bytes::copy_from_slice(&rest[..here])));
                self.left -= here as u64;
                rest = &rest[here..];
            }
            if self.left == 0 {
                out.extend_from_slice(&redactor.finish());
                self.read = 0;
            }
        }
        Ok(out.freeze())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::redact::Patterns;

    fn message(text: &[u8]) -> Vec<u8> {
        [&[0][..], &u32::try_from(text.len()).unwrap().to_be_bytes(), text].concat()
    }

    #[test]
    fn a_message_is_whole_when_its_length_has_come() {
        let value = ["real-", "0123456789abcdef"].concat();
        let patterns = Arc::new(Patterns::of(value.as_bytes()));
        // Its own beginning ends a message, and what hides the rest is the next one's head.
        let texts = [value.as_bytes(), b"", b"ends with real-01", b"23456789abcdef", b"x"];
        let all: Vec<u8> = texts.iter().flat_map(|text| message(text)).collect();
        let mut wanted = all.clone();
        wanted[HEAD..HEAD + value.len()].fill(b'*');
        for split in 0..=all.len() {
            let (mut messages, mut redactor) = (Messages::default(), Redactor::new(Arc::clone(&patterns)));
            let (first, second) = all.split_at(split);
            let mut out = messages.redact(first, &mut redactor).unwrap().to_vec();
            if split == HEAD + value.len() {
                assert_eq!(out.len(), split, "nothing of a whole message waits");
            }
            out.extend(messages.redact(second, &mut redactor).unwrap());
            assert_eq!(out, wanted, "split at {split}");
        }
        let coded = [&[1, 0, 0, 0, 1][..], b"x"].concat();
        assert!(Messages::default().redact(&coded, &mut Redactor::new(patterns)).is_err());
    }

    #[test]
    fn a_service_is_of_the_provider_that_its_package_begins_with() {
        assert_eq!(provider("qdrant.Points"), Some("qdrant"));
        assert_eq!(provider("qdrant"), None);
        assert_eq!(provider(".Points"), None);
        let of = |sort: &'static str| is_grpc(&[(CONTENT_TYPE, HeaderValue::from_static(sort))].into_iter().collect());
        assert!(of("application/grpc") && of("application/grpc+proto") && of("application/grpc;a=b"));
        assert!(!of("application/grpc-web") && !of("application/json") && !of("application/grpcx"));
    }

    #[test]
    fn reasons_have_the_status_that_clients_act_upon() {
        let status = |reason: Reason| {
            let mut headers = HeaderMap::new();
            tell(reason, &mut headers);
            headers[STATUS].to_str().unwrap().parse::<u16>().unwrap()
        };
        let told = [Reason::UnknownKey, Reason::Call, Reason::Rate, Reason::Budget, Reason::Connection, Reason::Stale];
        assert_eq!(told.map(status), [16, 7, 8, 8, 14, 14]);
    }
}
