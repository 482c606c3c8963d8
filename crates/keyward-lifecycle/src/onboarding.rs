//! Somebody comes: roles from a template, and a checklist that evidence ticks. Nobody ticks by
//! hand what can be seen.

use keyward_types::Timestamp;
use serde::{Deserialize, Serialize};

/// What somebody gets when he comes, by the work he is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// How it is called.
    pub name: &'static str,
    /// For whom it is.
    pub description: &'static str,
    /// The roles, and where.
    pub roles: &'static [TemplateRole],
}

/// A role of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateRole {
    /// The role.
    pub role: &'static str,
    /// In the project that he comes to, or in the whole vault.
    pub in_project: bool,
}

/// What is known of somebody who came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// When he came.
    pub since: Timestamp,
    /// The version of the policy that he accepted, and when.
    pub policy_accepted: Option<(String, Timestamp)>,
    /// The version of the policy that holds now.
    pub policy: String,
    /// When he set up a second factor.
    pub second_factor: Option<Timestamp>,
    /// When he first acted under his own account.
    pub own_account: Option<Timestamp>,
    /// When he last acted under an account that several people share.
    pub shared_account: Option<Timestamp>,
    /// When a program of his first ran with secrets that he did not see.
    pub first_run: Option<Timestamp>,
    /// When he confirmed that he knows where to report a leak.
    pub leak_contact: Option<Timestamp>,
}

/// A line of the checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Which one.
    pub step: Step,
    /// Since when it is done.
    pub done: Option<Timestamp>,
    /// What to do, or what shows that it is done.
    pub note: String,
}

/// What everybody does who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// He has accepted the present policy.
    PolicyAccepted,
    /// He signs in with two factors.
    SecondFactor,
    /// He works under his own account, and under no shared one.
    OwnAccountOnly,
    /// He has run a program without seeing its secrets.
    FirstRun,
    /// He knows where to report a leak.
    LeakContact,
}

/// What everybody accepts who comes.
pub const POLICY: &str = "\
1. Keys live in keyward: not in code, chats, tickets, mails or notes.
2. Programs get them by `keyward run`; nobody prints one to look at it.
3. Everybody uses his own account, with a second factor, and lends it to nobody.
4. What runs unattended has a service account of its own, with the least that it needs.
5. A key that may have leaked is reported at once, whoever's fault it was, and replaced.
";
/// Its version: a new text has a new one, and is accepted anew.
pub const POLICY_VERSION: &str = "1";

/// The templates there are.
pub const TEMPLATES: [Template; 3] = [
    Template {
        name: "developer",
        description: "writes programs: development and staging of one project",
        roles: &[TemplateRole { role: "developer", in_project: true }],
    },
    Template {
        name: "operator",
        description: "runs them: replaces and applies values of one project without seeing them",
        roles: &[TemplateRole { role: "operator", in_project: true }],
    },
    Template {
        name: "auditor",
        description: "looks at everything but values",
        roles: &[TemplateRole { role: "auditor", in_project: false }],
    },
];

/// The template of this name.
pub fn template(name: &str) -> Option<&'static Template> {
    TEMPLATES.iter().find(|template| template.name == name)
}

/// The checklist as the evidence has it, in the order in which people go through it.
pub fn state(evidence: &Evidence) -> Vec<Item> {
    vec![
        policy(evidence),
        Item::of(Step::SecondFactor, evidence.second_factor, "set up a second factor where you sign in"),
        own_account(evidence),
        Item::of(Step::FirstRun, evidence.first_run, "run a program with `keyward run -- COMMAND`"),
        Item::of(Step::LeakContact, evidence.leak_contact, "read where to report a leak, and confirm it"),
    ]
}

/// Whether nothing is left to do.
pub fn is_complete(items: &[Item]) -> bool {
    items.iter().all(|item| item.done.is_some())
}

fn policy(evidence: &Evidence) -> Item {
    match &evidence.policy_accepted {
        Some((version, at)) if *version == evidence.policy => {
            Item { step: Step::PolicyAccepted, done: Some(*at), note: format!("accepted version {version}") }
        }
        Some((version, _)) => Item {
            step: Step::PolicyAccepted,
            done: None,
            note: format!("version {version} was accepted; version {} holds now: accept it", evidence.policy),
        },
        None => Item::of(Step::PolicyAccepted, None, "read the policy on keys, and accept it"),
    }
}

/// Done by acting under his own account, and undone by acting under a shared one afterwards.
fn own_account(evidence: &Evidence) -> Item {
    let shared = evidence.shared_account.filter(|shared| *shared >= evidence.since);
    match (evidence.own_account, shared) {
        (Some(_), Some(shared)) => Item {
            step: Step::OwnAccountOnly,
            done: None,
            note: format!("a shared account was used on {shared}: end it, or give it to a service"),
        },
        (own, _) => Item::of(Step::OwnAccountOnly, own, "sign in with your own account"),
    }
}

impl Item {
    fn of(step: Step, done: Option<Timestamp>, to_do: &str) -> Self {
        let note = if done.is_some() { String::new() } else { to_do.to_owned() };
        Self { step, done, note }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> Evidence {
        let at = Some(Timestamp(10));
        Evidence {
            since: Timestamp(5),
            policy_accepted: Some(("2".into(), Timestamp(10))),
            policy: "2".into(),
            second_factor: at,
            own_account: at,
            shared_account: None,
            first_run: at,
            leak_contact: at,
        }
    }

    #[test]
    fn each_piece_of_evidence_ticks_one_line() {
        assert!(is_complete(&state(&complete())));
        type Lack = fn(&mut Evidence);
        let lacking: [(Step, Lack); 5] = [
            (Step::PolicyAccepted, |e| e.policy_accepted = None),
            (Step::SecondFactor, |e| e.second_factor = None),
            (Step::OwnAccountOnly, |e| e.own_account = None),
            (Step::FirstRun, |e| e.first_run = None),
            (Step::LeakContact, |e| e.leak_contact = None),
        ];
        for (step, take) in lacking {
            let mut evidence = complete();
            take(&mut evidence);
            let open: Vec<Item> = state(&evidence).into_iter().filter(|item| item.done.is_none()).collect();
            assert_eq!(open.iter().map(|item| item.step).collect::<Vec<_>>(), [step]);
            assert!(!open[0].note.is_empty(), "{step:?} says what to do");
        }
    }

    #[test]
    fn a_new_policy_and_a_shared_account_open_lines_again() {
        let newer = Evidence { policy: "3".into(), ..complete() };
        assert!(state(&newer)[0].done.is_none());
        let shared = Evidence { shared_account: Some(Timestamp(20)), ..complete() };
        assert!(state(&shared)[2].done.is_none());
        let long_ago = Evidence { shared_account: Some(Timestamp(4)), ..complete() };
        assert!(is_complete(&state(&long_ago)));
    }

    #[test]
    fn templates_are_found_by_name() {
        assert!(TEMPLATES.iter().all(|one| template(one.name) == Some(one) && !one.roles.is_empty()));
        assert_eq!(template("king"), None);
    }
}
