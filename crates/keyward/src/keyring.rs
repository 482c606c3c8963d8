//! The operating system's keyring: on Linux the Secret Service of the session (GNOME Keyring,
//! KWallet), which is asked over the session's message bus. Elsewhere there is none yet.
//!
//! Where no bus is named and none listens in the session's folder, that is known from files alone:
//! nothing is started and nothing is waited for.

use keyward_client::{Failure, Result};
use keyward_types::{Secret, VaultId};

#[cfg(target_os = "linux")]
use dbus_secret_service::{EncryptionType, Error, SecretService};

/// A keyring that answers.
pub(crate) struct Keyring {
    #[cfg(target_os = "linux")]
    service: SecretService,
}

/// How long somebody has to type the keyring's own password into the desktop's dialogue.
#[cfg(target_os = "linux")]
const DIALOGUE_SECONDS: u64 = 120;

#[cfg(target_os = "linux")]
impl Keyring {
    /// The keyring of this session, if there is one.
    pub(crate) fn open(session_bus: Option<&str>) -> Option<Self> {
        if !may_listen(session_bus?) {
            return None;
        }
        let service = SecretService::connect_with_max_prompt_timeout(EncryptionType::Dh, DIALOGUE_SECONDS);
        service.ok().map(|service| Self { service })
    }

    /// Whether something can be kept in it: it has a default collection, which is open or which
    /// its owner opens now.
    pub(crate) fn is_usable(&self) -> bool {
        self.service.get_default_collection().is_ok_and(|collection| collection.ensure_unlocked().is_ok())
    }

    /// Keeps the private half of a vault's slot, in the place of an earlier one.
    pub(crate) fn store(&self, vault: VaultId, text: &str) -> Result<()> {
        let id = vault.to_string();
        self.store_as(&id, &format!("keyward vault {id}"), text)
    }

    /// Keeps something of keyward's under this name, in the place of an earlier one.
    pub(crate) fn store_as(&self, name: &str, label: &str, text: &str) -> Result<()> {
        let collection = self.service.get_default_collection().map_err(failed)?;
        let stored = collection.create_item(label, attributes(name), text.as_bytes(), true, "text/plain");
        stored.map(drop).map_err(failed)
    }

    /// What was stored for this vault.
    pub(crate) fn load(&self, vault: VaultId) -> Result<Option<Secret<String>>> {
        self.load_as(&vault.to_string())
    }

    /// What was stored under this name.
    pub(crate) fn load_as(&self, name: &str) -> Result<Option<Secret<String>>> {
        let found = self.service.search_items(attributes(name)).map_err(failed)?;
        let item = match (found.unlocked.first(), found.locked.first()) {
            (Some(item), _) => item,
            (None, Some(item)) => {
                item.unlock().map_err(failed)?;
                item
            }
            (None, None) => return Ok(None),
        };
        let bytes = item.get_secret().map_err(failed)?;
        let text = String::from_utf8(bytes).map_err(|_| Failure::usage("the keyring's entry is not keyward's"))?;
        Ok(Some(Secret::new("keyring entry", text)))
    }

    /// Forgets what was stored for this vault.
    pub(crate) fn delete(&self, vault: VaultId) -> Result<()> {
        let id = vault.to_string();
        let found = self.service.search_items(attributes(&id)).map_err(failed)?;
        found.unlocked.iter().chain(&found.locked).try_for_each(|item| item.delete()).map_err(failed)
    }
}

/// Whether a bus may listen at one of the addresses: for a path the socket must be there (addresses
/// are separated by `;`, see the D-Bus specification).
#[cfg(target_os = "linux")]
fn may_listen(addresses: &str) -> bool {
    addresses.split(';').any(|address| match address.strip_prefix("unix:path=") {
        Some(rest) => rest.split(',').next().is_some_and(|path| std::path::Path::new(path).exists()),
        // `autolaunch:` would start a bus.
        None => address.starts_with("unix:") || address.starts_with("tcp:"),
    })
}

#[cfg(target_os = "linux")]
fn attributes(vault: &str) -> std::collections::HashMap<&str, &str> {
    std::collections::HashMap::from([("application", "keyward"), ("vault", vault)])
}

#[cfg(target_os = "linux")]
fn failed(error: Error) -> Failure {
    Failure::internal(format!("the keyring refused: {error}"))
}

#[cfg(not(target_os = "linux"))]
impl Keyring {
    pub(crate) fn open(_session_bus: Option<&str>) -> Option<Self> {
        None
    }

    pub(crate) fn is_usable(&self) -> bool {
        false
    }

    pub(crate) fn store(&self, _vault: VaultId, _text: &str) -> Result<()> {
        Err(Failure::usage("keyward knows no keyring on this system yet"))
    }

    pub(crate) fn store_as(&self, _name: &str, _label: &str, _text: &str) -> Result<()> {
        Err(Failure::usage("keyward knows no keyring on this system yet"))
    }

    pub(crate) fn load(&self, _vault: VaultId) -> Result<Option<Secret<String>>> {
        Ok(None)
    }

    pub(crate) fn load_as(&self, _name: &str) -> Result<Option<Secret<String>>> {
        Ok(None)
    }

    pub(crate) fn delete(&self, _vault: VaultId) -> Result<()> {
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn without_a_bus_nothing_is_asked_and_nothing_started() {
        let started = std::time::Instant::now();
        for bus in [None, Some("unix:path=/nonexistent/bus,guid=00"), Some("autolaunch:"), Some("")] {
            assert!(Keyring::open(bus).is_none(), "{bus:?}");
        }
        assert!(started.elapsed() < std::time::Duration::from_millis(5), "{:?}", started.elapsed());
    }
}
