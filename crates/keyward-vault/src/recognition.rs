//! Recognising stored values elsewhere: the action `match`, which opens nothing.

use std::collections::HashMap;

use keyward_access::{About, Cause, Facts, Object, Permit, authorize};
use keyward_audit::Action as ActionName;
use keyward_types::{
    EnvironmentId, EnvironmentName, Head, KnownSecret, Match, Place, ProjectName, SecretId, Version, VersionState,
};

use crate::actor::Actor;
use crate::bundle::Form;
use crate::change::{Change, Names, Telling};
use crate::matching::{Holder, MatchRow};
use crate::records;
use crate::value::hex;
use crate::{Error, MatchBundle, Vault};

/// Heads of the whole vault and the names of what they lie in.
struct Catalogue {
    heads: Vec<Head>,
    environments: HashMap<EnvironmentId, (ProjectName, EnvironmentName)>,
}

impl Vault {
    /// What recognises every strong stored value, of every version that is not destroyed, for this
    /// holder. One entry in the log, with the number of values.
    ///
    /// # Errors
    /// [`Error::Denied`]; when the store refuses.
    pub fn match_bundle(&self, actor: &Actor, holder: Holder) -> Result<MatchBundle, Error> {
        let (object, permit, catalogue) = self.permit_match(actor)?;
        let heads: HashMap<SecretId, &Head> = catalogue.heads.iter().map(|head| (head.place.secret, head)).collect();
        let (mut secrets, mut forms) = (Vec::new(), Vec::new());
        for row in records::scan::<MatchRow>(&self.store, &[])? {
            let row = row.record;
            // What became configuration since is no longer looked for.
            let Some(head) = heads.get(&row.place.secret).filter(|head| head.kind.is_secret()) else { continue };
            let Some(known) = catalogue.known(&head.place, head, row.version) else { continue };
            let secret =
                u32::try_from(secrets.len()).map_err(|_| Error::Damaged("there are too many match records"))?;
            secrets.push(known);
            for form in &row.forms {
                forms.push(Form::new(form, holder, secret).ok_or(Error::Damaged("a match record cannot be read"))?);
            }
        }
        let telling = Telling::new(ActionName::SecretMatch, object).count(secrets.len() as u64);
        Change::permitted(self, actor, permit, telling).commit()?;
        Ok(MatchBundle::new(self.ring.match_key(), secrets, forms))
    }

    /// Which stored secrets these values are, weak ones too: by fingerprint, so that nothing is
    /// opened. Configuration and what was destroyed are never recognised. One entry in the log, with the
    /// number of values.
    ///
    /// # Errors
    /// [`Error::Denied`]; when the store refuses.
    pub fn identify(&self, actor: &Actor, values: &[&[u8]]) -> Result<Vec<Option<KnownSecret>>, Error> {
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let (object, permit, catalogue) = self.permit_match(actor)?;
        let telling = Telling::new(ActionName::SecretMatch, object).count(values.len() as u64);
        Change::permitted(self, actor, permit, telling).commit()?;
        let mut by_fingerprint: HashMap<&str, (&Head, Version)> = HashMap::new();
        for head in catalogue.heads.iter().filter(|head| head.kind.is_secret()) {
            for version in head.versions.iter().filter(|version| version.state != VersionState::Destroyed) {
                // Of several that hold the value, the one that holds it now counts.
                let active = head.active().is_some_and(|active| active.version == version.version);
                let entry = by_fingerprint.entry(&version.fingerprint).or_insert((head, version.version));
                if active {
                    *entry = (head, version.version);
                }
            }
        }
        let known = |value: &&[u8]| {
            let (head, version) = *by_fingerprint.get(hex(&self.ring.fingerprint(value)).as_str())?;
            catalogue.known(&head.place, head, version)
        };
        Ok(values.iter().map(known).collect())
    }

    /// The right to recognise something of the vault.
    pub(crate) fn permit_matching(&self, actor: &Actor) -> Result<(Object, Permit<Match>), Error> {
        self.permit_match(actor).map(|(object, permit, _)| (object, permit))
    }

    /// The right to recognise the whole vault, or else what may be recognised: the environments in
    /// which the caller may, and their secrets.
    fn permit_match(&self, actor: &Actor) -> Result<(Object, Permit<Match>, Catalogue), Error> {
        let object = Object::Vault(self.id());
        let denial = match authorize::<Match>(&actor.caller, &object) {
            // A right to the whole vault is none to projects that are for other networks.
            Ok(permit) => {
                let catalogue = self.catalogue(|about| actor.caller.is_admitted(&about.object))?;
                return Ok((object, permit, catalogue));
            }
            Err(denial) => denial,
        };
        let (mut first, mut outside) = (None, None);
        let catalogue = self.catalogue(|about| match authorize::<Match>(&actor.caller, about) {
            Ok(permit) => {
                first.get_or_insert((about.object, permit));
                true
            }
            Err(denial) => {
                outside = outside.take().or_else(|| (denial.cause != Cause::Rights).then_some(denial));
                false
            }
        })?;
        match first {
            Some((object, permit)) => Ok((object, permit, catalogue)),
            None => Err(self.denied(actor, outside.unwrap_or(denial), ActionName::SecretMatch, Names::default())),
        }
    }

    fn catalogue(&self, mut within: impl FnMut(&About<'_>) -> bool) -> Result<Catalogue, Error> {
        let mut environments = HashMap::new();
        for project in self.projects()? {
            for environment in self.environments(&project)? {
                let object = Object::Environment(self.id(), project.id, environment.id);
                let facts = Facts::environment(&project.name, &environment.name);
                if within(&About { object, facts }) {
                    environments.insert(environment.id, (project.name.clone(), environment.name));
                }
            }
        }
        let heads = records::scan::<Head>(&self.store, &[])?.into_iter().map(|row| row.record);
        let heads = heads.filter(|head| environments.contains_key(&head.place.environment)).collect();
        Ok(Catalogue { heads, environments })
    }
}

impl Catalogue {
    fn known(&self, place: &Place, head: &Head, version: Version) -> Option<KnownSecret> {
        let (project, environment) = self.environments.get(&place.environment)?.clone();
        Some(KnownSecret { project, environment, name: head.name.clone(), version })
    }
}
