//! Every rotator keeps what the suite asks, in its service's world.

mod doubles;
mod postgres;
mod redis;
