//! The `guide` step: `docs/guide.md` has a row for everything that the guide
//! asks, and no page names a command, a check or a page that does not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;
use crate::workspace::Workspace;

const PAGE: &str = "docs/guide.md";

/// Rows a section has: section 1 has the id 1.1 alone, section 2 has 2.1 to 2.5, and so on.
const ROWS: [u32; 13] = [1, 5, 7, 4, 10, 4, 6, 5, 8, 9, 4, 6, 4];

/// What the built binary offers.
#[derive(Default)]
struct Offer {
    /// Command paths such as `audit verify`, from `keyward commands`.
    commands: BTreeSet<String>,
    /// Ids such as `KW101` and the rows of the guide that each answers, from `keyward check --list`.
    checks: BTreeMap<String, Vec<String>>,
}

/// Checks the guide's page and the commands named in every other page.
pub(crate) fn check(workspace: &Workspace) -> Result<String> {
    let page = fs::read_to_string(workspace.root().join(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    let rows = rows(&page);
    let mut faults = faults_of_rows(&rows);
    let offer = Offer::of_binary(workspace)?;
    faults.extend(faults_of_checks(&rows, &offer.checks));
    for file in pages(workspace.root())? {
        let text = fs::read_to_string(&file)?;
        let name = file.strip_prefix(workspace.root()).unwrap_or(&file).display().to_string();
        faults.extend(faults_of_page(&name, &text, &file, &offer));
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    let done = rows.iter().filter(|row| row.state == "done").count();
    let partly = rows.iter().filter(|row| row.state == "partly").count();
    Ok(format!(
        "{} rows: {done} done, {partly} partly; {} commands, {} checks",
        rows.len(),
        offer.commands.len(),
        offer.checks.len()
    ))
}

struct Row<'a> {
    id: &'a str,
    state: &'a str,
    answer: &'a str,
}

fn rows(page: &str) -> Vec<Row<'_>> {
    page.lines().filter_map(Row::parse).collect()
}

impl<'a> Row<'a> {
    /// A line of a table whose first cell is an id; any other line is `None`.
    fn parse(line: &'a str) -> Option<Self> {
        let cells = line.trim().strip_prefix('|')?.strip_suffix('|')?;
        let mut cells = cells.split('|').map(str::trim);
        let (id, _asked, state, answer) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
        let whole = cells.next().is_none() && id.starts_with(|c: char| c.is_ascii_digit());
        whole.then_some(Self { id, state, answer })
    }
}

fn ids() -> impl Iterator<Item = String> {
    (1..).zip(ROWS).flat_map(|(section, rows)| (1..=rows).map(move |row| format!("{section}.{row}")))
}

fn faults_of_rows(rows: &[Row<'_>]) -> Vec<String> {
    let mut faults = Vec::new();
    for id in ids() {
        match rows.iter().filter(|row| row.id == id).count() {
            1 => {}
            0 => faults.push(format!("{PAGE}: no row for {id}")),
            n => faults.push(format!("{PAGE}: {n} rows for {id}")),
        }
    }
    for row in rows {
        if !ids().any(|id| id == row.id) {
            faults.push(format!("{PAGE}: the guide has no {}", row.id));
        }
        let names_something = ["`keyward ", "KW", "]("].iter().any(|sign| row.answer.contains(sign));
        match row.state {
            "done" | "partly" if names_something => {}
            "done" | "partly" => faults.push(format!("{PAGE}: {} is {} by nothing", row.id, row.state)),
            "not yet" if !names_something => {}
            "not yet" => faults.push(format!("{PAGE}: {} is not yet there and names what does it", row.id)),
            other => faults.push(format!("{PAGE}: {} has the unknown state `{other}`", row.id)),
        }
    }
    faults
}

/// A check that answers a row is named there.
fn faults_of_checks(rows: &[Row<'_>], checks: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut faults = Vec::new();
    for (check, answers) in checks {
        for id in answers {
            match rows.iter().find(|row| row.id == id) {
                None => faults.push(format!("{check} answers {id}, which is not in {PAGE}")),
                Some(row) if !row.answer.contains(check.as_str()) => {
                    faults.push(format!("{PAGE}: {id} does not name {check}, which answers it"));
                }
                Some(_) => {}
            }
        }
    }
    faults
}

/// The pages that people read: those in the root and those in these folders.
const FOLDERS: [&str; 3] = ["docs", "examples", "packaging"];

fn pages(root: &Path) -> Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    let mut folders = FOLDERS.map(|folder| root.join(folder)).to_vec();
    let markdown = |path: &Path| path.extension().is_some_and(|extension| extension == "md");
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if path.is_file() && markdown(&path) {
            pages.push(path);
        }
    }
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if markdown(&path) {
                pages.push(path);
            }
        }
    }
    pages.sort();
    Ok(pages)
}

fn faults_of_page(name: &str, text: &str, file: &Path, offer: &Offer) -> Vec<String> {
    let mut faults = Vec::new();
    for command in commands_in(text) {
        if !offer.has_command(&command) {
            faults.push(format!("{name}: there is no command `keyward {command}`"));
        }
    }
    for id in check_ids_in(text) {
        if !offer.checks.contains_key(&id) {
            faults.push(format!("{name}: there is no check {id}"));
        }
    }
    for link in links_in(text) {
        let target = link.split('#').next().unwrap_or_default();
        let local = !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:");
        if local && !file.parent().is_some_and(|folder| folder.join(target).exists()) {
            faults.push(format!("{name}: there is no page {target}"));
        }
    }
    faults
}

