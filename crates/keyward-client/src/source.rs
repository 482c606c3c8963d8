//! Bringing values from other stores, where the command runs.

use keyward_sync::{Asking, Fault};
use keyward_types::Secret;

use crate::{Bytes, Failure, Result, SystemClock, SystemRandom};

pub use keyward_sync::{Source, SourceKind};

/// How a store is asked.
pub struct StoreAsk {
    /// What it is signed in to with.
    pub credential: Bytes,
    /// Authorities whose certificates are believed, as PEM; `None`: the system's.
    pub ca: Option<String>,
    /// A namespace of Vault Enterprise or OpenBao.
    pub namespace: Option<String>,
}

/// A value of another store.
pub struct Taken {
    /// What it is called here.
    pub name: String,
    /// Where it lies there.
    pub from: String,
    /// `None`: it is no text, or it may not be read.
    pub value: Option<Bytes>,
    /// Whether the store keeps it from this credential, which may list it.
    pub denied: bool,
}

/// Everything in a store, in the order of names. Nothing is changed there.
///
/// # Errors
/// When the store refuses or cannot be reached.
pub fn take_from(source: &Source, ask: StoreAsk) -> Result<Vec<Taken>> {
    let text = String::from_utf8(ask.credential.expose().to_vec());
    let text = text.map_err(|_| Failure::usage("the credential is no text"))?;
    let asking = Asking {
        http: crate::verdicts::http().clone(),
        clock: &SystemClock,
        random: &SystemRandom,
        credential: Secret::new("a store's credential", text),
        ca: ask.ca,
        namespace: ask.namespace,
    };
    let found = source.take(asking).map_err(|fault| {
        let failure = Failure::usage(format!("the store cannot be read: {fault}"));
        match fault {
            Fault::Refused(_) => failure.hint("does the credential allow to list and to read there?"),
            _ => failure.hint("try again in a moment"),
        }
    })?;
    let taken = found.into_iter().map(|one| Taken {
        name: one.name,
        from: one.from,
        denied: one.denied,
        value: one.value.map(|value| Bytes::new(value.expose().clone().into_bytes())),
    });
    Ok(taken.collect())
}
