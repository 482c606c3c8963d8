//! Campaign: from leaked to replaced. A stored, living key is pushed to a bare repository that has our
//! post-receive hook. The push itself says which secret that is; the command that it prints is run at
//! once, as somebody on call does, and from then on the running server and the doubles of the services
//! alone are at work. Where its owner has allowed it beforehand the key ends first; else nobody notices:
//! a pool of callers works on, through the gateway and with what stands in a deployed file.
//!
//! Every time is counted from the beginning of `git push`, and taken from the services and the targets
//! themselves. `cargo xtask prove leak` does it a hundred times each way.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

#[path = "leak/callers.rs"]
mod callers;
#[path = "leak/marks.rs"]
mod marks;
#[path = "leak/places.rs"]
mod places;
#[path = "leak/shop.rs"]
mod shop;

use keyward_testing::{proof, size};

use crate::marks::{Goals, Marks};
use crate::shop::Shop;

#[test]
fn a_leaked_key_is_found_replaced_everywhere_and_dead_in_seconds() {
    let leaks = size("KEYWARD_LEAKS", 3);
    let mut shop = Shop::open();
    let mut first = Marks::default();
    for _ in 0..leaks {
        first.take(&shop.leak_that_is_ended_first());
    }
    let (mut later, mut requests) = (Marks::default(), 0);
    for _ in 0..leaks {
        let (leak, served) = shop.leak_that_nobody_notices();
        later.take(&leak);
        requests += served;
    }
    shop.has_told_no_value();
    first.tell("ended first", &Goals { contained: Some(2), replaced: 15, dead: Some(20) });
    later.tell("with overlap", &Goals { contained: None, replaced: 15, dead: None });
    proof("with overlap: requests of the pool", requests);
    proof("with overlap: requests that failed", 0);
}
