use std::str;

use keyward_types::{Access, Kind, Timestamp};

use crate::connection::ConnectionString;
use crate::jwt::Jwt;
use crate::letters::looks_random;
use crate::name::{Hint, Name};
use crate::placeholder::{is_placeholder, is_reference};
use crate::plain::{Plainness, is_path, is_uuid, plainness, urls_have_password, urls_hide};
use crate::provider::{Provider, provider_of_host, provider_of_scheme, provider_of_variable};
use crate::url::Url;
use crate::{Note, Tls, detect, document, public_prefix};

/// What a value is, as far as it and its name tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Recognition {
    /// Its kind; [`Kind::Config`] only where it hides nothing.
    pub kind: Kind,
    /// The id of the service it belongs to.
    pub provider: Option<&'static str>,
    /// The id of the format it has.
    pub detector: Option<&'static str>,
    /// What it allows at the service, where it tells.
    pub access: Option<Access>,
    /// When it stops working, where it tells (`exp` of a JWT).
    pub expires_at: Option<Timestamp>,
    /// What its owner should know.
    pub notes: Vec<Note>,
}

/// Says what the value of a variable is. In doubt it is secret.
///
/// Takes time linear in the length of the value and never fails; nothing leaves the process.
pub fn recognise(name: &str, value: impl AsRef<[u8]>) -> Recognition {
    let parsed = Name::parse(name);
    let Ok(text) = str::from_utf8(value.as_ref()) else {
        return Recognition { notes: vec![Note::Binary, Note::AsFile], ..Recognition::of(Kind::Document) };
    };
    let text = text.trim();
    let mut found = classify(&parsed, text);
    if found.access == Some(Access::Public) {
        found.notes.push(Note::PublicByDesign);
    } else if let Some(prefix) = public_prefix(name).filter(|_| found.kind.is_secret()) {
        found.notes.push(Note::PublishedByBuild(prefix));
    }
    if found.kind.is_secret() && !found.notes.contains(&Note::Placeholder) && is_placeholder(text) {
        found.notes.push(Note::Placeholder);
    }
    found
}

/// Whether a variable of that name usually holds a secret: `dbPassword`, `OPENAI_API_KEY`, not `token_count`.
pub fn names_a_secret(name: &str) -> bool {
    expected(&Name::parse(name)).0.is_secret()
}

/// The variable that a service's keys of a kind usually live in: `OPENAI_API_KEY`.
pub fn usual_variable(provider: &Provider, kind: Kind) -> Option<&'static str> {
    let own = provider.env.iter().filter(|(_, own)| *own == kind).map(|(name, _)| *name);
    // The plainest: `OPENAI_API_KEY` before `OPENAI_ADMIN_KEY`.
    own.min_by_key(|name| (!name.ends_with("_API_KEY"), name.contains("ADMIN"), name.len()))
}

impl Recognition {
    /// A value of that kind, of which nothing else is known.
    pub(crate) fn of(kind: Kind) -> Self {
        Self { kind, provider: None, detector: None, access: None, expires_at: None, notes: Vec::new() }
    }
}

/// The questions, the surest first.
fn classify(name: &Name, text: &str) -> Recognition {
    if text.is_empty() || is_reference(text) {
        let note = if text.is_empty() { Note::Empty } else { Note::Reference };
        let (kind, provider) = expected(name);
        return Recognition { provider, notes: vec![note], ..Recognition::of(kind) };
    }
    let bare = text.strip_prefix("Bearer ").map_or(text, str::trim);
    document::recognise(text)
        .or_else(|| by_format(name, bare))
        .or_else(|| Jwt::parse(bare).map(|jwt| jwt.recognition(name)))
        .or_else(|| by_url(name, text))
        .or_else(|| by_fields(text))
        .or_else(|| by_variable(name, text))
        .unwrap_or_else(|| Recognition::of(by_name(name, text)))
}

/// A format of the catalogue.
fn by_format(name: &Name, text: &str) -> Option<Recognition> {
    let hit = detect::find(name, text)?;
    let detector = hit.detector;
    let mut notes = Vec::new();
    if let Some((named, _)) = variable(name).filter(|(named, _)| named.id != detector.provider) {
        notes.push(Note::OtherProvider { named: named.id, found: detector.provider });
    }
    if hit.checksum == Some(false) {
        notes.push(Note::ChecksumMismatch);
    }
    notes.extend(detector.advice.map(Note::Advice));
    Some(Recognition {
        provider: Some(detector.provider),
        detector: Some(detector.id),
        access: detector.access,
        // Some services' keys are JWTs of a form of their own.
        expires_at: Jwt::parse(text).and_then(|jwt| jwt.recognition(name).expires_at),
        notes,
        ..Recognition::of(detector.kind)
    })
}

