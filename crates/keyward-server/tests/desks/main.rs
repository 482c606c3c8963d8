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
    for ((local, socket), remote) in local.iter().zip(&socket).zip(&remote) {
        assert_eq!(local, socket, "over the socket");
        assert_eq!(local, remote, "over the API");
    }
    assert_eq!((local.len(), local.len()), (socket.len(), remote.len()));
}
