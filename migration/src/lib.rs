//! The schema of `malipo`, up and down, on SQLite and PostgreSQL.
//!
//! Each migration is SQL with a few type tokens (`dialect`), because SQL is the clearest form for checks,
//! partial indexes and the unique keys of a sale. `run` applies them under a lock, so that several
//! processes may start at once.
//!
//! # Invariants
//! - A released migration is never edited; a change is a new file.
//! - Nothing here imports `entities`, which describe the current tables: a migration describes a step.

mod dialect;
pub mod file;
mod run;

mod m20261123_0001_shop;
mod m20261123_0002_messages;
mod m20261123_0003_operators;
mod m20261123_0004_radius;
mod m20261123_0005_sandbox;
mod m20261123_0006_seed_packages;
mod m20261124_0007_sessions_and_search;
mod m20261124_0008_after_the_sale;
mod m20261124_0009_disconnects;
mod m20261124_0010_sms;
mod m20261124_0013_printed_vouchers;
mod m20261124_0014_replaced_vouchers;
mod m20261125_0015_second_charges;
mod m20261125_0017_finished_changes;
mod m20261125_0018_open_by_deadline;
mod m20261129_0019_owner_link;
mod m20261129_0020_reasons;
mod m20261129_0022_outbox_holds;
mod m20261129_0023_order_refs;
mod m20261129_0024_devices;
mod m20261129_0025_no_finished_changes;
mod m20261130_0026_client_hash;
mod m20261130_0028_doctor;
mod m20261130_0029_code_spelling;
mod m20261130_0030_session_sources;
mod m20261130_0033_routers;
mod m20261130_0034_operator_access;
mod m20261130_0035_live_marks;
mod m20261130_0036_session_routers;

pub use run::{Step, down, status, up};

use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};

/// All migrations, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_0001_shop::Migration),
            Box::new(m20261123_0002_messages::Migration),
            Box::new(m20261123_0003_operators::Migration),
            Box::new(m20261123_0004_radius::Migration),
            Box::new(m20261123_0005_sandbox::Migration),
            Box::new(m20261123_0006_seed_packages::Migration),
            Box::new(m20261124_0007_sessions_and_search::Migration),
            Box::new(m20261124_0008_after_the_sale::Migration),
            Box::new(m20261124_0009_disconnects::Migration),
            Box::new(m20261124_0010_sms::Migration),
            Box::new(m20261124_0013_printed_vouchers::Migration),
            Box::new(m20261124_0014_replaced_vouchers::Migration),
            Box::new(m20261125_0015_second_charges::Migration),
            Box::new(m20261125_0017_finished_changes::Migration),
            Box::new(m20261125_0018_open_by_deadline::Migration),
            Box::new(m20261129_0019_owner_link::Migration),
            Box::new(m20261129_0020_reasons::Migration),
            Box::new(m20261129_0022_outbox_holds::Migration),
            Box::new(m20261129_0023_order_refs::Migration),
            Box::new(m20261129_0024_devices::Migration),
            Box::new(m20261129_0025_no_finished_changes::Migration),
            Box::new(m20261130_0026_client_hash::Migration),
            Box::new(m20261130_0028_doctor::Migration),
            Box::new(m20261130_0029_code_spelling::Migration),
            Box::new(m20261130_0030_session_sources::Migration),
            Box::new(m20261130_0033_routers::Migration),
            Box::new(m20261130_0034_operator_access::Migration),
            Box::new(m20261130_0035_live_marks::Migration),
            Box::new(m20261130_0036_session_routers::Migration),
        ]
    }
}
