//! The match bundle: every strong stored value, recognisable and not readable.
//!
//! Fetching it is the action `match`, recorded once, and no read. It holds no value: strong values
//! alone have match records. Whoever holds it can test a text for stored values, and that is what it
//! is for; he can test guesses too, and `crate::matching` says what that is worth to him.
//!
//! [`MatchBundle::find`] hashes those windows of a text that have the shape of some form's window. What
//! the shape's filter lets through is looked up, and an HMAC over the whole form confirms it.

use std::cmp::Reverse;
use std::ops::Range;

use data_encoding::HEXLOWER;
use keyward_types::{KnownSecret, KnownSecrets};
use zeroize::Zeroizing;

use crate::Error;
use crate::crypto::{Key, equal};
use crate::filter::Filter;
use crate::matching::{Holder, MatchRecord, Window, confirm};
use crate::window::{Shape, WindowKey};

/// Recognises stored values in texts.
pub struct MatchBundle {
    key: Key,
    windows: WindowKey,
    secrets: Vec<KnownSecret>,
    /// Sorted by window.
    forms: Vec<Form>,
    /// Where the forms begin whose hash has these first [`TOP`] bits.
    starts: Box<[u32]>,
    /// Sorted.
    shapes: Vec<Shape>,
    /// Of the windows of each shape.
    filters: Vec<Filter>,
    version: [u8; 16],
}

/// One spelling of one value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Form {
    window: u32,
    /// Where the window begins in the form.
    at: u32,
    length: u32,
    /// Index of the secret.
    secret: u32,
    shape: Shape,
    mac: [u8; 16],
}

/// A form that stands in a text.
struct Standing {
    place: Range<usize>,
    secret: u32,
}

/// Bits of a hash by which forms are found.
const TOP: u32 = 16;

impl MatchBundle {
    pub(crate) fn new(key: Key, secrets: Vec<KnownSecret>, mut forms: Vec<Form>) -> Self {
        forms.sort_unstable();
        let mut starts = vec![0u32; (1 << TOP) + 1].into_boxed_slice();
        for form in &forms {
            starts[(form.window >> (32 - TOP)) as usize + 1] += 1;
        }
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        let mut shapes: Vec<Shape> = forms.iter().map(|form| form.shape).collect();
        shapes.sort_unstable();
        shapes.dedup();
        let hashes = |shape| forms.iter().filter(move |form| form.shape == shape).map(|form| form.window);
        let filters = shapes.iter().map(|shape| Filter::of(hashes(*shape))).collect();
        let version = version(&key, &secrets, &forms);
        Self { windows: WindowKey::from(&key), key, secrets, forms, starts, shapes, filters, version }
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
            for number in [form.window, form.at, form.length, form.secret, form.shape.number()] {
                out.extend_from_slice(&number.to_be_bytes());
            }
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
        let forms: Vec<Form> = records.iter().map(Form::read).collect::<Option<_>>().ok_or_else(damaged)?;
        let sound = forms.iter().all(|form| (form.secret as usize) < secrets.len() && form.is_sound());
        if !rest.is_empty() || !sound || u64::from_be_bytes(*count) != records.len() as u64 {
            return Err(damaged());
        }
        Ok(Self::new(key, secrets, forms))
    }

    /// The forms whose window has this hash, those of one place and length beside each other.
    fn with_window(&self, window: u32) -> &[Form] {
        let top = (window >> (32 - TOP)) as usize;
        let near = &self.forms[self.starts[top] as usize..self.starts[top + 1] as usize];
        let first = near.partition_point(|form| form.window < window);
        let count = near[first..].iter().take_while(|form| form.window == window).count();
        &near[first..first + count]
    }

    /// Adds the forms whose window stands at `at`. Forms of one place and length are the same bytes of the
    /// text, so that these are authenticated once.
    #[cold]
    fn confirm(&self, text: &[u8], shape: Shape, at: usize, window: u32, standing: &mut Vec<Standing>) {
        let mut last: Option<(Range<usize>, [u8; 16])> = None;
        for form in self.with_window(window).iter().filter(|form| form.shape == shape) {
            let Some(start) = at.checked_sub(form.at as usize) else { continue };
            let place = start..start + form.length as usize;
            let Some(bytes) = text.get(place.clone()) else { continue };
            let mac = match &last {
                Some((known, mac)) if *known == place => *mac,
                _ => confirm(&self.key, bytes),
            };
            if equal(&mac, &form.mac) {
                standing.push(Standing { place: place.clone(), secret: form.secret });
            }
            last = Some((place, mac));
        }
    }
}

impl KnownSecrets for MatchBundle {
    fn find(&self, text: &[u8], found: &mut dyn FnMut(Range<usize>, &KnownSecret)) {
        let mut standing = Vec::new();
        self.windows.visit(text, &self.shapes, |shape, at, window| {
            if self.filters[shape].may_have(window) {
                self.confirm(text, self.shapes[shape], at, window, &mut standing);
            }
        });
        // Of several that begin in one place the longest, and of equal ones the first.
        standing.sort_unstable_by_key(|one| (one.place.start, Reverse(one.place.end), one.secret));
        standing.dedup_by_key(|one| one.place.start);
        for Standing { place, secret } in standing {
            found(place, &self.secrets[secret as usize]);
        }
    }

    fn version(&self) -> [u8; 16] {
        self.version
    }
}

impl Form {
    /// A form of the secret of this index; `None` for a record that is none.
    pub(crate) fn new(record: &MatchRecord, holder: Holder, secret: u32) -> Option<Self> {
        let mac = HEXLOWER.decode(record.mac.as_bytes()).ok()?.try_into().ok()?;
        let Window { hash, at, span, among } = record.window_for(holder);
        let shape = Shape { among, length: usize::try_from(span).ok()? };
        Some(Self { window: hash, at, length: record.length, secret, shape, mac }).filter(Self::is_sound)
    }

    fn read(record: &[u8; FORM]) -> Option<Self> {
        let (numbers, mac) = record.split_last_chunk().expect("a record ends with its MAC");
        let number = |index: usize| numbers.as_chunks().0.get(index).map_or(0, |bytes| u32::from_be_bytes(*bytes));
        let [window, at, length, secret, shape] = std::array::from_fn(number);
        Some(Self { window, at, length, secret, shape: Shape::numbered(shape)?, mac: *mac })
    }

    fn is_sound(&self) -> bool {
        self.shape.is_sound() && self.at as usize + self.shape.length <= self.length as usize
    }
}

const MAGIC: &[u8] = b"keyward match bundle 2\n";
const FORM: usize = 36;

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
mod tests;
