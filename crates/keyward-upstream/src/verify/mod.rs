//! Asking a service whether a key lives, by the cheapest call that changes nothing.
//!
//! What holds here:
//!
//! - A value goes to its own service alone, and only where it has a form of that service's keys that
//!   may be asked about.
//! - Only a documented answer means dead. No answer, 429, 5xx, and all that the catalogue has not
//!   confirmed say nothing.
//! - A key is alive where a made-up one of the same form is refused by the same call: a host that
//!   takes anything says nothing.
//! - A service is asked at a measured pace, and left alone for as long as it asks for that.

mod made_up;
mod pace;
mod request;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_providers::{Detector, Provider, Verify};
use keyward_types::{Kind, Random, Secret, Verified};

use crate::http::Answer;
use crate::{Fault, Http, Verdict};
use made_up::made_up;
use pace::Pace;
use request::Request;

/// Parts of an account that a service's addresses have: a host of one's own, a region, a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    parts: BTreeMap<String, String>,
    private: bool,
}

/// Asks services whether keys live. One is enough for a process: it keeps the pace.
pub struct Verifier {
    http: Http,
    random: Box<dyn Random>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    paces: BTreeMap<&'static str, Pace>,
    /// What a made-up key of a form was answered at a place.
    controls: BTreeMap<(String, &'static str), bool>,
}

impl Account {
    /// With this part.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.parts.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same, whose own host may be in a private network.
    #[must_use]
    pub fn in_private_networks(self) -> Self {
        Self { private: true, ..self }
    }

    pub(crate) fn part(&self, name: &str) -> Option<&str> {
        self.parts.get(name).map(String::as_str)
    }

    pub(crate) fn may_be_private(&self) -> bool {
        self.private
    }
}

impl Verifier {
    /// Asks by this way.
    pub fn new(http: Http, random: Box<dyn Random>) -> Self {
        Self { http, random, state: Mutex::default() }
    }

    /// What the service says of this value. It is never wrong in silence: where nothing can be said
    /// the verdict is [`Verified::Indeterminate`], with why.
    pub fn verify(&self, provider: &'static Provider, value: &Secret<String>, account: &Account) -> Verdict {
        let unclear = |why: String| Verdict::new(Verified::Indeterminate, why);
        let Some(verify) = provider.verify else {
            return unclear(format!("how {} is asked about a key is not in the catalogue", provider.name));
        };
        let Some(form) = Form::of(provider, value) else {
            return unclear(format!("this is not in a form of {}'s keys that can be asked about", provider.name));
        };
        let request = match Request::of(provider, &verify, account) {
            Ok(request) => request,
            Err(why) => return unclear(why),
        };
        match self.asked(provider, &request, value) {
            Ok(answer) => self.judged(provider, &verify, form, &request, value, &answer),
            Err(Fault::Limited(after)) => {
                self.lock().paces.entry(provider.id).or_default().close(after);
                Verdict::new(Verified::RateLimited, Fault::Limited(after).to_string())
            }
            Err(fault) => unclear(fault.to_string()),
        }
    }

    /// Whether the catalogue's request of a service is one that can be sent to it, with parts made up
    /// where the account's are needed. Nobody is asked.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, provider: &Provider) -> Result<(), String> {
        let verify = provider.verify.ok_or("the catalogue does not have how to ask")?;
        Request::of(provider, &verify, &Account { parts: request::parts(provider, &verify), private: false })
            .map(|_| ())
    }

    fn judged(
        &self,
        provider: &'static Provider,
        verify: &Verify,
        form: Form,
        request: &Request,
        value: &Secret<String>,
        answer: &Answer,
    ) -> Verdict {
        let outcome = answer.outcome();
        match meaning(verify, answer) {
            Meaning::Dead if verify.confirmed && form.is_confirmed() => Verdict::new(Verified::Invalid, outcome),
            Meaning::Dead => {
                let why = format!("{outcome}; what that means has not been confirmed by the service's documents");
                Verdict::new(Verified::Indeterminate, why)
            }
            Meaning::Nothing => Verdict::new(Verified::Indeterminate, format!("{outcome} says nothing of the key")),
            Meaning::Blocked => Verdict::new(Verified::Blocked, outcome),
            alive => match self.control(provider, verify, form, request, value) {
                Ok(true) if alive == Meaning::Alive => Verdict::new(Verified::Valid, outcome),
                Ok(true) => Verdict::new(Verified::ValidInsufficient, outcome),
                Ok(false) => {
                    Verdict::new(Verified::Indeterminate, format!("{outcome}, and the same to a key that was made up"))
                }
                Err(why) => Verdict::new(Verified::Indeterminate, format!("{outcome}, and {why}")),
            },
        }
    }

