//! What calls cost. Prices are data of the catalogue; here they are applied.

use crate::glob::Glob;
use crate::meter::Counts;

/// The prices of one provider.
#[derive(Clone, Debug, Default)]
pub struct Prices {
    /// By model; the first pattern that fits counts.
    pub models: Vec<(Glob, Price)>,
    /// What a call costs whose model has no price: `None` when that is not known, and then no key
    /// with a budget in money may make it.
    pub call: Option<u64>,
}

/// Prices in millionths of a US dollar for a million tokens, but for `call`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// Tokens of input.
    pub input: u64,
    /// Tokens of input that were read from the provider's cache.
    pub cached: u64,
    /// Tokens of input that were written to it.
    pub cache_write: u64,
    /// Tokens of output, those of reasoning among them.
    pub output: u64,
    /// Millionths of a US dollar for each call or unit of search.
    pub call: u64,
    /// The most tokens of output that a call makes when it says nothing.
    pub max_output: u64,
}

impl Prices {
    /// The price of a model.
    pub fn of(&self, model: &str) -> Option<Price> {
        self.models
            .iter()
            .find(|(pattern, _)| pattern.matches(model))
            .map(|(_, price)| *price)
            .or_else(|| self.call.map(|call| Price { call, ..Price::default() }))
    }
}

impl Price {
    /// What these tokens cost, in millionths of a US dollar, rounded up.
    pub fn cost(&self, counts: &Counts) -> u64 {
        let plain = counts.input.saturating_sub(counts.cached).saturating_sub(counts.cache_write);
        let part = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let sum = part(plain, self.input)
            + part(counts.cached, self.cached)
            + part(counts.cache_write, self.cache_write)
            + part(counts.output, self.output);
        let tokens = u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX);
        tokens.saturating_add(self.call.saturating_mul(counts.units.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_is_rounded_up_and_never_overflows() {
        let price = Price { input: 2_500_000, cached: 1_250_000, output: 10_000_000, ..Price::default() };
        let counts = Counts { input: 1_000, cached: 400, output: 100, ..Counts::default() };
        assert_eq!(price.cost(&counts), 600 * 25 / 10 + 400 * 125 / 100 + 1_000);
        assert_eq!(price.cost(&Counts { output: 1, ..Counts::default() }), 10);
        assert_eq!(Price { input: 1, ..Price::default() }.cost(&Counts { input: 1, ..Counts::default() }), 1);
        let most = Price { output: u64::MAX, call: u64::MAX, ..Price::default() };
        assert_eq!(most.cost(&Counts { output: u64::MAX, units: 9, ..Counts::default() }), u64::MAX);
    }

    #[test]
    fn a_model_without_a_price_has_that_of_a_call_or_none() {
        let mut prices =
            Prices { models: vec![(Glob::name("gpt-4o*"), Price { input: 5, ..Price::default() })], call: None };
        assert_eq!(prices.of("gpt-4o-mini").unwrap().input, 5);
        assert!(prices.of("other").is_none());
        prices.call = Some(7);
        assert_eq!(prices.of("other").unwrap().cost(&Counts::default()), 7);
    }
}
