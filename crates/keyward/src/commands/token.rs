use std::time::Duration;

use clap::Subcommand;
use keyward_client::{Login, MadeToken, NewTokenInfo, Result, TokenInfo};

use crate::commands::{lasting, role, shown};
use crate::context::Context;
use crate::output::{self, Exit};

/// Tokens: a part of your rights, or of a program's, for a while
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward token create --ttl 1h --scope 'read:shop/development/*'")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a token; it is shown this once
    #[command(
        after_help = "Example: keyward token create --for shop-ci --ttl 30d --scope 'match:*' --cidr 192.0.2.0/24"
    )]
    Create {
        /// How long it lives: 45m, 8h, 90d
        #[arg(long, value_name = "TIME", default_value = "1h", value_parser = |text: &str| lasting::time(text, LONGEST))]
        ttl: Duration,
        /// What it may do, as OPERATIONS:PATH; more than once: each of them; default: all you may
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// It changes nothing
        #[arg(long)]
        read_only: bool,
        /// From where it may be used; more than once: from each of them
        #[arg(long = "cidr", value_name = "NETWORK")]
        networks: Vec<String>,
        /// How often it may be used
        #[arg(long, value_name = "N")]
        uses: Option<u64>,
        /// A program's account, whose rights it has a part of; default: yours
        #[arg(long = "for", value_name = "LOGIN")]
        account: Option<Login>,
        /// What you call it
        #[arg(long, value_name = "TEXT", default_value = "")]
        name: String,
    },
    /// List tokens, without their text
    #[command(after_help = "Example: keyward token list --json")]
    List,
    /// Revoke a token at once
    #[command(after_help = "Example: keyward token revoke 3fK9aBcD01xY --yes")]
    Revoke {
        /// Its id, or the beginning of it
        id: String,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
}

const LONGEST: Duration = Duration::from_secs(366 * 86400);

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let desk = connection.desk();
        match self.verb {
            Verb::Create { ttl, scopes, read_only, networks, uses, account, name } => {
                let expires_at = Some(role::until(ttl));
                let new = NewTokenInfo { name, account, scopes, read_only, networks, uses, expires_at };
                made(context, &desk.create_token(new)?)?;
            }
            Verb::List => list(context, &desk.tokens()?)?,
            Verb::Revoke { id, yes } => {
                let tokens = desk.tokens()?;
                let token = shown::by_id(&tokens, &id, "token", |token| &token.id)?;
                let name = if token.name.is_empty() { String::new() } else { format!(" `{}`", token.name) };
                context.confirm(yes, &format!("revoke the token {}{name} of `{}`?", token.id, token.account))?;
                let revoked = desk.revoke_token(token.id.clone())?;
                match context.global.json {
                    true => output::json(&serde_json::json!({ "token": revoked }))?,
                    false => output::note(format!("the token {} is dead", revoked.id)),
                }
            }
        }
        Ok(Exit::Done)
    }
}

fn made(context: &Context, made: &MadeToken) -> Result<()> {
    let text = String::from_utf8_lossy(made.text.expose());
    if context.global.json {
        return output::json(&serde_json::json!({ "token": made.token, "text": text }));
    }
    output::line(&text)?;
    let token = &made.token;
    let until = token.expires_at.map_or("it is revoked".to_owned(), shown::moment);
    output::note(format!("a token of `{}`, until {until}; it is not shown again", token.account));
    Ok(())
}

fn list(context: &Context, tokens: &[TokenInfo]) -> Result<()> {
    if context.global.json {
        return output::listing("tokens", tokens);
    }
    let rows: Vec<Vec<String>> = tokens.iter().map(row).collect();
    output::table(&["ID", "ACCOUNT", "STATE", "UNTIL", "LAST USED", "SCOPES", "NAME"], &rows)
}

fn row(token: &TokenInfo) -> Vec<String> {
    let scopes = if token.scopes.is_empty() { "all".to_owned() } else { token.scopes.join(" ") };
    vec![
        token.id.clone(),
        token.account.clone(),
        token.state.clone(),
        token.expires_at.map_or("-".to_owned(), shown::moment),
        token.last_used.map_or("never".to_owned(), shown::day),
        if token.read_only { format!("{scopes} (read-only)") } else { scopes },
        token.name.clone(),
    ]
}
