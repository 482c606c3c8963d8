//! One file a service.

mod anthropic;
mod api;
mod apikeys;
mod aws;
mod console;
mod github;
mod github_app;
mod google;
mod jwt;
mod local;
mod mariadb;
mod neon;
mod openai;
mod postgres;
mod qdrant;
mod qdrant_jwt;
mod redis;

pub use anthropic::Anthropic;
pub use apikeys::ApiKeys;
pub use aws::{Iam, access_key};
pub use console::Console;
pub use github::GitHub;
pub use github_app::GitHubApp;
pub use google::access_token;
pub use local::{BetterAuth, Local, SigningKeys};
pub use mariadb::TwoUsers;
pub use neon::Neon;
pub use openai::OpenAi;
pub use postgres::{ByHand, TwoRoles};
pub use qdrant::Qdrant;
pub use qdrant_jwt::{CollectionAccess, JwtAccess, QdrantJwt};
pub use redis::RedisAcl;
