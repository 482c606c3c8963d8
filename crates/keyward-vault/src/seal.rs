//! A server's keys are given up, and come back: both on record.

use keyward_access::{Caller, Object, SystemTask};
use keyward_audit::Action as ActionName;

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::{Error, Vault};

impl Vault {
    /// Puts on record that a node gives up its keys. Whoever asked for it drops the vault then, and
    /// with it every key.
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::Refused`] for who holds a token with less than his own rights; when
    /// the store refuses: the node stays open then.
    pub fn record_seal(&self, actor: &Actor, node: &str) -> Result<(), Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::VaultLock);
        let names = of_node(node);
        let permit = self.permit_administer(actor, object, action, &names)?;
        self.refuse_narrowed(actor)?;
        Change::permitted(self, actor, permit, Telling::new(action, object).names(names)).commit()?;
        Ok(())
    }

    /// Puts on record that a node was sealed because its slot is none any more.
    ///
    /// # Errors
    /// When the store refuses: the node is sealed all the same.
    pub fn record_lost(&self, node: &str) -> Result<(), Error> {
        let actor = Actor::new(Caller::system(SystemTask::Seal), "keyward");
        let names = of_node(node).with("why", "its slot was removed and the root was replaced");
        let telling = Telling::new(ActionName::VaultLock, Object::Vault(self.id())).names(names);
        Change::told(self, &actor, telling).commit()?;
        Ok(())
    }

    /// Puts on record that a node was unsealed with shares, and how many attempts failed before that:
    /// while it was sealed there was no key to write them down with. Whoever gave the shares is not
    /// known; `from` is where the last one came from.
    ///
    /// # Errors
    /// When the store refuses: the node stays sealed then.
    pub fn record_unseal(&self, agent: &str, node: &str, from: Option<String>, failed: u64) -> Result<(), Error> {
        let actor = Actor { address: from, ..Actor::new(Caller::system(SystemTask::Seal), agent) };
        self.record_opening(&actor, of_node(node).with("with", "shares"), failed)
    }

    /// Puts on record that a node opened the vault with a slot of its own when it started. So the key
    /// to what is said in this name is there before a node may have to say that it lost its slot.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn record_start(&self, agent: &str, node: &str) -> Result<(), Error> {
        let actor = Actor::new(Caller::system(SystemTask::Seal), agent);
        self.record_opening(&actor, of_node(node).with("with", "a slot"), 0)
    }

    fn record_opening(&self, actor: &Actor, names: Names, failed: u64) -> Result<(), Error> {
        let object = Object::Vault(self.id());
        let telling = Telling::new(ActionName::VaultUnlock, object).names(names.clone());
        let mut change = Change::told(self, actor, telling);
        if failed > 0 {
            let telling = Telling::new(ActionName::VaultUnlock, object);
            change.also(telling.outcome(keyward_audit::Outcome::Denied).count(failed).names(names));
        }
        change.commit()?;
        Ok(())
    }
}

fn of_node(node: &str) -> Names {
    Names::default().with("node", node)
}
