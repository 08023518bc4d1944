//! Running it for years: strangers at the door, systemd and TLS, what is forgotten, and what is
//! backed up.

mod archive;
mod backup;
mod clients;
mod erasure;
mod files;
mod restored;
mod retention;
mod secrets;
mod slow;
mod systemd;
mod tls;
mod traces;
