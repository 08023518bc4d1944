//! Long-term operation: hostile clients, systemd and TLS, retention, and backups.

mod archive;
mod backup;
mod clients;
mod erased_names;
mod erasure;
mod files;
mod front_door;
mod restored;
mod retention;
mod secrets;
mod siege;
mod silent_gateway;
mod slow;
mod systemd;
mod tls;
mod traces;
