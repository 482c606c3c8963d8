//! Match records: what lets a scanner recognise a stored value in a text without being able to
//! read it.
//!
//! For each encoded form of a strong value: its length, a keyed hash of one window of it, and an HMAC
//! of the whole. The scanner hashes the windows of a text and confirms a hit by the HMAC. The window's
//! hash is cut to 32 bits: enough to make false hits rare, too little to tell the window from many
//! others. Weak values have none: whoever holds the bundle could try them all.

use data_encoding::HEXLOWER;
use keyward_types::forms::forms;
use keyward_types::{Head, Place, Record, Version};
use serde::{Deserialize, Serialize};

use crate::crypto::{Key, context};
use crate::window::{Chosen, WindowKey};

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
    /// Keyed hash of one window of it: [`crate::WINDOW`] bytes.
    pub window: u32,
    /// Where in the form the window begins.
    pub at: u32,
    /// Whether there is a blank in the window.
    pub blanks: bool,
    /// First 16 bytes of the HMAC of the whole form, in hex.
    pub mac: String,
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
        let forms = forms(value).iter().filter_map(|form| MatchRecord::of(&form.bytes, key, windows)).collect();
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
    /// The record of a form that is long enough.
    pub(crate) fn of(form: &[u8], key: &Key, windows: WindowKey) -> Option<Self> {
        let chosen = Chosen::of(form)?;
        let window = form[chosen.at..].first_chunk().expect("a window is chosen where there is one");
        Some(Self {
            length: u32::try_from(form.len()).ok()?,
            window: windows.hash(window),
            at: u32::try_from(chosen.at).ok()?,
            blanks: chosen.blanks,
            mac: HEXLOWER.encode(&confirm(key, form)),
        })
    }
}

/// The HMAC that confirms a hit of the window.
pub(crate) fn confirm(key: &Key, form: &[u8]) -> [u8; 16] {
    let mac = key.mac_of(&context("keyward/match-form/1", &[form]));
    mac[..16].try_into().expect("a MAC has 32 bytes")
}
