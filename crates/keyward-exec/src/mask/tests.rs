use std::ops::Range;

use proptest::prelude::*;

use keyward_types::forms::forms;

use super::*;

/// Everything that must be masked in `text`, found the slow and obvious way.
fn occurrences(secrets: &[Vec<u8>], text: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for secret in secrets.iter().filter(|secret| secret.len() >= MIN_SECRET) {
        for form in forms(secret) {
            let length = form.bytes.len();
            for (start, window) in text.windows(length).enumerate() {
                if *window == **form.bytes {
                    found.push(start..start + length);
                }
            }
        }
    }
    found
}

fn masker(secrets: &[Vec<u8>]) -> Masker {
    Masker::new(secrets.iter().map(|value| ("NAME", value)))
}

fn masked(secrets: &[&str], text: &str) -> String {
    let mut out = Vec::new();
    let mut masker = Masker::new(secrets.iter().map(|value| ("NAME", value)));
    masker.push(text.as_bytes(), &mut out);
    masker.flush(&mut out);
    String::from_utf8(out).unwrap()
}

/// Pushes `text` in pieces that end at `cuts`; flushes where the cut says so.
fn in_pieces(masker: &mut Masker, text: &[u8], cuts: &[(usize, bool)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut from = 0;
    for &(cut, flush) in cuts {
        masker.push(&text[from..cut], &mut out);
        if flush {
            masker.flush(&mut out);
            assert!(!masker.held());
        }
        from = cut;
    }
    masker.push(&text[from..], &mut out);
    masker.flush(&mut out);
    out
}

/// A small alphabet and pieces of the secrets make texts full of near misses, overlaps and
/// repetitions.
fn secrets_and_text() -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<u8>)> {
    let word = prop_oneof![
        proptest::collection::vec(proptest::sample::select(b"ab".to_vec()), 8..14),
        proptest::collection::vec(proptest::sample::select(b"abc/+ \"\\%".to_vec()), 6..20),
        Just(b"abababababab".to_vec()),
        Just(b"aaaaaaaaa".to_vec()),
        proptest::collection::vec(any::<u8>().prop_filter("no line break", |b| !matches!(b, b'\n' | b'\r')), 8..12),
    ];
    let secrets = proptest::collection::vec(word, 1..6).prop_flat_map(|words| {
        // Substrings and extensions of each other, besides the words themselves.
        let all = (0..words.len(), 0..4_usize, 0..4_usize);
        (Just(words), proptest::collection::vec(all, 0..3)).prop_map(|(mut words, relatives)| {
            for (i, from, extra) in relatives {
                let mut relative = words[i][from.min(words[i].len())..].to_vec();
                relative.extend(std::iter::repeat_n(b'a', extra));
                words.push(relative);
            }
            // Values of several lines have tests of their own below.
            words.retain(|word| word.trim_ascii().len() == word.len() && !word.windows(2).any(|w| w == b"\\n"));
            words
        })
    });
    secrets.prop_flat_map(|secrets| {
        let mut pieces: Vec<Vec<u8>> =
            secrets.iter().flat_map(|secret| forms(secret)).map(|form| form.bytes.to_vec()).collect();
        pieces.push(b"a".to_vec());
        let piece =
            (proptest::sample::select(pieces), 0..40_usize, 0..40_usize).prop_map(|(piece, cut, mode)| match mode {
                0..5 => piece[..cut.min(piece.len())].to_vec(),
                5..10 => piece[cut.min(piece.len())..].to_vec(),
                10..14 => b"ab aba bab"[..cut.min(10)].to_vec(),
                _ => piece,
            });
        (Just(secrets), proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat()))
    })
}

/// Where a piece ends, and whether a flush follows.
type Cuts = Vec<(usize, bool)>;

