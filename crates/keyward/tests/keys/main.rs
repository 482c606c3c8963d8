//! Opening the vault, its keys and its copies, as a user meets them.

mod agent;
mod first_start;
mod kit;
mod slots;
