//! What is known of the services whose keys we keep, and what a value is.
//!
//! The catalogue is data: one file a service in `data/`, read while building. It says what a
//! service's keys look like, which variables usually hold them, and how they are replaced.
//! [`recognise`] puts it together with what formats tell by themselves: connection strings, JWTs,
//! PEM, service accounts, and settings that hide nothing.
//!
//! Nothing here touches the outside. In doubt a value is secret.
//!
//! ```
//! use keyward_providers::recognise;
//! use keyward_types::Kind;
//!
//! assert_eq!(recognise("PORT", "8080").kind, Kind::Config);
//! let url = recognise("DATABASE_URL", "postgresql://app:pw@db.example.com/shop?sslmode=require");
//! assert_eq!((url.kind, url.provider), (Kind::ConnectionString, Some("postgresql")));
//! assert_eq!(url.notes[0].to_string(), "the connection is encrypted, but the server's certificate is not checked");
//! ```

mod connection;
mod connection_tls;
mod detect;
mod document;
mod gateway;
mod generate;
mod jwt;
mod letters;
mod name;
mod note;
mod own;
mod placeholder;
mod plain;
mod provider;
mod recognise;
// The build script and the tests read all of it; here only what operators' own files have in common.
#[allow(dead_code, missing_docs, unreachable_pub)]
mod schema;
pub mod strength;
mod url;

pub use connection::{ConnectionString, Host, Tls};
pub use detect::public_part;
pub use gateway::{ErrorShape, Inject, Meter, Price, Reader, sdk_path};
pub use generate::{GenerateError, Generated, Profile, Source, generate};
pub use keyward_types::Confidence;
pub use letters::{bits_after, looks_random};
pub use name::public_prefix;
pub use note::Note;
pub use own::{OwnForm, OwnHmac, OwnService, OwnServiceError, OwnSigning};
pub use placeholder::{is_placeholder, is_reference};
pub use provider::{
    Basic, Charset, Checksum, Detector, Manage, Provider, RotationClass, Send, SendPlace, Verify, detectors, provider,
    provider_of_host, provider_of_scheme, providers,
};
pub use recognise::{Recognition, names_a_secret, recognise, usual_variable};
