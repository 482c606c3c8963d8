use keyward_types::Timestamp;
use proptest::prelude::*;

use super::*;

fn shape(overlap: Overlap, minting: Minting) -> Shape {
    Shape { overlap, minting, reversible: false, asks: overlap != Overlap::Keyring, settles: 0 }
}

/// A rotation in which every call ends well, and what it did.
struct Smooth {
    state: State,
    policy: Policy,
    now: i64,
    calls: Vec<&'static str>,
    evidence: Evidence,
}

impl Smooth {
    fn new(shape: Shape, targets: usize) -> Self {
        let targets = (0..targets).map(|i| (format!("t{i}"), true));
        let state = State::new(shape, targets);
        Self { state, policy: Policy::routine(), now: 0, calls: Vec::new(), evidence: Evidence::default() }
    }

    /// One event; the call that follows it, if one does.
    fn step(&mut self, what: What) -> Option<Call> {
        let event = Event { at: Timestamp(self.now), roll: u32::MAX / 2, what };
        let (state, effects) = next(self.state.clone(), &event, &self.policy);
        self.state = state;
        effects.into_iter().find_map(|effect| match effect {
            Effect::Call(call) => Some(call),
            Effect::Wait(until) => {
                self.now = self.now.max(until.0);
                None
            }
            _ => None,
        })
    }

    fn answer(&self, call: &Call) -> Result<Answer, Failure> {
        Ok(match call {
            Call::Preflight => Answer::Ready(Some("old".into())),
            Call::Choose | Call::Contract => Answer::Sealed(Some("new".into())),
            Call::Mint | Call::Adopt(_) => Answer::Minted(Some("new".into())),
            Call::Find => Answer::Found(vec!["new".into()]),
            Call::Probe(Which::New) => Answer::Alive,
            Call::Probe(Which::Old) => Answer::Dead,
            Call::Confirm(_) | Call::ConfirmOld(_) => Answer::Confirmed,
            Call::Look => Answer::Seen(self.evidence.clone()),
            _ => Answer::Done,
        })
    }

    /// Goes on until this call is under way, or it stands still.
    fn until(&mut self, stop: Option<&Call>) -> Option<Call> {
        let mut call = self.step(What::Tick);
        for _ in 0..200 {
            if self.state.is_over() || self.state.stuck.is_some() && call.is_none() {
                return None;
            }
            match call {
                Some(begun) if Some(&begun) == stop => return Some(begun),
                Some(begun) => {
                    self.calls.push(begun.as_str());
                    let answer = self.answer(&begun);
                    call = self.step(What::Answer(answer));
                }
                None => call = self.step(What::Tick),
            }
        }
        panic!("it does not end: {:?}", self.state);
    }
}

#[test]
fn a_key_gets_a_successor_and_ends_on_evidence() {
    let mut smooth = Smooth::new(shape(Overlap::ManyKeys, Minting::Once), 2);
    smooth.until(None);
    assert_eq!(smooth.state.phase, Phase::Done);
    let calls = smooth.calls.join(" ");
    let begin = "check check preflight mint probe-new deploy confirm deploy confirm promote look look";
    let end = "probe-new confirm confirm retire probe-old find";
    assert!(calls.starts_with(begin) && calls.ends_with(end), "{calls}");
    assert!(smooth.now >= smooth.policy.soak, "{}", smooth.now);
}

/// Whoever has read it is passed by, and a gateway takes the successor by itself: nobody is called for that.
#[test]
fn an_emergency_waits_for_gateways_and_calls_a_person_when_they_do_not_follow() {
    let mut smooth = Smooth::new(shape(Overlap::ManyKeys, Minting::Once), 1);
    smooth.policy = Policy::emergency();
    smooth.evidence =
        Evidence { holders: vec![Holder { who: "ada (it was read)".into() }], at_gateway: true, ..Evidence::default() };
    let call = smooth.until(Some(&Call::Look)).expect("it looks");
    let seen = smooth.answer(&call);
    assert!(smooth.step(What::Answer(seen)).is_none() && smooth.state.stuck.is_none(), "{:?}", smooth.state.stuck);
    assert!(smooth.now <= smooth.policy.first_wait, "it looks again at once: {}", smooth.now);
    smooth.evidence.at_gateway = false;
    let call = smooth.until(Some(&Call::Retire));
    assert_eq!(call, Some(Call::Retire), "the old one ends, whoever has it");

    let mut smooth = Smooth::new(shape(Overlap::ManyKeys, Minting::Once), 1);
    (smooth.policy, smooth.evidence) = (Policy::emergency(), Evidence { at_gateway: true, ..Evidence::default() });
    smooth.until(None);
    assert_eq!(smooth.state.stuck.as_ref().map(|stuck| stuck.reason), Some(Reason::StillUsed));
    // It waits again from then on, and the time has passed already.
    let told = smooth.now - smooth.policy.longest_wait;
    assert!((60_000..=180_000).contains(&told), "{told}");
}

