//! `cargo xtask dist`: what users install, in `target/dist/`: a static Linux
//! binary with manual pages and completions, a wheel, an npm package, checksums.
//!
//! `dist --check` then installs each of them as a user would and runs it.

mod check;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::process;
use crate::tools;
use crate::workspace::Workspace;

/// What one build gives, below `target/dist/`.
struct Dist<'a> {
    workspace: &'a Workspace,
    platform: Platform,
    version: &'a str,
    /// `target/dist/`
    folder: PathBuf,
}

/// How one kind of machine is called by each ecosystem.
struct Platform {
    /// Rust's name.
    target: &'static str,
    /// PyPI's tags. A static binary needs no C library, so any old enough tag is true of it.
    wheel: &'static str,
    /// Node's `process.arch`.
    npm: &'static str,
}

/// Builds everything; with `--check` also installs and runs it.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let check = match arguments {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => bail!("usage: cargo xtask dist [--check]"),
    };
    tools::PYTHON.ensure(workspace)?;
    tools::ensure_npm(workspace)?;
    let dist = Dist::new(workspace)?;
    let built = dist.build()?;
    if check {
        check::installed(&dist, &built)?;
    }
    println!("\n{}", fs::read_to_string(dist.folder.join("SHA256SUMS"))?);
    Ok(())
}

/// The files of one build.
struct Built {
    binary: PathBuf,
    archive: PathBuf,
    wheel: PathBuf,
    npm: PathBuf,
}

impl<'a> Dist<'a> {
    fn new(workspace: &'a Workspace) -> Result<Self> {
        let keyward = workspace.package("keyward").context("the workspace has no crate `keyward`")?;
        Ok(Self {
            workspace,
            platform: Platform::ours()?,
            version: &keyward.version,
            folder: workspace.target().join("dist"),
        })
    }

    fn build(&self) -> Result<Built> {
        let binary = self.binary()?;
        let _ = fs::remove_dir_all(&self.folder);
        let stage = self.folder.join("stage").join(format!("keyward-{}-{}", self.version, self.platform.target));
        self.stage(&binary, &stage)?;
        let built = Built {
            archive: self.archive(&stage)?,
            wheel: self.wheel(&stage)?,
            npm: self.npm(&stage)?,
            binary: stage.join("bin/keyward"),
        };
        let mut sums = Command::new("sha256sum");
        sums.current_dir(&self.folder);
        for file in [&built.archive, &built.wheel, &built.npm] {
            sums.arg(file.file_name().context("a package is a file")?);
        }
        fs::write(self.folder.join("SHA256SUMS"), process::capture(&mut sums)?)?;
        Ok(built)
    }

    /// The release build. The target is named, so that build scripts and macros, which must load
    /// libraries, are not made static too.
    fn binary(&self) -> Result<PathBuf> {
        let target = self.platform.target;
        let mut command = process::cargo();
        command
            .args(["build", "--release", "--locked", "--package", "keyward", "--target", target])
            .env("RUSTFLAGS", "-C target-feature=+crt-static");
        process::run(&mut command)?;
        Ok(self.workspace.target().join(target).join("release/keyward"))
    }

    /// Lays out `bin/`, `share/`, licences and readme, from which each package is filled.
    fn stage(&self, binary: &Path, stage: &Path) -> Result<()> {
        let share = stage.join("share");
        let man = share.join("man/man1");
        let completions = [
            ("bash", share.join("bash-completion/completions/keyward")),
            ("zsh", share.join("zsh/site-functions/_keyward")),
            ("fish", share.join("fish/vendor_completions.d/keyward.fish")),
        ];
        fs::create_dir_all(stage.join("bin"))?;
        fs::create_dir_all(&man)?;
        fs::copy(binary, stage.join("bin/keyward"))?;
        process::run(Command::new(binary).arg("man").arg(&man))?;
        for (shell, file) in completions {
            fs::create_dir_all(file.parent().context("a completion lies in a folder")?)?;
            fs::write(&file, process::capture(Command::new(binary).args(["completions", shell]))?)?;
        }
        for name in ["README.md", "LICENSE-MIT", "LICENSE-APACHE"] {
            fs::copy(self.workspace.root().join(name), stage.join(name))?;
        }
        Ok(())
    }

