//! Prints what a scan found: for people, for programs, for code hosts, for a browser.
//!
//! Values are redacted in every format unless the caller says otherwise, those of other findings
//! on the same line too. The order is that of paths and places, whatever the threads did.

mod excerpt;
mod html;
mod json;
mod sarif;
mod text;
mod visible;

pub(crate) use visible::is_treacherous;

#[cfg(test)]
pub(crate) mod tests;

use std::cmp::Ordering;
use std::io::{self, Write};
use std::str::FromStr;

use crate::scanner::Found;
use crate::summary::Summary;
use excerpt::Excerpt;

/// How a report is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people at a terminal.
    #[default]
    Text,
    /// One JSON object: `findings` and `summary`.
    Json,
    /// A finding a line, then `{"summary": …}`.
    Jsonl,
    /// SARIF 2.1.0 (OASIS), which code hosts read.
    Sarif,
    /// One page that needs nothing else.
    Html,
}

/// What the caller decides about a report.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Values are shown.
    pub reveal: bool,
    /// The output is a terminal that knows colours.
    pub colour: bool,
    /// Everything that was left out is listed, not only counted.
    pub show_skipped: bool,
    /// Columns of the terminal; 0: 100.
    pub width: usize,
    /// The version of keyward, for formats that name it.
    pub version: String,
}

/// Findings to be reported, in order, and what was counted.
pub struct Report {
    found: Vec<Found>,
    excerpts: Vec<Excerpt>,
    summary: Summary,
}

impl Report {
    /// Sorts findings; weak ones that no vault knows only help to hide their values and are left out.
    pub fn new(mut found: Vec<Found>, mut summary: Summary) -> Self {
        found.sort_by(order);
        excerpt::scrub_misuse(&mut found);
        let excerpts: Vec<Excerpt> = (0..found.len()).map(|index| Excerpt::of(&found, index)).collect();
        let (found, excerpts) = found.into_iter().zip(excerpts).filter(|(found, _)| !found.weak).unzip();
        summary.skipped.sort();
        summary.skipped.dedup();
        Self { found, excerpts, summary }
    }

    /// What was found.
    pub fn found(&self) -> &[Found] {
        &self.found
    }

    /// What was counted.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Whether there is nothing to report.
    pub fn is_clean(&self) -> bool {
        self.found.is_empty()
    }

    fn entries(&self) -> impl Iterator<Item = (&Found, &Excerpt)> {
        self.found.iter().zip(&self.excerpts)
    }
}

/// Writes a report.
pub fn write(format: Format, report: &Report, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Text => text::write(report, options, out),
        Format::Json => json::write(report, options, out),
        Format::Jsonl => json::write_lines(report, options, out),
        Format::Sarif => sarif::write(report, options, out),
        Format::Html => html::write(report, options, out),
    }?;
    out.flush()
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            "jsonl" => Ok(Self::Jsonl),
            "sarif" => Ok(Self::Sarif),
            "html" => Ok(Self::Html),
            _ => Err(format!("no format `{text}`: there are text, json, jsonl, sarif and html")),
        }
    }
}

/// By place, then by all that can differ in one place.
fn order(a: &Found, b: &Found) -> Ordering {
    let (a, b) = (&a.finding, &b.finding);
    let place = (&a.path, a.line, a.column, &a.rule).cmp(&(&b.path, b.line, b.column, &b.rule));
    place
        .then_with(|| (a.end_line, a.end_column).cmp(&(b.end_line, b.end_column)))
        .then_with(|| (&a.date, &a.commit, &a.fingerprint).cmp(&(&b.date, &b.commit, &b.fingerprint)))
}
