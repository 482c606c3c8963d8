//! Virtual keys that their holders made narrower by themselves, as macaroons are (Birgisson et al.,
//! NDSS 2014): a chain of HMACs over caveats, each keyed by the one before it.
//!
//! ```text
//! K0 = HMAC-SHA256(key without its checksum, "keyward attenuation 1")
//! Kn = HMAC-SHA256(Kn-1, caveat n)
//! kwv_<id: 12>.<base64url of the caveats, a line each>.<base64url of Kn><6 base62 CRC32>
//! ```
//!
//! Who has `Kn` goes on from it; nobody gets back to `Kn-1` or to the key. The vault keeps `K0` sealed,
//! and needs nothing else to know a key again that it has never seen.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use keyward_types::token::{PlainToken, TokenKind, checksum, without_checksum};
use keyward_types::{KeyError, Keys, Purpose};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Caveat, RuleError};

/// A key with caveats, as its holder has it. Prints without what makes it a key.
#[derive(Clone)]
pub struct NarrowedKey {
    id: String,
    lines: Vec<String>,
    caveats: Vec<Caveat>,
    tag: Zeroizing<[u8; 32]>,
}

/// What a chain begins with: whoever has it makes any narrower key of one.
pub struct AttenuationKey(Zeroizing<[u8; 32]>);

/// The same as the store keeps it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SealedAttenuation(Box<[u8]>);

const PREFIX: &str = "kwv_";
const ID: usize = 12;
/// What the first key of a chain is made from, beside the text.
const LABEL: &[u8] = b"keyward attenuation 1";
const CONTEXT: &str = "keyward/attenuation/1 ";

impl NarrowedKey {
    /// Most caveats of one key, and most bytes of them together.
    pub const MOST: usize = 16;
    /// Most bytes of all caveats together, with a byte between two.
    pub const LONGEST: usize = 1024;

    /// A narrower key of this one, which may be narrowed itself.
    ///
    /// # Errors
    /// When it is no virtual key, or there are too many caveats.
    pub fn of(key: &str, caveats: &[Caveat]) -> Result<Self, RuleError> {
        let mut narrowed = if is_narrowed(key) {
            key.parse()?
        } else {
            let token: PlainToken = key.parse().map_err(|_| fail("it is no whole virtual key"))?;
            if token.kind() != TokenKind::Virtual {
                return Err(fail("it is a token of another kind"));
            }
            let tag = AttenuationKey::of(&token).0;
            Self { id: token.id().to_owned(), lines: Vec::new(), caveats: Vec::new(), tag }
        };
        for caveat in caveats {
            let line = caveat.to_string();
            // What was said in another way is read as it is written.
            narrowed.caveats.push(line.parse()?);
            narrowed.tag = mac(&*narrowed.tag, line.as_bytes());
            narrowed.lines.push(line);
        }
        narrowed.fits()?;
        Ok(narrowed)
    }

    /// The id of the key that it is one of.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What was added, the first one first. Only [`NarrowedKey::verified`] says that it is true.
    pub fn caveats(&self) -> &[Caveat] {
        &self.caveats
    }

    /// The text for whoever is to have it.
    pub fn expose(&self) -> Zeroizing<String> {
        let caveats = BASE64URL_NOPAD.encode(self.lines.join("\n").as_bytes());
        let tag = Zeroizing::new(BASE64URL_NOPAD.encode(&*self.tag));
        let body = Zeroizing::new(format!("{PREFIX}{}.{caveats}.{}", self.id, *tag));
        Zeroizing::new(format!("{}{}", *body, checksum(body.as_bytes())))
    }

    /// The caveats, if it is a key made from that one; compared in constant time.
    pub fn verified(self, key: &AttenuationKey) -> Option<Vec<Caveat>> {
        let mut tag = key.0.clone();
        for line in &self.lines {
            tag = mac(&*tag, line.as_bytes());
        }
        bool::from(tag.ct_eq(&*self.tag)).then_some(self.caveats)
    }

