use proptest::prelude::*;

use super::*;

/// A small generator with a fixed seed: the same values in every run.
fn drawn(alphabet: &str, len: usize, seed: u64) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33
    };
    (0..len).map(|_| letters[usize::try_from(next()).unwrap() % letters.len()]).collect()
}

const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#[test]
fn random_values_are_worth_what_was_drawn() {
    for (alphabet, true_bits) in [
        ("0123456789abcdef", 4.0),
        ("0123456789ABCDEF", 4.0),
        ("abcdefghijklmnopqrstuvwxyz", 26_f64.log2()),
        ("abcdefghijklmnopqrstuvwxyz0123456789", 36_f64.log2()),
        (BASE62, 62_f64.log2()),
    ] {
        for len in [16, 20, 32, 40, 64, 128] {
            let values = 200;
            let mean = (0..values).map(|seed| bits(&drawn(alphabet, len, seed + 1))).sum::<f64>() / values as f64;
            let share = mean / (true_bits * len as f64);
            assert!((0.82..1.03).contains(&share), "{alphabet} {len}: {share:.3}");
        }
    }
}

#[test]
fn what_a_person_makes_up_is_worth_little() {
    for (value, most) in [
        ("", 0.0),
        ("password", 8.0),
        ("P@ssw0rd", 12.0),
        ("P@ssw0rd123", 24.0),
        ("Sunshine2024!", 30.0),
        ("letmein", 8.0),
        ("correcthorsebatterystaple", 46.0),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 16.0),
        ("abcabcabcabcabcabcabcabc", 22.0),
        ("0123456789abcdef0123456789abcdef", 26.0),
        ("1234567890", 10.0),
        ("qwertyuiop", 14.0),
        ("postgres", 8.0),
        ("hunter2", 14.0),
        ("supersecret", 15.0),
        ("my-super-secret-key", 50.0),
        ("00000000-0000-0000-0000-000000000000", 30.0),
        ("ababbabaabbbabababbaabab", 30.0),
    ] {
        let found = bits(value);
        assert!(found <= most, "{value}: {found:.1} bits, at most {most} expected");
    }
}

#[test]
fn floors_part_the_weak_from_the_strong() {
    assert!(is_weak(Kind::Password, "Sunshine2024!"));
    assert!(is_weak(Kind::SigningKey, "change-me-in-production"));
    assert!(!is_weak(Kind::Password, &drawn(BASE62, 16, 7)));
    assert!(!is_weak(Kind::SigningKey, &drawn("0123456789abcdef", 64, 7)));
    assert!(!is_weak(Kind::Config, "a"));
    assert!(is_weak(Kind::ConnectionString, "postgresql://somebody:hunter2@db.example.com:5432/shop"));
    let strong = format!("postgresql://app:{}@h/d", drawn(BASE62, 20, 7));
    assert!(!is_weak(Kind::ConnectionString, &strong));
}

#[test]
fn claims_and_prefixes_are_public() {
    let random = drawn(BASE62, 36, 3);
    let with = bits(&format!("{}_{random}", "ghp"));
    assert!((with - bits(&random)).abs() < 8.0, "{with}");
    let encode = |text: &str| data_encoding::BASE64URL_NOPAD.encode(text.as_bytes());
    let head = format!("{}.{}", encode(r#"{"alg":"HS256"}"#), encode(r#"{"sub":"somebody with a long name"}"#));
    assert!(bits(&format!("{head}.c2lnbmF0dXJl")) < 80.0);
}

#[test]
fn a_long_value_costs_no_more_than_a_short_one() {
    let long = drawn(BASE62, 60_000, 1);
    let started = std::time::Instant::now();
    assert!(bits(&long) > 200_000.0);
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_text_has_a_finite_strength(text in any::<String>()) {
        let found = bits(&text);
        prop_assert!(found.is_finite() && found >= 0.0);
    }

    #[test]
    fn repeating_adds_little(text in "[a-zA-Z0-9]{4,30}") {
        prop_assert!(bits(&text.repeat(4)) <= bits(&text) * 1.1 + 45.0);
    }
}
