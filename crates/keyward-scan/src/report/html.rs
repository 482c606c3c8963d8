//! One page for a browser that needs nothing else: no request leaves it, no text of a scanned file can
//! become markup or script (everything is escaped, and the policy allows only the style and script
//! with the hashes of ours).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};

use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use super::excerpt::Excerpt;
use super::text::{count_distinct, name, next_step, plural, size, verified};
use super::visible::is_treacherous;
use super::{Options, Report};
use crate::scanner::Found;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Writes the page.
pub(crate) fn write(report: &Report, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(head(report).as_bytes())?;
    let mut file: Option<&str> = None;
    for (found, excerpt) in report.entries() {
        let path = found.finding.path.as_str();
        if file != Some(path) {
            let end = if file.is_some() { "</section>\n" } else { "" };
            file = Some(path);
            let path = escape(&name(path));
            write!(out, "{end}<section data-file=\"{path}\">\n<h2>{path}</h2>\n")?;
        }
        out.write_all(card(found, excerpt, options).as_bytes())?;
    }
    let end = if file.is_some() { "</section>\n" } else { "" };
    // The script filters, and stops where there is nothing to filter.
    let script = if report.is_clean() { String::new() } else { format!("<script>{SCRIPT}</script>\n") };
    write!(out, "{end}{}{script}</body>\n</html>\n", skipped(report))
}

fn head(report: &Report) -> String {
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    let total = report.found().len();
    let files = count_distinct(report.found().iter().map(|found| found.finding.path.as_str()));
    let what = match total {
        0 => "Nothing found".to_owned(),
        _ => format!("{} in {}", plural(total, "finding"), plural(files, "file")),
    };
    let summary = report.summary();
    let mut read = format!("{} files read", summary.files);
    for (count, noun) in [(summary.blobs, "git objects"), (summary.commits, "commits")] {
        if count > 0 {
            let _ = write!(read, ", {count} {noun}");
        }
    }
    let _ = write!(read, ", {} in {:.2} s", size(summary.bytes), summary.seconds);
    for (count, word) in [(summary.silenced, "silenced"), (summary.skipped.len() as u64, "skipped")] {
        if count > 0 {
            let _ = write!(read, ", {count} {word}");
        }
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <title>{what} · keyward scan</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>{what}</h1>\n<p class=\"dim\">{read}</p>\n{}",
        filters(report)
    )
}

/// Hidden until the script runs: without it there is nothing to filter with.
fn filters(report: &Report) -> String {
    if report.is_clean() {
        return String::new();
    }
    let rules: BTreeSet<&str> = report.found().iter().map(|found| found.finding.rule.as_str()).collect();
    let rules: String = rules.iter().map(|rule| format!("<option>{}</option>", escape(rule))).collect();
    format!(
        "<form hidden>\n<input id=\"text\" type=\"search\" placeholder=\"file or word\" aria-label=\"file or word\">\n\
         <select id=\"rule\" aria-label=\"rule\"><option value=\"\">all rules</option>{rules}</select>\n\
         <select id=\"level\" aria-label=\"confidence\"><option value=\"\">any confidence</option>\
         <option>high</option><option>medium</option><option>low</option></select>\n\
         <p class=\"dim\"><span id=\"count\">{}</span> shown</p>\n</form>\n",
        report.found().len()
    )
}

fn card(found: &Found, excerpt: &Excerpt, options: &Options) -> String {
    let f = &found.finding;
    let level = f.confidence.as_str();
    let (before, value, after) = excerpt.shown(found, options.reveal);
    let source = if excerpt.is_empty() {
        String::new()
    } else {
        let (before, after) = (escape(before.trim_start()), escape(after.trim_end()));
        format!("<pre>{before}<mark>{}</mark>{after}</pre>\n", escape(value))
    };
    let mut html = format!(
        "<article class=\"{level}\" data-rule=\"{rule}\">\n<h3><span class=\"level\">{level}</span> {}</h3>\n\
         <p class=\"dim\">{rule}, line {}, column {}</p>\n{source}<dl>\n",
        escape(&f.description),
        f.line,
        f.column,
        rule = escape(&f.rule),
    );
    for (label, text) in facts(found) {
        let _ = writeln!(html, "<dt>{label}</dt><dd>{}</dd>", escape(&text));
    }
    html.push_str("</dl>\n</article>\n");
    html
}

fn facts(found: &Found) -> Vec<(&'static str, String)> {
    let f = &found.finding;
    let stored = f.vault.as_ref().map(|secret| {
        format!("{} of {}/{}, version {}", secret.name, secret.project, secret.environment, secret.version)
    });
    let rows = [
        ("stored", stored),
        ("tracked", f.tracked.then(|| "by git".to_owned())),
        ("commit", f.commit.clone()),
        ("author", f.author.clone()),
        ("date", f.date.clone()),
        ("service", verified(f.verified).map(str::to_owned)),
        ("help", found.advice.clone()),
        ("next", next_step(found)),
        ("fingerprint", Some(f.fingerprint.to_string())),
    ];
    rows.into_iter().filter_map(|(label, text)| Some((label, text?))).collect()
}

fn skipped(report: &Report) -> String {
    let all = &report.summary().skipped;
    if all.is_empty() {
        return String::new();
    }
    let rows: String =
        all.iter().map(|one| format!("<li>{}: {}</li>\n", escape(&name(&one.path)), escape(&one.reason))).collect();
    format!("<details>\n<summary>{} skipped</summary>\n<ul>\n{rows}</ul>\n</details>\n", all.len())
}

/// For text and quoted attributes; what could mislead the reader's eyes becomes visible.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' => out.push(c),
            c if is_treacherous(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// As a content security policy names an inline text (CSP level 3).
fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64.encode(&Sha256::digest(text)))
}
