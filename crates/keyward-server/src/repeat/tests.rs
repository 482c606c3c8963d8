use zeroize::Zeroizing;

use super::memory::MOST;
use super::*;

fn id(n: usize) -> Id {
    Id("user:a".into(), n.to_string())
}

fn answer() -> Answer {
    Answer { status: StatusCode::CREATED, headers: HeaderMap::new(), body: Zeroizing::new(b"once".to_vec()) }
}

#[test]
fn a_key_is_for_one_request() {
    let repeats = Repeats::default();
    assert!(matches!(repeats.begin(&id(1), [1; 32]), Begin::First));
    assert!(matches!(repeats.begin(&id(1), [1; 32]), Begin::UnderWay));
    repeats.finish(&id(1), answer());
    assert!(matches!(repeats.begin(&id(1), [1; 32]), Begin::Again(again) if **again.body == *b"once"));
    assert!(matches!(repeats.begin(&id(1), [2; 32]), Begin::Other));
    let other = Id("user:b".into(), "1".into());
    assert!(matches!(repeats.begin(&other, [1; 32]), Begin::First), "keys of two callers are two keys");
}

#[test]
fn no_more_than_the_limit_is_kept() {
    let repeats = Repeats::default();
    for n in 0..3 * MOST {
        repeats.begin(&id(n), [0; 32]);
    }
    assert!(repeats.known().len() <= MOST);
    assert!(matches!(repeats.begin(&id(3 * MOST - 1), [0; 32]), Begin::UnderWay), "the newest stays");
}

#[test]
fn parts_of_a_request_cannot_be_moved_into_each_other() {
    assert_ne!(digest(&Method::PUT, "/a", b"b"), digest(&Method::PUT, "/ab", b""));
    assert_ne!(digest(&Method::PUT, "/a", b""), digest(&Method::POST, "/a", b""));
}
