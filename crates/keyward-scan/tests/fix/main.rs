//! `scan --fix`: what is planned for sources of each language, and that the languages' own parsers
//! and programs accept it.
#![allow(clippy::print_stdout, reason = "a parser that is not installed is named")]

mod refusals;
mod replacements;
mod run;

use std::collections::BTreeMap;
use std::io;

use keyward_scan::Found;
use keyward_scan::fix::{FilePlan, plan};
use keyward_types::{Confidence, Finding, Fingerprint, Verified};
use zeroize::Zeroizing;

/// A value that looks like no service's.
pub fn value(number: u32) -> String {
    format!("q7Gk2LmZp0Xw9RtY{number:04}vB")
}

/// A finding of `value` at a place of a text.
pub fn found_at(path: &str, text: &str, at: usize, value: &str) -> Found {
    let place = |offset: usize| {
        let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let line = text[..offset].matches('\n').count() + 1;
        (line as u32, text[start..offset].chars().count() as u32 + 1)
    };
    let ((line, column), (end_line, end_column)) = (place(at), place(at + value.len()));
    let finding = Finding {
        rule: "generic-secret".to_owned(),
        provider: None,
        description: String::new(),
        path: path.to_owned(),
        line,
        column,
        end_line,
        end_column,
        tracked: true,
        redacted: "…".to_owned(),
        fingerprint: Fingerprint("kwf1:0".to_owned()),
        confidence: Confidence::High,
        commit: None,
        author: None,
        date: None,
        vault: None,
        verified: Verified::NotChecked,
    };
    Found {
        finding,
        value: Zeroizing::new(value.as_bytes().to_vec()),
        weak: false,
        misuse: false,
        line: Zeroizing::default(),
        mark: 0..0,
        beside: Vec::new(),
        advice: None,
    }
}

/// Findings of every place of a value.
pub fn found(path: &str, text: &str, value: &str) -> Vec<Found> {
    text.match_indices(value).map(|(at, _)| found_at(path, text, at, value)).collect()
}

/// The plans for files and findings in them.
pub fn planned(files: &[(&str, &str)], found: &[Found]) -> Vec<FilePlan> {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    let read = |path: &str| {
        files.get(path).map(|text| text.as_bytes().to_vec()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    };
    plan(found, &read, &|_, _| true)
}

/// The plan of one file in which `@` stands for a value.
pub fn planned_one(path: &str, template: &str) -> FilePlan {
    let text = template.replace('@', &value(1));
    planned(&[(path, &text)], &found(path, &text, &value(1))).remove(0)
}

/// The file after the plan; a value that stayed is `@`.
pub fn after(plan: &FilePlan) -> String {
    String::from_utf8(plan.after().to_vec()).expect("plans are text").replace(&value(1), "@")
}
