use clap::Subcommand;
use keyward_client::{Login, Result};

use crate::commands::{shown, user, workload_trust};
use crate::context::Context;
use crate::output::{self, Exit};

/// Programs' accounts, which outlive the people who made them
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward service-account add shop-ci")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make an account for a program
    #[command(after_help = "Example: keyward service-account add shop-ci --owner ada")]
    Add {
        /// What it is called: lower case
        login: Login,
        /// What it is for
        #[arg(long, value_name = "TEXT", default_value = "")]
        name: String,
        /// Who answers for it; default: you
        #[arg(long, value_name = "LOGIN")]
        owner: Option<Login>,
    },
    /// List programs' accounts
    #[command(after_help = "Example: keyward service-account list")]
    List,
    /// End its rights at once, and its tokens for ever
    #[command(after_help = "Example: keyward service-account disable shop-ci --yes")]
    Disable {
        /// Which
        login: Login,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
    /// What its workloads get a token for: builds of GitHub Actions, pods of Kubernetes
    #[command(after_help = "Example: keyward service-account trust list shop-ci")]
    Trust {
        #[command(subcommand)]
        verb: workload_trust::Verb,
    },
    /// Let it act again; its tokens stay dead
    #[command(after_help = "Example: keyward service-account enable shop-ci")]
    Enable {
        /// Which
        login: Login,
    },
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let desk = connection.desk();
        match self.verb {
            Verb::Add { login, name, owner } => {
                let made = desk.add_service_account(login, name, owner)?;
                user::said(context, &made, "is made")?;
                if !context.global.json {
                    let login = shown::login(&made);
                    output::hint(format!(
                        "`keyward role grant ci {login} -p PROJECT` gives it rights, `keyward token create --for {login}` a token"
                    ));
                }
            }
            Verb::List => {
                let programs: Vec<_> = desk.accounts()?.into_iter().filter(|one| one.kind == "service").collect();
                user::list(context, &programs)?;
            }
            Verb::Disable { login, yes } => {
                context.confirm(yes, &format!("end the rights of `{login}` at once, and its tokens for ever?"))?;
                user::said(context, &desk.disable_account(login)?, "may do nothing any more")?;
            }
            Verb::Trust { verb } => verb.run(context, desk)?,
            Verb::Enable { login } => user::said(context, &desk.enable_account(login)?, "may act again")?,
        }
        Ok(Exit::Done)
    }
}
