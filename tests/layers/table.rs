//! The dependencies that each module may have.

/// Module, the modules and the [`WATCHED`] crates that it may use, and the rule. Ordered from the core
/// up: a row names only rows above it. `*` is every module except `app` and `cli`.
#[rustfmt::skip]
pub const TABLE: &[[&str; 4]] = &[
    // Core.
    ["domain", "", "", "the core is pure: no other module, no async, no I/O, no clock, no randomness"],

    // Beside: used by all rows below, so these use almost nothing.
    ["config", "domain", "", BESIDE],
    ["http_client", "", "tokio reqwest", BESIDE],
    ["observability", "domain config http_client", "tokio reqwest", BESIDE],
    ["timekeeper", "", "", BESIDE],
    ["failpoint", "", "", BESIDE],
    ["supervisor", "failpoint", "tokio", BESIDE],

    // Adapters. Of `config` they may use the type of their own section.
    ["gateways", "domain config http_client", "tokio rand reqwest", TRANSLATORS],
    ["sms", "domain config http_client", "tokio rand reqwest", TRANSLATORS],
    ["radius", "domain config", "tokio rand", TRANSLATORS],
    ["store", "domain config failpoint supervisor", "tokio rand sea_orm sqlx entities migration", TRANSLATORS],

    // Shell. A job reaches an order through its actor; the actor does not use the jobs.
    ["actors", "domain gateways sms radius store config observability timekeeper failpoint supervisor", "actix tokio rand", SHELL],
    ["checkout", "domain gateways radius store actors config observability supervisor", "actix tokio rand", SHELL],
    ["jobs", "domain gateways sms radius store actors config observability timekeeper supervisor", "actix tokio rand", SHELL],
    ["sandbox", "domain gateways store config http_client observability", "tokio rand reqwest", SHELL],

    // Edges. `http` has all routes, so it uses the pages of `web`. It shows the script for a router,
    // which `radius` makes, and continues the caller's trace. `web` renders values that it gets.
    ["web", "domain config", "", EDGES],
    ["http", "domain gateways sms radius store actors checkout jobs sandbox web config observability supervisor",
             "actix tokio rand", EDGES],
    ["drill", "domain gateways store actors config http_client observability", "actix tokio rand reqwest", EDGES],

    // Compose.
    ["doctor", "*", "tokio reqwest migration", COMPOSE],
    ["app", "*", "actix tokio rand reqwest migration", COMPOSE],
    ["cli", "* app", "actix tokio rand reqwest migration", COMPOSE],
    ["main", "* app cli", "actix tokio rand reqwest migration", COMPOSE],
    ["lib", "", "", "lib.rs declares the modules and uses none"],
];

const BESIDE: &str = "all modules use these, so they use at most the core";
const TRANSLATORS: &str =
    "an adapter uses the domain and its own wire format; only the store uses tables";
const SHELL: &str = "the shell uses no edge, no table, and only the shell modules in its row";
const EDGES: &str = "an edge uses no table and no composition";
const COMPOSE: &str = "only main and cli use app, only main uses cli, only the store uses tables";

/// `actix` includes `actix_web` and related crates. All other crates may be used everywhere.
pub const WATCHED: &str = "actix tokio rand reqwest sea_orm sqlx entities migration";

/// Paths that make the core impure without a watched crate.
pub const IMPURE: &str = "async Utc::now Local::now Instant::now SystemTime::now Uuid::new_v4 \
                      Uuid::now_v7 std::env std::fs std::io std::net std::process std::thread";
