//! The test kit: what tests of several rooms share. Never part of what is shipped.
//!
//! - [`Seed`]: the one source of chance of a test, printed so that a run can be repeated.
//! - [`TestVault`]: a vault over the embedded engine in a folder of its own, with a clock that the
//!   test moves and randomness that it can repeat.
//! - `Ahead`: a later time for processes.
//! - [`Brittle`]: an engine that stops committing when it is told to.
//! - [`Program`]: the `keyward` binary in surroundings that are all fresh folders.
//! - [`Markers`]: secrets whose every spelling is searched for where it must not be.
//! - [`chromium`]: a real browser, and what it tells of its network.
//! - [`crash`]: what the crash campaign and its victim agree on.
//! - [`doubles`]: services' administrative interfaces, with troubles to switch on.
//! - `faults`: a disk that is full, broken or read-only when the test says so.
//! - [`halting`]: an engine that stops at a commit, where the process is killed.
//! - `mariadb`: a MariaDB of the test's own.
//! - [`moto`]: AWS's services as moto has them, which look at signatures.
//! - [`oidc`]: an OpenID provider that answers what it is told to.
//! - `postgres`: a database server of the test's own.
//! - `redis`: a Redis of the test's own.
//! - [`rotators`]: what every rotator has to keep.
//! - [`tamper`]: alterations of a database behind the store's back.
//! - [`targets`]: what every deployment target has to keep.
//! - [`template`]: values of services, from the catalogue's templates.
//! - `Up`: a running `keyward up`.
//! - [`values`]: secrets as people have them, made up.
//!
//! The campaigns lie in `tests/`: random tests that grow with their size, run small by `cargo test`
//! and at full size by `cargo xtask prove`.

#[macro_use]
mod wrapped;

#[cfg(target_os = "linux")]
mod ahead;
mod brittle;
#[cfg(unix)]
pub mod chromium;
pub mod crash;
pub mod doubles;
#[cfg(target_os = "linux")]
pub mod faults;
#[cfg(unix)]
mod guarded;
pub mod halting;
#[cfg(unix)]
pub mod mariadb;
mod marker;
#[cfg(unix)]
pub mod moto;
pub mod oidc;
#[cfg(unix)]
pub mod postgres;
mod program;
#[cfg(unix)]
pub mod redis;
pub mod rotators;
mod seed;
#[cfg(target_os = "linux")]
mod shim;
pub mod tamper;
pub mod targets;
pub mod template;
#[cfg(unix)]
mod up;
pub mod values;
pub mod vault;

#[cfg(target_os = "linux")]
pub use ahead::Ahead;
pub use brittle::{Brittle, Switch};
pub use marker::Markers;
pub use program::{Home, Program, Ran};
pub use seed::{Seed, proof, size};
#[cfg(unix)]
pub use up::Up;
pub use vault::TestVault;
