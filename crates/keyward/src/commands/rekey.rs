use keyward_client::Result;
use keyward_types::ProjectName;

use crate::commands::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// Give the vault a new root key, or a project's values a new key
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward rekey\nExample: keyward rekey --data shop")]
pub(crate) struct Args {
    /// Seal the values of this project under a new key
    #[arg(long, value_name = "PROJECT")]
    data: Option<ProjectName>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let desk = connection.desk();
        let told = match self.data {
            Some(project) => {
                let (generation, values) = desk.rekey_data(project.clone())?;
                let values_sealed = shown::counted(values, "value");
                output::note(format!(
                    "project `{project}` has key generation {generation}; {values_sealed} sealed anew"
                ));
                serde_json::json!({ "project": project, "generation": generation, "values": values })
            }
            None => {
                let generation = desk.rekey()?;
                let slots = desk.status()?.slots.len() as u64;
                let sealed = shown::counted(slots, "slot");
                output::note(format!("the vault has root key generation {generation}, sealed to {sealed}"));
                serde_json::json!({ "generation": generation, "slots": slots })
            }
        };
        if context.global.json {
            output::json(&told)?;
        }
        Ok(Exit::Done)
    }
}
