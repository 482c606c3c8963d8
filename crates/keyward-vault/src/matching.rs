//! Match records: what lets a scanner recognise a stored value in a text without being able to
//! read it.
//!
//! For each encoded form of a strong value: its length, keyed hashes of one or two windows of it, and an
//! HMAC of the whole. The scanner hashes the windows of a text and confirms a hit by the HMAC. Weak values have
//! none: whoever holds the bundle could try them all.
//!
//! # What a bundle's holder learns
//!
//! A bundle for the [`Holder::Owner`] has windows of sixteen bytes of each form, which in hexadecimal are
//! eight of the value: few enough to be tried one after the other. It stays with whoever may read the values
//! anyway. What follows is of a bundle for others.
//!
//! Names, versions, and the length of each value: these stand there. He has the keys of hash and HMAC, so
//! that he can test guesses without asking anybody: of a whole value by the HMAC (128 bits), of a window
//! by its hash. A hash is cut to 32 bits and each value has a dozen, so that together they *determine* most
//! windows; and the hash is quick and not one-way. What protects a value is that too much of it is in every
//! window to try:
//!
//! | the value | each window covers | letters and digits | hexadecimal digits |
//! | --- | --- | --- | --- |
//! | 32 bytes and more | 32 bytes (base64: 31.5) | 187 bits | 126 bits |
//! | 16 to 31 bytes | 16 bytes (base64: 15) | 89 bits | 60 bits |
//!
//! (Bits of what the base64 window leaves, drawn evenly.) Less what is known beforehand, such as a service's
//! prefix in the window. Who could run the hash backwards would have 32 bits less to try. Worse off are:
//! values so full of blanks or escapes (`%2F`, `\u003c`) that no 32 bytes, or 16, are free of them, whose URL
//! and JSON forms may have a window of 6 or more bytes, of any of the characters that need escapes; and keys
//! of 16 to 31 hexadecimal digits, as 60 bits can be tried by who has much hardware. So a bundle is as
//! confidential as the right to match, and not for the public.

use data_encoding::HEXLOWER;
use keyward_types::forms::{Form, forms};
use keyward_types::{Head, Place, Record, Version};
use serde::{Deserialize, Serialize};

use crate::crypto::{Key, context};
use crate::window::{Among, Chosen, Shape, WindowKey};

/// The match records of one version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchRow {
    /// Which secret.
    pub place: Place,
    /// Which version.
    pub version: Version,
    /// One record a form, raw first.
    pub forms: Vec<MatchRecord>,
}

/// How one form of a value is recognised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchRecord {
    /// Length of the form in bytes.
    pub length: u32,
    /// A window of it, for bundles that are handed to others.
    pub window: Window,
    /// A window of [`crate::WINDOW`] bytes, for bundles that stay with whoever may read the value; `None`
    /// where it is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short: Option<Window>,
    /// First 16 bytes of the HMAC of the whole form, in hex.
    pub mac: String,
}

/// One window of a form, by which texts are searched for it. Stored as `[hash, at, span, among]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, u32, u32, Among)", into = "(u32, u32, u32, Among)")]
pub struct Window {
    /// Keyed hash of its bytes.
    pub hash: u32,
    /// Where in the form it begins.
    pub at: u32,
    /// How many bytes it has: [`crate::WINDOW`] to 64.
    pub span: u32,
    /// Which bytes stand in it.
    pub among: Among,
}

/// Who is to hold a match bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Whoever may read the values anyway, in this user's processes alone: short windows, found at a third
    /// of the cost.
    Owner,
    /// Others, who may match and not read: windows of which no part can be tried.
    Other,
}

/// Values below either bound have no match records.
const STRONG_BYTES: usize = 16;
const STRONG_BITS: u16 = 64;

impl MatchRow {
    /// The records of a value; `None` for one that is weak or no secret.
    pub(crate) fn of(head: &Head, version: Version, value: &[u8], bits: u16, key: &Key) -> Option<Self> {
        if !head.kind.is_secret() || value.len() < STRONG_BYTES || bits < STRONG_BITS {
            return None;
        }
        let windows = WindowKey::from(key);
        let forms = forms(value).iter().filter_map(|form| MatchRecord::of(form, value.len(), key, windows)).collect();
        Some(Self { place: head.place, version, forms })
    }
}

impl Record for MatchRow {
    const COLLECTION: &'static str = "match";
    fn key(&self) -> Vec<u8> {
        self.place.version_key(self.version)
    }
}

impl MatchRecord {
    /// The record of a form of a value of that many bytes, if those are enough.
    pub(crate) fn of(form: &Form, value: usize, key: &Key, windows: WindowKey) -> Option<Self> {
        let window = Window::of(&form.bytes, Chosen::of(form, value)?, windows)?;
        let short = Window::of(&form.bytes, Chosen::short(form)?, windows)?;
        Some(Self {
            length: u32::try_from(form.bytes.len()).ok()?,
            window,
            short: (short != window).then_some(short),
            mac: HEXLOWER.encode(&confirm(key, &form.bytes)),
        })
    }

    /// The window by which this holder searches.
    pub(crate) fn window_for(&self, holder: Holder) -> Window {
        match holder {
            Holder::Owner => self.short.unwrap_or(self.window),
            Holder::Other => self.window,
        }
    }
}

impl Window {
    fn of(form: &[u8], chosen: Chosen, windows: WindowKey) -> Option<Self> {
        let Chosen { at, shape: Shape { among, length } } = chosen;
        let hash = windows.hash(&form[at..at + length]);
        Some(Self { hash, at: u32::try_from(at).ok()?, span: u32::try_from(length).ok()?, among })
    }
}

impl From<(u32, u32, u32, Among)> for Window {
    fn from((hash, at, span, among): (u32, u32, u32, Among)) -> Self {
        Self { hash, at, span, among }
    }
}

impl From<Window> for (u32, u32, u32, Among) {
    fn from(window: Window) -> Self {
        (window.hash, window.at, window.span, window.among)
    }
}

/// The HMAC that confirms a hit of the window.
pub(crate) fn confirm(key: &Key, form: &[u8]) -> [u8; 16] {
    let mac = key.mac_of(&context("keyward/match-form/1", &[form]));
    mac[..16].try_into().expect("a MAC has 32 bytes")
}
