//! The gateways that ours is measured against, and what measures them. Nothing is installed into the
//! system: Debian's packages are unpacked, and the rest lies in folders of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{make_venv, npm_install, pip};
use crate::process;
use crate::workspace::Workspace;

/// As the tables name them.
pub(crate) const PORTKEY: &str = "Portkey 1.15.2";
pub(crate) const LITELLM: &str = "LiteLLM 1.108.7";

const PORTKEY_PACKAGE: &str = "@portkey-ai/gateway@1.15.2";
const LITELLM_PACKAGE: &str = "litellm[proxy]==1.108.7";
/// With the libraries that a small Debian lacks.
const DEBIAN: [&str; 8] = [
    "nginx",
    "haproxy",
    "wrk",
    "libluajit-5.1-2",
    "libluajit-5.1-common",
    "liblua5.3-0",
    "libopentracing-c-wrapper0",
    "libopentracing1",
];

/// Where the programs are.
pub(crate) struct Gateways {
    root: PathBuf,
    /// The script that Node.js runs.
    pub(crate) portkey: PathBuf,
    pub(crate) litellm: PathBuf,
}

/// Every gateway, installed where it is missing.
pub(crate) fn ready(workspace: &Workspace) -> Result<Gateways> {
    let folder = workspace.cache().join("gateways");
    let root = folder.join("root");
    if !root.join("usr/bin/wrk").is_file() {
        println!("unpacking {} into {}", DEBIAN.join(", "), root.display());
        unpack(&folder, &root)?;
    }
    let portkey = folder.join("portkey/node_modules/@portkey-ai/gateway/build/start-server.js");
    if !portkey.is_file() {
        let here = folder.join("portkey");
        println!("installing {PORTKEY_PACKAGE} into {}", here.display());
        super::ensure_node(workspace)?;
        fs::create_dir_all(&here)?;
        fs::write(here.join("package.json"), "{}")?;
        process::run(npm_install(workspace, &here)?.arg(PORTKEY_PACKAGE))?;
    }
    let litellm = folder.join("litellm/bin/litellm");
    if !litellm.is_file() {
        println!("installing {LITELLM_PACKAGE} into {}", folder.display());
        make_venv(&folder.join("litellm"))?;
        process::run(pip(&folder.join("litellm")).arg(LITELLM_PACKAGE))?;
    }
    Ok(Gateways { root, portkey, litellm })
}

fn unpack(folder: &Path, root: &Path) -> Result<()> {
    if process::find("apt-get").is_none() {
        bail!("nginx, haproxy and wrk are taken from Debian's packages, and there is no apt-get");
    }
    let packages = folder.join("packages");
    fs::create_dir_all(&packages)?;
    process::run(Command::new("apt-get").args(["download", "-qq"]).args(DEBIAN).current_dir(&packages))?;
    for package in fs::read_dir(&packages)? {
        process::run(Command::new("dpkg").arg("-x").arg(package?.path()).arg(root))?;
    }
    fs::remove_dir_all(&packages).context("the packages are unpacked")
}

impl Gateways {
    /// A program that was unpacked, by its path in the system: `usr/sbin/nginx`.
    pub(crate) fn program(&self, path: &str) -> Command {
        let mut command = Command::new("env");
        let libraries = format!("{}/usr/lib/{}-linux-gnu", self.root.display(), std::env::consts::ARCH);
        command.arg(format!("LD_LIBRARY_PATH={libraries}")).arg(self.root.join(path));
        command
    }
}
