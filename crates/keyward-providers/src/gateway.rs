//! What the gateway takes from the catalogue: where a service's requests go, in which form the key is put
//! in, what of its answers is read, and what calls cost.
//! Services that it lacks are described by their operator in the same words ([`OwnService`](crate::OwnService)).

use crate::SendPlace;

/// How the gateway sends a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inject {
    /// What stands before the path of a request; `{name}` stands for a part of the account, which the
    /// virtual key's upstream has to tell. `None`: the virtual key has to tell all of it.
    pub base_url: Option<&'static str>,
    /// The places of the key, all of which are filled, at least one.
    pub forms: &'static [SendPlace],
    /// The shape of errors that its SDKs read.
    pub errors: ErrorShape,
    /// The port of its gRPC, where requests otherwise go to that of `base_url`.
    pub grpc_port: Option<u16>,
}

/// What the gateway reads in answers, and what calls cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meter {
    /// Whose answers they are like.
    pub reader: Reader,
    /// The day on which the prices were read: `2026-11-26`.
    pub as_of: Option<&'static str>,
    /// Where they were read.
    pub source: Option<&'static str>,
    /// Prices by model: names first, then patterns, longer ones before shorter ones. The first that fits
    /// counts.
    pub prices: &'static [(&'static str, Price)],
}

/// What calls cost, in millionths of a US dollar: for a million tokens, or for one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// Tokens of input.
    pub input: u64,
    /// Tokens of input that the service had in its cache.
    pub cached: u64,
    /// Tokens of input that it puts there.
    pub cache_write: u64,
    /// Tokens of output.
    pub output: u64,
    /// One call, or one search.
    pub call: u64,
    /// The most tokens that an answer has, where a request says nothing.
    pub max_output: Option<u64>,
}

/// Whose answers are read for usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// OpenAI's chat, responses and embeddings, and whoever speaks them.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// Cohere's v1 and v2.
    Cohere,
    /// Google's Gemini.
    Gemini,
}

/// The shape of errors that a service's SDKs read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorShape {
    /// `{"error":{"message","type","param","code"}}`
    OpenAi,
    /// `{"type":"error","error":{"type","message"}}`
    Anthropic,
    /// `{"message"}`
    Cohere,
    /// `{"error":{"code","message","status"}}`
    Google,
    /// `{"status":{"error"},"time"}`
    Qdrant,
    /// `{"code","message","details","hint"}`
    PostgRest,
    /// `{"error","message"}`
    #[default]
    Plain,
}

impl Inject {
    /// Whether a virtual key has to say where requests go: the catalogue does not know the host.
    pub fn needs_upstream(&self) -> bool {
        self.base_url.is_none_or(|url| url.contains('{'))
    }
}

impl Meter {
    /// What calls of this model cost; `None` where that is not known.
    pub fn price_of(&self, model: &str) -> Option<&'static Price> {
        self.prices.iter().find(|(pattern, _)| fits(pattern, model)).map(|(_, price)| price)
    }
}

/// What a service's official SDK has in its base URL beyond where the gateway sends requests: `/v1` for
/// OpenAI, nothing for most.
pub fn sdk_path(id: &str) -> &'static str {
    let Some(service) = crate::provider(id) else { return "" };
    let sent = service.send.and_then(|send| send.base_url);
    let injected = service.inject.and_then(|inject| inject.base_url);
    sent.zip(injected).and_then(|(sent, injected)| sent.strip_prefix(injected)).unwrap_or("")
}

/// Whether a text fits a pattern in which `*` is any run of characters.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{provider, providers};

    #[test]
    fn a_name_goes_before_a_pattern_and_others_have_no_price() {
        let meter = provider("openai").and_then(|openai| openai.meter).unwrap();
        let input = |model| meter.price_of(model).map(|price| price.input);
        assert_eq!(input("gpt-4o"), Some(2_500_000));
        assert_eq!(input("gpt-4o-2024-11-20"), Some(2_500_000), "a snapshot costs what its family does");
        assert_eq!(input("gpt-4o-2024-05-13"), Some(5_000_000), "this one cost more");
        assert_eq!(input("gpt-4o-mini"), Some(150_000));
        assert_eq!(input("gpt-4o-unheard-of"), None);
    }

    #[test]
    fn an_sdk_brings_along_what_its_base_url_has_more() {
        assert_eq!(["openai", "anthropic", "supabase", "nobody"].map(sdk_path), ["/v1", "", "", ""]);
    }

    #[test]
    fn prices_have_a_date_and_a_source() {
        for provider in providers() {
            let Some(meter) = provider.meter.filter(|meter| !meter.prices.is_empty()) else { continue };
            let day = meter.as_of.unwrap_or_default();
            assert!(day.len() == 10 && meter.source.is_some(), "{}", provider.id);
            for (model, price) in meter.prices {
                assert!(price.input + price.output + price.call > 0, "{}: {model} costs nothing", provider.id);
                assert!(price.cached <= price.input, "{}: {model}", provider.id);
            }
        }
    }

    #[test]
    fn a_text_fits_its_pattern_alone() {
        for (pattern, text, yes) in [
            ("gpt-*", "gpt-4", true),
            ("gpt-*-mini", "gpt-4o-mini", true),
            ("gpt-*-mini", "gpt-mini", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("*", "", true),
            ("ab", "abc", false),
        ] {
            assert_eq!(fits(pattern, text), yes, "{pattern} {text}");
        }
    }

    #[test]
    fn the_services_of_the_guide_are_sent_as_their_sdks_send() {
        let inject = |id| provider(id).and_then(|one| one.inject).unwrap_or_else(|| panic!("{id}"));
        assert_eq!(inject("openai").base_url, Some("https://api.openai.com"));
        assert_eq!(inject("openai").forms, [SendPlace::Header("Authorization", "Bearer ")]);
        assert_eq!(inject("anthropic").forms, [SendPlace::Header("x-api-key", "")]);
        assert_eq!(inject("gemini").forms, [SendPlace::Header("x-goog-api-key", "")]);
        assert_eq!(inject("supabase").forms.len(), 2, "PostgREST's gateway wants it twice");
        assert_eq!(inject("neon-sql").forms, [SendPlace::Header("Neon-Connection-String", "")]);
        assert!(inject("qdrant").needs_upstream() && !inject("cohere").needs_upstream());
    }
}