#[test]
fn what_we_choose_is_sealed_before_it_is_minted_and_a_local_secret_asks_nobody() {
    let mut smooth = Smooth::new(shape(Overlap::Keyring, Minting::Chosen), 1);
    smooth.policy.contracts = false;
    smooth.until(None);
    assert_eq!(smooth.calls, ["check", "preflight", "choose", "mint", "deploy", "confirm", "promote"]);
    assert_eq!((smooth.state.phase, smooth.now), (Phase::Done, 0));
}

#[test]
fn a_keyring_drops_its_predecessor_in_a_second_round() {
    let mut smooth = Smooth::new(shape(Overlap::Keyring, Minting::Chosen), 1);
    smooth.until(None);
    let calls = smooth.calls.join(" ");
    assert!(calls.ends_with("look confirm contract deploy confirm promote"), "{calls}");
    assert!(smooth.state.contracting && smooth.state.phase == Phase::Done);
}

#[test]
fn in_place_the_new_one_is_active_before_targets_get_it() {
    let mut smooth = Smooth::new(shape(Overlap::InPlace, Minting::Chosen), 1);
    smooth.until(None);
    let calls = smooth.calls.join(" ");
    assert_eq!(calls, "check preflight choose mint probe-new promote deploy confirm probe-old probe-new");
}

#[test]
fn what_is_shown_once_and_replaces_in_place_waits_for_a_person() {
    let mut smooth = Smooth::new(shape(Overlap::InPlace, Minting::Once), 1);
    smooth.until(None);
    assert_eq!(smooth.state.stuck.as_ref().map(|stuck| stuck.reason), Some(Reason::MayBeLost));
    assert_eq!(smooth.state.actions(), [Wish::Resume, Wish::Approve, Wish::Abort]);
    assert!(matches!(smooth.step(What::Wish(Wish::Approve)), Some(Call::Mint)));
}

#[test]
fn a_key_that_may_have_been_made_is_looked_for_and_what_has_no_value_is_removed() {
    let mut smooth = Smooth::new(shape(Overlap::ManyKeys, Minting::Once), 0);
    smooth.until(Some(&Call::Mint));
    assert_eq!(smooth.step(What::Taken), Some(Call::Find), "another process took it over");
    let found = Answer::Found(vec!["lost".into(), "old".into()]);
    assert_eq!(smooth.step(What::Answer(Ok(found))), Some(Call::Remove("lost".into())), "never the old one");
    assert_eq!(smooth.step(What::Answer(Ok(Answer::Done))), Some(Call::Mint));
}

#[test]
fn what_can_be_read_again_is_adopted() {
    let mut smooth = Smooth::new(shape(Overlap::ManyKeys, Minting::Readable), 0);
    smooth.until(Some(&Call::Mint));
    assert_eq!(smooth.step(What::Answer(Err(Failure::Ambiguous("broken".into())))), None, "after a wait");
    assert_eq!(smooth.step(What::Tick), Some(Call::Find));
    let adopts = smooth.step(What::Answer(Ok(Answer::Found(vec!["made".into()]))));
    assert_eq!(adopts, Some(Call::Adopt("made".into())));
}

#[test]
fn who_holds_the_old_value_is_named_and_keeps_it_alive() {
    let mut smooth = Smooth::new(shape(Overlap::ManyKeys, Minting::Once), 1);
    smooth.evidence.holders = vec![Holder { who: "ann (read)".into() }];
    smooth.until(None);
    let stuck = smooth.state.stuck.clone().expect("it waits");
    assert_eq!(stuck.reason, Reason::StillUsed);
    assert!(stuck.why.contains("ann (read)"), "{}", stuck.why);
    assert!(smooth.now >= smooth.policy.observes && !smooth.calls.contains(&"retire"));
    smooth.step(What::Wish(Wish::Approve));
    smooth.state.doing = None;
    smooth.until(None);
    assert_eq!(smooth.state.phase, Phase::Done);
}

#[test]
fn use_at_the_provider_begins_the_soak_anew() {
    let mut smooth = Smooth::new(shape(Overlap::ManyKeys, Minting::Once), 0);
    smooth.evidence.used = Use::At(Timestamp(5));
    for n in 0..20 {
        let call = smooth.until(Some(&Call::Look));
        assert_eq!(call, Some(Call::Look), "it must not end while it is used");
        smooth.evidence.used = Use::At(Timestamp(6 + n));
        let answer = smooth.answer(&Call::Look);
        smooth.step(What::Answer(answer));
    }
    smooth.until(None);
    assert_eq!(smooth.state.phase, Phase::Done, "silent from then on");
}

