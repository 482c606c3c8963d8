//! What is scanned: a small file, a tree of released packages, and a history made of their files.
//!
//! All of it lies in the system's folder for temporary files and is kept: some scanners leave out
//! what an ignore file around it names, and ours ignores the folder of our tools.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::accuracy;
use crate::process;
use crate::workspace::Workspace;

/// Python, YAML, JavaScript, TypeScript: some 48 MB.
pub(crate) const PACKAGES: [&str; 3] = ["ansible-core", "webpack", "@angular/core"];
/// Each changes four files.
const COMMITS: usize = 11_000;
const FILES: usize = 600;

/// Everything that is scanned, and a home for those who scan.
pub(crate) struct Inputs {
    pub(crate) home: PathBuf,
    pub(crate) small: PathBuf,
    pub(crate) tree: PathBuf,
    pub(crate) history: PathBuf,
}

/// The inputs, made where they are not there yet.
pub(crate) fn ready(workspace: &Workspace) -> Result<Inputs> {
    let folder = std::env::temp_dir().join("keyward-bench-scan");
    let inputs = Inputs {
        home: folder.join("home"),
        small: folder.join("small"),
        tree: folder.join("tree"),
        history: folder.join(format!("revisions-{COMMITS}.git")),
    };
    fs::create_dir_all(&inputs.home)?;
    if !inputs.small.is_dir() {
        fs::create_dir_all(&inputs.small)?;
        fs::write(inputs.small.join("settings.py"), "DEBUG = True\nNAME = \"shop\"\nRETRIES = 3\n".repeat(40))?;
    }
    once(&inputs.tree, |new| {
        fs::create_dir_all(new)?;
        PACKAGES.into_iter().try_for_each(|name| {
            let sources = accuracy::sources(workspace, name)?;
            process::run(Command::new("cp").arg("-R").arg(sources).arg(new))
        })
    })?;
    once(&inputs.history, |new| history(new, &inputs.tree))?;
    Ok(inputs)
}

/// Makes a folder under another name first, so that half of one is never taken for it.
fn once(folder: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    println!("making {}", folder.display());
    let new = folder.with_extension("new");
    let _ = fs::remove_dir_all(&new);
    make(&new)?;
    Ok(fs::rename(new, folder)?)
}

/// A repository of many revisions, repacked as `git gc` would; `-f`, as the deltas of `fast-import`, against
/// whatever came before, are poor ones.
fn history(path: &Path, tree: &Path) -> Result<()> {
    process::run(Command::new("git").args(["init", "-q", "--bare", "--initial-branch=main"]).arg(path))?;
    let mut sources = Vec::new();
    collect(tree, &mut sources)?;
    sources.sort();
    let mut import = Command::new("git");
    import.arg("-C").arg(path).args(["fast-import", "--quiet"]).stdin(Stdio::piped());
    let mut import = import.spawn()?;
    let mut out = BufWriter::new(import.stdin.take().context("standard input was piped")?);
    revisions(&mut out, &sources, COMMITS)?;
    out.flush()?;
    drop(out);
    if !import.wait()?.success() {
        bail!("git fast-import failed");
    }
    process::run(Command::new("git").arg("-C").arg(path).args(["repack", "-adfq", "--window=10", "--depth=50"]))
}

/// Commits that replace a few lines of four files with lines from others.
fn revisions(out: &mut impl Write, sources: &[PathBuf], commits: usize) -> Result<()> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut sources = sources.to_vec();
    for at in (1..sources.len()).rev() {
        sources.swap(at, random.below(at + 1));
    }
    let read = |path: &PathBuf| -> io::Result<Vec<Vec<u8>>> {
        Ok(fs::read(path)?.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect())
    };
    let mut files: Vec<_> = sources.iter().take(FILES).map(read).collect::<io::Result<_>>()?;
    let others = sources.iter().rev().take(400).map(read).collect::<io::Result<Vec<_>>>()?;
    if files.is_empty() {
        bail!("the packages hold no source of the right size");
    }
    for commit in 0..commits {
        writeln!(out, "commit refs/heads/main")?;
        writeln!(out, "committer A U Thor <author@example.com> {} +0000\ndata 0", 1_500_000_000 + commit * 60)?;
        let all = files.len();
        let changed: Vec<usize> =
            if commit == 0 { (0..all).collect() } else { (0..4).map(|_| random.below(all)).collect() };
        for number in changed {
            if commit > 0 {
                edit(&mut files[number], &others, &mut random);
            }
            let (path, content) = (sources[number].file_name().context("a file")?, files[number].concat());
            let path = format!("src/d{}/{number}-{}", number % 20, path.display());
            writeln!(out, "M 100644 inline {path}\ndata {}", content.len())?;
            out.write_all(&content)?;
            writeln!(out)?;
        }
    }
    Ok(())
}

fn edit(file: &mut Vec<Vec<u8>>, others: &[Vec<Vec<u8>>], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let other = &others[random.below(others.len())];
        let from = random.below(other.len());
        let new = other[from..other.len().min(from + 1 + random.below(12))].to_vec();
        let at = random.below(file.len() + 1);
        file.splice(at..file.len().min(at + random.below(12)), new);
    }
}

fn collect(folder: &Path, sources: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let source =
            path.extension().is_some_and(|end| ["py", "js", "ts", "yml", "json"].iter().any(|one| end == *one));
        if kind.is_dir() {
            collect(&path, sources)?;
        } else if kind.is_file() && source && (8_000..80_000).contains(&entry.metadata()?.len()) {
            sources.push(path);
        }
    }
    Ok(())
}

/// Numbers that look random and are the same every time (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_history_each_time_and_git_reads_it() {
        let folder = std::env::temp_dir().join(format!("xtask-revisions-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder");
        let sources = [folder.join("a.py"), folder.join("b.js")];
        sources.iter().for_each(|file| fs::write(file, "one\ntwo\nthree\n".repeat(9)).expect("written"));
        let written = || {
            let mut out = Vec::new();
            revisions(&mut out, &sources, 5).expect("in memory");
            out
        };
        assert_eq!(written(), written());
        let text = String::from_utf8(written()).expect("of text");
        assert_eq!(text.matches("commit refs/heads/main").count(), 5);
        assert_eq!(text.matches("M 100644 inline src/").count(), 2 + 4 * 4);
        fs::remove_dir_all(&folder).expect("removed");
    }
}