fn text_and_cuts() -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<u8>, Cuts)> {
    secrets_and_text().prop_flat_map(|(secrets, text)| {
        let cut = (0..text.len() + 1, any::<bool>());
        let cuts = proptest::collection::vec(cut, 0..30).prop_map(|mut cuts| {
            cuts.sort_unstable();
            cuts
        });
        (Just(secrets), Just(text), cuts)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn in_one_piece_exactly_the_occurrences_are_masked((secrets, text) in secrets_and_text()) {
        let mut wanted = text.clone();
        for range in occurrences(&secrets, &text) {
            wanted[range].fill(b'*');
        }
        let mut masker = masker(&secrets);
        let mut out = Vec::new();
        masker.push(&text, &mut out);
        let shown = out.len();
        masker.flush(&mut out);
        prop_assert_eq!(out.len(), text.len());
        prop_assert_eq!(&out[..shown], &wanted[..shown]);
        // The tail may be masked although no match is complete, but nothing complete may show.
        for (i, byte) in out.iter().enumerate().skip(shown) {
            prop_assert!(*byte == wanted[i] || *byte == b'*');
        }
    }

    #[test]
    fn in_pieces_no_more_than_three_bytes_of_a_form_pass((secrets, text, cuts) in text_and_cuts()) {
        let cuts: Vec<_> = cuts.into_iter().map(|(cut, _)| (cut, false)).collect();
        let out = in_pieces(&mut masker(&secrets), &text, &cuts);
        prop_assert_eq!(out.len(), text.len());
        for range in occurrences(&secrets, &text) {
            let cut = cuts.iter().map(|(cut, _)| *cut).filter(|cut| range.start < *cut && *cut < range.start + GRAM).max();
            let from = cut.unwrap_or(range.start);
            prop_assert!(out[from..range.end].iter().all(|byte| *byte == b'*'), "{:?} from {}", range, from);
        }
    }

    #[test]
    fn in_pieces_without_flush_nothing_else_is_masked((secrets, text, cuts) in text_and_cuts()) {
        let mut masker = masker(&secrets);
        let mut out = Vec::new();
        let mut from = 0;
        for (cut, _) in cuts {
            masker.push(&text[from..cut], &mut out);
            from = cut;
        }
        masker.push(&text[from..], &mut out);
        let mut allowed = vec![false; text.len()];
        occurrences(&secrets, &text).into_iter().for_each(|range| allowed[range].fill(true));
        for (i, byte) in out.iter().enumerate() {
            prop_assert!(*byte == text[i] || (*byte == b'*' && allowed[i]), "byte {}", i);
        }
    }

    #[test]
    fn after_a_flush_at_most_the_first_half_of_a_form_passes((secrets, text, cuts) in text_and_cuts()) {
        let out = in_pieces(&mut masker(&secrets), &text, &cuts);
        prop_assert_eq!(out.len(), text.len());
        for range in occurrences(&secrets, &text) {
            let half = range.start + range.len() / 2;
            prop_assert!(out[half..range.end].iter().all(|byte| *byte == b'*'));
        }
    }
}

#[test]
fn every_form_is_masked_in_place() {
    let secret = "pa55/word+with \"signs\"&more";
    for form in forms(secret.as_bytes()) {
        let text = [b"<".as_slice(), &form.bytes, b">"].concat();
        let mut out = Vec::new();
        let mut masker = Masker::new([("NAME", secret)]);
        masker.push(&text, &mut out);
        assert_eq!(out, [b"<".as_slice(), &vec![b'*'; form.bytes.len()], b">"].concat(), "{:?}", form.kind);
    }
}

#[test]
fn overlapping_and_nested_secrets_are_masked_as_one() {
    assert_eq!(masked(&["secret-one", "one-secret"], "<secret-one-secret>"), "<*****************>");
    assert_eq!(
        masked(&["long-secret-value", "secret-va"], "<secret-va|long-secret-value>"),
        "<*********|*****************>"
    );
    assert_eq!(masked(&["abcabcabc"], "xabcabcabcabcx"), "x************x");
}

#[test]
fn a_pem_block_is_masked_line_by_line_and_its_breaks_stay() {
    let pem = "-----BEGIN TEST-----\nMIIBVgIBADANBgkqhkiG\n9w0BAQEFAASC\nAT8=\n-----END TEST-----\n";
    let whole = format!("<{pem}>");
    let hidden: String = pem.chars().map(|c| if c == '\n' { '\n' } else { '*' }).collect();
    assert_eq!(masked(&[pem], &whole), format!("<{hidden}>"));
    assert_eq!(masked(&[pem], &whole.replace('\n', "\r\n")), format!("<{}>", hidden.replace('\n', "\r\n")));
    assert_eq!(masked(&[pem], "log: 9w0BAQEFAASC"), "log: ************");
    // The frame is no secret and occurs in other keys.
    assert_eq!(masked(&[pem], "-----BEGIN TEST-----\nother"), "-----BEGIN TEST-----\nother");
}

#[test]
fn a_pem_block_with_escaped_line_breaks_is_masked_line_by_line() {
    let json = r#"{"type":"service","private_key":"-----BEGIN TEST-----\nMIIBVgIBADANBgkqhkiG\n9w0BAQEFAASC\n-----END TEST-----\n"}"#;
    assert_eq!(masked(&[json], "MIIBVgIBADANBgkqhkiG\n9w0BAQEFAASC\n"), "********************\n************\n");
}

#[test]
fn base64_broken_into_lines_is_masked() {
    let secret: String = (0..150_u8).map(|i| char::from(b'!' + (i.wrapping_mul(31) % 90))).collect();
    let encoded = data_encoding::BASE64.encode(secret.as_bytes());
    for width in [64, 76] {
        let lines: Vec<_> = encoded.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let out = masked(&[&secret], &lines.join("\n"));
        assert!(out.chars().all(|c| c == '*' || c == '\n'), "{out}");
    }
}

#[test]
fn ornament_in_a_secret_of_several_lines_masks_no_ornament_elsewhere() {
    let document = "----------------\nreal-secret-line\n                \n";
    assert_eq!(masked(&[document], "----------------"), "----------------");
    assert_eq!(masked(&[document], "    real-secret-line"), "    ****************");
}

#[test]
fn a_value_with_a_final_line_break_is_masked_without_it() {
    assert_eq!(masked(&["a-secret-value\n"], "[a-secret-value]"), "[**************]");
    assert_eq!(masked(&["a-secret-value\n"], "612d7365637265742d76616c7565"), "****************************");
}

#[test]
fn a_prompt_is_not_held_unless_it_begins_a_secret() {
    let mut masker = Masker::new([("NAME", "sk-secret-value")]);
    let mut out = Vec::new();
    masker.push(b"key? ", &mut out);
    assert!(!masker.held());
    assert_eq!(out, b"key? ");
    masker.push(b"sk-", &mut out);
    assert!(!masker.held(), "three bytes are no reason to wait");
    masker.push(b"s", &mut out);
    assert!(masker.held());
    masker.push(b"ister", &mut out);
    assert!(!masker.held());
    assert_eq!(out, b"key? sk-sister");
}

#[test]
fn a_secret_that_goes_on_after_a_flush_is_masked_from_there() {
    let mut masker = Masker::new([("NAME", "sk-secret-value")]);
    let mut out = Vec::new();
    masker.push(b"<sk-sec", &mut out);
    masker.flush(&mut out);
    masker.push(b"ret-value>", &mut out);
    assert_eq!(out, b"<sk-sec*********>");
}

#[test]
fn a_typewriter_shows_at_most_half_of_a_secret() {
    let mut masker = Masker::new([("NAME", "sk-secret-value!")]);
    let mut out = Vec::new();
    for byte in b"<sk-secret-value!>" {
        masker.push(&[*byte], &mut out);
        masker.flush(&mut out);
    }
    assert_eq!(out, b"<sk-secre********>");
}

#[test]
fn it_says_which_secrets_were_seen() {
    let mut masker = Masker::new([("ONE", "first-secret"), ("TWO", "second-secret")]);
    let mut out = Vec::new();
    masker.push(b"c2Vjb25kLXNlY3JldA== ", &mut out);
    assert_eq!(masker.seen().collect::<Vec<_>>(), ["TWO"]);
}

#[test]
fn short_values_are_left_out() {
    assert!(Masker::new([("NAME", "1234567")]).is_empty());
    assert!(!Masker::new([("NAME", "12345678")]).is_empty());
    assert_eq!(masked(&["1234567"], "1234567"), "1234567");
}

#[test]
fn binary_output_passes_unchanged() {
    let mut masker = Masker::new([("NAME", "sk-secret-value")]);
    let text: Vec<u8> = (0..100_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut out = Vec::new();
    text.chunks(4_093).for_each(|chunk| masker.push(chunk, &mut out));
    masker.flush(&mut out);
    assert!(out == text);
}

#[test]
fn a_long_secret_byte_by_byte_takes_linear_time() {
    let secret: Vec<u8> = (0..60_000_u32).map(|i| b'!' + ((i.wrapping_mul(2_654_435_761) >> 16) % 90) as u8).collect();
    let mut masker = Masker::new([("NAME", &secret)]);
    let mut out = Vec::new();
    for byte in &secret {
        masker.push(&[*byte], &mut out);
    }
    assert_eq!(out.len(), secret.len());
    assert!(out[3..].iter().all(|byte| *byte == b'*'));
}
