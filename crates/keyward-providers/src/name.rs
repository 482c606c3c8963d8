//! What the name of a variable says about its value.

use keyward_types::Kind;

/// A variable's name, cut into its words.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    words: Vec<String>,
    /// The words again, joined and framed by `_`, to find phrases in.
    phrase: String,
}

/// What a name leads one to expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// It ends in a word for a secret: `DB_PASSWORD`.
    Secret(Kind),
    /// A word for a secret stands in it, but is not what it is about: `PASSWORD_OF_ADMIN`.
    Mentions(Kind),
    /// It says nothing, or it ends in a word for a setting: `TOKEN_LIMIT`.
    Nothing,
}

/// The prefix by which a frontend build publishes a variable of that name to every browser, if it
/// would: `VITE_API_KEY` → `VITE_`.
///
/// Sources: the documentation of Vite, Next.js, Create React App, Nuxt, Astro and SvelteKit
/// (`PUBLIC_`), Expo, Gatsby, Vue CLI.
pub fn public_prefix(name: &str) -> Option<&'static str> {
    const PREFIXES: [&str; 8] =
        ["VITE_", "NEXT_PUBLIC_", "REACT_APP_", "NUXT_PUBLIC_", "PUBLIC_", "EXPO_PUBLIC_", "GATSBY_", "VUE_APP_"];
    PREFIXES.into_iter().find(|prefix| name.starts_with(prefix))
}

impl Name {
    /// Cuts `dbPassword`, `DB_PASSWORD` and `db.password` alike. Only the first 256 characters
    /// are looked at.
    pub(crate) fn parse(name: &str) -> Self {
        let mut words = vec![String::new()];
        let mut before = ' ';
        for c in name.chars().take(256) {
            let boundary = !c.is_ascii_alphanumeric() || (before.is_ascii_lowercase() && c.is_ascii_uppercase());
            if boundary {
                words.push(String::new());
            }
            if c.is_ascii_alphanumeric()
                && let Some(word) = words.last_mut()
            {
                word.push(c.to_ascii_uppercase());
            }
            before = c;
        }
        words.retain(|word| !word.is_empty());
        let phrase = format!("_{}_", words.join("_"));
        Self { words, phrase }
    }

    /// Whether a lower-case word is part of the name, inside a longer word too.
    pub(crate) fn contains(&self, word: &str) -> bool {
        self.phrase.contains(&word.to_ascii_uppercase())
    }

