//! Installs each package as a user would, and runs what it brought.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::{Built, Dist};
use crate::process;
use crate::tools;

/// What the release binary may take from its start to its end, printing its version.
const START: Duration = Duration::from_millis(10);

/// Fails where a package does not install, does not run or is not static.
pub(super) fn installed(dist: &Dist<'_>, built: &Built) -> Result<()> {
    let scratch = dist.folder.join("check");
    fs::create_dir_all(&scratch)?;
    process::run(Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(&dist.folder))?;
    is_static(&built.binary)?;
    starts_at_once(&built.binary)?;
    archive(dist, built, &scratch)?;
    wheel(dist, built, &scratch)?;
    npm(dist, built, &scratch)?;
    fs::remove_dir_all(&scratch)?;
    Ok(())
}

fn archive(dist: &Dist<'_>, built: &Built, scratch: &Path) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--strip-components=1", "--file"]).arg(&built.archive).arg("--directory").arg(scratch);
    process::run(&mut tar)?;
    runs(dist, &scratch.join("bin/keyward"))?;
    has_share(scratch)
}

fn wheel(dist: &Dist<'_>, built: &Built, scratch: &Path) -> Result<()> {
    let venv = scratch.join("venv");
    tools::make_venv(&venv)?;
    process::run(tools::pip(&venv).arg("--no-index").arg(&built.wheel))?;
    runs(dist, &venv.join("bin/keyward"))?;
    has_share(&venv)
}

fn npm(dist: &Dist<'_>, built: &Built, scratch: &Path) -> Result<()> {
    let folder = scratch.join("npm");
    fs::create_dir_all(&folder)?;
    let mut install = Command::new("npm");
    install
        .args(["install", "--offline", "--no-audit", "--no-fund", "--loglevel=error"])
        .arg(&built.npm)
        .current_dir(&folder)
        .env("PATH", tools::peers_path(dist.workspace)?);
    // A `package.json` of its own, or npm would look for one in the folders above.
    fs::write(folder.join("package.json"), "{}")?;
    process::run(&mut install)?;
    runs(dist, &folder.join("node_modules/.bin/keyward"))?;
    has_share(&folder.join("node_modules/keyward"))
}

fn runs(dist: &Dist<'_>, binary: &Path) -> Result<()> {
    let said = process::capture(Command::new(binary).arg("--version"))?;
    ensure!(said.trim() == format!("keyward {}", dist.version), "{} said `{}`", binary.display(), said.trim());
    println!("{} says {}", binary.display(), said.trim());
    Ok(())
}

fn has_share(folder: &Path) -> Result<()> {
    for file in [
        "man/man1/keyward.1",
        "bash-completion/completions/keyward",
        "zsh/site-functions/_keyward",
        "fish/vendor_completions.d/keyward.fish",
    ] {
        let file = folder.join("share").join(file);
        let filled = fs::metadata(&file).is_ok_and(|metadata| metadata.len() > 0);
        ensure!(filled, "{} is missing or empty", file.display());
    }
    Ok(())
}

/// `ldd` says so on one of its streams, in words and with an exit code that differ between systems.
fn is_static(binary: &Path) -> Result<()> {
    let output = Command::new("ldd").arg(binary).output().context("cannot start ldd")?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    if !said.contains("statically linked") && !said.contains("not a dynamic executable") {
        bail!("{} is not static: {said}", binary.display());
    }
    println!("ldd: {}", said.trim());
    Ok(())
}

fn starts_at_once(binary: &Path) -> Result<()> {
    let mut times = Vec::new();
    for _ in 0..21 {
        let start = Instant::now();
        let status = Command::new(binary).arg("--version").stdout(Stdio::null()).status()?;
        ensure!(status.success(), "{} --version ended with {status}", binary.display());
        times.push(start.elapsed());
    }
    times.sort();
    let median = times[times.len() / 2];
    println!("starts in {:.1} ms (median of {})", median.as_secs_f64() * 1e3, times.len());
    ensure!(median <= START, "a start takes {median:?}, more than {START:?}");
    Ok(())
}
