//! A batch is made by `Batch::record` alone, which begins with the log entry.
use keyward_store::{Batch, Change, NonEmpty};

fn build(entries: NonEmpty, changes: Vec<Change>) -> Batch {
    Batch { entries, expect: Vec::new(), changes, header: None }
}

fn main() {}
