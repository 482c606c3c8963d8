//! JSON for programs: the shapes are a contract.

use std::borrow::Cow;
use std::io::{self, Write};

use keyward_types::Finding;
use serde::Serialize;

use super::{Options, Report};
use crate::scanner::Found;
use crate::summary::Summary;

/// One object, laid out for eyes too.
pub(crate) fn write(report: &Report, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let findings = report.found().iter().map(|found| Entry::of(found, options)).collect();
    serde_json::to_writer_pretty(&mut *out, &Whole { findings, summary: report.summary() })?;
    out.write_all(b"\n")
}

/// One finding a line, then the summary.
pub(crate) fn write_lines(report: &Report, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    for found in report.found() {
        serde_json::to_writer(&mut *out, &Entry::of(found, options))?;
        out.write_all(b"\n")?;
    }
    serde_json::to_writer(&mut *out, &Last { summary: report.summary() })?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct Whole<'a> {
    findings: Vec<Entry<'a>>,
    summary: &'a Summary,
}

#[derive(Serialize)]
struct Last<'a> {
    summary: &'a Summary,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    /// Only where values are shown; bytes that are no text are replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Cow<'a, str>>,
}

impl<'a> Entry<'a> {
    fn of(found: &'a Found, options: &Options) -> Self {
        let value = (options.reveal && !found.misuse).then(|| String::from_utf8_lossy(&found.value));
        Self { finding: &found.finding, value }
    }
}
