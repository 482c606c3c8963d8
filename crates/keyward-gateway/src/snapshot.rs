//! Every virtual key with its grant, as of one moment. Immutable: a change is another snapshot, which
//! takes the place of this one between two requests.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keyward_types::Timestamp;

use crate::grant::Grant;
use crate::narrowing::Narrowing;
use crate::upstream::Upstream;

/// Makes of a presented key what it is found by. `None` for what is no key at all.
pub type Lookup = dyn Fn(&[u8]) -> Option<Presented> + Send + Sync;

/// A presented key, as far as it tells by itself.
#[derive(Clone, Debug)]
pub struct Presented {
    /// What its grant is found by: its HMAC under the vault's token key, or that of the key it was made of.
    pub hash: [u8; 32],
    /// What its holder added, where he made it narrower.
    pub narrowing: Option<Arc<Narrowing>>,
}

impl From<[u8; 32]> for Presented {
    fn from(hash: [u8; 32]) -> Self {
        Self { hash, narrowing: None }
    }
}

/// All that requests are judged by.
pub struct Snapshot {
    /// When its maker last knew that nothing newer existed.
    pub as_of: Timestamp,
    /// Tells this snapshot from every other one of this process.
    pub(crate) number: u64,
    tables: Arc<Tables>,
    lookup: Arc<Lookup>,
}

#[derive(Clone, Default)]
struct Tables {
    keys: HashMap<[u8; 32], Entry>,
    upstreams: HashMap<Box<str>, Arc<Upstream>>,
    origins: HashSet<Box<str>>,
}

#[derive(Clone)]
struct Entry {
    grant: Arc<Grant>,
    /// A key that was rotated is known until its grace ends.
    until: Option<Timestamp>,
}

impl Snapshot {
    /// An empty one, as of this moment.
    pub fn new(as_of: Timestamp, lookup: Arc<Lookup>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { as_of, number: NEXT.fetch_add(1, Ordering::Relaxed), tables: Arc::default(), lookup }
    }

    /// Adds a key by what it is found by.
    #[must_use]
    pub fn with_key(mut self, hash: [u8; 32], grant: Arc<Grant>) -> Self {
        let tables = self.tables();
        for route in grant.routes.iter() {
            tables.upstreams.entry(route.provider.clone()).or_insert_with(|| Arc::clone(&route.upstream));
        }
        tables.origins.extend(grant.origins.iter().map(|origin| origin.to_ascii_lowercase().into()));
        tables.keys.insert(hash, Entry { grant, until: None });
        self
    }

    /// Adds what a key was before it was rotated, until its grace ends.
    #[must_use]
    pub fn with_previous(mut self, hash: [u8; 32], grant: Arc<Grant>, until: Timestamp) -> Self {
        self.tables().keys.entry(hash).or_insert(Entry { grant, until: Some(until) });
        self
    }

    /// Adds a provider that is set up, whether or not a key reaches it.
    #[must_use]
    pub fn with_upstream(mut self, upstream: Arc<Upstream>) -> Self {
        self.tables().upstreams.insert(upstream.provider.clone(), upstream);
        self
    }

    /// The same keys at a later moment: nothing has changed, and that is known. It costs nothing.
    #[must_use]
    pub fn still(&self, as_of: Timestamp) -> Self {
        Self { as_of, number: self.number, tables: Arc::clone(&self.tables), lookup: Arc::clone(&self.lookup) }
    }

    fn tables(&mut self) -> &mut Tables {
        Arc::make_mut(&mut self.tables)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.tables.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tables.keys.is_empty()
    }

    /// What a presented key is found by.
    pub(crate) fn hash(&self, presented: &[u8]) -> Option<Presented> {
        (self.lookup)(presented)
    }

    /// The grant of a key, and until when it is known by this one.
    pub(crate) fn find(&self, hash: &[u8; 32]) -> Option<(&Arc<Grant>, Option<Timestamp>)> {
        self.tables.keys.get(hash).map(|entry| (&entry.grant, entry.until))
    }

    /// The upstream of a provider, for the shape of its errors.
    pub(crate) fn upstream(&self, provider: &str) -> Option<&Arc<Upstream>> {
        self.tables.upstreams.get(provider)
    }

    /// Whether some key may be used by this page. What a browser asks before it sends a key cannot be
    /// answered by more than that.
    pub(crate) fn knows_origin(&self, origin: &str) -> bool {
        self.tables.origins.contains(origin) || self.tables.origins.contains(&*origin.to_ascii_lowercase())
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({} keys as of {})", self.tables.keys.len(), self.as_of)
    }
}
