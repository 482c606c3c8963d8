//! The match bundle: every strong stored value, recognisable and not readable.
//!
//! Fetching it is the action `match`, recorded once, and no read. It holds no value and nothing
//! a value could be guessed from: strong values alone have match records. Whoever holds it can test
//! a text for stored values, and that is what it is for.
//!
//! [`MatchBundle::find`] slides the window's hash over every byte of a text, in four places at once, so that
//! the multiplications of one do not wait for those of another. What a bitmap lets through is looked up,
//! and an HMAC over the whole form confirms it.

use std::ops::Range;

use keyward_types::{KnownSecret, KnownSecrets};
use zeroize::Zeroizing;

use crate::Error;
use crate::crypto::{Key, equal};
use crate::matching::{RollingKey, WINDOW, confirm};

/// Recognises stored values in texts.
pub struct MatchBundle {
    key: Key,
    rolling: RollingKey,
    secrets: Vec<KnownSecret>,
    /// Sorted by window.
    forms: Vec<Form>,
    /// A bit for the first bits of each window's hash.
    bits: Box<[u64]>,
    /// How far a hash is shifted to be an index into `bits`.
    shift: u32,
    /// Where the forms begin whose hash has these first [`TOP`] bits.
    starts: Box<[u32]>,
    version: [u8; 16],
}

/// One spelling of one value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Form {
    pub(crate) window: u32,
    pub(crate) length: u32,
    /// Index of the secret.
    pub(crate) secret: u32,
    pub(crate) mac: [u8; 16],
}

/// Bits of a hash by which forms are found.
const TOP: u32 = 16;
/// A bit of the bitmap for every eighth form at most, and never more than fits a second-level cache.
const SPARSE: u32 = 5;
const MAX_BITS: u32 = 22;
const MIN_BITS: u32 = 12;

impl MatchBundle {
    pub(crate) fn new(key: Key, secrets: Vec<KnownSecret>, mut forms: Vec<Form>) -> Self {
        forms.sort_unstable();
        let wanted = usize::BITS - forms.len().leading_zeros() + SPARSE;
        let size = wanted.clamp(MIN_BITS, MAX_BITS);
        let shift = 32 - size;
        let mut bits = vec![0u64; 1 << (size - 6)].into_boxed_slice();
        let mut starts = vec![0u32; (1 << TOP) + 1].into_boxed_slice();
        for form in &forms {
            let index = form.window >> shift;
            bits[(index >> 6) as usize] |= 1 << (index & 63);
            starts[(form.window >> (32 - TOP)) as usize + 1] += 1;
        }
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        let version = version(&key, &secrets, &forms);
        Self { rolling: RollingKey::from(&key), key, secrets, forms, bits, shift, starts, version }
    }

    /// How many values it knows.
    pub fn len(&self) -> usize {
        self.secrets.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// The bundle as bytes, for another process of the same user or a scanner far away. As
    /// confidential as the right to match.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let names = serde_json::to_vec(&self.secrets).expect("names have string keys and no failing values");
        let mut out = Zeroizing::new(Vec::with_capacity(MAGIC.len() + 48 + names.len() + self.forms.len() * FORM));
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(self.key.bytes());
        out.extend_from_slice(&(names.len() as u64).to_be_bytes());
        out.extend_from_slice(&names);
        out.extend_from_slice(&(self.forms.len() as u64).to_be_bytes());
        for form in &self.forms {
            out.extend_from_slice(&form.window.to_be_bytes());
            out.extend_from_slice(&form.length.to_be_bytes());
            out.extend_from_slice(&form.secret.to_be_bytes());
            out.extend_from_slice(&form.mac);
        }
        out
    }

    /// Reads what [`MatchBundle::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::Damaged`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let damaged = || Error::Damaged("the match bundle cannot be read");
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
        let (key, rest) = rest.split_at_checked(32).ok_or_else(damaged)?;
        let key = Key::from_slice(key).ok_or_else(damaged)?;
        let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
        let length = usize::try_from(u64::from_be_bytes(*length)).map_err(|_| damaged())?;
        let (names, rest) = rest.split_at_checked(length).ok_or_else(damaged)?;
        let secrets: Vec<KnownSecret> = serde_json::from_slice(names).map_err(|_| damaged())?;
        let (count, rest) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
        let (records, rest) = rest.as_chunks::<FORM>();
        let forms: Vec<Form> = records.iter().map(Form::read).collect();
        let sound = forms.iter().all(|form| (form.secret as usize) < secrets.len() && form.length as usize >= WINDOW);
        if !rest.is_empty() || !sound || u64::from_be_bytes(*count) != records.len() as u64 {
            return Err(damaged());
        }
        Ok(Self::new(key, secrets, forms))
    }

    #[inline(always)]
    fn may_have(&self, window: u32) -> bool {
        let index = window >> self.shift;
        self.bits[(index >> 6) as usize] >> (index & 63) & 1 != 0
    }

    /// The forms whose first window has this hash.
    fn with_window(&self, window: u32) -> &[Form] {
        let top = (window >> (32 - TOP)) as usize;
        let near = &self.forms[self.starts[top] as usize..self.starts[top + 1] as usize];
        let first = near.partition_point(|form| form.window < window);
        let count = near[first..].iter().take_while(|form| form.window == window).count();
        &near[first..first + count]
    }

    /// The longest form of a stored value that begins at `at`.
    fn at(&self, text: &[u8], at: usize, window: u32) -> Option<(usize, u32)> {
        let mut best: Option<(usize, u32)> = None;
        for form in self.with_window(window) {
            let end = at + form.length as usize;
            let longer = best.is_none_or(|(known, _)| end > known);
            let whole = text.get(at..end).filter(|_| longer);
            if whole.is_some_and(|bytes| equal(&confirm(&self.key, bytes), &form.mac)) {
                best = Some((end, form.secret));
            }
        }
        best
    }
}

