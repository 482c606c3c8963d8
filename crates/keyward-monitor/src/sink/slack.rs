//! Messages to Slack.

use keyward_types::Timestamp;
use serde_json::json;

use crate::http::Poster;
use crate::outbox::Parcel;
use crate::sink::{Channel, Delivered};
use crate::{Alert, Fault};

/// An incoming webhook of Slack, or of what is compatible with it. The URL is the credential.
pub(crate) struct Slack {
    pub(crate) poster: Poster,
}

impl Channel for Slack {
    fn deliver(&self, parcel: &Parcel, _at: Timestamp) -> Result<Delivered, Fault> {
        let body = json!({ "text": text(&parcel.alert) });
        self.poster.post(&[], body.to_string().as_bytes()).map(|()| Delivered::default())
    }
}

/// One line and a few facts below it, in Slack's markup.
fn text(alert: &Alert) -> String {
    let facts = alert.about.iter().map(|(noun, name)| format!("{noun}: {name}"));
    let facts: Vec<String> = std::iter::once(alert.time.to_string()).chain(facts).collect();
    escaped(&format!("[keyward] {}\n{}", alert.line(), facts.join(" · ")))
}

/// Slack reads `<!channel>` and links in these three characters.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Subject;

    #[test]
    fn names_cannot_call_everybody() {
        let alert = Alert::audit_failure(Subject::new("vault", "v"), Timestamp(0), "<!channel> & more");
        let text = text(&alert.with("project", "<https://example.com|shop>"));
        assert!(text.contains("&lt;!channel&gt; &amp; more") && !text.contains('<'), "{text}");
        assert!(text.ends_with("1970-01-01T00:00:00.000Z · project: &lt;https://example.com|shop&gt;"), "{text}");
    }
}
