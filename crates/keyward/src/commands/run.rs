use std::collections::BTreeMap;
use std::ffi::OsString;

use keyward_client::{AccessKey, Ask, Code, Connection, Disclosed, Failure, Purpose, Result, Selection, can_be_masked};
use keyward_exec::env::{Composed, Rules, compose, dangerous};
use keyward_exec::{Masker, Next, Run, Status};
use keyward_types::{Secret, SecretName, VaultId, Version};

use crate::config::Config;
use crate::context::{Context, Place};
use crate::output::{self, Exit};

/// Run a program with the environment's values as variables; secrets are masked in its output
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Example: keyward run -e staging -- python app.py\n\nExit: the program's own code; 125 when keyward fails before it starts, 126 when it cannot be executed, 127 when it is not found."
)]
pub(crate) struct Args {
    /// Only these names, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<SecretName>,
    /// Leave the output alone; keyward then becomes the program
    #[arg(long)]
    no_mask: bool,
    /// Inherited variables win over the vault's values
    #[arg(long)]
    keep_existing: bool,
    /// Set this name although it changes what is executed; may be given more than once
    #[arg(long, value_name = "NAME")]
    allow_name: Vec<SecretName>,
    /// Restart the program when a value changes
    #[arg(long)]
    watch: bool,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// A child about to start, and what was opened for it.
struct Prepared {
    run: Run,
    versions: BTreeMap<SecretName, Version>,
    holdings: Vec<String>,
}

/// `run`'s own failures.
pub(crate) const FAILED: u8 = 125;

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        match self.start(context) {
            Ok(exit) => Ok(exit),
            // Whatever it was: a script must be able to tell it from the program's own codes.
            Err(failure) => {
                output::failure_at(&failure, context.global.json, context.asked.get());
                Ok(Exit::Code(FAILED))
            }
        }
    }

    fn start(self, context: &Context) -> Result<Exit> {
        // A mistyped flag would be taken for the program.
        if let Some(flag) = self.command.first().filter(|first| first.to_string_lossy().starts_with('-')) {
            return Err(Failure::usage(format!(
                "`{}` is neither a flag of `run` nor a program",
                flag.to_string_lossy()
            ))
            .hint("`keyward run --help` lists the flags; the program and its own flags stand behind `--`"));
        }
        let connection = context.connect_keeping(true)?;
        let prepared = self.prepare(context, &connection, true)?;
        if prepared.run.stays() && !prepared.holdings.is_empty() {
            connection.closes_briefly();
        }
        drop(connection);
        let Prepared { run, mut versions, mut holdings } = prepared;
        let ended = if self.watch {
            run.run_watched(|| match self.changed(context, &versions) {
                Some(next) => {
                    versions = next.versions;
                    holdings.extend(next.holdings);
                    Next::Restart(Box::new(next.run))
                }
                None => Next::Keep,
            })
        } else {
            run.run()
        };
        close(context, holdings);
        match ended {
            Ok(ending) => match ending.status {
                Status::Code(code) => Ok(Exit::Code(code)),
                signal @ Status::Signal(_) => signal.leave(),
            },
            Err(error) => {
                let exit = error.exit_code();
                let code = if exit == 127 { Code::NotFound } else { Code::Internal };
                output::failure(&Failure::new(code, error.to_string()), context.global.json);
                Ok(Exit::Code(exit))
            }
        }
    }

    /// Checks every name first, then opens the values, then composes what the child gets.
    fn prepare(&self, context: &Context, connection: &Connection, aloud: bool) -> Result<Prepared> {
        let place = context.place(connection)?;
        let names = self.names(connection, &place)?;
        if let Some((name, why)) = names.iter().find_map(|name| dangerous(name.as_str()).map(|why| (name, why)))
            && !self.allow_name.contains(name)
        {
            return Err(Failure::new(Code::Denied, format!("`{name}` {why}, so it is not set"))
                .hint(format!("if it is meant, `--allow-name {name}`; `--only` leaves it out")));
        }
        let values = connection.desk().read(place.at, Selection::Names(names), Purpose::Run)?;
        let (files, pairs) = files_and_pairs(&values)?;
        let rules = Rules { keep_existing: self.keep_existing, allowed: &self.allow_name };
        let composed = compose(Config::inherited(), pairs, rules).map_err(|unfit| Failure::usage(unfit.to_string()))?;
        if aloud {
            say(&composed, &values, self.no_mask);
        }
        let masker = (!self.no_mask).then(|| masker(&values));
        let mut command = self.command.iter().cloned();
        let program = command.next().ok_or_else(|| Failure::usage("no program is named"))?;
        let search_path = Config::search_path();
        Ok(Prepared {
            run: Run { program, args: command.collect(), env: composed.env, search_path, masker, files },
            versions: values.iter().map(|value| (value.name.clone(), value.version)).collect(),
            holdings: values.into_iter().filter_map(|value| value.holding).collect(),
        })
    }

    /// The names to hand over. What `keyward.toml` needs and the vault lacks stops here.
    fn names(&self, connection: &Connection, place: &Place) -> Result<Vec<SecretName>> {
        let there = connection.desk().names(place.at.clone())?;
        let has = |name: &SecretName| there.iter().any(|one| one.name == *name);
        let needs = place.folder.iter().flat_map(|folder| &folder.manifest.needs);
        let needs = needs.filter(|name| self.only.is_empty() || self.only.contains(name));
        let missing: Vec<&SecretName> = needs.chain(&self.only).filter(|name| !has(name)).collect();
        if let Some(first) = missing.first() {
            let list = missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let (project, environment) = (&place.at.project, &place.at.environment);
            return Err(Failure::new(Code::NotFound, format!("`{project}/{environment}` lacks {list}"))
                .hint(format!("`keyward set {first} -e {environment}` stores it")));
        }
        if !self.only.is_empty() {
            return Ok(self.only.clone());
        }
        Ok(there.into_iter().map(|one| one.name).filter(SecretName::is_variable).collect())
    }

    /// The child to start instead, when a value has changed. Whatever fails meanwhile leaves the
    /// running one alone.
    fn changed(&self, context: &Context, versions: &BTreeMap<SecretName, Version>) -> Option<Prepared> {
        let connection = context.connect_asking(&Unattended(context)).ok()?;
        let place = context.place(&connection).ok()?;
        let there = connection.desk().names(place.at).ok()?;
        let wanted = |name: &SecretName| {
            if self.only.is_empty() { name.is_variable() } else { self.only.contains(name) }
        };
        let now: BTreeMap<SecretName, Version> =
            there.into_iter().filter(|one| wanted(&one.name)).map(|one| (one.name, one.version)).collect();
        if now == *versions {
            return None;
        }
        output::note("a value has changed: restarting");
        self.prepare(context, &connection, false).map_err(|failure| output::failure(&failure, false)).ok()
    }
}