/// The command lines of a page, without the leading `keyward`: code spans, and lines of code
/// blocks that begin with it (after a `$` or not).
fn commands_in(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            let line = line.trim_start().trim_start_matches("$ ");
            commands.extend(line.strip_prefix("keyward ").map(str::to_owned));
        } else {
            let spans = line.split('`').skip(1).step_by(2);
            commands.extend(spans.filter_map(|span| span.strip_prefix("keyward ")).map(str::to_owned));
        }
    }
    commands
}

fn check_ids_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let is_id =
        |word: &&str| word.strip_prefix("KW").is_some_and(|n| n.len() == 3 && n.bytes().all(|b| b.is_ascii_digit()));
    words.filter(is_id).map(str::to_owned).collect()
}

fn links_in(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link)
}

impl Offer {
    fn of_binary(workspace: &Workspace) -> Result<Self> {
        // With the tests, so that dependencies have the features that the step before built them with.
        process::run(process::cargo().args(["build", "--quiet", "--workspace", "--bins", "--tests"]))?;
        let binary = workspace.target().join("debug").join("keyward");
        let lines = |arguments: &[&str]| process::capture(Command::new(&binary).args(arguments));
        let commands = lines(&["commands"])?;
        let commands = commands.lines().map(|line| line.trim().to_owned()).collect();
        let checks: Value = serde_json::from_str(&lines(&["check", "--list", "--json"])?)?;
        let checks = checks["checks"].as_array().context("`keyward check --list` has no checks")?;
        let texts = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let checks = checks.iter().filter_map(|check| Some((check["id"].as_str()?.to_owned(), texts(&check["guide"]))));
        let checks = checks.collect();
        Ok(Self { commands, checks })
    }

    /// Whether a command line begins with a command that exists. A second word counts where the
    /// first has commands of its own, and neither an option nor a placeholder is meant.
    fn has_command(&self, line: &str) -> bool {
        let mut words = line.split_whitespace();
        let Some(first) = words.next() else {
            return false;
        };
        if first.starts_with('-') {
            return true;
        }
        let group = format!("{first} ");
        let second = words.next().filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
        match second {
            Some(second) if self.commands.iter().any(|command| command.starts_with(&group)) => {
                self.commands.contains(&format!("{group}{second}"))
            }
            _ => self.commands.contains(first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer() -> Offer {
        let set = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let checks = BTreeMap::from([("KW101".to_owned(), vec!["3.1".to_owned(), "9.1".to_owned()])]);
        Offer { commands: set(&["audit", "audit verify", "run"]), checks }
    }

    #[test]
    fn the_page_has_every_row() {
        let workspace = Workspace::load().expect("cargo metadata works in a test");
        let page = fs::read_to_string(workspace.root().join(PAGE)).expect("the page is there");
        assert_eq!(faults_of_rows(&rows(&page)), Vec::<String>::new());
        assert_eq!(ids().count(), 73);
    }

    /// The design lies beside the workspace where the project is worked on, and nowhere else.
    #[test]
    fn our_list_of_ids_is_the_designs() {
        let workspace = Workspace::load().expect("cargo metadata works in a test");
        let design = workspace.root().join("../shared/design/guide.md");
        if let Ok(design) = fs::read_to_string(design) {
            let asked: Vec<&str> = design
                .lines()
                .filter_map(|line| line.strip_prefix("| ")?.split(' ').next())
                .filter(|id| id.starts_with(|c: char| c.is_ascii_digit()))
                .collect();
            assert_eq!(asked, ids().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_missing_a_double_and_an_unknown_row_are_named() {
        let page: String = ids()
            .filter(|id| id != "9.7")
            .chain(["4.4".to_owned(), "14.1".to_owned()])
            .map(|id| format!("| {id} | asked | not yet | later |\n"))
            .collect();
        let faults = faults_of_rows(&rows(&page)).join("\n");
        assert!(faults.contains("2 rows for 4.4"), "{faults}");
        assert!(faults.contains("no row for 9.7"), "{faults}");
        assert!(faults.contains("the guide has no 14.1"), "{faults}");
        assert_eq!(faults.lines().count(), 3, "{faults}");
    }

    #[test]
    fn a_state_must_fit_its_answer() {
        let fault = |state, answer| {
            let row = Row { id: "1.1", state, answer };
            faults_of_rows(&[row]).into_iter().find(|fault| !fault.contains("no row for"))
        };
        assert_eq!(fault("done", "`keyward run`"), None);
        assert_eq!(fault("not yet", "the scanner"), None);
        assert!(fault("done", "surely").is_some());
        assert!(fault("not yet", "`keyward scan`").is_some());
        assert!(fault("soon", "`keyward run`").is_some());
    }

    #[test]
    fn a_check_that_its_row_does_not_name_is_named() {
        let rows = [Row { id: "3.1", state: "done", answer: "KW101" }, Row { id: "9.1", state: "done", answer: "?" }];
        assert_eq!(
            faults_of_checks(&rows, &offer().checks),
            ["docs/guide.md: 9.1 does not name KW101, which answers it"]
        );
    }

    #[test]
    fn a_command_or_check_or_page_that_does_not_exist_is_named() {
        let page = "`keyward run -- x`, `keyward audit verify`, `keyward audit --help`, KW101, [us](guide.rs)\n\
                    ```\n$ keyward audit prune\nkeyward scan .\nnot keyward either\n```\n`keyward audit NAME`\n\
                    KW999 [nobody](nowhere.md) [out](https://example.org/x.md)\n";
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide.rs");
        let faults = faults_of_page("p.md", page, &file, &offer());
        assert_eq!(
            faults,
            [
                "p.md: there is no command `keyward audit prune`",
                "p.md: there is no command `keyward scan .`",
                "p.md: there is no check KW999",
                "p.md: there is no page nowhere.md",
            ]
        );
    }
}
