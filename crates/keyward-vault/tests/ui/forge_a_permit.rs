//! Only `authorize` makes a permit.
use keyward_access::{Object, Permit};
use keyward_types::{PrincipalId, Read};

fn forge(principal: PrincipalId, object: Object) -> Permit<Read> {
    Permit { principal, object, action: std::marker::PhantomData }
}

fn main() {}
