use clap::Subcommand;
use keyward_client::{Code, Failure, FindingInfo, FindingState, Result};

use crate::commands::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// List, show and resolve what scans reported to the vault
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward finding list")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List findings
    #[command(after_help = "Example: keyward finding list --all")]
    List {
        /// Those that somebody decided on, too
        #[arg(long)]
        all: bool,
    },
    /// Show one finding
    #[command(after_help = "Example: keyward finding show 6f1c2a9d0b3e4f5a6b7c8d9e")]
    Show {
        /// Its id
        id: String,
    },
    /// Decide on a finding
    #[command(after_help = "Example: keyward finding resolve 6f1c2a9d0b3e4f5a6b7c8d9e --as revoked")]
    Resolve {
        /// Its id
        id: String,
        /// What became of it; `open` takes a decision back
        #[arg(long = "as", value_name = "STATE")]
        state: State,
        /// Why
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
}

/// What became of a finding.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum State {
    /// Nobody has decided
    Open,
    /// It was taken out
    Fixed,
    /// The key was revoked
    Revoked,
    /// It is no secret
    FalsePositive,
    /// It is known and stays
    Accepted,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let desk = connection.desk();
        match self.action {
            Action::List { all } => {
                let mut findings = desk.findings()?;
                findings.retain(|finding| all || finding.state == FindingState::Open);
                list(context, &findings)?;
            }
            Action::Show { id } => {
                let found = desk.findings()?.into_iter().find(|finding| finding.id == id);
                let missing = || {
                    Failure::new(Code::NotFound, format!("there is no finding `{}`", id.escape_debug()))
                        .hint("`keyward finding list --all` shows what there is")
                };
                show(context, &found.ok_or_else(missing)?)?;
            }
            Action::Resolve { id, state, note } => {
                let resolved = desk.resolve_finding(id, state.into(), note)?;
                show(context, &resolved)?;
            }
        }
        Ok(Exit::Done)
    }
}

fn list(context: &Context, findings: &[FindingInfo]) -> Result<()> {
    if context.global.json {
        return output::listing("findings", findings);
    }
    let rows: Vec<_> = findings
        .iter()
        .map(|one| {
            let place = one.line.map_or_else(|| one.path.clone(), |line| format!("{}:{line}", one.path));
            [
                one.id.clone(),
                word(one.state).into(),
                shown::day(one.last_seen),
                one.source.clone(),
                one.rule.clone(),
                place,
            ]
        })
        .collect();
    output::table(&["ID", "STATE", "SEEN", "SOURCE", "RULE", "PLACE"], &rows)
}

fn show(context: &Context, finding: &FindingInfo) -> Result<()> {
    if context.global.json {
        return output::json(finding);
    }
    let mut lines = vec![
        format!("finding     {}", finding.id),
        format!("state       {}", word(finding.state)),
        format!("source      {}", finding.source),
        format!("path        {}", finding.path),
        format!("rule        {}", finding.rule),
        format!("fingerprint {}", finding.fingerprint),
        format!("seen        {} to {}", finding.first_seen, finding.last_seen),
    ];
    lines.extend(finding.line.map(|line| format!("line        {line}")));
    lines.extend(finding.commit.as_ref().map(|commit| format!("commit      {commit}")));
    let secret = finding.secret.as_ref();
    lines.extend(secret.map(|known| {
        format!("secret      {}/{}/{} version {}", known.project, known.environment, known.name, known.version)
    }));
    if let Some(exposure) = &finding.exposure {
        let listed = |names: &[String]| if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        let targets = if exposure.targets.is_empty() { "none".to_owned() } else { exposure.targets.join(", ") };
        lines.push(format!("owner       {}", exposure.owner.as_deref().unwrap_or("nobody")));
        lines.push(format!(
            "works       {}",
            if exposure.active { "it is the active version" } else { "not the active version" }
        ));
        lines.push(format!("held by     {}", listed(&exposure.holders)));
        lines.push(format!("targets     {targets}"));
        lines.push(format!("next        {}", exposure.command));
        lines.extend(exposure.needs.as_ref().map(|needs| format!("            in it, {needs}")));
    }
    lines.extend(finding.note.as_ref().map(|note| format!("note        {note}")));
    output::lines(lines.join("\n"))
}

fn word(state: FindingState) -> &'static str {
    match state {
        FindingState::Open => "open",
        FindingState::Fixed => "fixed",
        FindingState::Revoked => "revoked",
        FindingState::FalsePositive => "false-positive",
        FindingState::Accepted => "accepted",
    }
}

impl From<State> for FindingState {
    fn from(state: State) -> Self {
        match state {
            State::Open => Self::Open,
            State::Fixed => Self::Fixed,
            State::Revoked => Self::Revoked,
            State::FalsePositive => Self::FalsePositive,
            State::Accepted => Self::Accepted,
        }
    }
}
