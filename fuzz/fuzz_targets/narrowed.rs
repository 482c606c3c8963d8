//! Any text as a narrowed virtual key: no panic, within its bounds, written as it was read, and never known by
//! a key that it was not made of.
#![no_main]

use keyward_access::{AttenuationKey, Caveat, NarrowedKey};
use keyward_types::token::{PlainToken, checksum};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, bool)| {
    let (text, whole) = input;
    // Beyond the checksum there is something to find.
    let text = if whole { format!("{text}{}", checksum(text.as_bytes())) } else { text.to_owned() };
    if let Ok(caveat) = text.parse::<Caveat>() {
        assert_eq!(caveat.to_string().parse::<Caveat>().as_ref(), Ok(&caveat));
    }
    let Ok(read) = text.parse::<NarrowedKey>() else { return };
    assert_eq!(*read.expose(), text);
    assert!(read.caveats().len() <= NarrowedKey::MOST);
    let body = ["kwv_", "0123456789ab", &"Ab1".repeat(10)].concat();
    let token: PlainToken = format!("{body}{}", checksum(body.as_bytes())).parse().expect("it is one");
    assert!(read.verified(&AttenuationKey::of(&token)).is_none());
});