    /// Whether `word` (upper case) is one of the words.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.words.iter().any(|own| own == word)
    }

    /// Every run of whole words, joined by `_`: `A_B` of `A_B_C`. Only the first dozen words count.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &str> {
        let edges: Vec<usize> = self.phrase.match_indices('_').map(|(at, _)| at).take(13).collect();
        let pairs: Vec<(usize, usize)> =
            edges.iter().enumerate().flat_map(|(i, from)| edges[i + 1..].iter().map(|to| (*from, *to))).collect();
        pairs.into_iter().map(|(from, to)| &self.phrase[from + 1..to])
    }

    /// Whether the name is about a setting of something: `TOKEN_LIMIT`, `KEY_FILE`.
    pub(crate) fn is_setting(&self) -> bool {
        self.subject().is_some_and(|word| is_one_of(SETTINGS, word))
    }

    /// Whether its last word is for an identifier, which is often random and rarely secret.
    pub(crate) fn is_identifier(&self) -> bool {
        self.subject().is_some_and(|word| is_one_of(IDENTIFIERS, word)) && self.hint() == Hint::Nothing
    }

    /// What the name leads one to expect.
    pub(crate) fn hint(&self) -> Hint {
        if self.is_setting() || self.is_harmless_key() {
            return Hint::Nothing;
        }
        let subject = self.subject();
        if let Some(kind) = subject.and_then(|word| self.kind_of(word)) {
            return Hint::Secret(kind);
        }
        let mentioned = self.words.iter().rev().find_map(|word| self.kind_of(word));
        match (mentioned, subject) {
            (Some(kind), Some("ID" | "BASE" | "RAW")) => Hint::Secret(kind),
            (Some(kind), _) => Hint::Mentions(kind),
            (None, _) => Hint::Nothing,
        }
    }

    /// The last word that is neither a number nor a stage (`…_2`, `…_PROD`, `…_OLD`).
    fn subject(&self) -> Option<&str> {
        let words = self.words.iter().rev().map(String::as_str);
        words.into_iter().find(|word| !is_one_of(STAGES, word) && !word.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// `PARTITION_KEY` and its like: keys of tables and lists.
    fn is_harmless_key(&self) -> bool {
        let keys = self.words.iter().position(|word| word == "KEY" || word == "KEYS");
        keys.and_then(|at| at.checked_sub(1)).is_some_and(|at| is_one_of(HARMLESS_KEYS, &self.words[at]))
    }

    fn kind_of(&self, word: &str) -> Option<Kind> {
        Some(match word {
            "PASSWORD" | "PASSWORDS" | "PASSWD" | "PASS" | "PWD" | "PASSPHRASE" | "PASSCODE" | "PIN" | "MNEMONIC"
            | "CREDENTIAL" | "CREDENTIALS" | "CREDS" | "AUTH" => Kind::Password,
            "TOKEN" | "TOKENS" | "JWT" | "AUTHORIZATION" | "BEARER" | "PAT" | "COOKIE" => Kind::BearerToken,
            "SALT" | "PEPPER" | "PRIVATE" | "SIGNING" | "HMAC" => Kind::SigningKey,
            "SECRET" | "SECRETS" | "KEY" | "KEYS" | "APIKEY" | "APIKEYS" if self.signs() => Kind::SigningKey,
            "SECRET" | "SECRETS" | "KEY" | "KEYS" | "APIKEY" | "APIKEYS" | "WEBHOOK" | "LICENSE" => Kind::ApiKey,
            "DSN" => Kind::ConnectionString,
            glued if GLUED_PASSWORDS.split(' ').any(|end| glued.ends_with(end)) => Kind::Password,
            glued if GLUED_KEYS.split(' ').any(|end| glued.ends_with(end)) => Kind::ApiKey,
            glued if glued.ends_with("TOKEN") => Kind::BearerToken,
            _ => return None,
        })
    }

    /// Whether a secret of this name signs or encrypts the application's own data.
    fn signs(&self) -> bool {
        let alone = matches!(self.phrase.as_str(), "_SECRET_" | "_SECRETS_");
        let framework = ["_APP_KEY_", "_APP_SECRET_", "_AUTH_SECRET_", "_SECRET_KEY_BASE_"];
        alone
            || self.phrase.starts_with("_SECRET_KEY_")
            || self.phrase.ends_with("_APP_SECRET_KEY_")
            || framework.iter().any(|end| self.phrase.ends_with(end))
            || self.words.iter().any(|word| is_one_of(SIGNING, word))
    }
}

/// Whether a list of words, parted by spaces, has this one.
fn is_one_of(list: &str, word: &str) -> bool {
    list.split(' ').any(|own| own == word)
}

/// Words that make a secret one that signs or encrypts.
const SIGNING: &str = "SIGNING SIGN SIGNATURE SESSION SESSIONS COOKIE COOKIES JWT HMAC CSRF ENCRYPTION ENCRYPT PRIVATE \
    MASTER WEBHOOK NEXTAUTH DJANGO FLASK RAILS STATE SALT VAPID";
const GLUED_PASSWORDS: &str = "PASSWORD PASSWD PASSPHRASE DBPASS";
const GLUED_KEYS: &str = "APIKEY SECRET SECRETKEY ACCESSKEY PRIVATEKEY";

const STAGES: &str = "PROD PRODUCTION STAGING STAGE DEV DEVELOPMENT TEST TESTING CI LOCAL LIVE SANDBOX PRIMARY SECONDARY \
    CURRENT PREVIOUS NEXT OLD NEW BACKUP DEFAULT MAIN V1 V2";

const HARMLESS_KEYS: &str = "PARTITION SORT PRIMARY FOREIGN CACHE HOT ROUTING INDEX PUBLIC SHARD HASH RANGE DEDUP TRANSLATION \
    OBJECT SHORTCUT";

const IDENTIFIERS: &str = "ID IDS UUID GUID SHA COMMIT REVISION REV DIGEST CHECKSUM BUILD SID REF TENANT ETAG TAG";

/// Last words of names of settings.
const SETTINGS: &str = "ADDR ADDRESS AGE ALG ALGO ALGORITHM ALGORITHMS ALLOWED ARN ATTEMPTS AUDIENCE BACKEND BUCKET CALLBACK \
    CHANNEL CHARSET CLASS COLLECTION COLOR COLUMN COMMAND COST COUNT DATABASE DAYS DB DEBUG DELAY \
    DESCRIPTION DIALECT DIR DIRECTORY DISABLE DISABLED DOMAIN DOMAINS DRIVER EMAIL ENABLE ENABLED \
    ENCODING ENDPOINT ENGINE ENV ENVIRONMENT EXPIRATION EXPIRE EXPIRES EXPIRY FIELD FILE FILENAME FORMAT \
    HASHER HEADER HOST HOSTNAME HOSTS HOURS HTTPONLY INTERVAL ISSUER ITERATIONS KIND LANG LANGUAGE \
    LEEWAY LEN LENGTH LEVEL LIFETIME LIMIT LOCALE LOCATION MAX MESSAGE METHOD MIN MINUTES MODE MODEL MS \
    NAME NAMES NAMESPACE ORIGIN ORIGINS PATH PATHS PERMISSIONS POLICY PORT PREFIX PROJECT PROVIDER QUEUE \
    RATE REALM REDIRECT REGION REQUIRED RETRIES ROLE ROTATION ROUNDS SAMESITE SCHEMA SCHEME SCOPE SCOPES \
    SECONDS SECS SECURE SERVER SERVICE SIZE STORE STRATEGY SUFFIX TABLE TEMPLATE TIMEOUT TIMEZONE TITLE \
    TOPIC TTL TYPE TZ URI URL URLS URN USER USERNAME VERSION VIEW WINDOW ZONE";

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(name: &str) -> Hint {
        Name::parse(name).hint()
    }

    #[test]
    fn the_last_word_decides() {
        for (name, expected) in [
            ("DB_PASSWORD", Hint::Secret(Kind::Password)),
            ("dbPassword", Hint::Secret(Kind::Password)),
            ("PGPASSWORD", Hint::Secret(Kind::Password)),
            ("API_KEY_PROD", Hint::Secret(Kind::ApiKey)),
            ("SESSION_SIGNING_SECRET", Hint::Secret(Kind::SigningKey)),
            ("SECRET_KEY_BASE", Hint::Secret(Kind::SigningKey)),
            ("AUTH_TOKEN_2", Hint::Secret(Kind::BearerToken)),
            ("VAULT_SECRET_ID", Hint::Secret(Kind::ApiKey)),
            ("PASSWORD_OF_ADMIN", Hint::Mentions(Kind::Password)),
            ("PASSWORD_MIN_LENGTH", Hint::Nothing),
            ("OPENAI_API_KEY_FILE", Hint::Nothing),
            ("DYNAMO_PARTITION_KEY", Hint::Nothing),
            ("AUTHOR", Hint::Nothing),
            ("MONKEY", Hint::Nothing),
            ("", Hint::Nothing),
        ] {
            assert_eq!(hint(name), expected, "{name}");
        }
    }

    #[test]
    fn a_known_variable_is_found_inside_a_longer_name() {
        assert_eq!(Name::parse("VITE_OPENAI_API_KEY").after("OPENAI_API_KEY"), Some(""));
        assert_eq!(Name::parse("OPENAI_API_KEY_FILE").after("OPENAI_API_KEY"), Some("FILE"));
        assert_eq!(Name::parse("MYOPENAI_API_KEY").after("OPENAI_API_KEY"), None);
    }

    #[test]
    fn frontend_prefixes_are_known() {
        assert_eq!(public_prefix("VITE_API_KEY"), Some("VITE_"));
        assert_eq!(public_prefix("NEXT_PUBLIC_URL"), Some("NEXT_PUBLIC_"));
        assert_eq!(public_prefix("INVITE_KEY"), None);
        assert_eq!(public_prefix("vite_key"), None);
    }
}
