//! Names that promise a secret, looked at without taking them apart in memory.

use std::ops::Range;

use crate::engine::filter::{Promise, has};

/// A word that a name of a secret has in it, and what it promises.
pub(super) struct Word {
    pub(super) text: &'static str,
    pub(super) promise: Promise,
    /// Only in this spelling.
    pub(super) exact: bool,
    /// The end of the text that belongs to what follows the name: ` =`, `":`.
    pub(super) trail: usize,
}

const fn word(text: &'static str, promise: Promise) -> Word {
    Word { text, promise, exact: false, trail: 0 }
}

const fn trailed(text: &'static str, promise: Promise, exact: bool, trail: usize) -> Word {
    Word { text, promise, exact, trail }
}

/// Where to look. Frequent words carry what has to follow them, so that the search itself drops the others.
pub(super) const WORDS: [Word; 58] = [
    word("password", Promise::Password),
    word("passwd", Promise::Password),
    word("passphrase", Promise::Password),
    word("passwrd", Promise::Password),
    word("_pwd", Promise::Password),
    trailed("pwd\"", Promise::Password, false, 1),
    trailed("pwd'", Promise::Password, false, 1),
    trailed("pwd:", Promise::Password, false, 1),
    trailed("pwd=", Promise::Password, false, 1),
    trailed("pwd =", Promise::Password, false, 2),
    word("_pass", Promise::Password),
    trailed("pass\"", Promise::Password, false, 1),
    trailed("pass'", Promise::Password, false, 1),
    trailed("pass:", Promise::Password, false, 1),
    trailed("pass=", Promise::Password, false, 1),
    trailed("pass =", Promise::Password, false, 2),
    word("secret", Promise::Drawn),
    word("token", Promise::Drawn),
    word("apikey", Promise::Drawn),
    word("accesskey", Promise::Drawn),
    word("privatekey", Promise::Drawn),
    word("encryptionkey", Promise::Drawn),
    word("signingkey", Promise::Drawn),
    word("masterkey", Promise::Drawn),
    word("authkey", Promise::Drawn),
    word("accountkey", Promise::Drawn),
    word("_key", Promise::Vague),
    word("-key", Promise::Vague),
    // Properties of Java; members of objects in programs are followed by other signs for the most part.
    trailed(".key=", Promise::Vague, false, 1),
    trailed(".key =", Promise::Vague, false, 2),
    trailed(".key:", Promise::Vague, false, 1),
    trailed(".key\"", Promise::Vague, false, 1),
    trailed("Key\":", Promise::Vague, true, 2),
    trailed("Key =", Promise::Vague, true, 2),
    trailed("Key: ", Promise::Vague, true, 2),
    trailed("Key=", Promise::Vague, true, 1),
    trailed("Key\" ", Promise::Vague, true, 2),
    word("credential", Promise::Drawn),
    word("authorization", Promise::Drawn),
    word("_auth", Promise::Drawn),
    trailed("auth\":", Promise::Drawn, true, 2),
    trailed("auth =", Promise::Drawn, true, 2),
    trailed("auth=", Promise::Drawn, true, 1),
    trailed("auth: ", Promise::Drawn, true, 2),
    word("_salt", Promise::Vague),
    word("client-key-data", Promise::Drawn),
    word("access key", Promise::Vague),
    word("api key", Promise::Vague),
    word("jwt_", Promise::Vague),
    trailed("_jwt=", Promise::Drawn, false, 1),
    trailed("_jwt =", Promise::Drawn, false, 2),
    trailed("_jwt:", Promise::Drawn, false, 1),
    trailed("_jwt\"", Promise::Drawn, false, 1),
    // Personal access tokens; `_path` stands everywhere.
    trailed("_pat=", Promise::Drawn, false, 1),
    trailed("_pat =", Promise::Drawn, false, 2),
    trailed("_pat:", Promise::Drawn, false, 1),
    trailed("_pat\"", Promise::Drawn, false, 1),
    trailed("_bearer", Promise::Drawn, false, 0),
];

/// A name around a word.
pub(super) struct Name {
    pub(super) range: Range<usize>,
    /// Where the word ends in it.
    word_end: usize,
}

/// How much may follow a word in its name.
const LONGEST: usize = 40;

