//! The byte strings that are masked, and the index that finds where one may begin.
//!
//! Twenty secrets make some three hundred patterns, too many for packed SIMD searchers and, as an
//! automaton, too slow to build before a child starts. Instead the text is sampled: of each
//! pattern's first [`MIN_PATTERN`] bytes every run of [`GRAM`] is hashed into a bit filter that
//! fits the first-level cache, so it is enough to test one run in [`STRIDE`] of the text, wherever
//! a pattern begins. The few that pass are compared with the patterns of that hash.

use zeroize::Zeroizing;

use keyward_types::forms::{FormKind, Phase, forms};

/// How many bytes decide whether a pattern may begin here. Also the shortest prefix that is held
/// back.
pub(super) const GRAM: usize = 4;

/// No pattern is shorter.
pub(super) const MIN_PATTERN: usize = 8;

/// Any [`MIN_PATTERN`] bytes in a row contain a whole gram at a multiple of this.
const STRIDE: usize = MIN_PATTERN - GRAM + 1;

/// Where common encoders break base64 text: PEM and `openssl`; MIME and the `base64` command.
const BASE64_LINES: [usize; 2] = [64, 76];

const FILTER_BITS: u32 = 17;
const BUCKET_BITS: u32 = 12;

pub(super) struct Patterns {
    names: Vec<String>,
    /// All patterns, one after the other.
    arena: Zeroizing<Vec<u8>>,
    spans: Vec<Span>,
    /// One bit a gram hash.
    filter: Box<[u8; 1 << (FILTER_BITS - 3)]>,
    /// Bucket `b` holds the grams `buckets[b]..buckets[b + 1]`.
    buckets: Vec<u32>,
    grams: Vec<Gram>,
}

/// Where a pattern lies in the arena and whose spelling it is.
struct Span {
    start: u32,
    end: u32,
    secret: u32,
}

/// One of the first grams of a pattern.
#[derive(Clone, Copy, Default)]
struct Gram {
    pattern: u32,
    offset: u8,
}

