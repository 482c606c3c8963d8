//! The real server on a real vault in a folder of its own, asked over sockets.

mod answers;
mod audit;
mod bad_input;
mod findings;
mod kit;
mod limits;
mod matching;
mod openapi;
mod page;
mod projects;
mod repeats;
mod rights;
mod secrets;
mod team;
mod tls;
mod values;
mod versions;
