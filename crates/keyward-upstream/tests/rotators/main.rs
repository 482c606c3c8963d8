//! Every rotator keeps what the suite asks, in its service's world.

mod doubles;
mod mariadb;
mod moto;
mod postgres;
mod qdrant_jwt;
mod redis;
