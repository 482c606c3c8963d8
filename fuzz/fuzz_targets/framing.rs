//! Any bytes in any chunks as requests to the gateway: no panic, and however they are cut up the same heads,
//! the same bodies and one verdict.
#![no_main]

use keyward_gateway::{Framing, Part};
use libfuzzer_sys::fuzz_target;

/// What was read: heads and ends as lines, and all bytes of bodies.
fn read(framing: &mut Framing, bytes: &[u8], seen: &mut Vec<u8>) -> bool {
    framing.push(bytes);
    loop {
        match framing.next() {
            Ok(Some(Part::Head(parts, length))) => seen.extend(format!("\n{parts:?} {length:?}\n").bytes()),
            Ok(Some(Part::Data(bytes))) => seen.extend(bytes),
            Ok(Some(Part::End)) => seen.extend(b"\n.\n"),
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

fuzz_target!(|input: (Vec<u8>, u8)| {
    let (bytes, chunk) = input;
    let (mut whole, mut parts) = (Vec::new(), Vec::new());
    let fits = read(&mut Framing::default(), &bytes, &mut whole);
    let mut framing = Framing::default();
    let fit = bytes.chunks(usize::from(chunk).max(1)).all(|part| read(&mut framing, part, &mut parts));
    assert_eq!((fits, whole), (fit, parts));
});
