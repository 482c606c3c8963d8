//! How a secret is rotated: who makes the successor, and how patiently.

use keyward_providers::{Profile, RotationClass};
use keyward_types::Place;
use keyward_upstream::rotators::{BetterAuth, Local, SigningKeys, TwoRoles};
use keyward_upstream::{Http, Rotator};
use serde::{Deserialize, Serialize};

use super::{Minting, Overlap, Policy, Service, Shape};

/// What a rotation needs to know beside its state; it is kept with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Who makes the successor.
    pub making: Making,
    /// How patiently.
    pub policy: Policy,
    /// Whether it was asked for as an emergency.
    #[serde(default)]
    pub emergency: bool,
}

/// Who makes the successor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Making {
    /// We do: it is a secret that only one's own programs know, and the old one is void with it.
    Here {
        /// How the value is written: a profile of `keyward generate`.
        profile: String,
    },
    /// We do: keys one behind the other, the current one first.
    SigningKeys {
        /// What stands between them.
        separator: char,
    },
    /// We do: Better Auth's versioned secrets.
    BetterAuth,
    /// PostgreSQL, by two roles that stand in for each other.
    PostgresRoles {
        /// Their names.
        roles: [String; 2],
        /// The secret with the administrator's connection URL. It is not rotated together with what
        /// it manages.
        admin: Place,
    },
    /// A service makes it, or a person at its console.
    Service {
        /// Which, and which of its keys.
        service: Service,
        /// The secret that manages them. It is not rotated together with what it manages.
        #[serde(default)]
        admin: Option<Place>,
    },
}

impl Making {
    /// What makes it; services are reached by this way.
    ///
    /// # Errors
    /// When a profile, a role or a part of an account is written down that cannot be one.
    pub fn rotator(&self, http: &Http) -> Result<Box<dyn Rotator>, String> {
        Ok(match self {
            Self::Here { profile } => {
                let profile: Profile = profile.parse().map_err(|error| format!("{error}"))?;
                Box::new(Local::new(profile, None))
            }
            Self::SigningKeys { separator } => Box::new(SigningKeys::separated_by(*separator)),
            Self::BetterAuth => Box::new(BetterAuth),
            Self::PostgresRoles { roles: [one, other], .. } => {
                Box::new(TwoRoles::new(one, other).map_err(|fault| fault.to_string())?)
            }
            Self::Service { service, .. } => service.rotator(http)?,
        })
    }

    /// How long a call to it lasts at most, in milliseconds: a service is asked several times for one.
    pub const fn lasts(&self, usual: i64) -> i64 {
        match self {
            Self::Service { .. } => 3 * usual,
            _ => usual,
        }
    }

    /// The secret that manages it.
    pub const fn admin(&self) -> Option<&Place> {
        match self {
            Self::PostgresRoles { admin, .. } => Some(admin),
            Self::Service { admin, .. } => admin.as_ref(),
            _ => None,
        }
    }

    /// Whether its value carries predecessors along that can be dropped without asking anybody: what
    /// is encrypted under Better Auth's old versions is not ours to count.
    pub const fn contracts(&self) -> bool {
        matches!(self, Self::SigningKeys { .. })
    }
}

impl Shape {
    /// What a rotator says of its service.
    pub fn of(rotator: &dyn Rotator) -> Self {
        let overlap = match rotator.class() {
            // Of what is made and used here alone nobody ends the old one: it ends with its deployments.
            _ if !rotator.has_provider() => Overlap::Keyring,
            RotationClass::ManyKeys => Overlap::ManyKeys,
            RotationClass::TwoSlots => Overlap::TwoSlots,
            RotationClass::GraceRoll => Overlap::GraceRoll,
            RotationClass::InPlace => Overlap::InPlace,
            RotationClass::Keyring => Overlap::Keyring,
            RotationClass::Console => Overlap::Console,
        };
        let minting = match rotator.minting() {
            keyward_upstream::Minting::Chosen => Minting::Chosen,
            keyward_upstream::Minting::Readable => Minting::Readable,
            keyward_upstream::Minting::Once => Minting::Once,
            keyward_upstream::Minting::ByHand => Minting::ByHand,
        };
        let (reversible, settles) = (rotator.is_reversible(), rotator.settles_in());
        Self { overlap, minting, reversible, asks: rotator.has_provider(), settles }
    }
}