type Pairs = Vec<(SecretName, OsString)>;

/// Values as variables; those that are to be files as the paths of private files.
fn files_and_pairs(values: &[Disclosed]) -> Result<(Option<keyward_exec::PrivateFiles>, Pairs)> {
    let mut files = None;
    let mut pairs = Vec::with_capacity(values.len());
    for value in values {
        let content = if value.as_file {
            let files = match &mut files {
                Some(files) => files,
                None => files.insert(private_files()?),
            };
            let path = files.add(value.name.as_str(), value.value.expose());
            path.map_err(|error| Failure::internal(format!("the private file of `{}`: {error}", value.name)))?.into()
        } else {
            variable(value)?
        };
        pairs.push((value.name.clone(), content));
    }
    Ok((files, pairs))
}

fn private_files() -> Result<keyward_exec::PrivateFiles> {
    keyward_exec::PrivateFiles::new(Config::runtime_folder().as_deref())
        .map_err(|error| Failure::internal(format!("no place for private files: {error}")))
}

#[cfg(unix)]
fn variable(value: &Disclosed) -> Result<OsString> {
    Ok(std::os::unix::ffi::OsStringExt::from_vec(value.value.expose().to_vec()))
}

#[cfg(not(unix))]
fn variable(value: &Disclosed) -> Result<OsString> {
    let text = String::from_utf8(value.value.expose().to_vec());
    text.map(OsString::from).map_err(|_| Failure::usage(format!("`{}` is not UTF-8 text", value.name)))
}

fn maskable(value: &Disclosed) -> bool {
    can_be_masked(value.kind, value.bits, value.value.expose().len())
}

fn masker(values: &[Disclosed]) -> Masker {
    Masker::new(
        values.iter().filter(|value| maskable(value)).map(|value| (value.name.to_string(), value.value.expose())),
    )
}

/// What the user should know before the program starts, once.
fn say(composed: &Composed, values: &[Disclosed], no_mask: bool) {
    let list = |names: &[SecretName]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if !composed.overridden.is_empty() {
        output::note(format!("the vault's value replaces the inherited one of {}", list(&composed.overridden)));
    }
    if !composed.kept.is_empty() {
        output::note(format!("the inherited value of {} is kept", list(&composed.kept)));
    }
    let open =
        values.iter().filter(|value| value.kind.is_secret() && !maskable(value) && !value.value.expose().is_empty());
    let open: Vec<SecretName> = open.map(|value| value.name.clone()).collect();
    if !no_mask && !open.is_empty() {
        output::note(format!("{} cannot be masked in the output: too short or too easy to guess", list(&open)));
    }
}

/// Closes the holdings of a child that ended. Without a key at hand they stay open, which is the
/// safe side: somebody may still have the values.
fn close(context: &Context, holdings: Vec<String>) {
    if holdings.is_empty() {
        return;
    }
    if let Ok(connection) = context.connect_asking(&Unattended(context)) {
        let _ = connection.desk().close_holdings(holdings);
        // Who waits for the program's end does not wait for the store to be tidied as well.
        connection.closes_briefly();
    }
}

/// Opens the vault only where nobody has to be asked and no passphrase has to be stretched again.
struct Unattended<'a>(&'a Context);

impl Ask for Unattended<'_> {
    fn given(&self) -> Result<Option<Secret<String>>> {
        Ok(None)
    }

    fn prompt(&self) -> Result<Option<Secret<String>>> {
        Ok(None)
    }

    fn keyring(&self, vault: VaultId) -> Option<Secret<String>> {
        Ask::keyring(self.0, vault)
    }

    fn aws(&self) -> Option<AccessKey> {
        Ask::aws(self.0)
    }
}
