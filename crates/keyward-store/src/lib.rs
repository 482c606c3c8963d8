//! Records and log.
