//! `cargo xtask pictures`: draws the pictures of the terminal in `docs/pictures/`.
//!
//! `NAME.session` is played in a real shell on a real terminal (a pty, made by
//! `script`), with the binary just built and a home of its own, and what came
//! out is drawn as `NAME.svg`. Nothing is typed by hand, so a picture cannot
//! show what the program does not do.
//!
//! A session's lines: `# title: …` and `# width: 88` say how it looks; `! …` is
//! run unseen; `$ …` is shown and run, and its output is what the picture shows.

mod screen;
mod svg;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::process;
use crate::workspace::Workspace;
use screen::Screen;

/// Plays the sessions named in `arguments`, or all of them.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    process::run(process::cargo().args(["build", "--quiet", "--workspace", "--bin", "keyward"]))?;
    let folder = workspace.root().join("docs/pictures");
    let mut sessions: Vec<PathBuf> = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    sessions.retain(|file| file.extension().is_some_and(|extension| extension == "session"));
    sessions.sort();
    let mut drawn = 0;
    for file in &sessions {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        if arguments.is_empty() || arguments.iter().any(|argument| *argument == name) {
            draw(workspace, file)?;
            drawn += 1;
        }
    }
    if drawn == 0 {
        bail!("no session of that name in {}", folder.display());
    }
    Ok(())
}

fn draw(workspace: &Workspace, file: &Path) -> Result<()> {
    let session = Session::parse(&fs::read_to_string(file)?)?;
    // Its path is in the picture where a program names its files: a short one.
    let scratch = std::env::temp_dir().join("keyward").join(file.file_stem().context("a session has a name")?);
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(scratch.join("home"))?;
    let recording = play(workspace, &session, &scratch)?;
    let screen = Screen::of(&recording, session.width);
    let picture = file.with_extension("svg");
    fs::write(&picture, svg::render(&screen, &session.title))?;
    fs::remove_dir_all(&scratch)?;
    println!("drew {} ({} lines)", picture.display(), screen.rows().len());
    Ok(())
}

/// What is played.
#[derive(Debug, PartialEq)]
struct Session {
    title: String,
    /// Columns of the terminal.
    width: usize,
    lines: Vec<Line>,
}

#[derive(Debug, PartialEq)]
enum Line {
    Unseen(String),
    Shown(String),
}

impl Session {
    fn parse(text: &str) -> Result<Self> {
        let mut session = Self { title: "keyward".to_owned(), width: 88, lines: Vec::new() };
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if let Some(title) = line.strip_prefix("# title: ") {
                title.clone_into(&mut session.title);
            } else if let Some(width) = line.strip_prefix("# width: ") {
                session.width = width.trim().parse().context("the width is a number")?;
            } else if let Some(command) = line.strip_prefix("! ") {
                session.lines.push(Line::Unseen(command.to_owned()));
            } else if let Some(command) = line.strip_prefix("$ ") {
                session.lines.push(Line::Shown(command.to_owned()));
            } else if !line.starts_with('#') {
                bail!("a line begins with `$ `, `! ` or `# `: `{line}`");
            }
        }
        ensure!(session.lines.iter().any(|line| matches!(line, Line::Shown(_))), "the session shows nothing");
        Ok(session)
    }

    /// A shell script that plays it. A failing unseen line ends it; a shown one may fail.
    fn script(&self) -> String {
        let mut script = format!("stty cols {} rows 50\nshown=\n", self.width);
        for line in &self.lines {
            let _ = match line {
                Line::Unseen(command) => writeln!(script, "{{ {command}\n}} >>$SETUP_LOG 2>&1 </dev/null || exit 99"),
                Line::Shown(command) => {
                    let quoted = command.replace('\'', r"'\''");
                    writeln!(
                        script,
                        "printf \"$shown\"'\\033[1;32m$\\033[0m \\033[1m%s\\033[0m\\n' '{quoted}'\nshown='\\n'\n{command}"
                    )
                }
            };
        }
        script.push_str("exit 0\n");
        script
    }
}

/// Everything that the terminal got.
fn play(workspace: &Workspace, session: &Session, scratch: &Path) -> Result<Vec<u8>> {
    fs::write(scratch.join("play.sh"), session.script())?;
    let home = scratch.join("home");
    // A command that asks for something would wait for ever.
    let mut command = Command::new("timeout");
    command
        .args(["60", "script", "-q", "-e", "-c", "bash ../play.sh", "../typescript"])
        .current_dir(&home)
        .env_clear()
        .env("PATH", process::path_after(&workspace.target().join("debug"))?)
        .env("HOME", &home)
        .env("SETUP_LOG", scratch.join("setup.log"))
        .env("ROOT", workspace.root())
        .env("TERM", "xterm-256color")
        .env("LANG", "C.UTF-8")
        // Held open and never written to: at its end `script` would type an end of file.
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let mut child =
        command.spawn().context("cannot start `script`, which comes with Debian's bsdutils, under `timeout`")?;
    let stdin = child.stdin.take();
    let status = child.wait()?;
    drop(stdin);
    let recording = fs::read(scratch.join("typescript"))?;
    ensure!(
        status.success(),
        "the session ended with {status}:\n{}{}",
        String::from_utf8_lossy(&recording),
        fs::read_to_string(scratch.join("setup.log")).unwrap_or_default()
    );
    Ok(without_frame(&recording))
}

/// `script` puts a line of its own before and after what it recorded.
fn without_frame(recording: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(recording);
    let ours = |line: &&str| !line.starts_with("Script started on ") && !line.starts_with("Script done on ");
    text.split_inclusive('\n').filter(ours).collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_read() {
        let session = Session::parse("# title: First\n# width: 40\n! cd x\n\n$ echo it's\n").expect("it is whole");
        assert_eq!((session.title.as_str(), session.width), ("First", 40));
        assert_eq!(session.lines, [Line::Unseen("cd x".to_owned()), Line::Shown("echo it's".to_owned())]);
        assert!(Session::parse("echo no mark\n").is_err());
        assert!(Session::parse("! only unseen\n").is_err());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_session_is_played_on_a_terminal() {
        let workspace = Workspace::load().expect("cargo metadata works in a test");
        let scratch = std::env::temp_dir().join(format!("xtask-pictures-{}", std::process::id()));
        fs::create_dir_all(scratch.join("home")).expect("a temporary folder");
        let session = Session::parse("! seen=no\n$ test -t 1 && echo $seen terminal\n").expect("it is whole");
        let recording = play(&workspace, &session, &scratch).expect("it plays");
        let screen = Screen::of(&recording, session.width);
        assert_eq!(screen.text(), "$ test -t 1 && echo $seen terminal\nno terminal\n");
        let broken = Session::parse("! false\n$ true\n").expect("it is whole");
        assert!(play(&workspace, &broken, &scratch).is_err());
        fs::remove_dir_all(&scratch).expect("removed");
    }
}
