//! Text in which no stored value stands: words, code, noise in base64. Made in memory, a piece at a time.

use data_encoding::BASE64;
use keyward_scan::{Scanner, Source};
use keyward_testing::{Seed, values};
use keyward_types::KnownSecrets;

const MEGABYTE: usize = 1 << 20;
/// One piece in so many is scanned with all rules, which takes much longer.
const WHOLE: u64 = 25;

/// How many megabytes were scanned with all rules, and how many stored values were named in any.
pub(crate) fn hits(bundle: &dyn KnownSecrets, scanner: &Scanner, megabytes: u64, seed: &Seed) -> (u64, usize) {
    let (mut scanned, mut hits) = (0, 0);
    for number in 0..megabytes {
        let text = piece(&mut seed.part("clean", number));
        bundle.find(&text, &mut |_, _| hits += 1);
        if number % WHOLE == 0 {
            let outcome = scanner.scan(&Source { path: "clean.txt", ..Source::default() }, &text);
            hits += outcome.found.iter().filter(|found| found.finding.vault.is_some()).count();
            scanned += 1;
        }
    }
    (scanned, hits)
}

fn piece(seed: &mut Seed) -> Vec<u8> {
    let mut text = Vec::with_capacity(MEGABYTE + 4096);
    while text.len() < MEGABYTE {
        match seed.below(3) {
            0 => line(&mut text, 12, b" ", seed),
            1 => line(&mut text, 5, b".", seed),
            _ => {
                let noise: Vec<u8> = (0..1 + seed.below(200)).flat_map(|_| seed.bits().to_le_bytes()).collect();
                text.extend_from_slice(BASE64.encode(&noise).as_bytes());
            }
        }
        text.push(b'\n');
    }
    text
}

fn line(text: &mut Vec<u8>, words: usize, between: &[u8], seed: &mut Seed) {
    for _ in 0..words {
        text.extend_from_slice(seed.choose(&values::WORDS).as_bytes());
        text.extend_from_slice(between);
    }
}