    fn fits(&self) -> Result<(), RuleError> {
        let bytes = self.lines.iter().map(|line| line.len() + 1).sum::<usize>();
        match self.lines.len() {
            0 => Err(fail("nothing is said by which it is narrower")),
            n if n > Self::MOST => Err(fail("it has at most 16 caveats")),
            _ if bytes > Self::LONGEST + 1 => Err(fail("its caveats have at most 1024 bytes")),
            _ => Ok(()),
        }
    }
}

/// Whether a presented text is a narrowed key, or looks like one.
pub fn is_narrowed(text: &str) -> bool {
    text.starts_with(PREFIX) && text.as_bytes().get(PREFIX.len() + ID) == Some(&b'.')
}

impl AttenuationKey {
    /// That of a key.
    pub fn of(token: &PlainToken) -> Self {
        Self(mac(token.root().as_bytes(), LABEL))
    }
}

impl SealedAttenuation {
    /// That of a key, sealed.
    ///
    /// # Errors
    /// When the vault has no key or no randomness.
    pub fn of(token: &PlainToken, keys: &dyn Keys) -> Result<Self, KeyError> {
        let sealed = keys.seal(&Purpose::Attenuation, &context(token.id()), &*AttenuationKey::of(token).0)?;
        Ok(Self(sealed.into()))
    }

    /// Opens it for the key of this id.
    ///
    /// # Errors
    /// When it was altered or is another key's.
    pub fn open(&self, id: &str, keys: &dyn Keys) -> Result<AttenuationKey, KeyError> {
        let opened = Zeroizing::new(keys.unseal(&Purpose::Attenuation, &context(id), &self.0)?);
        let bytes: [u8; 32] = opened.as_slice().try_into().map_err(|_| KeyError::Refused)?;
        Ok(AttenuationKey(Zeroizing::new(bytes)))
    }
}

fn context(id: &str) -> Vec<u8> {
    [CONTEXT.as_bytes(), id.as_bytes()].concat()
}

fn mac(key: &[u8], message: &[u8]) -> Zeroizing<[u8; 32]> {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    Zeroizing::new(mac.chain_update(message).finalize().into_bytes().into())
}

/// Nothing of a key stands in a message.
fn fail(why: &'static str) -> RuleError {
    RuleError::new("narrowing", "…", why)
}

impl FromStr for NarrowedKey {
    type Err = RuleError;
    fn from_str(text: &str) -> Result<Self, RuleError> {
        const TAG: usize = 43;
        let whole = fail("it was mistyped or cut");
        // Four letters for three bytes, and what stands around them.
        if !text.is_ascii() || text.len() > PREFIX.len() + ID + 2 + Self::LONGEST.div_ceil(3) * 4 + TAG + 6 {
            return Err(fail("its length does not fit"));
        }
        let body = without_checksum(text).ok_or_else(|| whole.clone())?;
        let rest = body.strip_prefix(PREFIX).ok_or_else(|| whole.clone())?;
        let mut parts = rest.split('.');
        let (Some(id), Some(caveats), Some(tag), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(whole);
        };
        if id.len() != ID || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(whole);
        }
        let decode = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok();
        let tag = decode(tag).map(Zeroizing::new).ok_or_else(|| whole.clone())?;
        let tag: [u8; 32] = tag.as_slice().try_into().map_err(|_| whole.clone())?;
        let lines = decode(caveats).and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(whole)?;
        if lines.len() > Self::LONGEST || lines.matches('\n').count() >= Self::MOST {
            return Err(fail("it has too many caveats"));
        }
        let lines: Vec<String> = lines.split('\n').map(str::to_owned).collect();
        let caveats = lines.iter().map(|line| line.parse()).collect::<Result<_, _>>()?;
        Ok(Self { id: id.to_owned(), lines, caveats, tag: Zeroizing::new(tag) })
    }
}

impl TryFrom<String> for SealedAttenuation {
    type Error = data_encoding::DecodeError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(Self(BASE64.decode(text.as_bytes())?.into()))
    }
}

impl From<SealedAttenuation> for String {
    fn from(sealed: SealedAttenuation) -> Self {
        BASE64.encode(&sealed.0)
    }
}

impl fmt::Debug for NarrowedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NarrowedKey({PREFIX}{}…, {:?})", self.id, self.lines)
    }
}

impl fmt::Debug for SealedAttenuation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedAttenuation(…)")
    }
}

#[cfg(test)]
mod tests;