impl Patterns {
    pub(super) fn new<N, V>(secrets: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: AsRef<[u8]>,
    {
        let mut names = Vec::new();
        let mut list = Vec::new();
        for (name, value) in secrets {
            let secret = names.len() as u32;
            names.push(name.into());
            list.extend(spellings(value.as_ref()).into_iter().map(|bytes| (bytes, secret)));
        }
        list.sort_unstable_by(|a, b| (&*a.0, a.1).cmp(&(&*b.0, b.1)));
        list.dedup_by(|a, b| a.0 == b.0);
        Self::index(names, &list)
    }

    fn index(names: Vec<String>, list: &[(Zeroizing<Vec<u8>>, u32)]) -> Self {
        let mut arena = Zeroizing::new(Vec::with_capacity(list.iter().map(|(bytes, _)| bytes.len()).sum()));
        let mut spans = Vec::with_capacity(list.len());
        let mut filter = Box::new([0; 1 << (FILTER_BITS - 3)]);
        let mut buckets = vec![0; (1 << BUCKET_BITS) + 1];
        for (bytes, secret) in list {
            let start = arena.len() as u32;
            arena.extend_from_slice(bytes);
            spans.push(Span { start, end: arena.len() as u32, secret: *secret });
            for (_, hash) in first_grams(bytes) {
                filter[filter_byte(hash)] |= filter_bit(hash);
                buckets[bucket(hash) + 1] += 1;
            }
        }
        for i in 1..buckets.len() {
            buckets[i] += buckets[i - 1];
        }
        let mut grams = vec![Gram::default(); list.len() * STRIDE];
        let mut next = buckets.clone();
        for (pattern, (bytes, _)) in list.iter().enumerate() {
            for (offset, hash) in first_grams(bytes) {
                let place = &mut next[bucket(hash)];
                grams[*place as usize] = Gram { pattern: pattern as u32, offset };
                *place += 1;
            }
        }
        Self { names, arena, spans, filter, buckets, grams }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn bytes(&self, pattern: u32) -> &[u8] {
        let span = &self.spans[pattern as usize];
        &self.arena[span.start as usize..span.end as usize]
    }

    /// Which secret (index into `names`) the pattern spells.
    pub(super) fn secret(&self, pattern: u32) -> usize {
        self.spans[pattern as usize].secret as usize
    }

    /// Calls `check` with each pattern that may begin in `text`, at `from` or later, and with where.
    /// All are reported of which at least [`GRAM`] bytes are there; not all reported are matches.
    #[inline]
    pub(super) fn candidates(&self, text: &[u8], from: usize, mut check: impl FnMut(u32, usize)) {
        let tail = text.len().saturating_sub(MIN_PATTERN).max(from);
        for (i, sample) in text.get(from..).unwrap_or_default().chunks_exact(STRIDE).enumerate() {
            let hash = hash(sample);
            if self.filter[filter_byte(hash)] & filter_bit(hash) != 0 {
                let position = from + i * STRIDE;
                self.starts(hash, |pattern, offset| {
                    let start = position.wrapping_sub(offset);
                    if (from..tail).contains(&start) && self.head(pattern) == text[start..].first_chunk() {
                        check(pattern, start);
                    }
                });
            }
        }
        for position in tail..text.len().saturating_sub(GRAM - 1) {
            self.starts(hash(&text[position..]), |pattern, offset| {
                if offset == 0 {
                    check(pattern, position);
                }
            });
        }
    }

    /// The first bytes of a pattern; as a word they are compared faster than as a slice.
    #[inline]
    fn head(&self, pattern: u32) -> Option<&[u8; MIN_PATTERN]> {
        self.bytes(pattern).first_chunk()
    }

    #[inline]
    fn starts(&self, hash: u32, mut report: impl FnMut(u32, usize)) {
        let bucket = bucket(hash);
        for gram in &self.grams[self.buckets[bucket] as usize..self.buckets[bucket + 1] as usize] {
            report(gram.pattern, usize::from(gram.offset));
        }
    }
}

/// Everything that is masked for one secret: its forms and, where it can be broken into lines,
/// each line that is long and telling enough to be looked for on its own.
fn spellings(value: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    if value.len() < MIN_PATTERN {
        return Vec::new();
    }
    let mut list = Vec::with_capacity(16);
    for form in forms(value) {
        if form.kind == FormKind::Base64(Phase::Zero) {
            wrapped_lines(&form.bytes, &mut list);
        }
        list.push(form.bytes);
    }
    let trimmed = value.trim_ascii();
    if trimmed.len() < value.len() {
        list.extend(forms(trimmed).into_iter().map(|form| form.bytes));
    }
    if value.contains(&b'\n') {
        list.push(with_crlf(value));
    }
    for line in lines(value) {
        list.push(Zeroizing::new(line.to_vec()));
    }
    list.retain(|bytes| bytes.len() >= MIN_PATTERN);
    list
}

/// A terminal turns each `\n` it is given into `\r\n`.
fn with_crlf(value: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut output = Zeroizing::new(Vec::with_capacity(value.len() * 2));
    for &byte in value {
        if byte == b'\n' {
            output.push(b'\r');
        }
        output.push(byte);
    }
    output
}

/// The lines of a value of several lines, without surrounding space. A line break may also be
/// spelled as a backslash and an `n`, as PEM keys are in one-line variables and in JSON files.
/// Left out are the lines that frame a PEM block, which are not secret, and those with too few
/// different characters to tell them from ornament.
fn lines(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    let several = std::iter::from_fn(move || {
        let text = rest?;
        let escaped = text.windows(2).position(|pair| pair == b"\\n");
        let broken = text.iter().position(|&byte| byte == b'\n');
        let (end, width) = match (escaped, broken) {
            (Some(escaped), Some(broken)) if escaped < broken => (escaped, 2),
            (Some(escaped), None) => (escaped, 2),
            (_, Some(broken)) => (broken, 1),
            (None, None) => (text.len(), 0),
        };
        rest = (width > 0).then(|| &text[end + width..]);
        Some(text[..end].trim_ascii())
    });
    several.filter(move |line| line.len() < value.len() && line.len() >= MIN_PATTERN && is_telling(line))
}

fn is_telling(line: &[u8]) -> bool {
    let frame = line.starts_with(b"-----BEGIN ") || line.starts_with(b"-----END ");
    let mut different = [false; 256];
    line.iter().for_each(|&byte| different[usize::from(byte)] = true);
    !frame && different.iter().filter(|&&used| used).count() >= 4
}

/// The pieces of a base64 text when an encoder breaks it into lines.
fn wrapped_lines(base64: &[u8], list: &mut Vec<Zeroizing<Vec<u8>>>) {
    for width in BASE64_LINES {
        if base64.len() > width {
            list.extend(base64.chunks(width).map(|line| Zeroizing::new(line.to_vec())));
        }
    }
}

/// The grams of a pattern's first [`MIN_PATTERN`] bytes, as (offset, hash).
fn first_grams(pattern: &[u8]) -> impl Iterator<Item = (u8, u32)> {
    pattern.windows(GRAM).take(STRIDE).enumerate().map(|(offset, gram)| (offset as u8, hash(gram)))
}

/// Hash of the first [`GRAM`] bytes; the upper bits are the good ones.
#[inline]
fn hash(text: &[u8]) -> u32 {
    let gram = u32::from_le_bytes([text[0], text[1], text[2], text[3]]);
    gram.wrapping_mul(0x9E37_79B1)
}

#[inline]
fn filter_byte(hash: u32) -> usize {
    (hash >> (32 - FILTER_BITS + 3)) as usize
}

#[inline]
fn filter_bit(hash: u32) -> u8 {
    1 << ((hash >> (32 - FILTER_BITS)) & 7)
}

fn bucket(hash: u32) -> usize {
    (hash >> (32 - BUCKET_BITS)) as usize
}