/// Where the name stands that a word is in; `None` where the word goes on as another: `tokenizer`, `secretary`. Asked at
/// every place of a word, so that it looks at bytes alone.
pub(super) fn around(text: &[u8], word: &Word, at: usize) -> Option<Name> {
    let end = at + word.text.len() - word.trail;
    let last = text[end - 1];
    let next = text.get(end).copied().unwrap_or(b'\n');
    let glued = next.is_ascii_lowercase() && last != b'_' || next.is_ascii_uppercase() && last.is_ascii_uppercase();
    if glued {
        let length = text[end..]
            .iter()
            .take(16)
            .take_while(|b| b.is_ascii_alphanumeric() && b.is_ascii_lowercase() == next.is_ascii_lowercase());
        let mut small = [0u8; 16];
        if !has(GLUED, lower(&text[end..end + length.count()], &mut small)?) {
            return None;
        }
    }
    let after = text[end..].iter().take(LONGEST).take_while(|byte| is_part(**byte)).count();
    let before = text[at.saturating_sub(64)..at].iter().rev().take_while(|byte| is_part(**byte)).count();
    let mut close = end + after;
    // `password.` at the end of a sentence.
    while close > end && matches!(text[close - 1], b'.' | b'-' | b'$') {
        close -= 1;
    }
    (after < LONGEST).then_some(Name { range: at - before..close, word_end: end })
}

/// What a name promises of its value; `None` where it is about a setting, or names no secret.
pub(super) fn promise(text: &[u8], name: &Name, word: &Word) -> Option<Promise> {
    let fits = tail_fits(&text[name.word_end..name.range.end])?;
    let head = &text[name.range.start..name.word_end];
    let promise = promised(head, word.promise)?;
    // A member of what a call gave.
    let member =
        head.first() == Some(&b'.') && name.range.start > 0 && matches!(text[name.range.start - 1], b')' | b']');
    Some(if fits && !member { promise } else { Promise::Vague })
}

/// Whether what follows its word leaves a name a secret's; `None` where it ends in a word for a setting.
fn tail_fits(tail: &[u8]) -> Option<bool> {
    let (mut at, mut fits, mut last_setting) = (0, true, false);
    while at < tail.len() {
        if !tail[at].is_ascii_alphanumeric() {
            at += 1;
            continue;
        }
        let start = at;
        while at < tail.len() && tail[at].is_ascii_alphanumeric() {
            if at > start && tail[at].is_ascii_uppercase() && tail[at - 1].is_ascii_lowercase() {
                break;
            }
            at += 1;
        }
        let mut small = [0u8; 16];
        let piece = lower(&tail[start..at], &mut small)?;
        if piece.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        last_setting = has(SETTINGS, piece);
        fits &= has(TAILS, piece);
    }
    (!last_setting).then_some(fits)
}

/// What the whole of a name up to its word promises.
fn promised(head: &[u8], promise: Promise) -> Option<Promise> {
    let mut small = [0u8; 72];
    let head = lower_all(head, &mut small)?;
    if ["bypass", "compass", "surpass", "trespass", "encompass"].iter().any(|word| head.ends_with(word)) {
        return None;
    }
    // `cache.key` is a `cache_key`.
    let dotted = head.replace('.', "_");
    let head = if head.contains('.') { dotted.as_str() } else { head };
    if promise != Promise::Password && HARMLESS.split(' ').any(|word| head.contains(word)) {
        return None;
    }
    if promise == Promise::Vague && DRAWN.split(' ').any(|word| head.contains(word)) {
        return Some(Promise::Drawn);
    }
    Some(promise)
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$')
}

/// A word in lower case; `None` for one too long to be known.
fn lower<'a>(word: &[u8], small: &'a mut [u8; 16]) -> Option<&'a str> {
    let out = small.get_mut(..word.len())?;
    out.copy_from_slice(word);
    out.make_ascii_lowercase();
    std::str::from_utf8(out).ok()
}

fn lower_all<'a>(word: &[u8], small: &'a mut [u8; 72]) -> Option<&'a str> {
    let word = &word[word.len().saturating_sub(72)..];
    let out = &mut small[..word.len()];
    out.copy_from_slice(word);
    out.make_ascii_lowercase();
    std::str::from_utf8(out).ok()
}

/// What may follow a word without a letter between that tells where it begins.
const GLUED: &str = "s key keys access accesskey accesskeyid id value str string base token secret pass password phrase data \
    hash prod dev test auth";
/// What leaves a name a secret's.
const TAILS: &str = "s key keys value val str string text raw plain plaintext b64 base64 hex bytes id access accesskey token \
    secret password pass base prod production dev development staging stage test testing live sandbox local default old \
    new current previous primary secondary v1 v2 v3 main api app user admin db database root service client server private \
    signing encryption hmac jwt shared webhook session cookie auth refresh bearer personal oauth oauth2 data salt bot \
    account postgres mysql redis mongo mongodb smtp mail ftp ldap ssh git github gitlab aws azure gcp slack stripe openai \
    s3 master";
