//! What people are alerted to, and where alerts go.
//!
//! An [`Alert`] says that something happened which somebody should know of: ids and names, never
//! values. It is made from an entry of the log ([`alert_of`]), from what a process sees of itself,
//! or from the heads of secrets that expire ([`expiring`]). The [`Outbox`] is the pure core: it
//! makes one alert of many alike, keeps what each sink has not taken yet, and says what is to be
//! sent when. The [`Dispatcher`] carries that out on threads of its own, one a sink, so that a
//! sink that hangs holds up nobody.
//!
//! Traces leave by the same door: [`Telemetry`] sends spans of requests and jobs to a collector.
//!
//! This room and no other below it opens connections, so what holds here is narrow: no redirect is
//! followed, no proxy is taken from the environment, private addresses are refused unless the sink
//! was made for them, plain text goes to this machine alone, and no error repeats a URL, a password
//! or what the other side wrote.

mod alert;
mod coalesce;
mod dispatcher;
mod endpoint;
mod entry;
mod expiry;
mod fault;
mod http;
mod outbox;
mod retry;
mod signature;
mod sink;
mod telemetry;

pub use alert::{Alert, AlertKind, Severity, Subject};
pub use dispatcher::{Dispatcher, Tools};
pub use endpoint::Endpoint;
pub use entry::{Entry, alert_of, is_everyday};
pub use expiry::{Expiring, Expiry, WARNINGS, expiring};
pub use fault::{Error, Fault};
pub use outbox::{Event, Outbox, Parcel, SinkState, Step};
pub use retry::Retry;
pub use signature::SigningSecret;
pub use sink::{Channel, Credentials, Delivered, MailTls, NewEmail, Settings, Sink, send_once};
pub use telemetry::{Attribute, Parent, Span, SpanKind, Telemetry, TelemetrySettings};