    fn archive(&self, stage: &Path) -> Result<PathBuf> {
        let name = stage.file_name().context("the stage is a folder")?;
        let file = self.folder.join(format!("{}.tar.gz", name.display()));
        let mut tar = Command::new("tar");
        tar.args([
            "--create",
            "--gzip",
            "--sort=name",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
            "--mtime=@0",
            "--file",
        ])
        .arg(&file)
        .arg("--directory")
        .arg(stage.parent().context("the stage lies in a folder")?)
        .arg(name);
        process::run(&mut tar)?;
        Ok(file)
    }

    fn wheel(&self, stage: &Path) -> Result<PathBuf> {
        let mut command = Command::new("python3");
        command
            .arg(self.workspace.root().join("packaging/pypi/build_wheel.py"))
            .args(["--version", self.version, "--platform", self.platform.wheel])
            .arg("--binary")
            .arg(stage.join("bin/keyward"))
            .arg("--share")
            .arg(stage.join("share"))
            .arg("--readme")
            .arg(stage.join("README.md"))
            .args(["LICENSE-MIT", "LICENSE-APACHE"].map(|name| format!("--license={}", stage.join(name).display())))
            .arg("--out")
            .arg(&self.folder);
        Ok(PathBuf::from(process::capture(&mut command)?.trim()))
    }

    fn npm(&self, stage: &Path) -> Result<PathBuf> {
        let template = fs::read_to_string(self.workspace.root().join("packaging/npm/package.json"))?;
        let manifest = npm_manifest(&template, self.version, self.platform.npm, &manual_pages(stage)?)?;
        fs::write(stage.join("package.json"), manifest)?;
        let mut command = Command::new("npm");
        command
            .args(["pack", "--silent", "--pack-destination"])
            .arg(&self.folder)
            .current_dir(stage)
            .env("PATH", tools::peers_path(self.workspace)?);
        let name = process::capture(&mut command)?;
        Ok(self.folder.join(name.trim()))
    }
}

impl Platform {
    fn ours() -> Result<Self> {
        match (std::env::consts::OS, std::env::consts::ARCH) {
            ("linux", "x86_64") => Ok(Self {
                target: "x86_64-unknown-linux-gnu",
                wheel: "manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64",
                npm: "x64",
            }),
            ("linux", "aarch64") => Ok(Self {
                target: "aarch64-unknown-linux-gnu",
                wheel: "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
                npm: "arm64",
            }),
            (system, machine) => bail!("packages are built on Linux, x86_64 or aarch64, not on {system} {machine}"),
        }
    }
}

fn manual_pages(stage: &Path) -> Result<Vec<String>> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(stage.join("share/man/man1"))? {
        pages.push(format!("share/man/man1/{}", entry?.file_name().display()));
    }
    pages.sort();
    Ok(pages)
}

fn npm_manifest(template: &str, version: &str, cpu: &str, man: &[String]) -> Result<String> {
    let mut manifest: Value = serde_json::from_str(template).context("packaging/npm/package.json")?;
    manifest["version"] = json!(version);
    manifest["cpu"] = json!([cpu]);
    manifest["man"] = json!(man);
    Ok(serde_json::to_string_pretty(&manifest)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_npm_manifest_is_filled_in() {
        let template = include_str!("../../packaging/npm/package.json");
        let pages = ["share/man/man1/keyward.1".to_owned()];
        let filled = npm_manifest(template, "1.2.3", "arm64", &pages).expect("the template is JSON");
        let filled: Value = serde_json::from_str(&filled).expect("so is the manifest");
        assert_eq!(filled["version"], "1.2.3");
        assert_eq!(filled["cpu"], json!(["arm64"]));
        assert_eq!(filled["man"], json!(pages));
        assert_eq!(filled["bin"]["keyward"], "bin/keyward");
    }
}
