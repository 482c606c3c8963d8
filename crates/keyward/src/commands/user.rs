use clap::Subcommand;
use keyward_client::{AccountInfo, IdentityInfo, Login, MadeInvite, Result, ServerUrl};

use crate::address::Address;
use crate::commands::{login, shown};
use crate::context::Context;
use crate::output::{self, Exit};

/// People: add, list, disable and enable their accounts
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward user add ada --name \"Ada Lovelace\"")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make an account; it has no rights until a role is granted
    #[command(after_help = "Example: keyward user add ada --name \"Ada Lovelace\"")]
    Add {
        /// What the person signs in with: lower case
        login: Login,
        /// What people call the person
        #[arg(long, value_name = "TEXT", default_value = "")]
        name: String,
    },
    /// Make a link by which a person chooses a password; it lasts an hour and serves once
    ///
    /// For a new colleague, and for who has forgotten the password. An earlier link is dead.
    #[command(after_help = "Example: keyward user invite ada --at https://keyward.example:8443")]
    Invite {
        /// For whom
        login: Login,
        /// Take the authenticator and the passkeys away too, for who has lost them and the recovery codes
        #[arg(long)]
        without_second_factor: bool,
        /// The address under which the person reaches the server; default: the one that is asked,
        /// else http://127.0.0.1:8200
        #[arg(long = "at", value_name = "ADDR", value_parser = Address)]
        at: Option<ServerUrl>,
    },
    /// Take all passkeys of a person away, and end his sessions
    ///
    /// For a device that is lost or stolen. The password, and an authenticator, stay.
    #[command(after_help = "Example: keyward user reset-passkeys ada --yes")]
    ResetPasskeys {
        /// Whose
        login: Login,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
    /// List accounts, of programs too
    #[command(after_help = "Example: keyward user list --json")]
    List,
    /// End an account's rights at once, and its tokens for ever
    #[command(after_help = "Example: keyward user disable ada --yes")]
    Disable {
        /// Whose
        login: Login,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
    /// Let an account act again; its tokens stay dead
    #[command(after_help = "Example: keyward user enable ada")]
    Enable {
        /// Whose
        login: Login,
    },
    /// List the identities at providers by which somebody signs in
    #[command(after_help = "Example: keyward user identities ada")]
    Identities {
        /// Whose
        login: Login,
    },
    /// Take an identity at a provider away from an account, and end its sessions
    #[command(after_help = "Example: keyward user unlink ada 3f9a --yes")]
    Unlink {
        /// Whose
        login: Login,
        /// The identity's id, or the beginning of it
        id: String,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
    /// Open the vault in another owner's name from now on
    #[command(after_help = "Example: keyward user hand-over grace --yes")]
    HandOver {
        /// The other owner
        login: Login,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let desk = connection.desk();
        match self.verb {
            Verb::Add { login, name } => {
                let made = desk.add_user(login, name)?;
                said(context, &made, "is made")?;
                if !context.global.json {
                    let login = shown::login(&made);
                    output::hint(format!("`keyward role grant ROLE {login}` gives it rights"));
                    output::hint(format!("`keyward user invite {login}` makes a link to sign in with at a server"));
                }
            }
            Verb::Invite { login, without_second_factor, at } => {
                let server = login::server(context, at)?;
                invited(context, &server, &desk.invite(login, without_second_factor)?)?;
            }
            Verb::ResetPasskeys { login, yes } => {
                context.confirm(yes, &format!("take all passkeys of `{login}` away, and end the sessions?"))?;
                reset(context, &login, desk.reset_passkeys(login.clone())?)?;
            }
            Verb::List => list(context, &desk.accounts()?)?,
            Verb::Disable { login, yes } => {
                context.confirm(yes, &format!("end the rights of `{login}` at once, and its tokens for ever?"))?;
                said(context, &desk.disable_account(login)?, "may do nothing any more")?;
            }
            Verb::Enable { login } => said(
                context,
                &desk.enable_account(login)?,
                "may act again, with every role that it still has (`keyward role list`)",
            )?,
            Verb::Identities { login } => identities(context, &desk.identities(login)?)?,
            Verb::Unlink { login, id, yes } => {
                let all = desk.identities(login.clone())?;
                let one = shown::by_id(&all, &id, "identity", |one| &one.id)?;
                let question = format!("let `{login}` sign in as `{}` of {} no more?", one.subject, one.issuer);
                context.confirm(yes, &question)?;
                let gone = desk.unlink_identity(login.clone(), one.id.clone())?;
                match context.global.json {
                    true => output::json(&serde_json::json!({ "identity": gone }))?,
                    false => output::note(format!("`{}` of {} is not `{login}` any more", gone.subject, gone.issuer)),
                }
            }
            Verb::HandOver { login, yes } => {
                context.confirm(yes, &format!("open the vault in the name of `{login}` from now on?"))?;
                desk.hand_over(login.clone())?;
                output::note(format!("whoever opens the vault with a key slot acts as `{login}` now"));
            }
        }
        Ok(Exit::Done)
    }
}

/// The link, which is shown here and never again.
fn invited(context: &Context, server: &ServerUrl, made: &MadeInvite) -> Result<()> {
    let link = made.at(server.as_str());
    if context.global.json {
        let MadeInvite { login, expires_at, .. } = made;
        let shown = serde_json::json!({ "login": login, "link": *link, "expires_at": expires_at });
        return output::json(&serde_json::json!({ "invite": shown }));
    }
    output::note(format!("give this link to `{}` and nobody else; it lasts an hour and serves once:", made.login));
    output::line(&*link)
}

/// Identities as a list.
fn identities(context: &Context, identities: &[IdentityInfo]) -> Result<()> {
    if context.global.json {
        return output::listing("identities", identities);
    }
    let row = |one: &IdentityInfo| {
        let (id, issuer, subject) = (one.id.clone(), one.issuer.clone(), one.subject.clone());
        vec![id, issuer, subject, one.by.clone(), shown::day(one.created_at)]
    };
    let rows: Vec<Vec<String>> = identities.iter().map(row).collect();
    output::table(&["ID", "ISSUER", "SUBJECT", "BY", "SINCE"], &rows)
}

fn reset(context: &Context, login: &Login, removed: u64) -> Result<()> {
    if context.global.json {
        return output::json(&serde_json::json!({ "user": login, "removed": removed }));
    }
    let passkeys = if removed == 1 { "1 passkey is".to_owned() } else { format!("{removed} passkeys are") };
    output::note(format!("{passkeys} taken away from `{login}`, whose sessions have ended"));
    Ok(())
}

/// What became of an account.
pub(super) fn said(context: &Context, account: &AccountInfo, what: &str) -> Result<()> {
    if context.global.json {
        return output::json(&serde_json::json!({ "user": account }));
    }
    output::note(format!("`{}` {what}", shown::login(account)));
    Ok(())
}

/// Accounts as a list.
pub(super) fn list(context: &Context, accounts: &[AccountInfo]) -> Result<()> {
    if context.global.json {
        return output::listing("users", accounts);
    }
    let rows: Vec<Vec<String>> = accounts.iter().map(row).collect();
    output::table(&["LOGIN", "KIND", "SINCE", "STATE", "PASSKEYS", "NAME"], &rows)
}

fn row(account: &AccountInfo) -> Vec<String> {
    let state = if account.disabled_at.is_some() { "disabled" } else { "active" };
    let name = match &account.owner {
        Some(owner) => format!("{} ({owner} answers for it)", account.name),
        None => account.name.clone(),
    };
    vec![
        shown::login(account),
        account.kind.clone(),
        shown::day(account.created_at),
        state.into(),
        account.passkeys.to_string(),
        name,
    ]
}
