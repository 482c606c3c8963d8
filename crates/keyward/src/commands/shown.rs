//! How things look in more than one command.

use std::collections::BTreeMap;

use keyward_client::{AccountInfo, Code, Desk, Failure, Result, SecretInfo};
use keyward_types::Timestamp;

use crate::context::Context;

/// A day, without the time of day.
pub(super) fn day(moment: Timestamp) -> String {
    moment.to_string().split('T').next().unwrap_or_default().to_owned()
}

/// The version in a list: its number, or that there is none to read.
pub(super) fn version(secret: &SecretInfo) -> String {
    secret.version.map_or_else(|| "deleted".to_owned(), |version| version.to_string())
}

/// `1 secret`, `2 secrets`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// A moment, to the second.
pub(super) fn moment(moment: Timestamp) -> String {
    let text = moment.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text,
    }
}

/// How an account is called.
pub(super) fn login(account: &AccountInfo) -> String {
    account.login.as_ref().map_or_else(|| account.principal.clone(), ToString::to_string)
}

/// Logins by the ids that the log knows accounts by.
pub(super) type Logins = BTreeMap<String, String>;

/// How accounts are called, for who may list them.
pub(super) fn logins(desk: &dyn Desk) -> Result<Logins> {
    let called = |account: AccountInfo| Some((account.principal, account.login?.to_string()));
    Ok(desk.accounts()?.into_iter().filter_map(called).collect())
}

/// The same where the vault is on this machine; elsewhere it may be denied, and that would be on
/// record: there ids are shown.
pub(super) fn logins_here(context: &Context, desk: &dyn Desk) -> Logins {
    match context.server() {
        Ok(None) => logins(desk).unwrap_or_default(),
        _ => Logins::new(),
    }
}

/// The login, where it is known.
pub(super) fn called<'a>(logins: &'a Logins, principal: &'a str) -> &'a str {
    logins.get(principal).map_or(principal, String::as_str)
}

/// The one whose id begins like this.
pub(super) fn by_id<'a, T>(all: &'a [T], id: &str, noun: &str, of: impl Fn(&T) -> &String) -> Result<&'a T> {
    let mut found = all.iter().filter(|one| !id.is_empty() && of(one).starts_with(id));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(Failure::usage(format!("more than one {noun} begins with `{id}`"))),
        (None, _) => Err(Failure::new(Code::NotFound, format!("there is no {noun} `{id}`"))),
    }
}
