//! What each service answers, as its documentation and its SDKs' types have it.

pub(crate) mod anthropic;
pub(crate) mod cohere;
pub(crate) mod gemini;
pub(crate) mod neon;
pub(crate) mod openai;
pub(crate) mod qdrant;
pub(crate) mod supabase;

/// A key as the service's own, put together here so that it stands nowhere.
pub(crate) fn real_key(provider: &str) -> String {
    match provider {
        "neon-sql" => {
            ["postgresql://owner:", "real-0123456789abcdef", "@ep-one.neon.tech/shop?sslmode=require"].concat()
        }
        other => [other, "-real-", "0123456789abcdef", "ghijklmnop"].concat(),
    }
}

/// Words of an answer: a token each.
pub(crate) const WORDS: [&str; 5] = ["one ", "two ", "three ", "four ", "five"];
