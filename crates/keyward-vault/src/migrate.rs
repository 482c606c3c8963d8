//! Moving the store to another engine.

use keyward_access::Object;
use keyward_audit::Action as ActionName;
use keyward_store::Engine;

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::{Error, Vault};

impl Vault {
    /// Puts everything that this vault's store holds into an empty one, as it lies there: the same
    /// vault with the same log, whose last entry says where it went. Answers the size of the log.
    ///
    /// # Errors
    /// [`Error::Denied`]; when the target is not empty or either store fails; [`Error::Refused`] when
    /// somebody changed this store meanwhile, which the copy would miss.
    pub fn migrate(&self, actor: &Actor, target: &dyn Engine, address: &str) -> Result<u64, Error> {
        let object = Object::Vault(self.id());
        let names = Names::default().with("to", address);
        let permit = self.permit_administer(actor, object, ActionName::StoreMigrate, &names)?;
        let telling = Telling::new(ActionName::StoreMigrate, object).names(names);
        Change::permitted(self, actor, permit, telling).commit()?;
        let copied = {
            let snapshot = self.store.engine().snapshot()?;
            target.load(&*snapshot)?;
            snapshot.log_head()?.size
        };
        if self.log_size()? != copied {
            return Err(Error::Refused("the store was changed while it was copied".into()));
        }
        Ok(copied)
    }
}