/// What has ended by itself is nobody's any more, whoever has read it.
#[test]
fn a_value_that_is_over_is_waited_for_no_longer() {
    let mut smooth = Smooth::new(shape(Overlap::ManyKeys, Minting::Once), 0);
    smooth.evidence.holders = vec![Holder { who: "ada (it was read)".into() }];
    for _ in 0..20 {
        assert_eq!(smooth.until(Some(&Call::Look)), Some(Call::Look), "ada has it");
        let answer = smooth.answer(&Call::Look);
        smooth.step(What::Answer(answer));
    }
    smooth.evidence.over = true;
    smooth.until(None);
    assert_eq!(smooth.state.phase, Phase::Done);
}

#[test]
fn a_value_of_an_hour_is_over_before_the_turn_of_its_successor() {
    let policy = Policy::routine().within(3_600_000);
    assert_eq!((policy.soak, policy.suspended), (300_000, 300_000));
    assert_eq!(Policy::routine().within(i64::MAX), Policy::routine());
    assert_eq!(Policy::routine().within(-5), Policy::routine(), "a wrong clock shortens nothing");
}

#[test]
fn a_clock_that_jumps_ends_no_soak() {
    let mut smooth = Smooth::new(shape(Overlap::ManyKeys, Minting::Once), 0);
    smooth.until(Some(&Call::Look));
    for jump in [1, 1_000_000_000_000, -1_000_000_000_000] {
        let answer = smooth.answer(&Call::Look);
        smooth.now += jump;
        smooth.step(What::Answer(answer));
        smooth.state.doing = Some((Call::Look, Timestamp(smooth.now)));
    }
    let quiet = smooth.state.soak.quiet.counted;
    assert!(quiet <= smooth.policy.soak / 4 + 1, "{quiet}");
}

#[test]
fn undoing_takes_the_new_value_back_before_its_key_ends() {
    let mut smooth = Smooth::new(shape(Overlap::ManyKeys, Minting::Once), 2);
    smooth.until(Some(&Call::Confirm(0)));
    assert_eq!(smooth.step(What::Wish(Wish::Abort)), None, "what is under way ends first");
    let mut calls = Vec::new();
    let mut call = smooth.step(What::Answer(Ok(Answer::Confirmed)));
    while !smooth.state.is_over() {
        call = match call {
            Some(begun) => {
                calls.push(begun.as_str());
                let answer = if begun == Call::Find { Ok(Answer::Found(vec![])) } else { smooth.answer(&begun) };
                smooth.step(What::Answer(answer))
            }
            None => smooth.step(What::Tick),
        };
    }
    assert_eq!(calls, ["recall", "confirm-old", "remove", "find", "discard"], "the second target saw nothing");
    assert_eq!(smooth.state.phase, Phase::RolledBack);
}

#[test]
fn a_promoted_key_is_not_taken_back() {
    let mut smooth = Smooth::new(shape(Overlap::ManyKeys, Minting::Once), 1);
    smooth.until(Some(&Call::Look));
    assert!(!smooth.state.can_abort());
    smooth.step(What::Wish(Wish::Abort));
    assert!(!smooth.state.abort);
}

#[test]
fn five_dead_probes_make_another_candidate_and_three_candidates_a_person() {
    let mut smooth = Smooth::new(shape(Overlap::ManyKeys, Minting::Once), 0);
    let (mut mints, mut call) = (0, smooth.step(What::Tick));
    while smooth.state.stuck.is_none() {
        call = match call {
            Some(begun) => {
                mints += u32::from(begun == Call::Mint);
                let dead = begun == Call::Probe(Which::New);
                let answer = if dead { Ok(Answer::Dead) } else { smooth.answer(&begun) };
                smooth.step(What::Answer(answer))
            }
            None => {
                smooth.now += 30_000;
                smooth.step(What::Tick)
            }
        };
    }
    assert_eq!((mints, smooth.state.stuck.map(|stuck| stuck.reason)), (3, Some(Reason::NewIsDead)));
}

