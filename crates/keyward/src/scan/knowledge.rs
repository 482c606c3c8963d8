//! What the vault knows, for a scan: the bundle of strong values, the weak ones by asking, and what
//! was seen before.
//!
//! A scan asks nobody for a passphrase: where the vault does not open by itself, it goes on without
//! it and says so. A server that was named has to answer: whoever named it counts on it.

use std::collections::HashMap;
use std::sync::Arc;

use keyward_client::{AccessKey, Ask, Bytes, Code, Connection, Failure, Result};
use keyward_scan::Found;
use keyward_types::{KnownSecret, KnownSecrets, Secret, VaultId};
use keyward_vault::MatchBundle;

use super::seen::SeenFiles;
use crate::commands::scan::Args;
use crate::context::Context;
use crate::output;

/// The vault, as far as a scan has to do with it.
pub(crate) struct Knowledge {
    connection: Option<Connection>,
    bundle: Option<Arc<dyn KnownSecrets>>,
    seen: Option<SeenFiles>,
    /// Whether what is found is reported there.
    server: bool,
}

/// Candidates that are compared by fingerprint at most.
const MOST: usize = 50_000;

impl Knowledge {
    /// Opens the vault where there is one and it opens by itself.
    pub(crate) fn gather(args: &Args, context: &Context) -> Result<Self> {
        let nothing = Self { connection: None, bundle: None, seen: None, server: false };
        if args.no_vault {
            return Ok(nothing);
        }
        if context.server()?.is_some() {
            return Self::of_server(context);
        }
        // Without a home there is no vault to know anything.
        let Ok(home) = context.home() else { return Ok(nothing) };
        if !home.exists() {
            if let Some(to) = home.moved_to() {
                output::note(format!("note: the vault was moved to `{to}`, so that stored secrets are not recognised"));
                output::hint("`--server URL` asks the server that has it");
            }
            return Ok(nothing);
        }
        let connection = match home.connect(&Silent(context), &context.occasion()) {
            Ok(connection) => connection,
            Err(failure) if failure.code == Code::Locked => {
                output::note("note: the vault is locked, so that stored secrets are not recognised");
                output::hint("`keyward unlock` keeps it open; `--no-vault` scans without it");
                return Ok(nothing);
            }
            Err(failure) => return Err(failure),
        };
        let bundle = bundle(&connection)?;
        let seen =
            if args.history { Some(SeenFiles::new(&home, connection.desk().scan_key()?.expose())?) } else { None };
        Ok(Self { connection: Some(connection), bundle: Some(bundle), seen, server: false })
    }

    /// The bundle of the server. A token that may not recognise anything, or does not live any more,
    /// ends the scan: else one without candidates would ask nothing, and be green.
    fn of_server(context: &Context) -> Result<Self> {
        let connection = context.connect()?;
        let bundle = bundle(&connection)?;
        Ok(Self { connection: Some(connection), bundle: Some(bundle), seen: None, server: true })
    }

    /// What recognises strong values.
    pub(crate) fn known(&self) -> Option<Arc<dyn KnownSecrets>> {
        // An empty one says all the same that there is a vault, which may know weak values.
        let bundle = self.bundle.clone()?;
        Some(bundle)
    }

    /// Where it is kept what was seen of a history.
    pub(crate) fn seen(&self) -> Option<&SeenFiles> {
        self.seen.as_ref()
    }

    /// The open way to the vault, if there is one.
    pub(crate) fn into_connection(self) -> Option<Connection> {
        self.connection
    }

    /// The way to the vault, whichever has been found.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// The server that findings are reported to, if one is asked.
    pub(crate) fn server(&self) -> Option<&Connection> {
        self.connection.as_ref().filter(|_| self.server)
    }

    /// Asks the vault about values that the bundle does not know: weak ones are not in it.
    pub(crate) fn identify(&self, found: &mut [Found]) -> Result<()> {
        let Some(connection) = &self.connection else { return Ok(()) };
        let unknown = |found: &&mut Found| found.finding.vault.is_none() && !found.misuse && !found.value.is_empty();
        let mut values: Vec<Vec<u8>> = found.iter_mut().filter(unknown).map(|found| found.value.to_vec()).collect();
        values.sort_unstable();
        values.dedup();
        values.truncate(MOST);
        if values.is_empty() {
            return Ok(());
        }
        let values: Vec<Bytes> = values.into_iter().map(Bytes::new).collect();
        let answers = connection.desk().identify(values.clone())?;
        let known: HashMap<&[u8], KnownSecret> =
            values.iter().zip(answers).filter_map(|(value, answer)| Some((value.expose(), answer?))).collect();
        for one in found.iter_mut().filter(unknown) {
            if let Some(secret) = known.get(one.value.as_slice()) {
                one.finding.vault = Some(secret.clone());
                one.weak = false;
            }
        }
        Ok(())
    }
}

fn bundle(connection: &Connection) -> Result<Arc<dyn KnownSecrets>> {
    let bundle = connection.desk().match_bundle()?;
    let bundle = MatchBundle::from_bytes(bundle.expose()).map_err(|error| Failure::internal(error.to_string()))?;
    Ok(Arc::new(bundle))
}

/// Opens the vault with what is there, and asks nobody.
struct Silent<'a>(&'a Context);

impl Ask for Silent<'_> {
    fn given(&self) -> Result<Option<Secret<String>>> {
        self.0.given()
    }

    fn prompt(&self) -> Result<Option<Secret<String>>> {
        Ok(None)
    }

    fn identity(&self) -> Result<Option<Secret<String>>> {
        self.0.identity()
    }

    fn keyring(&self, vault: VaultId) -> Option<Secret<String>> {
        Ask::keyring(self.0, vault)
    }

    fn aws(&self) -> Option<AccessKey> {
        Ask::aws(self.0)
    }
}
