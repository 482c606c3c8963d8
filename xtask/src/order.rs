//! `cargo xtask order`: which functions run in a server and when a command starts, found by running the
//! release binary under Valgrind, and written into `crates/keyward/order.ld`, by which the linker lays them
//! beside each other.
//!
//! The system maps a file's pages sixteen at a time. A server runs a tenth of the code that the binary
//! holds; where that tenth lies everywhere, nearly all of it is in memory.
//!
//! Names of functions end in a hash that changes with the compiler and with every dependency's version. The
//! file has none: it names functions by crate and name. Where a name stands for many functions (each type
//! that is read from JSON has its own) of which few run, these are laid together behind the others.

mod map;
mod profile;
mod script;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process;
use crate::tools::{self, VALGRIND_PROGRAM};
use crate::workspace::Workspace;

use self::script::Ran;

const FILE: &str = "crates/keyward/order.ld";
/// A server's memory is given back when it has started (`serving.rs`): what runs then ends the start.
const STARTED: &str = "*give_back_program*";
/// With its table of symbols, which users do not get; functions are the same, and lie in the same order.
const SYMBOLS: [&str; 2] = ["--config", "profile.release.package.keyward.strip=\"none\""];

/// Runs it all, and writes the file.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    if !arguments.is_empty() {
        bail!("usage: cargo xtask order");
    }
    tools::ensure_programs(&[VALGRIND_PROGRAM])?;
    let folder = workspace.target().join("order");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let order = Order { workspace, folder };
    let ran = order.ran()?;
    let sections = map::read(&order.map()).context("the linker's map cannot be read")?;
    if sections.is_empty() {
        bail!("{} names no code: it is no map of LLD's", order.map().display());
    }
    let (text, summary) = script::write(&ran, &sections);
    fs::write(workspace.root().join(FILE), text)?;
    println!("{summary}\nwrote {FILE}");
    Ok(())
}

struct Order<'a> {
    workspace: &'a Workspace,
    folder: PathBuf,
}

impl Order<'_> {
    fn program(&self) -> PathBuf {
        self.folder.join("keyward")
    }

    fn map(&self) -> PathBuf {
        self.folder.join("keyward.map")
    }

    /// Which functions run, and when.
    fn ran(&self) -> Result<Ran> {
        self.build()?;
        self.serve()?;
        self.commands()?;
        let program = self.program();
        let mut ran = Ran::default();
        for entry in fs::read_dir(&self.folder)? {
            let file = entry?.path();
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // What ran until a dump has its number, what ran after the last one has none.
            let group = match name.strip_prefix("callgrind.") {
                Some("serve") => &mut ran.serving,
                Some(_) => &mut ran.starting,
                None => continue,
            };
            group.extend(profile::functions(&fs::read_to_string(&file)?, &program.to_string_lossy()));
        }
        if ran.serving.is_empty() || !self.folder.join("callgrind.serve.1").exists() {
            bail!("Valgrind saw no server start and serve; what it wrote is in {}", self.folder.display());
        }
        Ok(ran)
    }

    fn build(&self) -> Result<()> {
        let mut build = process::cargo();
        build.args(["rustc", "--release", "--package", "keyward", "--bin", "keyward"]).args(SYMBOLS);
        build.args(["--", "-C"]).arg(format!("link-arg=-Wl,--no-demangle,-Map={}", self.map().display()));
        process::run(&mut build)?;
        fs::copy(self.workspace.target().join("release/keyward"), self.program())?;
        Ok(())
    }

    /// `bench server` with a server under Valgrind, whose other commands run as they are.
    fn serve(&self) -> Result<()> {
        let wrapper = self.folder.join("wrapper");
        let (program, out) = (self.program(), self.folder.join("callgrind.serve"));
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = serve ] || exec '{program}' \"$@\"\nexec {valgrind} '{program}' \"$@\"\n",
            program = program.display(),
            valgrind = shell(callgrind(&out).arg(format!("--dump-before={STARTED}"))),
        );
        fs::write(&wrapper, script)?;
        make_runnable(&wrapper)?;
        let mut bench = process::cargo();
        bench.args(["bench", "--package", "keyward", "--bench", "server", "--"]);
        bench.arg("--program").arg(&wrapper).args(["--connections", "32", "--seconds", "15"]);
        process::run(&mut bench)
    }

    /// What people and scripts call, on a vault of its own.
    fn commands(&self) -> Result<()> {
        let project = self.folder.join("project");
        fs::create_dir_all(&project)?;
        fs::write(project.join("notes.env"), "PORT=8080\nGREETING=hello there\n")?;
        let run = |command: &mut Command, arguments: &[&str]| {
            command.args(arguments).current_dir(&project).env("KEYWARD_HOME", self.folder.join("home"));
            command.env("KEYWARD_KEYS", self.folder.join("keys")).stdin(Stdio::null()).stdout(Stdio::null());
            process::run(command)
        };
        run(&mut Command::new(self.program()), &["init", "--yes", "--project", "shop"])?;
        run(&mut Command::new(self.program()), &["import", "notes.env", "--env", "development"])?;
        let commands: [&[&str]; 5] = [
            &["--version"],
            &["get", "GREETING", "--env", "development"],
            &["export", "--format", "json", "--env", "development"],
            &["list"],
            &["scan", ".", "--no-vault"],
        ];
        for (at, arguments) in commands.iter().enumerate() {
            let out = self.folder.join(format!("callgrind.command{at}"));
            run(callgrind(&out).arg(self.program()), arguments)?;
        }
        Ok(())
    }
}

fn callgrind(out: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--quiet", "--tool=callgrind", "--demangle=no"]);
    command.arg(format!("--callgrind-out-file={}", out.display()));
    command
}

/// A command as a shell reads it.
fn shell(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| format!("'{}'", word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

fn make_runnable(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::set_permissions(file, fs::Permissions::from_mode(0o755))?)
}