#[test]
fn a_failure_that_lasts_is_told_once_and_tried_on() {
    let mut smooth = Smooth::new(shape(Overlap::ManyKeys, Minting::Once), 1);
    smooth.until(Some(&Call::Deploy(0)));
    let mut alerts = 0;
    for _ in 0..50 {
        let event = |what, now| Event { at: Timestamp(now), roll: u32::MAX, what };
        let failed = What::Answer(Err(Failure::Passing("no route".into(), None)));
        let (state, effects) = next(smooth.state.clone(), &event(failed, smooth.now), &smooth.policy);
        alerts += effects.iter().filter(|effect| matches!(effect, Effect::Alert(..))).count();
        smooth.now += smooth.policy.longest_wait;
        let (state, effects) = next(state, &event(What::Tick, smooth.now), &smooth.policy);
        assert_eq!(effects, [Effect::Call(Call::Deploy(0))], "it is tried on");
        smooth.state = state;
    }
    assert_eq!(alerts, 1);
}

#[test]
fn waits_are_spread_and_bounded() {
    let policy = Policy::routine();
    assert_eq!(policy.wait(1, 0), 0);
    assert_eq!(policy.wait(1, u32::MAX), policy.first_wait);
    assert_eq!(policy.wait(3, u32::MAX), 4 * policy.first_wait);
    assert_eq!(policy.wait(60, u32::MAX), policy.longest_wait);
}

/// Any answer to any call, also such as do not fit.
fn any_answer() -> impl Strategy<Value = Result<Answer, Failure>> {
    prop_oneof![
        6 => Just(None),
        1 => Just(Some(Ok(Answer::Dead))),
        1 => Just(Some(Ok(Answer::Differs))),
        1 => Just(Some(Ok(Answer::Found(vec!["a".into(), "old".into()])))),
        1 => Just(Some(Err(Failure::Passing("p".into(), Some(u64::MAX))))),
        1 => Just(Some(Err(Failure::Ambiguous("a".into())))),
        1 => Just(Some(Err(Failure::Refused("r".into())))),
        1 => Just(Some(Err(Failure::Missing("m".into())))),
    ]
    .prop_map(|answer| answer.unwrap_or(Ok(Answer::Done)))
}

proptest! {
    #[test]
    fn whatever_is_answered_the_old_key_ends_after_its_successor_is_everywhere(
        steps in prop::collection::vec((any_answer(), any::<u32>(), 0_i64..100_000_000, 0_u8..12), 1..400),
        overlap in prop::sample::select(vec![Overlap::ManyKeys, Overlap::TwoSlots, Overlap::InPlace]),
        minting in prop::sample::select(vec![Minting::Chosen, Minting::Once, Minting::Readable]),
        reversible in any::<bool>(),
    ) {
        let mut smooth = Smooth::new(Shape { reversible, ..shape(overlap, minting) }, 2);
        let mut confirmed = [false; 2];
        let mut call = smooth.step(What::Tick);
        for (answer, roll, wait, chance) in steps {
            smooth.now += wait;
            let what = match (&call, chance) {
                (_, 0) => What::Taken,
                (_, 1) => What::Wish(Wish::Resume),
                (Some(begun), 2..=4) => { let _ = begun; What::Answer(answer) }
                (Some(begun), _) => What::Answer(smooth.answer(begun)),
                (None, _) => What::Tick,
            };
            if let (Some(Call::Confirm(i)), What::Answer(Ok(answer))) = (&call, &what) {
                confirmed[*i] = *answer == Answer::Confirmed;
            }
            let event = Event { at: Timestamp(smooth.now), roll, what };
            let (state, effects) = next(smooth.state.clone(), &event, &smooth.policy);
            let calls: Vec<Call> = effects.iter().filter_map(|effect| match effect {
                Effect::Call(call) => Some(call.clone()),
                _ => None,
            }).collect();
            prop_assert!(calls.len() <= 1, "one call at a time");
            prop_assert_eq!(state.doing.is_some(), !calls.is_empty() || smooth.state.doing.is_some() && state.doing == smooth.state.doing);
            for begun in &calls {
                match begun {
                    Call::Suspend | Call::Retire => {
                        prop_assert!(state.promoted && state.soak.over && confirmed == [true; 2], "{:?}", state);
                    }
                    Call::Deploy(_) => {
                        prop_assert!(state.candidate.as_ref().is_some_and(|c| c.sealed), "sealed before a target sees it");
                    }
                    Call::Mint if minting == Minting::Chosen => {
                        prop_assert!(state.candidate.as_ref().is_some_and(|c| c.sealed), "sealed before the provider sees it");
                    }
                    Call::Remove(key) => prop_assert!(key != "old"),
                    _ => {}
                }
            }
            // The state goes through a record and back.
            let text = serde_json::to_string(&state).unwrap();
            prop_assert_eq!(&serde_json::from_str::<State>(&text).unwrap(), &state);
            smooth.state = state;
            call = calls.into_iter().next().or(smooth.state.doing.clone().map(|(call, _)| call));
        }
    }
}