    /// Whether a made-up key of this form is refused.
    fn control(
        &self,
        provider: &'static Provider,
        verify: &Verify,
        form: Form,
        request: &Request,
        value: &Secret<String>,
    ) -> Result<bool, String> {
        let place = (request.place(), form.id());
        if let Some(refused) = self.lock().controls.get(&place) {
            return Ok(*refused);
        }
        let fake = made_up(value, form, &*self.random).map_err(|error| error.to_string())?;
        let answer = self.asked(provider, request, &fake);
        let answer = answer.map_err(|fault| format!("whether it takes any key was not to be learned: {fault}"))?;
        let refused = !matches!(meaning(verify, &answer), Meaning::Alive | Meaning::Insufficient);
        self.lock().controls.insert(place, refused);
        Ok(refused)
    }

    fn asked(&self, provider: &'static Provider, request: &Request, value: &Secret<String>) -> Result<Answer, Fault> {
        // The turn is taken under the lock and waited for outside.
        let turn = self.lock().paces.entry(provider.id).or_default().turn()?;
        std::thread::sleep(turn);
        request.send(&self.http, value)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks about a value that is known to be the service's, out of turn and without a control: for
/// rotations, which ask about what they minted and retired themselves.
///
/// # Errors
/// [`Fault`], where nobody answered.
pub(crate) fn probe(
    http: &Http,
    provider: &Provider,
    value: &Secret<String>,
    account: &Account,
) -> Result<Verdict, Fault> {
    let unclear = |why| Ok(Verdict::new(Verified::Indeterminate, why));
    let Some(verify) = provider.verify else { return unclear("the catalogue does not have how to ask".to_owned()) };
    let request = match Request::of(provider, &verify, account) {
        Ok(request) => request,
        Err(why) => return unclear(why),
    };
    let answer = request.send(http, value)?;
    let verified = match meaning(&verify, &answer) {
        Meaning::Alive => Verified::Valid,
        Meaning::Insufficient => Verified::ValidInsufficient,
        Meaning::Blocked => Verified::Blocked,
        Meaning::Dead if verify.confirmed => Verified::Invalid,
        Meaning::Dead | Meaning::Nothing => Verified::Indeterminate,
    };
    Ok(Verdict::new(verified, answer.outcome()))
}

/// The form that a value has.
#[derive(Clone, Copy)]
enum Form {
    /// One of the service's.
    Known(&'static Detector),
    /// None is known of the service: that it is its key is a person's word.
    Untold,
}

impl Form {
    /// The form of the service's keys that a value has, if one that the service may be asked about.
    fn of(provider: &'static Provider, value: &Secret<String>) -> Option<Self> {
        if provider.detect.is_empty() {
            return Some(Self::Untold);
        }
        let value = value.expose();
        let asked = |one: &&Detector| one.asked && matches!(one.kind, Kind::ApiKey | Kind::BearerToken);
        let form = provider.detect.iter().find(|one| one.matches(value) && one.checksum_fits(value) != Some(false))?;
        Some(form).filter(asked).map(Self::Known)
    }

    fn id(self) -> &'static str {
        match self {
            Self::Known(form) => form.id,
            Self::Untold => "",
        }
    }

    fn is_confirmed(self) -> bool {
        match self {
            Self::Known(form) => form.confirmed,
            Self::Untold => true,
        }
    }
}

/// What an answer means, by what the catalogue has of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Alive,
    Insufficient,
    Blocked,
    Dead,
    Nothing,
}

fn meaning(verify: &Verify, answer: &Answer) -> Meaning {
    let status = answer.status;
    if verify.valid.contains(&status) && verify.valid_text.is_none_or(|text| answer.says(text)) {
        return Meaning::Alive;
    }
    let said = verify.invalid_text.is_empty() || verify.invalid_text.iter().any(|text| answer.says(text));
    if verify.invalid.contains(&status) && said {
        return Meaning::Dead;
    }
    match verify.insufficient.contains(&status) {
        true if answer.code().is_some_and(|code| is_restriction(&code)) => Meaning::Blocked,
        true => Meaning::Insufficient,
        false => Meaning::Nothing,
    }
}

/// Codes of keys that live and may not be used from here.
fn is_restriction(code: &str) -> bool {
    let code = code.to_ascii_lowercase();
    ["blocked", "restricted", "ip_not", "ip_address", "allowlist", "whitelist"].iter().any(|word| code.contains(word))
}
