//! Logs as the writer makes them, and exports in memory.
// Each test file uses a part of it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{self, BufRead};

use keyward_audit::checkpoint::origin;
use keyward_audit::export::native;
use keyward_audit::head::Head;
use keyward_audit::note::{Ed25519Signer, Signer, VerifierKey};
use keyward_audit::private::commit;
use keyward_audit::tile::TileWriter;
use keyward_audit::verify::OpenPrivate;
use keyward_audit::{Action, Entry, Integrator, Outcome};
use keyward_store::LogRow;

pub const SALT: [u8; 32] = [5; 32];

/// An export in memory.
#[derive(Clone, Default, Debug, PartialEq)]
pub struct Files(pub BTreeMap<String, Vec<u8>>);

impl keyward_audit::export::Folder for Files {
    type Error = Infallible;

    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), Infallible> {
        self.0.insert(path.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn append(&mut self, path: &str, bytes: &[u8]) -> Result<(), Infallible> {
        self.0.entry(path.to_owned()).or_default().extend_from_slice(bytes);
        Ok(())
    }
}

impl keyward_verify::Folder for Files {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }

    fn lines(&self, path: &str) -> io::Result<Option<Box<dyn BufRead + '_>>> {
        Ok(self.0.get(path).map(|bytes| Box::new(bytes.as_slice()) as Box<dyn BufRead>))
    }

    fn list(&self, below: &str) -> io::Result<Vec<String>> {
        let below = format!("{below}/");
        Ok(self.0.keys().filter(|path| path.starts_with(&below)).cloned().collect())
    }
}

/// A log with its head.
#[derive(Clone)]
pub struct Log {
    pub rows: Vec<LogRow>,
    pub head: Vec<u8>,
}

pub fn signer() -> Ed25519Signer {
    Ed25519Signer::new(&origin("v"), &[1; 32]).unwrap()
}

/// The key as the writer and as the verifier know it.
pub fn keys() -> ([VerifierKey; 1], [keyward_verify::Key; 1]) {
    let key = signer().verifier().clone();
    let text = key.to_string();
    ([key], [text.parse().unwrap()])
}

pub fn private_json(index: u64) -> String {
    format!("{{\"reason\":\"entry \\\"{index}\\\"\"}}")
}

pub fn entry(index: u64) -> Entry {
    let time = format!("2026-11-23T21:43:{:02}.{:03}Z", index / 1000 % 60, index % 1000);
    let commit = commit(&SALT, private_json(index).as_bytes());
    Entry::new(Action::SecretRead, Outcome::Allowed, "owner", "v", time, commit)
}

/// A log over any bytes, signed as if they were entries.
pub fn signed(public: Vec<Vec<u8>>) -> Log {
    let leaves: Vec<&[u8]> = public.iter().map(Vec::as_slice).collect();
    let head = Integrator::new(signer()).extend(None, 0, &leaves).unwrap();
    let private = |index: u64| [SALT.as_slice(), private_json(index).as_bytes()].concat();
    let rows = (0..).zip(public).map(|(index, public)| LogRow { index, public, private: private(index) });
    Log { rows: rows.collect(), head }
}

pub fn log(count: u64) -> Log {
    signed((0..count).map(|index| entry(index).canonical().unwrap()).collect())
}

impl Log {
    pub fn export(&self, open: Option<OpenPrivate<'_>>) -> Files {
        let mut files = Files::default();
        native(&self.rows, &self.head, &keys().0, &TileWriter::new(), open, &mut files).unwrap();
        files
    }

    /// The signed checkpoint of the first entries.
    pub fn checkpoint_at(&self, size: usize) -> String {
        let public = self.rows[..size].iter().map(|row| row.public.clone()).collect();
        Head::decode(&signed(public).head).unwrap().checkpoint
    }
}

/// What the independent verifier says.
pub fn verdict(files: &Files) -> Vec<keyward_verify::Fault> {
    let keys = keys().1;
    let options = keyward_verify::Options { keys: &keys, ..Default::default() };
    keyward_verify::verify_export(files, &options).unwrap().faults
}
