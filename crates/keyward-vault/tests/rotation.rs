//! What the steps of a rotation do to the secret.

use keyward_testing::TestVault;
use keyward_types::{Label, Secret, Timestamp};
use keyward_vault::{NewRotation, RotationChange, RotationStep, Successor};
use serde_json::Value;

fn step(change: RotationChange, over: bool) -> RotationStep {
    let (state, told) = (Value::from("somewhere"), "a step".to_owned());
    RotationStep { state, word: "somewhere".into(), doing: None, due: None, over, told, stuck: None, change }
}

/// The end that a service gives a value is its own: it counts from the promotion on, and the value after
/// it does not inherit it.
#[test]
fn a_value_has_the_end_that_its_service_gave_it() {
    let desk = TestVault::new(1);
    desk.set("TOKEN", "the first").unwrap();
    let end = Timestamp(desk.vault.now().0 + 3_600_000);
    let head = || desk.vault.load(&desk.actor, &desk.scope, &"TOKEN".parse().unwrap(), None).unwrap().head().clone();
    for expires_at in [Some(end), None] {
        let state = Value::from("somewhere");
        let new = NewRotation { plan: state.clone(), state, word: "begun".into(), holder: "a test".into(), old: None };
        let row = desk.vault.begin_rotation(&desk.actor, &desk.scope, &"TOKEN".parse().unwrap(), new).unwrap();
        let before = head().expires_at;
        let value = Secret::new("a successor", b"the next".to_vec());
        let sealed = RotationChange::Seal(Successor { value, bits: 64, expires_at });
        let row = desk.vault.write_rotation(&desk.actor, &row, &step(sealed, false)).unwrap();
        assert_eq!(head().expires_at, before, "it is not the active one yet");
        desk.vault.write_rotation(&desk.actor, &row, &step(RotationChange::Promote, true)).unwrap();
        assert_eq!(head().expires_at, expires_at);
    }
    let (head, previous) = (head(), head().labels[&Label::previous()]);
    assert_eq!(head.version(previous).unwrap().expires_at, Some(end), "of what was replaced it is still known");
}
