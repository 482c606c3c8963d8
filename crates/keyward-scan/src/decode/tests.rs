use std::io::Write;

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use proptest::prelude::*;

use super::*;

/// Every place in `bytes` from which `secret` was decoded, in how many steps whatever.
fn places(bytes: &[u8], path: &str, secret: &[u8]) -> Vec<Range<usize>> {
    let mut inside: Vec<Vec<Range<usize>>> = vec![Vec::new(); usize::from(MAX_DEPTH) + 2];
    each(bytes, &Hint { path, depth: 0 }, &mut |decoded| {
        let depth = usize::from(decoded.depth);
        let mut own = std::mem::take(&mut inside[depth]);
        own.extend(memchr::memmem::find_iter(&decoded.bytes, secret).map(|at| at..at + secret.len()));
        inside[depth - 1].extend(own.iter().map(|range| decoded.outer(range)));
    });
    let mut found = inside.swap_remove(0);
    found.sort_by_key(|range| (range.start, range.end));
    found.dedup();
    found
}

fn texts(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    each(bytes, &Hint::default(), &mut |decoded| all.push(decoded.bytes.to_vec()));
    all
}

#[derive(Clone, Copy, Debug)]
enum Encoding {
    Base64,
    Base64Url,
    Wrapped(usize),
    Hex,
    HexUpper,
    Percent,
    Unicode,
    Braces,
    Hexadecimal,
    Octal,
    Entity,
    Utf16,
    Gzip,
    Zlib,
}

use Encoding::*;

const ALL: [Encoding; 15] = [
    Base64,
    Base64Url,
    Wrapped(64),
    Wrapped(76),
    Wrapped(70),
    Hex,
    HexUpper,
    Percent,
    Unicode,
    Braces,
    Hexadecimal,
    Octal,
    Entity,
    Utf16,
    Gzip,
];

