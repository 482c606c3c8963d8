//! How a secret is rotated: who makes the successor, and how patiently.

use keyward_providers::{Profile, RotationClass};
use keyward_upstream::Rotator;
use serde::{Deserialize, Serialize};

use super::{Form, Local, Minting, Overlap, Policy, Shape};

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
    /// We do: it is a secret that only one's own programs know.
    Here {
        /// How the value is written.
        profile: String,
        /// Whether it carries its predecessors along.
        form: Form,
    },
}

impl Making {
    /// What makes it.
    ///
    /// # Errors
    /// When a profile is written down that this keyward does not know.
    pub fn rotator(&self) -> Result<Box<dyn Rotator>, String> {
        match self {
            Self::Here { profile, form } => {
                let profile: Profile = profile.parse().map_err(|error| format!("{error}"))?;
                Ok(Box::new(Local { profile, form: *form }))
            }
        }
    }
}

impl Shape {
    /// What a rotator says of its service.
    pub fn of(rotator: &dyn Rotator) -> Self {
        let overlap = match rotator.class() {
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
        let asks = overlap != Overlap::Keyring;
        Self { overlap, minting, reversible: rotator.is_reversible(), asks, settles: rotator.settles_in() }
    }
}
