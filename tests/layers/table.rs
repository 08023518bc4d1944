//! Which module may use which.

/// Module, our modules that it may use, crates among [`WATCHED`] that it may use, and why. From the
/// core up: a row names only rows above it. `*` is every module except `app` and `cli`.
#[rustfmt::skip]
pub const TABLE: &[[&str; 4]] = &[
    // Core.
    ["domain", "", "", "the core is pure: nothing of ours, no async, no I/O, no clock, no dice"],

    // Beside. The rows below receive these, so these use almost nothing.
    ["config", "domain", "", BESIDE],
    ["http_client", "", "reqwest", BESIDE],
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

    // Edges. `http` has all routes on one screen, so it uses the pages that `web` renders; it shows
    // an owner the script to paste into a router, which `radius` writes; a trace continues in here.
    // Pages are rendered from values that they are handed.
    ["web", "domain config", "", EDGES],
    ["http", "domain gateways sms radius store actors checkout jobs sandbox web config observability supervisor",
             "actix tokio rand", EDGES],
    ["drill", "domain gateways store actors config http_client observability", "actix tokio rand reqwest", EDGES],

    // Compose.
    ["app", "*", "actix tokio rand reqwest migration", COMPOSE],
    ["cli", "* app", "actix tokio rand reqwest migration", COMPOSE],
    ["main", "* app cli", "actix tokio rand reqwest migration", COMPOSE],
    ["lib", "", "", "lib.rs is the map: it names the modules and uses none"],
];

const BESIDE: &str = "what stands beside is handed to all, so it knows the core at most";
const TRANSLATORS: &str =
    "a translator knows the domain and its own wire, only the store knows tables";
const SHELL: &str = "the shell knows no edge, no table, and no neighbour that is not in its row";
const EDGES: &str = "an edge knows no table, and not who put it together";
const COMPOSE: &str = "only main and cli use app, only main uses cli, only the store knows tables";

/// `actix` stands for `actix_web` and related crates too. All other crates are free.
pub const WATCHED: &str = "actix tokio rand reqwest sea_orm sqlx entities migration";

/// Paths that make the core impure without a watched crate.
pub const IMPURE: &str = "async Utc::now Local::now Instant::now SystemTime::now Uuid::new_v4 \
                      Uuid::now_v7 std::env std::fs std::io std::net std::process std::thread";