impl Encoding {
    /// Encodes a text, and says where a range of it then is.
    fn encode(self, text: &[u8], range: &Range<usize>) -> (Vec<u8>, Range<usize>) {
        let base64 = |range: &Range<usize>| range.start * 4 / 3..(range.end * 4).div_ceil(3);
        let each = |form: &dyn Fn(u8) -> String| -> (Vec<u8>, Range<usize>) {
            let pieces: Vec<String> = text.iter().map(|byte| form(*byte)).collect();
            let length = |count: usize| pieces[..count].iter().map(String::len).sum::<usize>();
            (pieces.concat().into_bytes(), length(range.start)..length(range.end))
        };
        match self {
            Base64 => (BASE64.encode(text).into_bytes(), base64(range)),
            Base64Url => (BASE64URL_NOPAD.encode(text).into_bytes(), base64(range)),
            Wrapped(width) => {
                let lines: Vec<Vec<u8>> = BASE64.encode(text).into_bytes().chunks(width).map(<[u8]>::to_vec).collect();
                let (range, breaks) = (base64(range), |at: usize| at + at / width * 3);
                (lines.join(&b"\n  "[..]), breaks(range.start)..breaks(range.end - 1) + 1)
            }
            Hex => (HEXLOWER.encode(text).into_bytes(), range.start * 2..range.end * 2),
            HexUpper => (HEXUPPER.encode(text).into_bytes(), range.start * 2..range.end * 2),
            Percent => each(&|byte| format!("%{byte:02X}")),
            Unicode => each(&|byte| format!("\\u{byte:04x}")),
            Braces => each(&|byte| format!("\\u{{{byte:x}}}")),
            Hexadecimal => each(&|byte| format!("\\x{byte:02x}")),
            Octal => each(&|byte| format!("\\{byte:03o}")),
            Entity => each(&|byte| if byte % 2 == 0 { format!("&#{byte};") } else { format!("&#x{byte:x};") }),
            Utf16 => {
                let wide: Vec<u8> = text.iter().flat_map(|byte| [*byte, 0]).collect();
                let range = range.start * 2..range.end * 2;
                (BASE64.encode(&wide).into_bytes(), base64(&range))
            }
            Gzip => {
                let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                writer.write_all(text).unwrap();
                let encoded = BASE64.encode(&writer.finish().unwrap()).into_bytes();
                let whole = 0..encoded.len();
                (encoded, whole)
            }
            Zlib => {
                let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
                writer.write_all(text).unwrap();
                let encoded = BASE64.encode(&writer.finish().unwrap()).into_bytes();
                let whole = 0..encoded.len();
                (encoded, whole)
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_secret_is_found_in_its_exact_place_in_every_nesting(
        secret in "[A-Za-z0-9_.~!@^*-]{20,60}",
        before in "[a-z ]{0,30}",
        nesting in proptest::collection::vec(proptest::sample::select(&ALL[..]), 1..=3),
    ) {
        let mut text = format!("{before}k = \"{secret}\"\n").into_bytes();
        let at = before.len() + 5;
        let mut range = at..at + secret.len();
        for encoding in &nesting {
            let (encoded, inner) = encoding.encode(&text, &range);
            let head = b"first line\n  value: '";
            text = [head, &encoded[..], b"'\nlast line\n"].concat();
            range = inner.start + head.len()..inner.end + head.len();
        }
        let found = places(&text, "a.txt", secret.as_bytes());
        // The padding of what is found as a whole belongs to it.
        prop_assert!(found.contains(&range), "{:?} not in {:?}: {}", range, found, String::from_utf8_lossy(&text));
    }

    #[test]
    fn whatever_the_bytes_places_lie_in_their_text(
        pieces in proptest::collection::vec(prop_oneof![
            Just(BASE64.encode(b"user:password and more of it")),
            Just(HEXLOWER.encode(b"user:password and more")),
            Just("%41%42%4".to_owned()), Just("\\u0041\\ud83d\\x4\\u{1F6".to_owned()), Just("&#x41;&#66;&#".to_owned()),
            Just("kind: Secret\ndata:\n  k: cGFzcw==\n".to_owned()), Just("\"data\": {\"a\": \"cGFzcw==\"".to_owned()),
            Just("\n".to_owned()), Just("=".to_owned()), Just("\\/".to_owned()), Just("\"".to_owned()),
            "[ -~]{0,20}", "\\PC{0,8}",
        ], 0..30),
        noise in proptest::collection::vec(any::<u8>(), 0..40),
        at in any::<prop::sample::Index>(),
    ) {
        let mut bytes = pieces.concat().into_bytes();
        let at = at.index(bytes.len() + 1);
        bytes.splice(at..at, noise);
        let mut outer_length = vec![bytes.len(); 1];
        let mut total = 0;
        each(&bytes, &Hint::default(), &mut |decoded| {
            total += decoded.bytes.len();
            assert!(decoded.range.start <= decoded.range.end);
            if decoded.depth == 1 {
                assert!(decoded.range.end <= bytes.len());
            }
            for start in 0..decoded.bytes.len() {
                let outer = decoded.outer(&(start..start + 1));
                assert!(decoded.range.start <= outer.start && outer.start < outer.end && outer.end <= decoded.range.end);
            }
            outer_length.push(decoded.bytes.len());
        });
        prop_assert!(total <= bytes.len() * MAX_GROWTH + ALLOWANCE);
    }
}

#[test]
fn zlib_is_inflated() {
    let secret = b"password = correct horse battery staple";
    let (text, _) = Zlib.encode(secret, &(0..secret.len()));
    assert!(places(&text, "", secret).contains(&(0..text.len())));
}

#[test]
fn a_secret_between_other_text_is_found_by_its_own_characters() {
    let own = "tr0ub4dor&3";
    let text = BASE64.encode(format!("user=me password={own} host=db").as_bytes());
    let found = places(text.as_bytes(), "", own.as_bytes());
    assert_eq!(found.len(), 1);
    let inner = BASE64URL_NOPAD.encode(b"user=me password=").len();
    assert_eq!(found[0].start, inner - 1, "the first character shares its bits with the text before");
}

#[test]
fn a_name_before_a_value_is_part_of_what_is_read() {
    let text = format!("\"db_password\": \"{}\"", BASE64.encode(b"hunter2 hunter2 hunter2"));
    assert!(texts(text.as_bytes()).contains(&b"db_password\": \"hunter2 hunter2 hunter2\"".to_vec()));
}

#[test]
fn signs_before_a_run_and_escaped_slashes_do_not_hide_it() {
    let body = BASE64.encode(b"user?password?and?more?>>>");
    for text in [format!("/run/secret_{body}"), format!("a\\n{body}"), body.replace('/', "\\/"), format!("x-{body}-x")]
    {
        assert!(!places(text.as_bytes(), "", b"password").is_empty(), "{text}");
    }
}

#[test]
fn the_parts_of_a_token_are_read() {
    let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let claims = r#"{"sub":"1","client_secret":"n0t-so-secret"}"#;
    let text =
        format!("{}.{}.{}", part(r#"{"alg":"HS256","typ":"JWT"}"#), part(claims), BASE64URL_NOPAD.encode(&[0x9f; 32]));
    assert!(texts(text.as_bytes()).contains(&claims.as_bytes().to_vec()));
}

#[test]
fn kubernetes_secrets_give_their_short_values_with_their_names() {
    let block = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ndata:\n  password: aHVudGVyMg==\n  user: \"bWU=\" # us\ntype: Opaque\n";
    let found = texts(block.as_bytes());
    assert_eq!(found, [b"password: hunter2".to_vec(), b"user: \"me\"".to_vec()]);
    let at = block.find("aHVu").unwrap();
    assert!(places(block.as_bytes(), "s.yaml", b"hunter2").contains(&(at..at + 10)));

    let own = BASE64.encode(b"hunter2");
    let flow = format!(r#"{{"kind":"Secret","data":{{"password":"{own}","user":"bWU="}}}}"#);
    assert_eq!(texts(flow.as_bytes()).len(), 2);

    let map = block.replace("kind: Secret", "kind: ConfigMap");
    assert!(texts(map.as_bytes()).is_empty());
    assert!(places(block.as_bytes(), "s.rs", b"hunter2").is_empty(), "not in source code");
    let list = format!("{block}---\nkind: ConfigMap\ndata:\n  a: aHVudGVyMg==\n");
    assert_eq!(texts(list.as_bytes()).len(), 2);
}

#[test]
fn what_only_looks_encoded_is_left() {
    let mut state = 1u64;
    let mut byte = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 56) as u8
    };
    let binary: Vec<u8> = (0..300_000).map(|_| byte()).collect();
    let mut text = BASE64.encode(&binary);
    text.push('\n');
    text.push_str(&HEXLOWER.encode(&binary));
    let decoded: usize = texts(text.as_bytes()).iter().map(Vec::len).sum();
    assert_eq!(decoded, 0);
    for name in
        ["some_quite_long_identifier_in_snake_case", "AbstractSingletonProxyFactoryBeanFactory", "%d %s \\n %5.2f\\n"]
    {
        assert_eq!(texts(name.as_bytes()), Vec::<Vec<u8>>::new(), "{name}");
    }
}

#[test]
fn depth_is_bounded() {
    let mut text = b"password = correct horse battery staple".to_vec();
    for _ in 0..7 {
        text = BASE64.encode(&text).into_bytes();
    }
    let mut depths = Vec::new();
    each(&text, &Hint::default(), &mut |decoded| depths.push(decoded.depth));
    assert_eq!(depths, [4, 3, 2, 1]);
}

#[test]
fn size_is_bounded_and_said() {
    let zeros = vec![b' '; 64 << 20];
    let (bomb, _) = Gzip.encode(&zeros, &(0..1));
    let mut total = 0;
    let many = [&bomb[..], b" ", &bomb[..], b"\n", &bomb[..]].concat();
    let whole = each(&many, &Hint::default(), &mut |decoded| total += decoded.bytes.len());
    assert!(!whole);
    assert!(total <= many.len() * MAX_GROWTH + ALLOWANCE);
    assert!(each(b"plain", &Hint::default(), &mut |_| {}));
}

#[test]
fn hostile_texts_take_linear_time() {
    let start = std::time::Instant::now();
    let length = 1 << 20;
    let texts: [Vec<u8>; 8] = [
        vec![b'a'; length],
        b"A_-/+".repeat(length / 5),
        b"%41".repeat(length / 3),
        b"\\u0041\n".repeat(length / 7),
        b"\\\"".repeat(length / 2),
        b"kind: Secret\n".repeat(length / 13),
        b"kind: Secret\ndata:\n".repeat(length / 19),
        [&b"kind: Secret\n"[..], &b"data:\n\n".repeat(length / 7)].concat(),
    ];
    for text in &texts {
        each(text, &Hint::default(), &mut |_| {});
    }
    // Far above what it takes, far below what a square of the length would.
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}
