//! Work that may block, on a thread that is there for it.

use crate::problem::{Problem, Result};

/// Carries `work` out where it holds up no other request.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    // A panic has been reported by the hook; its message may hold anything.
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_panicked| Err(Problem::internal()))
}
