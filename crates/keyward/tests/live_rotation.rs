//! The password of the example's PostgreSQL is replaced while its page is in use: a real PostgreSQL, the
//! example as it is in the repository, its page in a real Chromium that never stops to ask. The old role
//! ends each time, its connections with it, and no request fails.
//!
//! `KEYWARD_PICTURE=FILE.png` has the run leave the picture that the README shows: the page as the browser
//! has it, and what `keyward rotate` said.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

#[path = "live_rotation/page.rs"]
mod page;
#[path = "live_rotation/picture.rs"]
mod picture;
#[path = "live_rotation/shop.rs"]
mod shop;

use std::time::{Duration, Instant};

use crate::page::Page;
use crate::picture::Told;
use crate::shop::{ROLES, Shop};

/// How long it is in use around each rotation.
const BEFORE: Duration = Duration::from_secs(1);

#[test]
fn the_password_of_the_examples_database_is_replaced_while_its_page_is_in_use() {
    let shop = Shop::open();
    let mut page = Page::open(&shop.address());
    page.asks("Where do keys belong?");
    assert!(page.keeps_in().contains(ROLES[0]), "{}", page.keeps_in());
    page.is_in_use();
    for (number, new) in [(0, ROLES[1]), (1, ROLES[0])] {
        std::thread::sleep(BEFORE);
        let (password, before, served) = (shop.deployed(), page.keeps_in(), page.served());
        let begun = Instant::now();
        let (command, said) = shop.rotate(number == 0);
        println!("{new} has taken over, and the other has ended: {:?}", begun.elapsed());
        assert!(page.keeps_in().contains(new), "{}", page.keeps_in());
        assert!(page.served() > served, "the page was in use");
        page.asks("And who keeps this conversation now?");
        assert!(!shop.connects(&password), "the old password works");
        assert!(shop.connects(&shop.deployed()), "the new one does not");
        if let (0, Some(file)) = (number, picture::wanted()) {
            picture::draw(&mut page, &Told { before: &before, command: &command, said: &said }, &file);
        }
    }
    std::thread::sleep(BEFORE);
    let (served, failed) = page.is_at_rest();
    println!("{served} questions were answered and kept");
    assert_eq!(failed, Vec::<String>::new(), "of {served}");
    assert!(served > 20, "{served} requests are no use");
    assert!(shop.kept() / 2 >= served + 3, "each question is kept, and each answer");
}
