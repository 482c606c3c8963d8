use keyward_types::Secret;
use thiserror::Error;
use zeroize::Zeroizing;
use zxcvbn::Score;

/// A password that somebody chose and that stands up to guessing. Made here alone; there is no
/// default one.
pub struct Password(Secret<String>);

/// Why a password is not taken, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WeakPassword {
    /// Too few characters.
    #[error(
        "the password has {0} characters, at least {SHORTEST} are needed: four or five unrelated words are easy to remember"
    )]
    Short(usize),
    /// Too many bytes.
    #[error("the password has {0} bytes, at most {LONGEST} are taken")]
    Long(usize),
    /// Few guesses would find it.
    #[error("the password would soon be guessed: {why}{}{better}", if .better.is_empty() { "" } else { " " })]
    Guessable {
        /// What gives it away.
        why: String,
        /// How to do better.
        better: String,
    },
}

/// Fewest characters.
const SHORTEST: usize = 10;
/// Most bytes; far above any passphrase, and a bound on what is worked on.
const LONGEST: usize = 512;

impl Password {
    /// Takes a password, if more guesses are needed for it than somebody without the hash can make
    /// (zxcvbn, Wheeler 2016: a score of 3, 10⁸ guesses). `about` is what a guesser knows of the
    /// person: names, login, projects.
    ///
    /// # Errors
    /// [`WeakPassword`] says how to do better.
    pub fn chosen(text: Secret<String>, about: &[&str]) -> Result<Self, WeakPassword> {
        let (characters, bytes) = (text.expose().chars().count(), text.expose().len());
        if characters < SHORTEST {
            return Err(WeakPassword::Short(characters));
        }
        if bytes > LONGEST {
            return Err(WeakPassword::Long(bytes));
        }
        let words = known_words(about);
        if own_letters(text.expose(), &words) < OWN_LETTERS {
            return Err(WeakPassword::Guessable { why: KNOWN.into(), better: UNRELATED.into() });
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let estimate = zxcvbn::zxcvbn(text.expose(), &words);
        if estimate.score() >= Score::Three {
            return Ok(Self(text));
        }
        let feedback = estimate.feedback();
        let why = feedback.and_then(|feedback| feedback.warning()).map(|warning| warning.to_string());
        let better = feedback.map(|feedback| feedback.suggestions()).unwrap_or_default();
        Err(WeakPassword::Guessable {
            why: why.unwrap_or_else(|| "Its parts are common.".into()),
            better: match better {
                [] => UNRELATED.into(),
                some => some.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            },
        })
    }

    pub(super) fn text(&self) -> &Secret<String> {
        &self.0
    }
}

/// So many letters and digits have to be left of a password without what is known.
const OWN_LETTERS: usize = 6;
const KNOWN: &str = "It is made of names that are known here.";
const UNRELATED: &str = "Use four or five words that have nothing to do with each other, or with you.";

/// zxcvbn takes three known words for 10⁸ guesses, and who knows them needs a dozen.
fn own_letters(text: &str, words: &[String]) -> usize {
    let mut words: Vec<&String> = words.iter().collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let left = words
        .iter()
        .fold(Zeroizing::new(text.to_lowercase()), |left, word| Zeroizing::new(left.replace(word.as_str(), " ")));
    left.chars().filter(|c| c.is_alphanumeric()).count()
}

/// What everybody knows of a vault.
const HOUSE: [&str; 6] = ["keyward", "vault", "password", "development", "staging", "production"];

/// Each word as a whole and its parts: of `ada.lovelace@example.com` also `lovelace`.
fn known_words(about: &[&str]) -> Vec<String> {
    let parts = about.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    let words = HOUSE.into_iter().chain(about.iter().copied()).chain(parts);
    words.filter(|word| word.chars().count() > 2).map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(text: &str, about: &[&str]) -> Result<Password, WeakPassword> {
        Password::chosen(Secret::new("password", text.to_owned()), about)
    }

    #[test]
    fn common_short_and_repeated_passwords_are_refused_with_advice() {
        assert_eq!(choose("short", &[]).err(), Some(WeakPassword::Short(5)));
        assert_eq!(choose(&"ä".repeat(300), &[]).err(), Some(WeakPassword::Long(600)));
        for text in ["password123", "qwertyuiop", "aaaaaaaaaaaaaaaa", "1234567890", "P@ssw0rd12"] {
            let Err(WeakPassword::Guessable { why, better }) = choose(text, &[]) else { panic!("{text} was taken") };
            assert!(why.len() > 10 && !better.is_empty(), "{why} {better}");
            let message = WeakPassword::Guessable { why, better }.to_string();
            assert!(!message.contains(text), "{message}");
        }
    }

    #[test]
    fn what_is_known_of_the_person_counts_for_nothing() {
        let own = "lovelace-checkout";
        assert!(choose(own, &[]).is_ok());
        assert!(choose(own, &["Ada Lovelace", "ada@example.com", "checkout"]).is_err());
    }

    #[test]
    fn passphrases_of_every_script_are_taken() {
        for text in ["nine violet herons argue", "fünf rostige Anker singen", "静かな海に七つの帆が進む"] {
            assert!(choose(text, &["ada"]).is_ok(), "{text}");
        }
    }
}
