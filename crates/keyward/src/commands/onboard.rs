use keyward_client::{Confirmed, Login, OnboardingInfo, OnboardingStep, Result};

use crate::commands::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// Somebody comes: give roles from a template, and see how far the checklist is
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward onboard ada --template developer -p shop")]
pub(crate) struct Args {
    /// Who comes
    login: Login,
    /// Give the roles of this template: developer, operator or auditor
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// You are the newcomer, have read the policy and accept it
    #[arg(long, conflicts_with = "template")]
    accept_policy: bool,
    /// You are the newcomer and know where to report a leak
    #[arg(long, conflicts_with = "template")]
    know_leak_contact: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let desk = connection.desk();
        if let Some(template) = self.template {
            // The place of a role is named, not taken from the folder.
            let project = context.global.project.clone();
            let begun = desk.onboard(self.login, template, project.clone())?;
            show(context, &begun)?;
            if !context.global.json {
                let place = project.map_or_else(String::new, |project| format!(" for project `{project}`"));
                output::note(format!(
                    "`{}` has the roles of the template `{}`{place}; `keyward role list` shows them",
                    begun.account, begun.template
                ));
            }
            return Ok(Exit::Done);
        }
        if self.accept_policy {
            desk.confirm_onboarding(self.login.clone(), Confirmed::Policy)?;
        }
        if self.know_leak_contact {
            desk.confirm_onboarding(self.login.clone(), Confirmed::LeakContact)?;
        }
        show(context, &desk.onboarding(self.login)?)?;
        Ok(Exit::Done)
    }
}

fn show(context: &Context, info: &OnboardingInfo) -> Result<()> {
    if context.global.json {
        return output::json(&serde_json::json!({ "onboarding": info }));
    }
    let rows: Vec<Vec<String>> = info
        .items
        .iter()
        .map(|item| {
            let done = item.done.map_or_else(|| "open".to_owned(), shown::day);
            vec![step(item.step).to_owned(), done, item.note.clone()]
        })
        .collect();
    output::table(&["STEP", "DONE", "WHAT TO DO"], &rows)?;
    if info.items.iter().any(|item| item.step == OnboardingStep::PolicyAccepted && item.done.is_none()) {
        output::note(format!("the policy:\n{}", info.policy.trim_end()));
        output::hint(format!("the newcomer accepts it with `keyward onboard {} --accept-policy`", info.account));
    }
    if info.complete {
        output::note(format!("`{}` has done everything", info.account));
    }
    Ok(())
}

fn step(step: OnboardingStep) -> &'static str {
    match step {
        OnboardingStep::PolicyAccepted => "policy accepted",
        OnboardingStep::SecondFactor => "second factor",
        OnboardingStep::OwnAccountOnly => "own account only",
        OnboardingStep::FirstRun => "first run",
        OnboardingStep::LeakContact => "knows where to report a leak",
    }
}
