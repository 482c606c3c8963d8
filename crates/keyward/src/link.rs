//! The link by which a person chooses a password, as it is shown: once, to whoever gives it on.

use keyward_client::MadeInvite;
use zeroize::Zeroizing;

/// The link at a server's address. What it holds stands behind `#`, which browsers send to nobody.
pub(crate) fn at(server: &str, made: &MadeInvite) -> Zeroizing<String> {
    Zeroizing::new(format!("{server}/#link={}", String::from_utf8_lossy(made.text.expose())))
}
