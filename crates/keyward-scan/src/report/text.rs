//! For people at a terminal: what stands where, what it is, and what to do.

use std::fmt::Write as _;
use std::io::{self, Write};

use keyward_types::{Confidence, Verified};

use super::excerpt::Excerpt;
use super::visible::{head, tail, visible, width};
use super::{Options, Report};
use crate::scanner::Found;
use crate::summary::Summary;

/// Findings by file, then a line that sums up.
pub(crate) fn write(report: &Report, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let ink = Ink(options.colour);
    let mut file: Option<&str> = None;
    for (found, excerpt) in report.entries() {
        if file != Some(&found.finding.path) {
            file = Some(&found.finding.path);
            out.write_all(heading(report, found, ink).as_bytes())?;
        }
        out.write_all(one(found, excerpt, options, ink).as_bytes())?;
    }
    out.write_all(closing(report, options, ink).as_bytes())
}

/// Colours, where they are wanted.
#[derive(Clone, Copy)]
struct Ink(bool);

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "1;31";
const YELLOW: &str = "1;33";
const BLUE: &str = "1;34";
const GREEN: &str = "1;32";

impl Ink {
    fn paint(self, style: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn heading(report: &Report, first: &Found, ink: Ink) -> String {
    let path = &first.finding.path;
    let start = report.found.partition_point(|found| found.finding.path < *path);
    let count = report.found[start..].iter().take_while(|found| found.finding.path == *path).count();
    let tracked = if first.finding.tracked { ", tracked by git" } else { "" };
    format!("{} ({}{tracked})\n\n", ink.paint(BOLD, &name(path)), plural(count, "finding"))
}

fn one(found: &Found, excerpt: &Excerpt, options: &Options, ink: Ink) -> String {
    let f = &found.finding;
    let style = colour_of(f.confidence);
    let mut text = String::new();
    let place = format!("{}:{}:{}", name(&f.path), f.line, f.column);
    let title = format!("{} ({})", visible(&f.description), visible(&f.rule));
    let _ = writeln!(text, "{place}: {}: {}", ink.paint(style, f.confidence.as_str()), ink.paint(BOLD, &title));
    text.push_str(&source(found, excerpt, options, ink));
    let gutter = " ".repeat(digits(f.line) + 1);
    for (label, note) in notes(found) {
        let _ = writeln!(text, "{gutter}{} {}: {note}", ink.paint(BLUE, "="), ink.paint(BOLD, label));
    }
    text.push('\n');
    text
}

/// The source line with the value marked.
fn source(found: &Found, excerpt: &Excerpt, options: &Options, ink: Ink) -> String {
    let (before, value, after) = excerpt.shown(found, options.reveal);
    if excerpt.is_empty() {
        return String::new();
    }
    let (before, value, after) = (visible(before), visible(value), visible(after));
    let line = found.finding.line;
    let room = if options.width == 0 { 100 } else { options.width.max(40) } - digits(line) - 4;
    let value_room = if options.reveal { usize::MAX } else { room.saturating_sub(20) };
    let shown = head(&value, value_room);
    let left = fit(before.trim_start(), room.saturating_sub(width(shown)).min(room / 2 + 10), tail);
    let left = if left.len() < before.trim_start().len() { format!("…{left}") } else { left.to_owned() };
    let right_room = room.saturating_sub(width(&left) + width(shown)).max(8);
    let right = fit(after.trim_end(), right_room, head);
    let cut = if right.len() < after.trim_end().len() || shown.len() < value.len() { "…" } else { "" };
    let gutter = " ".repeat(digits(line) + 1);
    let bar = ink.paint(BLUE, "|");
    let marks = "^".repeat(width(shown).max(1));
    let style = colour_of(found.finding.confidence);
    let mut text = format!("{gutter}{bar}\n{} {bar} {left}{shown}{right}{cut}\n", ink.paint(BLUE, &line.to_string()));
    let _ = writeln!(text, "{gutter}{bar} {}{}", " ".repeat(width(&left)), ink.paint(style, &marks));
    text
}

fn fit(text: &str, room: usize, cut: fn(&str, usize) -> &str) -> &str {
    if width(text) <= room { text } else { cut(text, room.saturating_sub(1)) }
}

/// What is known of a finding, and what to do.
fn notes(found: &Found) -> Vec<(&'static str, String)> {
    let f = &found.finding;
    let mut notes = Vec::new();
    if let Some(secret) = &f.vault {
        let place = format!("{}/{}", secret.project, secret.environment);
        notes.push(("stored", format!("{} of {place}, version {}", secret.name, secret.version)));
    }
    if let Some(commit) = &f.commit {
        let by = f.author.as_ref().map(|author| format!(" by {author}")).unwrap_or_default();
        let on = f.date.as_ref().map(|date| format!(" on {date}")).unwrap_or_default();
        notes.push(("commit", visible(&format!("{}{by}{on}", head(commit, 12)))));
    }
    if let Some(word) = verified(f.verified) {
        notes.push(("service", word.to_owned()));
    }
    notes.push(("fingerprint", f.fingerprint.to_string()));
    if let Some(advice) = &found.advice {
        notes.push(("help", visible(advice)));
    }
    if let Some(next) = next_step(found) {
        notes.push(("next", next));
    }
    notes
}

/// What to do about a finding. Names only commands that exist.
pub(crate) fn next_step(found: &Found) -> Option<String> {
    let f = &found.finding;
    if found.misuse {
        return None;
    }
    let open = f.tracked || f.commit.is_some();
    Some(match (&f.vault, open) {
        (Some(secret), _) => format!(
            "replace it at its service, then `keyward set {} -p {} -e {}`, and read it from the environment here",
            secret.name, secret.project, secret.environment
        ),
        (None, true) => "whoever can read the repository has it: replace it at its service, keep the new one with \
                         `keyward set`, and read it from the environment here"
            .to_owned(),
        (None, false) => {
            "keep it with `keyward set` and read it from the environment here, before it is committed".to_owned()
        }
    })
}

/// What a service said of a key, for people.
pub(crate) fn verified(verified: Verified) -> Option<&'static str> {
    Some(match verified {
        Verified::NotChecked => return None,
        Verified::Valid => "the key works",
        Verified::ValidInsufficient => "the key works, with few rights",
        Verified::Invalid => "the key does not work",
        Verified::Blocked => "it does not let us ask",
        Verified::RateLimited => "asked too often; no answer",
        Verified::Indeterminate => "no answer that says anything",
    })
}

fn closing(report: &Report, options: &Options, ink: Ink) -> String {
    let summary = report.summary();
    let mut text = String::new();
    if options.show_skipped {
        for skipped in &summary.skipped {
            let _ =
                writeln!(text, "{} {}: {}", ink.paint(DIM, "skipped"), name(&skipped.path), visible(&skipped.reason));
        }
    }
    let total = report.found().len();
    let what = if total == 0 {
        ink.paint(GREEN, "nothing found")
    } else {
        let files = count_distinct(report.found().iter().map(|found| found.finding.path.as_str()));
        ink.paint(BOLD, &format!("{} in {}", plural(total, "finding"), plural(files, "file")))
    };
    let _ = writeln!(text, "{what}{}; {}", kinds(report), read(summary));
    if total > 0 {
        text.push_str(
            "no secret? write `keyward:allow RULE reason` on its line, or keep it in a baseline: \
             `keyward scan --write-baseline FILE`\n",
        );
    }
    text
}

/// ` (2 high, 1 low; 1 stored, 2 tracked by git)`.
fn kinds(report: &Report) -> String {
    let found = report.found();
    if found.is_empty() {
        return String::new();
    }
    let of = |level: Confidence| found.iter().filter(|one| one.finding.confidence == level).count();
    let levels = [Confidence::High, Confidence::Medium, Confidence::Low];
    let levels: Vec<String> = levels
        .iter()
        .filter(|level| of(**level) > 0)
        .map(|level| format!("{} {}", of(*level), level.as_str()))
        .collect();
    let stored = found.iter().filter(|one| one.finding.vault.is_some()).count();
    let tracked = found.iter().filter(|one| one.finding.tracked).count();
    let more = [(stored, "stored in the vault"), (tracked, "tracked by git")];
    let more: Vec<String> =
        more.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let semicolon = if more.is_empty() { "" } else { "; " };
    format!(" ({}{semicolon}{})", levels.join(", "), more.join(", "))
}

fn read(summary: &Summary) -> String {
    let mut parts = vec![format!("{} read", plural(count(summary.files), "file"))];
    if summary.blobs > 0 {
        parts.push(plural(count(summary.blobs), "git object"));
    }
    if summary.commits > 0 {
        parts.push(plural(count(summary.commits), "commit"));
    }
    parts.push(format!("{} in {:.2} s", size(summary.bytes), summary.seconds));
    if summary.silenced > 0 {
        parts.push(format!("{} silenced", summary.silenced));
    }
    if !summary.skipped.is_empty() {
        parts.push(format!("{} skipped", summary.skipped.len()));
    }
    parts.join(", ")
}

/// Bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// `1 file`, `2 files`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// How many different ones there are in a sorted row.
pub(crate) fn count_distinct<'a>(sorted: impl Iterator<Item = &'a str>) -> usize {
    let mut last = None;
    sorted.filter(|one| last.replace(*one) != Some(*one)).count()
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A path for people; a text without one came by standard input.
pub(crate) fn name(path: &str) -> String {
    if path.is_empty() { "<stdin>".to_owned() } else { visible(path) }
}

fn colour_of(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => RED,
        Confidence::Medium => YELLOW,
        Confidence::Low => BLUE,
    }
}

fn digits(number: u32) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}
