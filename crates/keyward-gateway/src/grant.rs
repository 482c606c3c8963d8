//! What a virtual key may be used for.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use ipnet::IpNet;
use keyward_types::{Id, SecretId, Timestamp, Version};

use crate::glob::Glob;
use crate::upstream::Upstream;

/// Marks ids of virtual keys.
pub enum VirtualKeyMark {}
/// Marks ids of budgets.
pub enum BudgetMark {}
/// Names a virtual key for ever.
pub type VirtualKeyId = Id<VirtualKeyMark>;
/// Names a budget; several keys may spend from one.
pub type BudgetId = Id<BudgetMark>;

/// Everything that a request is judged by. Immutable: a change is a new snapshot.
#[derive(Debug)]
pub struct Grant {
    /// Its id, which stands in logs and usage.
    pub id: VirtualKeyId,
    /// What may be called, one entry a provider. A hundred thousand keys with the same rules share these.
    pub routes: Arc<[Route]>,
    /// From where it may be used. Empty: from everywhere.
    pub networks: Arc<[IpNet]>,
    /// Pages that may use it, as origins (`https://app.example`). Empty: it is no browser's key.
    pub origins: Arc<[Box<str>]>,
    /// Requests a minute.
    pub rpm: Option<u32>,
    /// Tokens a minute, of input and output together.
    pub tpm: Option<u32>,
    /// Requests at a time.
    pub parallel: Option<u32>,
    /// What it may spend.
    pub budgets: Box<[Budget]>,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// How often it may still be used, counted from this snapshot by the vault.
    pub uses_left: Option<u64>,
    /// It is nobody's, and whoever uses it has found what he should not have.
    pub canary: bool,
    /// How old the snapshot may be. `None`: as the gateway is configured.
    pub max_stale: Option<Duration>,
}

/// One provider that a key reaches.
#[derive(Clone, Debug)]
pub struct Route {
    /// The first segment of a request's path: `openai`.
    pub provider: Box<str>,
    /// Where requests go.
    pub upstream: Arc<Upstream>,
    /// What is put in, and of which version; `None`: the active one.
    pub secret: SecretId,
    /// The version that is pinned.
    pub version: Option<Version>,
    /// Which calls. Empty: every one.
    pub calls: Box<[Call]>,
    /// Which models. Empty: every one.
    pub models: Box<[Glob]>,
    /// The most that a number in the body may be: `max_tokens` = 1000.
    pub maxima: Box<[(Box<str>, u64)]>,
}

/// Some calls of an interface.
#[derive(Clone, Debug)]
pub struct Call {
    /// Methods. Empty: every one.
    pub methods: Box<[Method]>,
    /// Paths below the provider's name, beginning with a slash: `/v1/chat/*`.
    pub path: Glob,
}

/// A budget and what it is counted in.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Which one.
    pub id: BudgetId,
    /// What it is counted in. The period (day, month, for ever) is the business of who reserves
    /// chunks of it.
    pub unit: Unit,
}

/// What a budget is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Millionths of a US dollar.
    Money,
    /// Tokens of input and output.
    Tokens,
    /// Calls.
    Requests,
}

impl Grant {
    /// The route of a provider.
    pub fn route(&self, provider: &str) -> Option<&Route> {
        self.routes.iter().find(|route| &*route.provider == provider)
    }
}

impl Route {
    /// Whether the body has to be read before it can be judged.
    pub fn reads_body(&self) -> bool {
        !self.models.is_empty() || !self.maxima.is_empty()
    }
}
