//! Which names are a secret's, in code, where `token` and `key` are words of every parser.

use keyward_providers::{names_a_secret, public_prefix};

/// How sure a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sure {
    /// Other things are called so too: `token`.
    Hardly,
    /// `api_key`, `dbPassword`, `OPENAI_API_KEY`.
    Quite,
}

/// Whether a name is a secret's: the last part of `self.client.apiKey` is given.
pub(super) fn secret(name: &str) -> Option<Sure> {
    if name.len() < 3 || name.len() > 80 || !names_a_secret(name) {
        return None;
    }
    let words = words(name);
    let (last, qualifiers) = words.split_last()?;
    if qualifiers.iter().any(|word| HARMLESS.contains(&word.as_str())) {
        return None;
    }
    // `GITHUB_TOKEN`: whoever shouts names a variable of the environment.
    let shouted = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    let qualified = qualifiers.iter().any(|word| QUALIFIERS.contains(&word.as_str()));
    match last.as_str() {
        "password" | "passwd" | "passphrase" | "apikey" | "secretkey" | "privatekey" | "accesstoken" | "authtoken"
        | "clientsecret" => Some(Sure::Quite),
        "pwd" | "pass" | "passcode" | "credential" => (!qualifiers.is_empty() && qualified).then_some(Sure::Quite),
        "secret" if qualifiers.is_empty() => Some(Sure::Hardly),
        "secret" => Some(Sure::Quite),
        "token" if qualifiers.is_empty() => Some(Sure::Hardly),
        "key" | "token" if qualified => Some(Sure::Quite),
        "token" if shouted => Some(Sure::Quite),
        "jwt" | "bearer" | "dsn" | "key" | "salt" | "auth" | "cookie" | "pin" => None,
        // The catalogue knows the variable as a whole: `DATABASE_URL`.
        _ if shouted && qualifiers.len() == 1 && last == "url" => Some(Sure::Quite),
        _ => None,
    }
}

/// Whether a variable that a build publishes is one that must not be: the part after the prefix is
/// a secret's name and the service does not mean it to be public.
pub(super) fn published_secret(name: &str) -> bool {
    let Some(prefix) = public_prefix(name) else { return false };
    let bare = &name[prefix.len()..];
    secret(bare) == Some(Sure::Quite) && !words(bare).iter().any(|word| PUBLIC.contains(&word.as_str()))
}

/// Whether the service means the value of a variable to be public.
pub(super) fn is_public(name: &str) -> bool {
    words(name).iter().any(|word| PUBLIC.contains(&word.as_str()))
}

/// Words of a name, in lower case: `apiKey`, `API_KEY`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || (before.is_ascii_lowercase() && c.is_ascii_uppercase()) {
            words.push(String::new());
        }
        if c.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty() && !word.bytes().all(|byte| byte.is_ascii_digit()));
    words
}

/// Words before `key`, `token`, `pwd` that make it a secret's.
const QUALIFIERS: [&str; 39] = [
    "api",
    "access",
    "secret",
    "private",
    "signing",
    "encryption",
    "master",
    "auth",
    "bearer",
    "refresh",
    "session",
    "service",
    "account",
    "admin",
    "root",
    "db",
    "database",
    "user",
    "deploy",
    "bot",
    "github",
    "gitlab",
    "slack",
    "npm",
    "pypi",
    "openai",
    "anthropic",
    "aws",
    "stripe",
    "vault",
    "webhook",
    "personal",
    "oauth",
    "client",
    "app",
    "login",
    "jwt",
    "smtp",
    "hf",
];

/// Words that make a name something else: a question, a parser's token, a hash, a test's value.
const HARMLESS: [&str; 67] = [
    "is",
    "has",
    "have",
    "needs",
    "need",
    "use",
    "uses",
    "show",
    "hide",
    "no",
    "with",
    "without",
    "require",
    "required",
    "forgot",
    "reset",
    "valid",
    "invalid",
    "verify",
    "wrong",
    "incorrect",
    "missing",
    "empty",
    "hashed",
    "encrypted",
    "masked",
    "redacted",
    "dummy",
    "fake",
    "mock",
    "test",
    "example",
    "sample",
    "public",
    "next",
    "prev",
    "previous",
    "current",
    "page",
    "continuation",
    "sync",
    "cancellation",
    "cancel",
    "csrf",
    "xsrf",
    "idempotency",
    "primary",
    "foreign",
    "partition",
    "cache",
    "sort",
    "end",
    "start",
    "string",
    "eof",
    "eos",
    "bos",
    "pad",
    "mask",
    "unk",
    "stop",
    "lookup",
    "parsed",
    "unexpected",
    "expected",
    "can",
    "scope",
];

/// Words of values that services publish by design.
const PUBLIC: [&str; 34] = [
    "public",
    "publishable",
    "anon",
    "site",
    "sitekey",
    "recaptcha",
    "hcaptcha",
    "turnstile",
    "captcha",
    "maps",
    "map",
    "mapbox",
    "mapkit",
    "cesium",
    "firebase",
    "posthog",
    "amplitude",
    "mixpanel",
    "segment",
    "write",
    "analytics",
    "ga",
    "gtm",
    "algolia",
    "search",
    "sentry",
    "vapid",
    "pusher",
    "datadog",
    "launchdarkly",
    "clarity",
    "clerk",
    "pk",
    "tracking",
];
