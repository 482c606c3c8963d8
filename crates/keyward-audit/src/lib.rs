//! The audit room: what happened, in a form that cannot be altered unseen.
//!
//! Each event is an [`Entry`], canonical JSON of public fields only. Entries are the leaves of a
//! Merkle tree (RFC 6962); the [`head::Integrator`] adds the entries of each commit to the tree
//! and signs a [`Checkpoint`], in the commit's own transaction. So every state of the store that
//! a reader can see carries a signature over every entry before it.
//!
//! What holds here:
//! - **Nothing is signed blindly.** The integrator continues only from a head that this log's own
//!   key has signed: who can write to the database cannot have a forged tree signed for him.
//! - **Personal data can be erased.** The private part of an entry (reason, address, names) lies
//!   beside the log, sealed under the subject's key; the entry holds only a commitment to it.
//! - **No I/O, no clock, no randomness.** Callers bring entries, times, salts and the signer.
//!
//! ```
//! use keyward_audit::note::{Ed25519Signer, Signer};
//! use keyward_audit::{Action, Checkpoint, Entry, Integrator, LogProof, Outcome, PrivatePart, checkpoint, head};
//!
//! # fn main() -> Result<(), keyward_audit::Error> {
//! let signer = Ed25519Signer::new(&checkpoint::origin("v_1"), &[7; 32])?; // a random seed in earnest
//! let keys = [signer.verifier().clone()];
//! let log = Integrator::new(signer);
//!
//! let private = PrivatePart { reason: Some("on call".into()), ..PrivatePart::default() };
//! let commit = private.salted(&[9; 32]).commitment(); // a random salt in earnest
//! let time = "2026-11-23T21:43:00.123Z";
//! let entry = Entry::new(Action::SecretRead, Outcome::Allowed, "p_1", "v_1", time, commit).canonical()?;
//!
//! let state = log.extend(None, 0, &[&entry])?; // stored with the entry, in one transaction
//! let note = head::Head::decode(&state)?.checkpoint;
//! assert_eq!(Checkpoint::open(&note, &keys)?.size, 1);
//!
//! let leaves = [keyward_audit::merkle::leaf_hash(&entry)];
//! let proof = LogProof::new(&leaves[..], &entry, 0, &note, &keys)?;
//! assert_eq!(proof.verify(&keys)?.0, entry);
//! # Ok(())
//! # }
//! ```
//!
//! Formats: C2SP signed-note, tlog-checkpoint, tlog-tiles and tlog-proof (<https://c2sp.org>).

pub mod canonical;
pub mod checkpoint;
pub mod entry;
pub mod epoch;
pub mod error;
pub mod export;
pub mod head;
pub mod merkle;
pub mod note;
pub mod private;
pub mod tile;
pub mod verify;

mod action;
mod base64;
mod log_proof;

pub use action::{Action, Outcome, Via};
pub use checkpoint::Checkpoint;
pub use entry::{Entry, RecordChange, action_in};
pub use epoch::Epoch;
pub use error::Error;
pub use head::Integrator;
pub use log_proof::LogProof;
pub use merkle::Hash;
pub use note::{Ed25519Signer, Signer, VerifierKey};
pub use private::{PrivatePart, SealPrivate};
pub use tile::Tile;
pub use verify::{Fault, Report, Verifier};
