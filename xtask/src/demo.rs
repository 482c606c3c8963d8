//! `cargo xtask demo`: the main job on a real application. A copy of
//! `examples/chatbot` goes from its `.env` files to a vault and runs from there;
//! what happens is in the example's own `demo.sh`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process;
use crate::tools;
use crate::workspace::Workspace;

const EXAMPLE: &str = "examples/chatbot";

/// Plays the example in `target/demo/`, with a vault of its own there.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    if !arguments.is_empty() {
        bail!("usage: cargo xtask demo");
    }
    tools::ensure_programs(&[tools::PYTHON3, tools::GIT_PROGRAM])?;
    process::run(process::cargo().args(["build", "--workspace", "--bin", "keyward"]))?;
    let folder = workspace.target().join("demo");
    let _ = fs::remove_dir_all(&folder);
    let application = folder.join("chatbot");
    copy(&workspace.root().join(EXAMPLE), &application).with_context(|| format!("cannot copy {EXAMPLE}"))?;
    let mut command = Command::new("sh");
    command
        .arg("demo.sh")
        .current_dir(&application)
        .env("PATH", process::path_after(&workspace.target().join("debug"))?)
        // Nobody is asked for a passphrase: without a terminal a key file opens the vault.
        .stdin(Stdio::null())
        .env("KEYWARD_HOME", folder.join("vault"))
        .env("KEYWARD_KEYS", folder.join("keys"));
    process::run(&mut command)?;
    println!("\nthe application and its vault are in {}", folder.display());
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_copied_whole() {
        let scratch = std::env::temp_dir().join(format!("xtask-demo-{}", std::process::id()));
        fs::create_dir_all(scratch.join("from/inner")).expect("a temporary folder");
        fs::write(scratch.join("from/inner/.env.example"), "NAME=\n").expect("written");
        copy(&scratch.join("from"), &scratch.join("to")).expect("copied");
        assert_eq!(fs::read(scratch.join("to/inner/.env.example")).expect("it is there"), b"NAME=\n");
        fs::remove_dir_all(&scratch).expect("removed");
    }
}
