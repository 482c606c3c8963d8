//! There is no empty batch to add changes to.
use keyward_store::{Batch, Put};

fn without(put: Put) -> Batch {
    Batch::default().put(put)
}

fn main() {}
