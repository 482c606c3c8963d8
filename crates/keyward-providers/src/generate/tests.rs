use std::collections::BTreeMap;

use super::*;
use crate::strength;

/// SplitMix64: as even as the tests need, the same in every run.
fn steps(seed: u64) -> impl FnMut(&mut [u8]) -> Result<(), RandomError> {
    let mut state = seed;
    move |bytes: &mut [u8]| {
        for byte in bytes {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            *byte = (z >> 56) as u8;
        }
        Ok(())
    }
}

fn draw(profile: Profile, bits: Option<u32>, seed: u64) -> Generated {
    generate(profile, bits, &mut steps(seed)).unwrap()
}

#[test]
fn every_profile_has_its_form_and_its_bits() {
    for (profile, len, bits) in [
        (Profile::Password, 43, 257.0),
        (Profile::Hex, 64, 256.0),
        (Profile::Base64, 44, 256.0),
        (Profile::Base62, 43, 256.0),
        (Profile::SigningKey, 43, 256.0),
        (Profile::Uuid, 36, 122.0),
    ] {
        let generated = draw(profile, None, 1);
        assert_eq!(generated.value.expose().len(), len, "{profile}");
        assert!((generated.bits - bits).abs() < 1.0, "{profile}: {}", generated.bits);
        assert!(!strength::is_weak(keyward_types::Kind::SigningKey, generated.value.expose()), "{profile}");
    }
}

#[test]
fn asked_bits_are_given() {
    for profile in [Profile::Password, Profile::Hex, Profile::Base64, Profile::Base62] {
        for bits in [32, 33, 64, 100, 128, 512, 8192] {
            let generated = draw(profile, Some(bits), u64::from(bits));
            assert!(generated.bits >= f64::from(bits) && generated.bits < f64::from(bits) + 9.0, "{profile} {bits}");
        }
    }
    let wrong = |profile, bits| generate(profile, Some(bits), &mut steps(1)).unwrap_err();
    assert!(matches!(wrong(Profile::Uuid, 128), GenerateError::Bits { max: 122, .. }));
    assert!(matches!(wrong(Profile::SigningKey, 128), GenerateError::Bits { min: 256, .. }));
    assert!(matches!(wrong(Profile::Password, 0), GenerateError::Bits { .. }));
}

#[test]
fn passwords_have_every_kind_and_start_safely() {
    for seed in 0..500 {
        let generated = draw(Profile::Password, Some(32), seed);
        let text = generated.value.expose();
        assert!(text.starts_with(|c: char| c.is_ascii_alphanumeric()), "{text}");
        for kind in [char::is_uppercase, char::is_lowercase, |c: char| c.is_ascii_digit(), |c: char| "-_".contains(c)] {
            assert!(text.contains(kind), "{text}");
        }
    }
}

#[test]
fn password_bits_agree_with_counting() {
    // Of all words of four characters with each kind once: 26·26·10·2 sets in 4! orders, less the
    // quarter of them that begin with the sign.
    let count = 26.0 * 26.0 * 10.0 * 2.0 * 18.0;
    assert!((password_bits(4) - f64::log2(count)).abs() < 1e-6);
}

#[test]
fn no_character_is_favoured() {
    let mut counts = BTreeMap::new();
    for seed in 0..400 {
        for c in draw(Profile::Base62, Some(1024), seed).value.expose().chars() {
            *counts.entry(c).or_insert(0_u32) += 1;
        }
    }
    let total: u32 = counts.values().sum();
    let mean = f64::from(total) / 62.0;
    let chi: f64 = counts.values().map(|count| (f64::from(*count) - mean).powi(2) / mean).sum();
    // 61 degrees of freedom: 99.99 % lie below 113.
    assert!(counts.len() == 62 && chi < 113.0, "{chi}");
}

#[test]
fn a_source_that_fails_gives_nothing() {
    let mut empty = |_: &mut [u8]| Err(RandomError(String::from("none")));
    assert!(matches!(generate(Profile::Hex, None, &mut empty), Err(GenerateError::Random(_))));
}

#[test]
fn names_are_read_back() {
    for profile in Profile::ALL {
        assert_eq!(profile.as_str().parse(), Ok(profile));
    }
    assert!("diceware".parse::<Profile>().is_err());
}

#[test]
fn uuids_say_their_version() {
    let generated = draw(Profile::Uuid, None, 5);
    let text = generated.value.expose();
    assert_eq!(&text[14..15], "4");
    assert!("89ab".contains(&text[19..20]));
}