/// Last words of names that are no secret's.
const SETTINGS: &str = "name names file files path paths dir directory url uri urls endpoint type types field fields input label \
    placeholder hint error errors message messages msg description title text length len size min max limit limits count \
    expiry expires expiration expire ttl timeout age lifetime policy policies rule rules pattern regex regexp format prefix \
    suffix header headers param params parameter arg args option options config settings enabled disabled required optional \
    valid invalid validator validation validate check changed change reset forgot forgotten confirm confirmation repeat again \
    strength hash hashed hasher hashing digest algorithm algo encoder encoding encoded encrypted provider providers service \
    manager store storage factory handler helper util utils class model view form page screen button icon link command cmd \
    prompt env var variable ref reference references list set map dict array index position pos offset kind count counts \
    usage cost price budget stream parser lexer scanner tokenizer request response result event events callback function fn \
    method attr attribute attributes property column table row id ids version date time timestamp at by for of in is not \
    generator source mode scope scopes issuer audience subject realm grant claim claims info metadata status state \
    exchange rotation manager mount volume selector etag commit sha sha1 sha256 md5 checksum fingerprint thumbprint revision uuid guid signature nonce template spec schema resource arn lookup getter resolver body";

/// Parts of names of keys and tokens that are no secrets.
const HARMLESS: &str = "public primary_key primarykey foreign partition sort_ sortkey cache_key cachekey cache-key hotkey shortcut \
    translation_key translationkey next_token nexttoken next-token page_token pagetoken page-token continuation cancellation \
    cancel_token canceltoken pagination sync_token clienttoken client_token client-token idempoten pub_key pubkey index_key \
    indexkey hash_key hashkey range_key rangekey group_key groupkey shard unique_key uniquekey object_key objectkey s3_key \
    storage_key storagekey dedup integrity checksum sort-key row_key rowkey lookup_key lookupkey site_key sitekey \
    publishable captcha-site bypass sealed_ ssh_host vapid_public verify_key token_type surrogate-key composite natural_key \
    dict_key map_key i18n csrfmiddleware xsrf-token x-csrf csrf-token max_token react-key data-key host_key hostkey \
    keyid key-id registry_key reg_key hot-key hot_key recv-key recv_key";
/// Parts of names of keys that are drawn.
const DRAWN: &str = "api secret access private encrypt signing sign_ master auth account webhook license app_ application \
    service admin crypt cipher aes hmac jwt session security deploy stripe aws azure openai client bearer oauth github gitlab \
    slack twilio sendgrid mailgun storage shared rails django wp_ nonce logged_in shared_access connection";

#[cfg(test)]
mod tests {
    use super::*;

    fn promise_of(name: &str) -> Option<Promise> {
        let lower = name.to_ascii_lowercase();
        let found = WORDS.iter().filter_map(|word| {
            let at = if word.exact { name.find(word.text) } else { lower.find(word.text) }?;
            let found = around(name.as_bytes(), word, at)?;
            promise(name.as_bytes(), &found, word)
        });
        found.max_by_key(|promise| *promise != Promise::Vague)
    }

    #[test]
    fn a_name_promises_by_its_last_words() {
        for (name, promise) in [
            ("DB_PASSWORD", Some(Promise::Password)),
            ("dbPassword", Some(Promise::Password)),
            ("PGPASSWORD", Some(Promise::Password)),
            ("client_secret", Some(Promise::Drawn)),
            ("clientSecretKey", Some(Promise::Drawn)),
            ("SECRET_KEY_BASE", Some(Promise::Drawn)),
            ("spring.datasource.password", Some(Promise::Password)),
            ("authToken2", Some(Promise::Drawn)),
            ("SIGNING_KEY", Some(Promise::Drawn)),
            ("openai.api.key=", Some(Promise::Drawn)),
            ("my.access.key:", Some(Promise::Drawn)),
            ("x.client.key =", Some(Promise::Drawn)),
            ("event.key =", Some(Promise::Vague)),
            ("cache.key=", None),
            ("x.public.key=", None),
            ("TWITTER_BEARER", Some(Promise::Drawn)),
            ("password_min_length", None),
            ("passwordField", None),
            ("tokenizer", None),
            ("secretary", None),
            ("token_url", None),
            ("next_token", None),
            ("primary_key", None),
            ("w32-register-hot-key", None),
            ("--recv-keys", None),
            ("public_key", None),
            ("secretName", None),
        ] {
            assert_eq!(promise_of(name), promise, "{name}");
        }
    }
}
