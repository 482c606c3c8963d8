//! The command line. Every command is a module of `commands` with its arguments and a few lines
//! over calls of the desk; here they are listed.

use std::cell::{OnceCell, RefCell};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use keyward_client::{Failure, Result, ServerUrl};
use keyward_types::{EnvironmentName, ProjectName};

use crate::address::Address;
use crate::commands;
use crate::config::Config;
use crate::context::Context;
use crate::output::{self, Exit};

/// Keeps API keys out of code: an encrypted vault per environment, handed to programs without
/// being shown, every use on record.
#[derive(Debug, Parser)]
#[command(name = "keyward", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Project; default: that of the nearest trusted `keyward.toml` [env: KEYWARD_PROJECT]
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(crate) project: Option<ProjectName>,
    /// Environment; default: development [env: KEYWARD_ENV]
    #[arg(short, long = "env", global = true, value_name = "ENV")]
    pub(crate) environment: Option<EnvironmentName>,
    /// Why; goes on record
    #[arg(long, global = true, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Results and errors as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The vault on this machine, whatever else is set
    #[arg(long, global = true, conflicts_with = "server")]
    pub(crate) local: bool,
    /// The server whose vault is meant; default: that of the bound folder, else this machine's
    /// [env: KEYWARD_ADDR]
    #[arg(long, global = true, value_name = "URL", value_parser = Address)]
    pub(crate) server: Option<ServerUrl>,
}

macro_rules! commands {
    ($($(#[$meta:meta])* $variant:ident => $module:ident,)*) => {
        #[derive(Debug, Subcommand)]
        pub(crate) enum Command {
            $($(#[$meta])* $variant(commands::$module::Args),)*
        }

        impl Command {
            /// The name that the log and messages use.
            fn name(&self) -> String {
                match self {
                    $(Self::$variant(_) => stringify!($module).trim_end_matches('_').replace('_', "-"),)*
                }
            }

            fn run(self, context: &Context) -> Result<Exit> {
                match self {
                    $(Self::$variant(args) => args.run(context),)*
                }
            }
        }
    };
}

commands! {
    Init => init,
    Import => import,
    Set => set,
    Edit => edit,
    Get => get,
    List => list,
    Show => show,
    Diff => diff,
    Run => run,
    Copy => copy,
    Export => export,
    Generate => generate,
    History => history,
    Rollback => rollback,
    Delete => delete,
    Undelete => undelete,
    Destroy => destroy,
    Project => project,
    Environment => environment,
    User => user,
    Group => group,
    ServiceAccount => service_account,
    IdentityProvider => identity_provider,
    Role => role,
    Policy => policy,
    Token => token,
    VirtualKey => virtual_key,
    Usage => usage,
    Elevate => elevate,
    Onboard => onboard,
    Offboard => offboard,
    Review => review,
    BreakGlass => break_glass,
    Rotate => rotate,
    Rotation => rotation,
    Revoke => revoke,
    Target => target,
    Schedule => schedule,
    Calendar => calendar,
    Alert => alert,
    Unlock => unlock,
    Lock => lock,
    Login => login,
    Logout => logout,
    Cache => cache,
    Up => up,
    Serve => serve,
    Seal => seal,
    Unseal => unseal,
    Ca => ca,
    Firewall => firewall,
    Agent => agent,
    Slot => slot,
    Rekey => rekey,
    Encrypt => encrypt,
    Decrypt => decrypt,
    Backup => backup,
    Restore => restore,
    Store => store,
    Scan => scan,
    Hook => hook,
    Finding => finding,
    Provider => provider,
    Trust => trust,
    Untrust => untrust,
    Audit => audit,
    Check => check,
    Whoami => whoami,
    Completions => completions,
    Man => man,
    #[command(name = "commands", hide = true)]
    Catalog => command_list,
}

impl Command {
    /// Whether it works on this machine alone, whatever server other commands ask.
    fn is_of_this_machine(&self) -> bool {
        use Command::{Agent, Lock, Restore, Seal, Serve, Store, Unlock, Up};
        matches!(self, Unlock(_) | Lock(_) | Up(_) | Serve(_) | Seal(_) | Agent(_) | Restore(_) | Store(_))
    }

    /// Who names a server means that one: nothing is done here in its place.
    fn at_home(&self, server: Option<&ServerUrl>) -> Result<()> {
        let Some(server) = server.filter(|_| self.is_of_this_machine()) else { return Ok(()) };
        let name = self.name();
        Err(Failure::usage(format!("`keyward {name}` works on this machine alone, and not at `{server}`"))
            .hint("run it on the machine of that server, or here without `--server`"))
    }
}

/// Runs the command that was asked for.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misused(&error, is_run(std::env::args().skip(1))),
    };
    let as_json = cli.global.json;
    let context = Context {
        config: Config::read(),
        global: cli.global,
        command: cli.command.name(),
        current: std::env::current_dir().unwrap_or_default(),
        asked: OnceCell::new(),
        workload_tokens: RefCell::default(),
    };
    let here = cli.command.at_home(context.global.server.as_ref());
    let hosts = context.config.upstream_hosts.as_deref().map_or(Ok(()), keyward_client::hosts_are_at);
    match hosts.and(here).and_then(|()| cli.command.run(&context)) {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        Ok(Exit::No) => ExitCode::from(1),
        Ok(Exit::Code(code)) => ExitCode::from(code),
        // Where nothing is said, it was this machine.
        Err(failure) => fail(&failure, as_json, context.asked.get()),
    }
}

/// Whether `run` is meant, whose codes are those of the program that it starts: its own failures have
/// one that tells them apart.
fn is_run(mut arguments: impl Iterator<Item = String>) -> bool {
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "-p" | "--project" | "-e" | "--env" | "--reason" | "--server" => drop(arguments.next()),
            flag if flag.starts_with('-') => {}
            command => return command == "run",
        }
    }
    false
}

/// What the parser says, in the form that every error has. Help and version are no errors.
fn misused(error: &clap::Error, is_run: bool) -> ExitCode {
    let usage = if is_run { commands::run::FAILED } else { 2 };
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return ExitCode::from(usage);
    }
    let text = error.render().to_string();
    let mut paragraphs = text.trim().split("\n\n");
    let message = paragraphs.next().unwrap_or_default().trim_start_matches("error: ");
    // An argument is shown as it was typed, and could do anything to a terminal.
    let message: String = message.chars().map(|c| if c.is_control() && c != '\n' { '?' } else { c }).collect();
    let rest: Vec<&str> = paragraphs.map(|text| text.trim().trim_end_matches('.')).collect();
    let as_json = std::env::args_os().any(|argument| argument == "--json");
    fail(&Failure::usage(message).hint(rest.join("; ")), as_json, None);
    ExitCode::from(usage)
}

fn fail(failure: &Failure, as_json: bool, place: Option<&ServerUrl>) -> ExitCode {
    output::failure_at(failure, as_json, place);
    ExitCode::from(failure.code.exit())
}
