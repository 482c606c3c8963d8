//! A batch with changes and no log entry cannot be made.
use keyward_store::{Batch, Put};

fn without(put: Put) -> Batch {
    Batch::record(Vec::new()).put(put)
}

fn main() {}
