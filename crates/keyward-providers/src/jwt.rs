//! JSON Web Tokens: read, never verified.

use data_encoding::{BASE64URL_NOPAD, Specification};
use keyward_types::{Access, Kind, Timestamp};
use serde_json::{Map, Value};

use crate::name::Name;
use crate::{Note, Recognition};

/// A signed token's header and claims, or an encrypted token's header alone.
pub(crate) struct Jwt {
    claims: Map<String, Value>,
}

/// The part of a JWT that is secret: without the right signature its claims are worth nothing.
pub(crate) fn signature(value: &str) -> Option<&str> {
    let mut parts = value.split('.');
    let (header, _, signature) = (parts.next()?, parts.next()?, parts.next()?);
    (parts.next().is_none() && header.starts_with("eyJ")).then_some(signature)
}

impl Jwt {
    /// Reads a JWS (three parts) or a JWE (five) in compact form; sources: RFC 7515, 7516, 7519.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        if !value.starts_with("eyJ") || value.len() > LONGEST {
            return None;
        }
        let parts: Vec<&str> = value.split('.').collect();
        let charset =
            |part: &&str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'='));
        if !parts.iter().all(charset) || !object(parts[0])?.contains_key("alg") {
            return None;
        }
        match parts.as_slice() {
            [_, claims, _] => Some(Self { claims: object(claims)? }),
            [_, _, _, _, _] => Some(Self { claims: Map::new() }),
            _ => None,
        }
    }

    /// What the token is, as far as its claims and the variable's name tell.
    pub(crate) fn recognition(&self, name: &Name) -> Recognition {
        let mut found = Recognition::of(Kind::BearerToken);
        found.expires_at = self.expires_at();
        if self.claims.get("iss").and_then(Value::as_str) == Some("supabase") {
            self.supabase(&mut found);
        } else if name.contains("qdrant") || self.claims.get("access").is_some_and(is_qdrant_access) {
            self.qdrant(&mut found);
        }
        found
    }

    /// `exp` is in seconds, and may have a fraction (RFC 7519, section 2).
    fn expires_at(&self) -> Option<Timestamp> {
        let seconds = self.claims.get("exp")?.as_f64().filter(|seconds| (0.0..1e12).contains(seconds))?;
        #[allow(clippy::cast_possible_truncation)] // Checked just above.
        Some(Timestamp((seconds * 1000.0) as i64))
    }

    /// Supabase's legacy project keys carry the role they act as; `anon` is meant for browsers.
    fn supabase(&self, found: &mut Recognition) {
        found.provider = Some("supabase");
        found.kind = Kind::ApiKey;
        found.access = match self.claims.get("role").and_then(Value::as_str) {
            Some("anon") => Some(Access::Public),
            Some("service_role") => Some(Access::Admin),
            _ => None,
        };
    }

    /// Qdrant's tokens say in `access` what they allow; one without it may do everything.
    fn qdrant(&self, found: &mut Recognition) {
        found.provider = Some("qdrant");
        found.kind = Kind::ApiKey;
        found.access = match self.claims.get("access") {
            None | Some(Value::Null) => {
                found.notes.push(Note::FullAccess);
                Some(Access::Admin)
            }
            Some(Value::String(access)) if access == "m" => Some(Access::Admin),
            Some(Value::String(access)) if access == "r" => Some(Access::ReadOnly),
            Some(Value::Array(rules)) if rules.iter().all(|rule| rule["access"] == "r") => Some(Access::ReadOnly),
            Some(_) => Some(Access::ReadWrite),
        };
    }
}

const LONGEST: usize = 64 * 1024;

fn is_qdrant_access(access: &Value) -> bool {
    match access {
        Value::String(access) => access == "r" || access == "m",
        Value::Array(rules) => !rules.is_empty() && rules.iter().all(|rule| rule["collection"].is_string()),
        _ => false,
    }
}

/// Base64url of a JSON object. Padding and stray last bits, which some issuers leave, are
/// tolerated.
fn object(part: &str) -> Option<Map<String, Value>> {
    let mut lenient: Specification = BASE64URL_NOPAD.specification();
    lenient.check_trailing_bits = false;
    let bytes = lenient.encoding().ok()?.decode(part.trim_end_matches('=').as_bytes()).ok()?;
    match serde_json::from_slice(&bytes).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}
