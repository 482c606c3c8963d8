//! How long requests took, in buckets whose width is a fiftieth of their value.

pub(crate) struct Latency {
    buckets: Vec<u64>,
}

const PER_DOUBLING: f64 = 35.0;
/// From one microsecond to a minute.
const BUCKETS: usize = 35 * 26;

impl Default for Latency {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS] }
    }
}

impl Latency {
    pub(crate) fn count(&mut self, micros: u64) {
        let at = (micros.max(1) as f64).log2() * PER_DOUBLING;
        self.buckets[(at as usize).min(BUCKETS - 1)] += 1;
    }

    /// The microseconds that this part of all requests did not exceed.
    pub(crate) fn at(&self, part: f64) -> u64 {
        let all: u64 = self.buckets.iter().sum();
        let wanted = (all as f64 * part).ceil() as u64;
        let mut seen = 0;
        let bucket = self.buckets.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        2_f64.powf((bucket.unwrap_or(0) + 1) as f64 / PER_DOUBLING) as u64
    }
}
