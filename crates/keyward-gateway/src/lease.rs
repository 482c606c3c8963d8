//! Use of a value without disclosing it.
//!
//! A [`Lease`] says that this process may apply one version of a secret until a moment. Whoever
//! implements [`Leases`] has recorded that durably before he gives one out, renews it off the path
//! of requests, and stops renewing when nothing can be recorded: then requests are refused as soon
//! as the last lease has ended.

use std::fmt;
use std::sync::Arc;

use keyward_types::{Secret, SecretId, Timestamp, Version};

use crate::redact::Patterns;

/// Where leases come from. Called for every request: it takes no lock and does no I/O.
pub trait Leases: Send + Sync {
    /// The lease of this secret; `None` for the version means the active one. `None` when there is
    /// no lease that lives.
    fn lease(&self, secret: SecretId, version: Option<Version>) -> Option<Arc<Lease>>;

    /// Asks for a lease where there is none yet, off the path of requests. `true`: it is worth waiting
    /// for a moment.
    fn ask(&self, secret: SecretId) -> bool {
        let _ = secret;
        false
    }
}

/// One version of a secret that may be applied, and not shown, until a moment. The value is wiped
/// with the lease, and `Debug` has the ids alone.
pub struct Lease {
    /// Whose value it is.
    pub secret: SecretId,
    /// Which of its versions.
    pub version: Version,
    /// When the right to apply it ends.
    pub until: Timestamp,
    /// The version that was active before, as long as it may still be fallen back to.
    pub previous: Option<Arc<Lease>>,
    value: Secret<Vec<u8>>,
    patterns: Arc<Patterns>,
    /// Whether it may stand in a header: a line break in it would end the line, and more than that.
    fits_a_header: bool,
}

impl Lease {
    /// Takes the value, and makes what its echoes are recognised by.
    pub fn new(secret: SecretId, version: Version, value: Secret<Vec<u8>>, until: Timestamp) -> Self {
        let patterns = Arc::new(Patterns::of(value.expose()));
        let fits_a_header = value.expose().iter().all(|byte| matches!(byte, b'\t' | 0x20..=0x7e | 0x80..));
        Self { secret, version, until, previous: None, value, patterns, fits_a_header }
    }

    /// The same right until a later moment. What echoes are recognised by is not made again.
    #[must_use]
    pub fn renewed(&self, until: Timestamp) -> Self {
        Self {
            secret: self.secret,
            version: self.version,
            until,
            previous: self.previous.clone(),
            value: self.value.clone(),
            patterns: Arc::clone(&self.patterns),
            fits_a_header: self.fits_a_header,
        }
    }

    /// With the version that was active before, which a clean 401 within the grace falls back to.
    /// Its `until` is the end of the grace.
    #[must_use]
    pub fn after(mut self, previous: Arc<Self>) -> Self {
        self.previous = Some(previous);
        self
    }

    /// Whether it still holds.
    pub fn lives(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// The value, on its way into a request to the upstream and nowhere else.
    pub(crate) fn value(&self) -> &[u8] {
        self.value.expose()
    }

    /// Whether it may stand in a header as it is.
    pub(crate) fn fits_a_header(&self) -> bool {
        self.fits_a_header
    }

    /// What its echoes are recognised by.
    pub(crate) fn patterns(&self) -> &Arc<Patterns> {
        &self.patterns
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({} v{} until {})", self.secret, self.version, self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_prints_no_value_and_ends() {
        let value = Secret::new("OPENAI_API_KEY", b"the-value-itself".to_vec());
        let lease = Lease::new(SecretId::from_bytes([1; 16]), Version::FIRST, value, Timestamp(1_000));
        assert!(!format!("{lease:?}").contains("the-value"));
        assert!(lease.lives(Timestamp(999)) && !lease.lives(Timestamp(1_000)));
        assert!(lease.renewed(Timestamp(2_000)).lives(Timestamp(1_000)));
    }
}
