//! A key of a Kubernetes Secret, and workloads that read it when they start.

use keyward_types::Secret;

use super::Stored;
use crate::stores::{Entry, KubernetesSecret, Workload};
use crate::{Fault, Target};

pub(crate) struct Rollout {
    pub(crate) stored: Stored<KubernetesSecret>,
    pub(crate) restarts: Vec<Workload>,
}

impl Target for Rollout {
    fn check(&self) -> Result<(), Fault> {
        self.stored.check()
    }

    /// Restarts after the value is there. Repeated, it restarts nothing that has been.
    fn deploy(&self, value: &Secret<Vec<u8>>) -> Result<(), Fault> {
        self.stored.deploy(value)?;
        let secret = &self.stored.entry;
        let revision = secret.read()?.revision;
        for workload in &self.restarts {
            secret.cluster.restart(workload, &secret.name, &revision)?;
        }
        Ok(())
    }

    fn read_back(&self) -> Result<Option<Secret<Vec<u8>>>, Fault> {
        self.stored.read_back()
    }

    fn restarted(&self) -> Result<bool, Fault> {
        let secret = &self.stored.entry;
        let revision = secret.read()?.revision;
        for workload in &self.restarts {
            if !secret.cluster.rolled_out(workload, &secret.name, &revision)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
