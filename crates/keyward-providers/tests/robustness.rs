//! Nothing that stands in a file makes the recognition fail, linger or show a secret.

use std::time::Instant;

use keyward_providers::{
    ConnectionString, is_placeholder, is_reference, provider_of_host, provider_of_scheme, public_prefix, recognise,
};
use keyward_types::Kind;
use proptest::prelude::*;

/// Pieces that the parsers look for, so that random texts reach into them.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("postgres://"),
        Just("https://"),
        Just("jdbc:"),
        Just("@"),
        Just(":"),
        Just("/"),
        Just("?"),
        Just("#"),
        Just("[::1]"),
        Just("["),
        Just("]"),
        Just("%4"),
        Just("%zz"),
        Just("%40"),
        Just("password="),
        Just("sk-"),
        Just("-----BEGIN "),
        Just("PRIVATE KEY-----"),
        Just("eyJ"),
        Just("."),
        Just("{"),
        Just("}"),
        Just("\""),
        Just("${"),
        Just("\n"),
        Just("é"),
        Just("\u{0}"),
        Just("ghp_"),
        Just("5432"),
        Just(","),
        Just("&"),
        Just("="),
        Just("Bearer "),
        Just("abcdef0123456789"),
        Just("T3BlbkFJ"),
        Just(" "),
        Just("-"),
        Just("_"),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_name_and_value_get_an_answer(name in any::<String>(), value in prop_oneof![any::<String>(), pieces()]) {
        recognise(&name, &value);
        ConnectionString::parse(&value);
        is_placeholder(&value);
        is_reference(&value);
        provider_of_host(&value);
        provider_of_scheme(&value);
        public_prefix(&value);
    }

    #[test]
    fn any_bytes_get_an_answer(value in any::<Vec<u8>>()) {
        recognise("VALUE", &value);
    }

    #[test]
    fn a_url_with_a_password_is_never_a_setting(
        scheme in "[a-z]{2,10}", user in "[a-z]{0,8}", password in "[!-~&&[^=]]{1,30}", host in "[a-z]{1,10}(\\.[a-z]{2,5})?",
    ) {
        let text = format!("{scheme}://{user}:{password}@{host}/path");
        prop_assert!(recognise("SOME_URL", &text).kind.is_secret(), "{text}");
        if let Some(connection) = ConnectionString::parse(&text) {
            let shown = format!("{connection} {connection:?}");
            prop_assert!(password.len() < 8 || !shown.contains(&password), "{shown}");
        }
    }

    #[test]
    fn a_random_value_is_never_a_setting(value in "[A-Za-z0-9]{24,64}") {
        prop_assume!(value.bytes().any(|b| b.is_ascii_digit()) && value.bytes().any(|b| b.is_ascii_uppercase()));
        prop_assert_ne!(recognise("VALUE", &value).kind, Kind::Config);
    }

    #[test]
    fn a_password_is_never_a_setting(value in "[!-~&&[^./~$%{]][ -~&&[^\\\\:]]{0,20}") {
        let plain = ["true", "false", "none", "null"].iter().any(|word| value.trim().eq_ignore_ascii_case(word));
        prop_assume!(!plain);
        prop_assert!(recognise("DB_PASSWORD", &value).kind.is_secret(), "{value}");
    }
}

#[test]
fn time_grows_with_length_only() {
    let long = 64 * 1024;
    for piece in [
        "a",
        "a1",
        "://",
        "@",
        "%",
        "eyJ.",
        "a,",
        "a=b ",
        "{\"a\":",
        "[",
        "-----BEGIN ",
        "sk-proj-",
        "x:y@",
        "//a.b:1,",
    ] {
        let text = piece.repeat(long / piece.len());
        for value in [text.clone(), format!("https://{text}"), format!("postgres://u:p@{text}")] {
            let started = Instant::now();
            recognise("VALUE", &value);
            ConnectionString::parse(&value);
            assert!(started.elapsed().as_secs() < 5, "`{piece}` took {:?}", started.elapsed());
        }
    }
}

/// The start of the binary must not pay for the catalogue: the first recognition of a process is
/// as quick as any. The tests run unoptimised, so the bound is wide; optimised, it takes 0.1 to 0.2 ms.
#[test]
fn the_first_recognition_is_quick() {
    let started = Instant::now();
    let value = format!("sk-proj-{}T3BlbkFJ{}", "aB3_".repeat(18) + "xy", "Zz9-".repeat(18) + "xy");
    assert_eq!(recognise("OPENAI_API_KEY", value).provider, Some("openai"));
    assert!(started.elapsed().as_millis() < 250, "{:?}", started.elapsed());
}
