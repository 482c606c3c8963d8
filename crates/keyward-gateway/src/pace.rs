//! How many tokens a stream is that ends without saying so: by what passed of it, and by what earlier
//! streams of the same model were whose counts are known.
//!
//! Services send text in pieces of their own: one token each (OpenAI, Cohere), or some words at a time
//! (Anthropic). Which of the two measures, pieces or bytes, tells the tokens of a model better is found
//! out: each whole stream says how far off either would have been.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::meter::{Interface, Passed};

/// What a core knows of models.
#[derive(Default)]
pub(crate) struct Paces(RefCell<HashMap<Box<str>, Pace>>);

/// One model's text.
#[derive(Clone, Copy, Debug)]
struct Pace {
    by_piece: Measure,
    by_byte: Measure,
}

/// Tokens for one of something.
#[derive(Clone, Copy, Debug)]
struct Measure {
    ratio: f64,
    /// How far off it was of late, as a part of the whole.
    error: f64,
}

/// Models that are remembered, on each core.
const MODELS: usize = 512;
/// How much the last stream counts against those before it.
const WEIGHT: f64 = 0.2;
/// Shorter streams teach nothing: a token more or less is too large a part of them.
const SHORTEST: u64 = 16;

impl Paces {
    /// A stream has ended, and its visible output is known.
    pub(crate) fn learn(&self, interface: Interface, model: &str, passed: Passed, output: u64) {
        if output < SHORTEST || passed.pieces == 0 {
            return;
        }
        let mut models = self.0.borrow_mut();
        if let Some(pace) = models.get_mut(model) {
            pace.learn(passed, output);
        } else if models.len() < MODELS {
            let mut pace = Pace::of(interface);
            pace.learn(passed, output);
            models.insert(model.into(), pace);
        }
    }

    /// The tokens that passed.
    pub(crate) fn guess(&self, interface: Interface, model: &str, passed: Passed) -> u64 {
        let known = self.0.borrow().get(model).copied();
        known.unwrap_or_else(|| Pace::of(interface)).guess(passed)
    }
}

impl Pace {
    /// What is believed of a service's models before anything was seen of them.
    fn of(interface: Interface) -> Self {
        let (piece, byte) = match interface {
            Interface::OpenAi | Interface::Cohere => (0.05, 0.2),
            Interface::Anthropic | Interface::Gemini => (0.5, 0.2),
        };
        Self { by_piece: Measure { ratio: 1.0, error: piece }, by_byte: Measure { ratio: 0.25, error: byte } }
    }

    fn learn(&mut self, passed: Passed, output: u64) {
        self.by_piece.learn(passed.pieces, output);
        self.by_byte.learn(passed.bytes, output);
    }

    fn guess(&self, passed: Passed) -> u64 {
        let (measure, of) = if self.by_piece.error <= self.by_byte.error {
            (self.by_piece, passed.pieces)
        } else {
            (self.by_byte, passed.bytes)
        };
        measure.tokens(of).round() as u64
    }
}

impl Measure {
    fn tokens(self, of: u64) -> f64 {
        self.ratio * of as f64
    }

    fn learn(&mut self, of: u64, output: u64) {
        let off = (self.tokens(of) - output as f64).abs() / output as f64;
        self.error += WEIGHT * (off - self.error);
        self.ratio += WEIGHT * (output as f64 / of as f64 - self.ratio);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(pieces: u64, bytes: u64) -> Passed {
        Passed { pieces, bytes }
    }

    #[test]
    fn a_piece_is_a_token_where_a_service_sends_it_so() {
        let paces = Paces::default();
        assert_eq!(paces.guess(Interface::OpenAi, "m", passed(100, 900)), 100);
        assert_eq!(paces.guess(Interface::Anthropic, "m", passed(10, 400)), 100);
        assert_eq!(paces.guess(Interface::Cohere, "m", Passed::default()), 0);
    }

    #[test]
    fn what_tells_better_is_found_out() {
        let paces = Paces::default();
        // Two tokens a piece, whatever the length of its words.
        for round in 0..40 {
            paces.learn(Interface::OpenAi, "pairs", passed(100, 300 + 40 * (round % 7)), 200);
        }
        assert!(paces.guess(Interface::OpenAi, "pairs", passed(50, 90)).abs_diff(100) <= 5);
        // Pieces of any length, three bytes a token.
        for round in 1..40 {
            paces.learn(Interface::Anthropic, "lumps", passed(round % 9 + 1, 600), 200);
        }
        assert!(paces.guess(Interface::Anthropic, "lumps", passed(3, 300)).abs_diff(100) <= 5);
        assert_eq!(paces.guess(Interface::OpenAi, "others", passed(7, 700)), 7);
    }

    #[test]
    fn short_streams_and_too_many_models_teach_nothing() {
        let paces = Paces::default();
        paces.learn(Interface::OpenAi, "m", passed(1, 4), 15);
        assert_eq!(paces.guess(Interface::OpenAi, "m", passed(5, 20)), 5);
        for model in 0..2 * MODELS {
            paces.learn(Interface::OpenAi, &model.to_string(), passed(10, 40), 100);
        }
        assert_eq!(paces.0.borrow().len(), MODELS);
    }
}
