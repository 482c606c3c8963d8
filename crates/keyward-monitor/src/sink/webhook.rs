//! Signed posts to a webhook.

use keyward_types::Timestamp;
use serde_json::{Value, json};

use crate::http::Poster;
use crate::outbox::Parcel;
use crate::sink::{Channel, Delivered};
use crate::{Alert, Fault, SigningSecret};

/// A signed POST in the form of the Standard Webhooks specification. The id stays the same when a
/// parcel is sent again, so that a receiver can drop what it has; time and signature are new, so
/// that an old one cannot be replayed.
pub(crate) struct Webhook {
    pub(crate) poster: Poster,
    pub(crate) secret: SigningSecret,
}

impl Channel for Webhook {
    fn deliver(&self, parcel: &Parcel, at: Timestamp) -> Result<Delivered, Fault> {
        let body = serde_json::to_vec(&body(&parcel.alert)).expect("an alert is JSON");
        let seconds = at.0.div_euclid(1000);
        let signature = self.secret.sign(&parcel.id, seconds, &body);
        let headers = [
            ("webhook-id", parcel.id.as_str()),
            ("webhook-timestamp", &seconds.to_string()),
            ("webhook-signature", &signature),
        ];
        self.poster.post(&headers, &body).map(|()| Delivered::default())
    }
}

fn body(alert: &Alert) -> Value {
    json!({ "type": format!("keyward.{}", alert.kind), "timestamp": alert.time.to_string(), "data": alert })
}
