//! `keyward service-account trust`: what a program's workloads get a token for.

use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use keyward_client::{Desk, Login, NewTrustInfo, Result, TrustInfo};

use crate::commands::hidden::certificates;
use crate::commands::{lasting, shown};
use crate::context::Context;
use crate::output;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Let its workloads show what an issuer signed, for a token
    #[command(
        after_help = "Example: keyward service-account trust add shop-ci --issuer https://token.actions.githubusercontent.com --audience https://keyward.example --claim repository=acme/shop --claim environment=production"
    )]
    Add {
        /// The program's account
        login: Login,
        /// Who signs, to the letter
        #[arg(long, value_name = "URL")]
        issuer: String,
        /// For whom the tokens are made that are shown: the server's address
        #[arg(long, value_name = "TEXT")]
        audience: String,
        /// What they have to say, with a `*` at the end where it is open; more than once: all of
        /// them. One is `sub`, `repository` or `repository_id`
        #[arg(long = "claim", value_name = "CLAIM=VALUE", required = true)]
        claims: Vec<String>,
        /// What of the account's rights is given, as OPERATIONS:PATH; default: all it may
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// What is given changes nothing
        #[arg(long)]
        read_only: bool,
        /// How long the given token lives: 1m to 1h
        #[arg(long, value_name = "TIME", default_value = "15m", value_parser = |text: &str| lasting::time(text, LONGEST))]
        ttl: Duration,
        /// One token may be shown again: those of pods stay in their file for an hour
        #[arg(long)]
        reusable: bool,
        /// Who signs the issuer's certificates, where no public authority does (PEM)
        #[arg(long, value_name = "PATH")]
        ca: Option<PathBuf>,
        /// The issuer may lie at a private address: this machine, or a network around it
        #[arg(long)]
        allow_private: bool,
    },
    /// List what it trusts
    #[command(after_help = "Example: keyward service-account trust list shop-ci --json")]
    List {
        /// The program's account
        login: Login,
    },
    /// End a trust, with every token that was given for it
    #[command(after_help = "Example: keyward service-account trust remove shop-ci ajw4xqzk --yes")]
    Remove {
        /// The program's account
        login: Login,
        /// Its id, or the beginning of it
        id: String,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
}

const LONGEST: Duration = Duration::from_secs(3600);

impl Verb {
    pub(super) fn run(self, context: &Context, desk: &dyn Desk) -> Result<()> {
        match self {
            Self::Add { login, issuer, audience, claims, scopes, read_only, ttl, reusable, ca, allow_private } => {
                let seconds = Some(u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX));
                let ca = certificates(ca.as_deref())?;
                let new =
                    NewTrustInfo { issuer, audience, claims, scopes, read_only, reusable, seconds, ca, allow_private };
                let added = desk.add_trust(login, new)?;
                if context.global.json {
                    return output::json(&serde_json::json!({ "trust": added }));
                }
                let claims = added.claims.join(" ");
                output::note(format!("`{}` trusts {} of {}", added.account, claims, added.issuer));
                output::hint(format!(
                    "there `KEYWARD_WORKLOAD={}` and `KEYWARD_ADDR` are all a command needs",
                    added.account
                ));
                Ok(())
            }
            Self::List { login } => list(context, &desk.trusts(login)?),
            Self::Remove { login, id, yes } => {
                let trusts = desk.trusts(login.clone())?;
                let trust = shown::by_id(&trusts, &id, "trust", |trust| &trust.id)?;
                let claims = trust.claims.join(" ");
                context.confirm(yes, &format!("end the trust of `{login}` in {claims} of {}?", trust.issuer))?;
                let gone = desk.remove_trust(login, trust.id.clone())?;
                match context.global.json {
                    true => output::json(&serde_json::json!({ "trust": gone }))?,
                    false => output::note(format!("the trust {} is ended, with every token given for it", gone.id)),
                }
                Ok(())
            }
        }
    }
}

fn list(context: &Context, trusts: &[TrustInfo]) -> Result<()> {
    if context.global.json {
        return output::listing("trusts", trusts);
    }
    let row = |one: &TrustInfo| {
        let scopes = if one.scopes.is_empty() { "all".to_owned() } else { one.scopes.join(" ") };
        let minutes = format!("{}m", one.seconds / 60);
        vec![one.id.clone(), one.issuer.clone(), one.audience.clone(), one.claims.join(" "), scopes, minutes]
    };
    let rows: Vec<Vec<String>> = trusts.iter().map(row).collect();
    output::table(&["ID", "ISSUER", "AUDIENCE", "CLAIMS", "SCOPES", "TTL"], &rows)
}
