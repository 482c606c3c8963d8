//! A rotation that takes longer than one call: whoever asked for it waits on, by looking at it.

use std::time::{Duration, Instant};

use keyward_types::{SecretName, Timestamp};

use crate::rotation_wire::RotationInfo;
use crate::{Code, Desk, Failure, Result, Where};

/// How long, and how often it is looked at.
const LONGEST: Duration = Duration::from_secs(15 * 60);
const EVERY: Duration = Duration::from_secs(1);
/// What nobody has worked at for so long waits for something else than its calls.
const RESTING: Duration = Duration::from_secs(5);

/// Has a rotation do something, by `ask`. Where its answer does not come in time, the rotation is looked
/// at until it is over, waits for a person, or for a time.
///
/// # Errors
/// What `ask` fails with; [`Code::TimedOut`] when the rotation goes on still after a quarter of an hour.
pub fn awaited(
    desk: &dyn Desk,
    at: &Where,
    name: &SecretName,
    ask: impl FnOnce(&dyn Desk) -> Result<RotationInfo>,
) -> Result<RotationInfo> {
    let before = desk.rotation(at.clone(), name.clone()).ok().filter(|rotation| rotation.over);
    let cut_off = match ask(desk) {
        Err(failure) if failure.code == Code::TimedOut => failure,
        done => return done,
    };
    let started = Instant::now();
    let mut last: Option<(Timestamp, Instant)> = None;
    while started.elapsed() < LONGEST {
        match desk.rotation(at.clone(), name.clone()) {
            // Nothing was begun.
            Ok(seen) if before.as_ref().is_some_and(|before| before.id == seen.id) => return Err(cut_off),
            Err(failure) if failure.code == Code::NotFound => return Err(cut_off),
            Ok(seen) if seen.over || seen.state == "needs-a-person" => return Ok(seen),
            Ok(seen) => match last {
                Some((at, since)) if at == seen.written_at && seen.doing.is_none() => {
                    if since.elapsed() >= RESTING {
                        return Ok(seen);
                    }
                }
                _ => last = Some((seen.written_at, Instant::now())),
            },
            Err(failure) if matches!(failure.code, Code::TimedOut | Code::Unavailable) => {}
            Err(failure) => return Err(failure),
        }
        std::thread::sleep(EVERY);
    }
    let message = format!("the rotation of `{name}` goes on still");
    Err(Failure::new(Code::TimedOut, message).hint(format!("`keyward rotation show {name}` says how far it is")))
}
