//! A server's address on the command line.

use std::ffi::OsStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};
use keyward_client::ServerUrl;

/// Reads an address and says why it is none. The usual parser shows what was typed in any case, and
/// a password may stand in it.
#[derive(Clone, Debug)]
pub(crate) struct Address;

impl TypedValueParser for Address {
    type Value = ServerUrl;

    fn parse_ref(&self, _command: &Command, _argument: Option<&Arg>, text: &OsStr) -> Result<ServerUrl, Error> {
        text.to_string_lossy().parse().map_err(|failure: keyward_client::Failure| {
            let hint = failure.hint.unwrap_or_default();
            Error::raw(ErrorKind::ValueValidation, format!("{}\n\n{hint}\n", failure.message))
        })
    }
}
