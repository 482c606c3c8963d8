//! Stub while misuse is compiled.
