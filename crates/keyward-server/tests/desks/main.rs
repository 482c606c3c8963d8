//! One desk in three forms: in this process, over the owner's socket, over the API. The same calls
//! get the same answers and the same refusals from each.

#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

mod encrypted;
mod kit;
mod reads;
mod refused;
mod walk;

use kit::{Form, Site};

#[test]
fn every_call_is_answered_alike() {
    let [local, socket, remote] = [Form::Local, Form::Socket, Form::Remote].map(|form| {
        let site = Site::new(form);
        walk::all(site.desk())
    });
    assert!(local.len() > 70, "{}", local.len());
    let mut differences = Vec::new();
    for ((local, socket), remote) in local.iter().zip(&socket).zip(&remote) {
        if local != socket {
            differences.push(format!("here {local}\nover the socket {socket}"));
        }
        if local != remote {
            differences.push(format!("here {local}\nover the API {remote}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    assert_eq!((local.len(), local.len()), (socket.len(), remote.len()));
}
