use keyward_types::{GroupId, PrincipalId, Record, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Login;

/// Principals who are given roles together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Names it for ever.
    pub id: GroupId,
    /// What it is called, unique among groups.
    pub name: Login,
    /// Who is in it, in order.
    pub members: Vec<PrincipalId>,
    /// Since when it exists.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: PrincipalId,
}

impl Record for Group {
    const COLLECTION: &'static str = "group";

    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }

    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        let members = self.members.iter().map(|member| ("member", member.as_str().as_bytes().to_vec()));
        std::iter::once(("name", self.name.as_str().as_bytes().to_vec())).chain(members).collect()
    }
}
