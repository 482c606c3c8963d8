//! Values under their project's key, bound by associated data to the place they belong to.

use data_encoding::{BASE64, HEXLOWER};
use keyward_types::{Place, ProjectId, Random, Secret, Version};
use zeroize::Zeroizing;

use crate::Error;
use crate::crypto::{Key, context};
use crate::records::Sealed;

/// A key of one project and its generation.
pub(crate) struct ProjectKey {
    pub(crate) key: Key,
    pub(crate) generation: u32,
}

impl ProjectKey {
    pub(crate) fn seal(
        &self,
        place: Place,
        version: Version,
        value: &[u8],
        random: &dyn Random,
    ) -> Result<Sealed, Error> {
        let body = self.key.seal(&binding(&place, version, self.generation), value, random)?;
        Ok(Sealed { place, version, key_generation: self.generation, body: BASE64.encode(&body) })
    }

    pub(crate) fn open(&self, sealed: &Sealed, name: &str) -> Result<Secret<Vec<u8>>, Error> {
        let refused = || Error::Damaged("a sealed value does not open: it was altered or belongs elsewhere");
        let body = BASE64.decode(sealed.body.as_bytes()).map_err(|_| refused())?;
        let mut value: Zeroizing<Vec<u8>> =
            self.key.open(&binding(&sealed.place, sealed.version, sealed.key_generation), &body).ok_or_else(refused)?;
        Ok(Secret::new(name.to_owned(), std::mem::take(&mut *value)))
    }
}

/// What the log and the wrapped key call the key of a project.
pub(crate) fn purpose(project: ProjectId) -> String {
    format!("project/{project}")
}

/// Format, vault, project, environment, secret, version, key generation: ids, never names.
fn binding(place: &Place, version: Version, generation: u32) -> Vec<u8> {
    context(
        "keyward/value/1",
        &[
            place.vault.as_bytes(),
            place.project.as_bytes(),
            place.environment.as_bytes(),
            place.secret.as_bytes(),
            &version.get().to_be_bytes(),
            &generation.to_be_bytes(),
        ],
    )
}

/// Text form of a keyed hash.
pub(crate) fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}
