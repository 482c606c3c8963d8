//! Every rotator keeps what the suite asks, in its service's world.

mod doubles;
mod moto;
mod postgres;
mod qdrant_jwt;
mod redis;
