//! Slots that a key of AWS KMS opens. The vault asks nobody: what KMS wraps and unwraps is asked for
//! here, with what the environment gave this process, and brought to it.

use keyward_types::VaultId;
use keyward_upstream::{AccessKey, Fault, Kms, Refusal};
use keyward_vault::{Credential, Error as VaultError, Header, KmsKey, KmsSlot, Vault};

use crate::system::{SystemClock, SystemRandom};
use crate::verdicts::http;
use crate::{Code, Failure, Result};

const CLOCK: &SystemClock = &SystemClock;

/// Where credentials come from.
const VARIABLES: &str =
    "set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` (and `AWS_SESSION_TOKEN`, where the key has one)";

/// A new slot of this vault that the key opens: its private half is wrapped, and unwrapped once, since
/// a slot that nothing opens is none.
///
/// # Errors
/// [`Code::Usage`] without credentials; what KMS refuses; when KMS cannot be reached.
pub fn kms_slot(vault: VaultId, key: &KmsKey, aws: Option<&AccessKey>) -> Result<KmsSlot> {
    let aws = aws.ok_or_else(|| Failure::usage("there are no credentials for AWS").hint(VARIABLES))?;
    let kms = asked(aws, key).map_err(|fault| refused(&fault, Purpose::Adding))?;
    KmsSlot::make(vault, &SystemRandom, |context, private| {
        let failed = |fault: Fault| refused(&fault, Purpose::Adding);
        let wrapped = kms.encrypt(&key.id, context, private).map_err(failed)?;
        let named = KmsKey::new(&wrapped.key, Some(&key.region))?;
        if *kms.decrypt(&named.id, context, &wrapped.bytes).map_err(failed)? != private[..] {
            return Err(failed(Fault::nonsense("what it unwraps is not what it wrapped")));
        }
        Ok((named, wrapped.bytes))
    })
}

/// Opens a vault by the first of its KMS slots that KMS unwraps.
///
/// # Errors
/// [`Code::Locked`] when there is none; what the store refuses.
pub(crate) fn open(
    header: &Header,
    aws: Option<&AccessKey>,
    open: impl Fn(&Credential<'_>) -> Result<Vault, VaultError>,
) -> Result<Vault> {
    let locked = |why: &str| Failure::new(Code::Locked, why);
    let mut why = locked("no slot of the vault is of AWS KMS").hint("`keyward slot add kms` makes one");
    for question in header.slots.iter().filter_map(|slot| slot.kms_question(header.vault)) {
        let question = question?;
        let Some(aws) = aws else {
            return Err(locked("a key of AWS KMS opens it, and there are no credentials for AWS").hint(VARIABLES));
        };
        let unwrapped = asked(aws, &question.key)
            .and_then(|kms| kms.decrypt(&question.key.id, &question.context, &question.wrapped));
        let answer = match unwrapped {
            Ok(bytes) => question.answered(&bytes),
            Err(fault) => {
                why = refused(&fault, Purpose::Opening);
                continue;
            }
        };
        match answer.and_then(|answer| open(&Credential::Kms(&answer))) {
            Err(error @ (VaultError::WrongCredential(_) | VaultError::Credential { .. })) => {
                why = locked(&error.to_string());
            }
            done => return Ok(done?),
        }
    }
    Err(why)
}

fn asked(aws: &AccessKey, key: &KmsKey) -> Result<Kms<'static>, Fault> {
    Kms::new(http().clone(), CLOCK, aws.clone(), &key.region)
}

#[derive(Clone, Copy, PartialEq)]
enum Purpose {
    Adding,
    Opening,
}

/// What KMS refuses a vault that is to be opened leaves it locked, whatever it is.
fn refused(fault: &Fault, purpose: Purpose) -> Failure {
    let (code, hint) = match fault {
        Fault::Refused(Refusal::Admin, _) => {
            (Code::Denied, "the credentials are wrong, or over; look at `AWS_ACCESS_KEY_ID`")
        }
        Fault::Refused(Refusal::Permission, _) => (
            Code::Denied,
            "whoever they are of needs `kms:Encrypt` and `kms:Decrypt` on the key, to open the vault `kms:Decrypt` alone",
        ),
        Fault::Refused(Refusal::Missing, _) => (Code::NotFound, "look at the key's id and region"),
        Fault::Refused(Refusal::Busy, _) => {
            (Code::Conflict, "enable the key in the console of AWS; another slot opens the vault meanwhile")
        }
        Fault::Refused(..) => (Code::Usage, "the key has to be symmetric, and the one that the slot was made with"),
        _ => (
            Code::Unavailable,
            "look at the network between here and AWS, and once more; another slot opens the vault meanwhile",
        ),
    };
    let code = if purpose == Purpose::Opening { Code::Locked } else { code };
    Failure::new(code, format!("AWS KMS: {fault}")).hint(hint)
}