impl KnownSecrets for MatchBundle {
    fn find(&self, text: &[u8], found: &mut dyn FnMut(Range<usize>, &KnownSecret)) {
        if self.forms.is_empty() || text.len() < WINDOW {
            return;
        }
        let mut hits: Vec<(usize, usize, u32)> = Vec::new();
        self.rolling.slide(text, |at, window| {
            if self.may_have(window)
                && let Some((end, secret)) = self.at(text, at, window)
            {
                hits.push((at, end, secret));
            }
        });
        hits.sort_unstable();
        for (start, end, secret) in hits {
            found(start..end, &self.secrets[secret as usize]);
        }
    }

    fn version(&self) -> [u8; 16] {
        self.version
    }
}

impl Form {
    fn read(record: &[u8; FORM]) -> Self {
        let number = |at: usize| u32::from_be_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]]);
        let mac = record[12..].try_into().expect("what is left of a record is its MAC");
        Self { window: number(0), length: number(4), secret: number(8), mac }
    }
}

const MAGIC: &[u8] = b"keyward match bundle 1\n";
const FORM: usize = 28;

fn version(key: &Key, secrets: &[KnownSecret], forms: &[Form]) -> [u8; 16] {
    use hmac::Mac;
    let mut mac = key.mac().chain_update(b"keyward/bundle-version/1");
    for form in forms {
        mac.update(&form.mac);
        mac.update(&form.secret.to_be_bytes());
    }
    mac.update(&serde_json::to_vec(secrets).expect("names have string keys and no failing values"));
    let full: [u8; 32] = mac.finalize().into_bytes().into();
    full[..16].try_into().expect("a MAC has 32 bytes")
}

#[cfg(test)]
mod tests {
    use keyward_types::forms::forms;

    use super::*;
    use crate::testing::Seeded;

    fn name(n: usize) -> KnownSecret {
        KnownSecret {
            project: "shop".parse().unwrap(),
            environment: "production".parse().unwrap(),
            name: format!("KEY_{n}").parse().unwrap(),
            version: keyward_types::Version::FIRST,
        }
    }

    fn bundle(values: &[Vec<u8>]) -> MatchBundle {
        let key = Key::random(&Seeded::new(7)).unwrap();
        let rolling = RollingKey::from(&key);
        let mut all = Vec::new();
        for (secret, value) in (0..).zip(values) {
            for form in forms(value).iter().filter(|form| form.bytes.len() >= WINDOW) {
                all.push(Form {
                    window: rolling.hash(&form.bytes[..WINDOW]),
                    length: form.bytes.len() as u32,
                    secret,
                    mac: confirm(&key, &form.bytes),
                });
            }
        }
        MatchBundle::new(key, (0..values.len()).map(name).collect(), all)
    }

    fn found(bundle: &MatchBundle, text: &[u8]) -> Vec<(Range<usize>, String)> {
        let mut all = Vec::new();
        bundle.find(text, &mut |range, secret| all.push((range, secret.name.to_string())));
        all
    }

    #[test]
    fn every_form_is_found_at_every_place() {
        let values = vec![b"a b/c+d=e&f<g>h'i 12345".to_vec(), b"plain-Value-0123456789".to_vec()];
        let bundle = bundle(&values);
        for (n, value) in values.iter().enumerate() {
            for form in forms(value).iter().filter(|form| form.bytes.len() >= WINDOW) {
                for before in [0usize, 1, 2, 3, 7, 64, 255] {
                    for after in [0usize, 1, 5, 100] {
                        let mut text = vec![b'.'; before];
                        text.extend_from_slice(&form.bytes);
                        text.resize(text.len() + after, b' ');
                        let hits = found(&bundle, &text);
                        let place = before..before + form.bytes.len();
                        assert!(hits.contains(&(place, format!("KEY_{n}"))), "{:?} {before} {after}", form.kind);
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_is_found_where_nothing_is() {
        let bundle = bundle(&[b"plain-Value-0123456789".to_vec()]);
        assert!(found(&bundle, b"").is_empty());
        assert!(found(&bundle, b"plain-Value-012345678").is_empty());
        assert!(found(&bundle, "plain-Value-012345678x ".repeat(500).as_bytes()).is_empty());
    }

    #[test]
    fn a_bundle_survives_the_wire_and_damage_is_refused() {
        let bundle = bundle(&[b"plain-Value-0123456789".to_vec()]);
        let bytes = bundle.to_bytes();
        let again = MatchBundle::from_bytes(&bytes).unwrap();
        assert_eq!(found(&again, b"x plain-Value-0123456789"), found(&bundle, b"x plain-Value-0123456789"));
        assert_eq!(again.version(), bundle.version());
        for cut in 0..bytes.len() {
            assert!(MatchBundle::from_bytes(&bytes[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn the_version_changes_with_what_is_known() {
        let one = bundle(&[b"plain-Value-0123456789".to_vec()]);
        let two = bundle(&[b"plain-Value-0123456789".to_vec(), b"other-Value-0123456789".to_vec()]);
        assert_ne!(one.version(), two.version());
    }
}
