//! What is called at a service, told apart coarsely enough to be counted.

use crate::usage::Short;

/// Method and path of a call, `*` in the place of each part that looks like an id: `GET /v1/responses/*`.
/// What is longer than [`Endpoint`] has room for ends in `…`: it is no path that could be compared.
pub(crate) fn endpoint(method: &str, path: &str) -> Endpoint {
    let mut text = Text { bytes: [0; ROOM], length: 0, is_cut: false };
    text.push(method.as_bytes());
    text.push(b" ");
    for (n, part) in path.as_bytes().split(|byte| *byte == b'/').enumerate() {
        if n > 0 {
            text.push(b"/");
        }
        text.push(if is_id(part) { b"*" } else { part });
    }
    text.end()
}

/// A method and a path.
pub(crate) type Endpoint = Short<ROOM>;

const ROOM: usize = 96;
const CUT: &str = "…";
/// Shorter letters and digits are names of things, not of one of them.
const SHORTEST: usize = 16;
/// How long a UUID is.
const UUID: usize = 36;
/// What is so long, with digits and capitals, nobody thought of as a name.
const LONG: usize = 20;

/// A text of at most so many bytes, put together without a heap: it is one for every call.
struct Text {
    bytes: [u8; ROOM],
    length: usize,
    is_cut: bool,
}

impl Text {
    fn push(&mut self, text: &[u8]) {
        let fitting = text.len().min(ROOM - self.length);
        self.bytes[self.length..self.length + fitting].copy_from_slice(&text[..fitting]);
        self.length += fitting;
        self.is_cut |= fitting < text.len();
    }

    fn end(mut self) -> Endpoint {
        if self.is_cut {
            let room = &self.bytes[..ROOM - CUT.len()];
            let whole = std::str::from_utf8(room).map_or_else(|error| error.valid_up_to(), str::len);
            self.bytes[whole..whole + CUT.len()].copy_from_slice(CUT.as_bytes());
            self.length = whole + CUT.len();
        }
        Short::new(std::str::from_utf8(&self.bytes[..self.length]).unwrap_or(CUT))
    }
}

/// Whether a part of a path names one thing among very many, or could be a secret that somebody put there: a
/// number, a UUID, `resp_0a1b…`, what is long and mixed.
fn is_id(part: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().filter(|byte| byte.is_ascii_digit()).count();
    let in_all = digits(part);
    if in_all == 0 && part.len() != UUID {
        return false;
    }
    let is_uuid = part.len() == UUID && part.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    let drawn = part.rsplit(|byte| matches!(byte, b'_' | b'-')).next().unwrap_or(part);
    let is_drawn = drawn.len() >= SHORTEST && drawn.iter().all(u8::is_ascii_alphanumeric) && digits(drawn) >= 2;
    let is_mixed = part.len() >= LONG && in_all >= 2 && part.iter().any(u8::is_ascii_uppercase);
    is_uuid || is_drawn || is_mixed || in_all == part.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &str, path: &str) -> String {
        endpoint(method, path).as_str().to_owned()
    }

    #[test]
    fn names_stay_and_ids_are_one() {
        assert_eq!(of("POST", "/v1/chat/completions"), "POST /v1/chat/completions");
        assert_eq!(of("GET", "/v1/responses/resp_68af4030b8c481a19d0f9e0c8b"), "GET /v1/responses/*");
        assert_eq!(of("GET", "/v1/jobs/42/events"), "GET /v1/jobs/*/events");
        assert_eq!(of("GET", "/x/0b9c4a7e-3f60-4a6e-9d7d-0c0ffee0c0de"), "GET /x/*");
        assert_eq!(
            of("POST", "/collections/products_2024_embeddings/points/query"),
            "POST /collections/products_2024_embeddings/points/query"
        );
        assert_eq!(of("POST", "/v1beta/models/gemini-2.5-flash:generateContent"), "POST /v1beta/models/*");
        let token = format!("bot12345678:AA{}-{}_x", "Gh7kQ2", "pLm9");
        assert_eq!(of("POST", &format!("/{token}/sendMessage")), "POST /*/sendMessage");
    }

    #[test]
    fn what_is_too_long_is_not_taken_for_something_shorter() {
        let long = format!("/v1/{}", "ä".repeat(80));
        let text = of("POST", &long);
        assert!(text.len() <= ROOM && text.ends_with(CUT), "{text}");
    }
}
