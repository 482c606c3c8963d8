//! How `keyward run` starts a child with secrets in its environment, and masks them in its output.
//!
//! - [`Masker`] overwrites every spelling of a secret in a stream.
//! - [`Run`] starts the child; it behaves as after exec(2): exit code, signals, process group,
//!   terminal.
//! - [`mod@env`] composes the child's environment and refuses names that change what is executed.
//! - [`PrivateFiles`] hands values over as files in memory.
//!
//! Linux is supervised in full. Elsewhere output passes through pipes and the terminal's own
//! signals reach the child; that code is written to be simple and is not tested on those systems.

pub mod env;
mod error;
mod lookup;
mod mask;
// Compiled for the tests on Linux too, since nothing else would check it here.
#[cfg(any(test, not(target_os = "linux")))]
#[cfg_attr(target_os = "linux", allow(dead_code, reason = "used on other systems"))]
mod portable;
mod private_files;
mod run;
#[cfg(target_os = "linux")]
mod supervise;

pub use error::Error;
pub use mask::{MIN_SECRET, Masker};
pub use private_files::PrivateFiles;
pub use run::{Ending, Next, Run, Status};
