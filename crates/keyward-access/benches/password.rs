//! What one guess at a password costs: `cargo test -p keyward-access --bench password` (Argon2 is optimised in every
//! profile).

use std::time::Instant;

use keyward_access::credential::PasswordHash;
use keyward_types::{KeyError, Keys, Purpose, Secret};

struct NoKeys;

impl Keys for NoKeys {
    fn mac(&self, _: &Purpose, _: &[u8]) -> Result<[u8; 32], KeyError> {
        Ok([1; 32])
    }
    fn sign(&self, _: &Purpose, _: &[u8]) -> Result<[u8; 64], KeyError> {
        Err(KeyError::WrongUse)
    }
    fn seal(&self, _: &Purpose, _: &[u8], _: &[u8]) -> Result<Vec<u8>, KeyError> {
        Err(KeyError::WrongUse)
    }
    fn unseal(&self, _: &Purpose, _: &[u8], _: &[u8]) -> Result<Vec<u8>, KeyError> {
        Err(KeyError::WrongUse)
    }
}

const ROUNDS: usize = 41;

#[allow(clippy::print_stdout)] // a bench's result
fn main() {
    let (hash, password) = (PasswordHash::nobodys(), Secret::new("password", "any".to_owned()));
    let who = "user:ada".parse().expect("a principal");
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let right = hash.matches(&password, &who, &NoKeys).expect("a hash of ours");
            assert!(!right);
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("one guess: median {:.1} ms, fastest {:.1} ms, of {ROUNDS}", times[ROUNDS / 2], times[0]);
}
