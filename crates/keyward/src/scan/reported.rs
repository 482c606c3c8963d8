//! What a scan found goes to the server that was asked: where it stands and by which rule, never the
//! value, never a line of the file.

use std::path::{Path, PathBuf};

use keyward_client::{Connection, FindingInfo, FindingReport, Result};
use keyward_scan::report::Report;
use keyward_types::Finding;

use super::Input;
use crate::commands::shown;
use crate::context::Context;
use crate::folder::git_origin;
use crate::output;

/// Reports what stands in files and commits. What is only about to be committed is not anywhere yet.
pub(super) fn send(server: &Connection, context: &Context, input: &Input, report: &Report) -> Result<()> {
    if matches!(input, Input::Staged(_) | Input::Stdin) || report.is_clean() {
        return Ok(());
    }
    let source = source(context, input);
    let reports = report.found().iter().map(|found| of(&source, &found.finding)).collect();
    let kept = server.desk().report_findings(reports)?;
    let to = if context.server()?.is_some() { "reported to the server" } else { "put on record" };
    output::note(format!("{} {to}", shown::counted(kept.len() as u64, "finding")));
    kept.iter().for_each(leaked);
    output::hint("`keyward finding list` shows them, `keyward finding resolve` decides");
    Ok(())
}

/// A stored secret, by name and version, whom it concerns, and what replaces it.
fn leaked(finding: &FindingInfo) {
    let Some(known) = &finding.secret else { return };
    let place = format!("{}/{}/{}", known.project, known.environment, known.name);
    let line = finding.line.map_or_else(String::new, |line| format!(":{line}"));
    output::note(format!("`{place}` version {} stands in {}{line}", known.version, finding.path));
    let Some(exposure) = &finding.exposure else {
        output::hint(format!("finding {}: whoever owns `{place}` has to replace it", finding.id));
        return;
    };
    let listed = |names: &[String], none: &str| if names.is_empty() { none.to_owned() } else { names.join(", ") };
    output::note(format!(
        "finding {}: owner {}; held by {}; goes to {}",
        finding.id,
        exposure.owner.as_deref().unwrap_or("nobody"),
        listed(&exposure.holders, "nobody"),
        listed(&exposure.targets, "no target")
    ));
    match exposure.active {
        true => {
            output::hint(format!("`{}` replaces it", exposure.command));
            if let Some(needs) = &exposure.needs {
                output::hint(format!("in it, {needs}"));
            }
        }
        false => output::hint("it is not the active version; `keyward finding resolve` closes this once it is dead"),
    }
}

fn of(source: &str, finding: &Finding) -> FindingReport {
    FindingReport {
        source: source.to_owned(),
        fingerprint: finding.fingerprint.clone(),
        rule: finding.rule.clone(),
        path: finding.path.clone(),
        line: Some(finding.line),
        commit: finding.commit.clone(),
        secret: finding.vault.clone(),
    }
}

/// The repository's origin, else the folder's path on this machine.
fn source(context: &Context, input: &Input) -> String {
    let start = match input {
        Input::Tree(roots) => roots.first().cloned().unwrap_or_default(),
        _ => PathBuf::from("."),
    };
    let folder = context.current.join(start);
    let folder = folder.canonicalize().unwrap_or(folder);
    git_origin(&folder).unwrap_or_else(|| format!("{}:{}", context.config.machine, shown_path(&folder)))
}

fn shown_path(folder: &Path) -> String {
    folder.display().to_string().chars().filter(|c| !c.is_control()).collect()
}
