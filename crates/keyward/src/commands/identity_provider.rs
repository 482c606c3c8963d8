use std::path::PathBuf;

use clap::Subcommand;
use keyward_client::{IdentityProviderInfo, Login, NewIdentityProviderInfo, Result};

use crate::commands::hidden::{certificates, hidden};
use crate::commands::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// OpenID providers at which people sign in to a server
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: keyward identity-provider add acme --issuer https://id.acme.example --client-id keyward < secret.txt"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a provider; the client secret comes from standard input or a hidden prompt
    ///
    /// Redirect URI at the provider: https://SERVER/api/v1/auth/oidc/NAME/callback
    #[command(
        after_help = "Example: keyward identity-provider add acme --issuer https://id.acme.example --client-id keyward < secret.txt"
    )]
    Add {
        /// What its address and the page call it: lower case
        name: Login,
        /// Its issuer, to the letter
        #[arg(long, value_name = "URL")]
        issuer: String,
        /// As it knows this server
        #[arg(long, value_name = "ID")]
        client_id: String,
        /// Read the client secret from a file
        #[arg(long, value_name = "PATH")]
        secret_file: Option<PathBuf>,
        /// It knows this server without a secret (a public client, by PKCE alone)
        #[arg(long, conflicts_with = "secret_file")]
        public: bool,
        /// What people read on its button; default: the name
        #[arg(long, value_name = "TEXT", default_value = "")]
        title: String,
        /// Let in whose verified mail address is of this domain; more than once: of any of them
        #[arg(long = "domain", value_name = "DOMAIN")]
        domains: Vec<String>,
        /// Let in of whom it says this, with a `*` at the end where it is open; more than once: all
        /// of them
        #[arg(long = "claim", value_name = "CLAIM=VALUE")]
        claims: Vec<String>,
        /// The claim that is the `externalId` under which SCIM brought the same people, such as sub
        #[arg(long, value_name = "CLAIM")]
        scim_claim: Option<String>,
        /// Who signs its certificates, where no public authority does (PEM)
        #[arg(long, value_name = "PATH")]
        ca: Option<PathBuf>,
        /// It may lie at a private address: this machine, or a network around it
        #[arg(long)]
        allow_private: bool,
    },
    /// List the providers
    #[command(after_help = "Example: keyward identity-provider list --json")]
    List,
    /// Remove a provider: nobody signs in there any more
    #[command(after_help = "Example: keyward identity-provider remove acme --yes")]
    Remove {
        /// Which
        name: Login,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        match self.verb {
            Verb::Add {
                name,
                issuer,
                client_id,
                secret_file,
                public,
                title,
                domains,
                claims,
                scim_claim,
                ca,
                allow_private,
            } => {
                let client_secret = match public {
                    true => None,
                    false => Some(hidden("Client secret", secret_file.as_deref())?),
                };
                let ca = certificates(ca.as_deref())?;
                let new = NewIdentityProviderInfo {
                    name,
                    title,
                    issuer,
                    client_id,
                    client_secret,
                    domains,
                    claims,
                    scim_claim,
                    ca,
                    allow_private,
                };
                added(context, &context.connect()?.desk().add_identity_provider(new)?)?;
            }
            Verb::List => list(context, &context.connect()?.desk().identity_providers()?)?,
            Verb::Remove { name, yes } => {
                context.confirm(yes, &format!("let nobody sign in at `{name}` any more?"))?;
                let gone = context.connect()?.desk().remove_identity_provider(name)?;
                match context.global.json {
                    true => output::json(&serde_json::json!({ "identity_provider": gone }))?,
                    false => output::note(format!("nobody signs in at `{}` any more", gone.name)),
                }
            }
        }
        Ok(Exit::Done)
    }
}

fn added(context: &Context, added: &IdentityProviderInfo) -> Result<()> {
    if context.global.json {
        return output::json(&serde_json::json!({ "identity_provider": added }));
    }
    output::note(format!("people may sign in at `{}` ({}) now", added.name, added.issuer));
    output::note(format!("redirect URI at the provider: https://SERVER/api/v1/auth/oidc/{}/callback", added.name));
    if !added.for_owners {
        output::note("owners cannot: that takes an owner who adds it");
    }
    output::hint("whose identity is whose: with the link of `keyward user invite`, or by the person on the page");
    Ok(())
}

fn list(context: &Context, providers: &[IdentityProviderInfo]) -> Result<()> {
    if context.global.json {
        return output::listing("identity_providers", providers);
    }
    let row = |one: &IdentityProviderInfo| {
        let whom: Vec<&str> = one.domains.iter().chain(&one.claims).map(String::as_str).collect();
        let whom = if whom.is_empty() { "everybody there".to_owned() } else { whom.join(" ") };
        let owners = if one.for_owners { "yes" } else { "no" };
        vec![
            one.name.to_string(),
            one.issuer.clone(),
            one.client_id.clone(),
            whom,
            owners.into(),
            shown::day(one.created_at),
        ]
    };
    let rows: Vec<Vec<String>> = providers.iter().map(row).collect();
    output::table(&["NAME", "ISSUER", "CLIENT", "LETS IN", "OWNERS", "SINCE"], &rows)
}
