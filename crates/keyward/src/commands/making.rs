//! The flags that say who makes a secret's successor, and the value that a person brings.

use std::io::{IsTerminal, Read};

use keyward_client::{
    Bytes, Desk, Failure, PostgresAsk, Result, RotateAsk, RotationInfo, ServiceAsk, Where, Wish, awaited,
};
use keyward_types::SecretName;
use zeroize::Zeroizing;

use super::provider::part;
use crate::output;
use crate::terminal;

/// Who manages a secret, and as what.
#[derive(Debug, clap::Args)]
pub(super) struct Managed {
    /// A PostgreSQL's two roles that stand in for each other, as `app_a,app_b`; remembered
    #[arg(long, value_delimiter = ',', value_name = "ROLES", requires = "admin")]
    pub(super) postgres_roles: Vec<String>,
    /// The secret that manages this one: an administrator's connection URL, a service's admin key; remembered
    #[arg(long, value_name = "SECRET")]
    pub(super) admin: Option<SecretName>,
    /// What the service has to be told of the account: `project=proj_1`, `user=deploy`; remembered. `key=ID` is
    /// the service's id of the present key, where it does not tell it by the value
    #[arg(long, value_name = "PART=VALUE", value_parser = part, conflicts_with = "postgres_roles")]
    account: Vec<(String, String)>,
}

impl Managed {
    /// The same as a desk is asked.
    pub(super) fn ask(self) -> Result<RotateAsk> {
        let by_roles = !self.postgres_roles.is_empty();
        match (<[String; 2]>::try_from(self.postgres_roles), self.admin) {
            (Ok(roles), Some(admin)) => {
                Ok(RotateAsk { postgres: Some(PostgresAsk { roles, admin }), ..RotateAsk::default() })
            }
            _ if by_roles => Err(Failure::usage("two roles are needed: `--postgres-roles app_a,app_b`")),
            (_, None) if self.account.is_empty() => Ok(RotateAsk::default()),
            (_, admin) => {
                let account = self.account.into_iter().collect();
                Ok(RotateAsk { service: Some(ServiceAsk { account, admin }), ..RotateAsk::default() })
            }
        }
    }
}

/// Longest value that is read.
const LONGEST: u64 = keyward_vault::MAX_VALUE as u64;

/// Asks for the value that a rotation waits for, as long as there is somebody to ask; it is never shown.
pub(super) fn brought(desk: &dyn Desk, at: &Where, rotation: RotationInfo, from_stdin: bool) -> Result<RotationInfo> {
    let waits = |rotation: &RotationInfo| rotation.actions.contains(&Wish::Brought);
    if !waits(&rotation) || !(from_stdin || std::io::stdin().is_terminal()) {
        return Ok(rotation);
    }
    if let Some(why) = &rotation.why {
        output::note(why);
    }
    let value = value(&rotation.name, from_stdin)?;
    let name = rotation.name;
    awaited(desk, at, &name, |desk| desk.bring_rotation(at.clone(), name.clone(), value))
}

/// A value that is pasted where nobody sees it, or piped in.
pub(super) fn value(name: &SecretName, from_stdin: bool) -> Result<Bytes> {
    if !from_stdin && std::io::stdin().is_terminal() {
        let pasted = terminal::hidden(&format!("New value of {name} (it is not shown)"))?;
        return Ok(Bytes::new(pasted.expose().trim().as_bytes().to_vec()));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    let read = std::io::stdin().lock().take(LONGEST + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::internal(format!("standard input cannot be read: {error}")))?;
    Ok(Bytes::new(bytes.trim_ascii().to_vec()))
}