/// A URL: with credentials, with a secret in its path or query, or plain.
fn by_url(name: &Name, text: &str) -> Option<Recognition> {
    let url = Url::parse(text)?;
    let connection = ConnectionString::parse(text);
    let provider = provider_of_host(url.host()).or_else(|| provider_of_scheme(url.scheme));
    let provider = provider.or_else(|| variable(name).map(|(provider, _)| provider)).map(|provider| provider.id);
    let has_password = urls_have_password(text) || connection.as_ref().is_some_and(|c| c.password.is_some());
    let mut notes = Vec::new();
    if let Some(connection) = &connection {
        let risky = matches!(connection.tls, Tls::Off | Tls::Opportunistic | Tls::RequiredUnverified);
        if risky && !connection.is_local() {
            notes.push(Note::Tls(connection.tls));
        }
        if connection.password.as_ref().is_some_and(|password| is_placeholder(password.expose())) {
            notes.push(Note::Placeholder);
        }
    }
    let kind = if has_password || url.user.is_some_and(looks_random) {
        Kind::ConnectionString
    } else if urls_hide(text) || (text.contains(char::is_whitespace) && plainness(text).is_none()) {
        match name.hint() {
            Hint::Secret(kind) => kind,
            _ => Kind::ApiKey,
        }
    } else if name.hint() == Hint::Secret(Kind::Password) {
        Kind::Password
    } else {
        Kind::Config
    };
    Some(Recognition { provider, notes, ..Recognition::of(kind) })
}

/// `Server=…;Password=…` and libpq's `host=… password=…`.
fn by_fields(text: &str) -> Option<Recognition> {
    const SECRET: [&str; 8] =
        ["password", "pwd", "accountkey", "sharedaccesskey", "sharedaccesssignature", "secret", "accesskey", "apikey"];
    let fields = || text.split([';', ' ', ',']).filter_map(|field| field.split_once('='));
    let is_secret = |(name, value): (&str, &str)| {
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        !value.is_empty() && SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret))
    };
    let azure = fields().any(|(name, _)| name.eq_ignore_ascii_case("AccountKey") || name == "SharedAccessKey");
    let several = fields().count() >= 2;
    (several && fields().any(is_secret))
        .then(|| Recognition { provider: azure.then_some("azure"), ..Recognition::of(Kind::ConnectionString) })
}

/// A variable of the catalogue.
fn by_variable(name: &Name, text: &str) -> Option<Recognition> {
    let (provider, kind) = variable(name)?;
    let setting = kind == Kind::Config || name.is_setting();
    let plain = plainness(text);
    let kind = match kind {
        _ if is_path(text) || is_switch(text) => Kind::Config,
        Kind::Config if plain.is_some() || is_public_identifier(text) => Kind::Config,
        _ if setting => by_name(name, text),
        kind => kind,
    };
    let known = |detector: &crate::Detector| detector.kind == kind && detector.confirmed;
    let mut notes = Vec::new();
    if kind.is_secret() && provider.detect.iter().any(known) && !is_placeholder(text) {
        notes.push(Note::UnexpectedFormat(provider.id));
    }
    Some(Recognition { provider: Some(provider.id), notes, ..Recognition::of(kind) })
}

/// What the name alone, with the look of the value, leads to.
fn by_name(name: &Name, text: &str) -> Kind {
    let plain = plainness(text);
    let plural = name.has("TOKENS") && plain == Some(Plainness::Number);
    match (name.hint(), plain) {
        (Hint::Secret(Kind::Password), Some(Plainness::Clear)) if is_path(text) || is_switch(text) => Kind::Config,
        (Hint::Secret(Kind::Password), _) => Kind::Password,
        (Hint::Secret(_), Some(Plainness::Clear)) => Kind::Config,
        (Hint::Secret(_), _) if plural => Kind::Config,
        (Hint::Secret(kind), _) => kind,
        (Hint::Mentions(_), Some(Plainness::Clear | Plainness::Number)) => Kind::Config,
        (Hint::Mentions(kind), _) => kind,
        (Hint::Nothing, Some(_)) => Kind::Config,
        (Hint::Nothing, None) if name.is_identifier() && is_public_identifier(text) => Kind::Config,
        (Hint::Nothing, None) if text.contains('\n') => Kind::Document,
        (Hint::Nothing, None) if text.len() >= 16 && !text.contains(' ') => Kind::ApiKey,
        (Hint::Nothing, None) => Kind::Password,
    }
}

/// What a variable should hold, where there is no value to look at.
fn expected(name: &Name) -> (Kind, Option<&'static str>) {
    let provider = variable(name);
    let kind = match (provider, name.hint()) {
        (Some((_, kind)), _) if !name.is_setting() => kind,
        (_, Hint::Secret(kind)) => kind,
        _ => Kind::Config,
    };
    (kind, provider.map(|(provider, _)| provider.id))
}

/// The longest variable of the catalogue that is part of the name.
fn variable(name: &Name) -> Option<(&'static Provider, Kind)> {
    let found = name.runs().filter_map(provider_of_variable);
    found.max_by_key(|(own, ..)| own.len()).map(|(_, provider, kind)| (provider, kind))
}

/// UUIDs, hashes of commits and images, ids with a prefix.
fn is_public_identifier(text: &str) -> bool {
    let text = text.strip_prefix("sha256:").unwrap_or(text);
    is_uuid(text)
        || (text.len() <= 100 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte)))
}

fn is_switch(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "none" | "null")
}
