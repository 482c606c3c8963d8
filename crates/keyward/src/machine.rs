//! This machine around what is kept offline: its key lies in the session's keyring where there is one,
//! else in a file of the user's alone.

use keyward_client::{Home, OfflineHost, Result};
use keyward_types::Secret;

use crate::keyring::Keyring;
use crate::output;

/// Where the key lies, and whom to tell.
pub(crate) struct Machine {
    pub(crate) home: Home,
    pub(crate) session_bus: Option<String>,
}

/// How the keyring knows the key.
const NAME: &str = "offline";

impl OfflineHost for Machine {
    fn key(&self) -> Result<Option<Secret<String>>> {
        if let Some(key) = self.home.offline_key()? {
            return Ok(Some(key));
        }
        self.keyring().map_or(Ok(None), |keyring| keyring.load_as(NAME))
    }

    fn keep_key(&self, key: &Secret<String>) -> Result<()> {
        match self.keyring().filter(Keyring::is_usable) {
            Some(keyring) => keyring.store_as(NAME, "keyward, kept offline", key.expose()),
            None => self.home.keep_offline_key(key),
        }
    }

    fn tell(&self, words: &str) {
        output::note(words);
    }
}

impl Machine {
    fn keyring(&self) -> Option<Keyring> {
        Keyring::open(self.session_bus.as_deref())
    }
}
