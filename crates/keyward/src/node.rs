//! A node that serves: where its vault lies, what opens it, and what the server asks of it when it is
//! sealed and unsealed.

use std::sync::Arc;

use keyward_client::{AccessKey, Failure, Held, Owned, Result, Share, Site, SlotChoice, StoreAddress, Vault};
use keyward_server::{Config, Keyhole, Store, Unlock};
use keyward_types::Secret;

use crate::config;
use crate::context::Context;
use crate::first_start;

/// What a server starts with.
pub(crate) struct Node {
    pub(crate) owned: Owned,
    pub(crate) keyhole: Option<Keys>,
    /// Why it starts sealed, if it does.
    pub(crate) sealed: Option<Failure>,
    /// The vault is this machine's own, so that a first start may put things into it.
    pub(crate) is_local: bool,
}

/// The way to the vault while the server is sealed.
pub(crate) struct Keys {
    site: Site,
    held: Arc<Held>,
    node: String,
    /// With what AWS KMS is asked, where it opens the vault.
    aws: Option<AccessKey>,
}

impl Node {
    /// The vault of this machine, which is made first where there is none. It is open as long as the
    /// process lives.
    pub(crate) fn local(context: &Context) -> Result<Self> {
        Ok(Self { owned: first_start::own(context)?, keyhole: None, sealed: None, is_local: true })
    }

    /// The vault that a configuration names.
    pub(crate) fn of(context: &Context, config: &Config) -> Result<Self> {
        let home = context.home()?;
        let address = address(context, &config.store)?;
        let is_local = address.is_none();
        let slot = slot(&config.unlock);
        if is_local && !home.exists() && slot == SlotChoice::Usual {
            // It is made, and given up for a moment.
            drop(first_start::own(context)?);
        }
        let site = Site::new(home, address, slot);
        let (owned, sealed) = site.own(context)?;
        let keys = Keys {
            site,
            held: Arc::clone(owned.held()),
            node: context.config.machine.clone(),
            aws: context.config.aws(),
        };
        Ok(Self { owned, keyhole: Some(keys), sealed, is_local })
    }
}

fn address(context: &Context, store: &Store) -> Result<Option<StoreAddress>> {
    let Some(address) = &store.address else { return Ok(None) };
    let from_file = store.password_file.as_deref().map(config::read_secret).transpose()?;
    let password = from_file.as_ref().map(|password: &Secret<String>| password.expose().as_str());
    StoreAddress::parse(address, password.or(context.config.database_password())).map(Some)
}

fn slot(unlock: &Unlock) -> SlotChoice {
    match unlock {
        Unlock { key_file: Some(path), .. } => SlotChoice::KeyFile(path.clone()),
        Unlock { passphrase_file: Some(path), .. } => SlotChoice::File(path.clone()),
        Unlock { keyring: true, .. } => SlotChoice::Keyring,
        Unlock { kms: true, .. } => SlotChoice::Kms,
        Unlock { shares: true, .. } => SlotChoice::Shares,
        _ => SlotChoice::Usual,
    }
}

impl Keyhole for Keys {
    fn node(&self) -> String {
        self.node.clone()
    }

    fn threshold(&self) -> Result<Option<u8>> {
        self.site.threshold()
    }

    fn open(&self, shares: &[Share]) -> Result<Arc<Vault>> {
        self.site.open_with_shares(shares)
    }

    fn open_alone(&self) -> Result<Option<Arc<Vault>>> {
        self.site.open_alone(self.aws.as_ref())
    }

    fn opens_alone(&self) -> bool {
        self.site.opens_alone()
    }

    fn opened(&self, vault: &Arc<Vault>) {
        self.held.put(Arc::clone(vault));
    }

    fn sealed(&self) {
        self.held.take();
    }
}
