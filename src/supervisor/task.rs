//! The long-running tasks, and what follows when one of them fails.
//!
//! | task | on failure | why |
//! |---|---|---|
//! | `order_expiry`, `status_checks`, `early_checks` | restarted | webhooks go on selling; what was due stays due in the database |
//! | `sms_relay`, `sms_receipts`, `disconnects` | restarted | the outbox keeps what was claimed until its lease ends |
//! | `session_sweep`, `retention`, `voucher_tests` | restarted | each round reads what is true from the database |
//! | `passivation`, `overview`, `console_history`, `doctor` | restarted | memory and numbers only |
//! | `clock_watch` | restarted | each round compares the clocks anew |
//! | `cluster_announce`, `cluster_hear`, `cluster_looks`, `cluster_listen` | restarted | each makes up for the others; a lost notice costs a second |
//! | `sandbox` | restarted | a webhook that was under way is sent again after its lease |
//! | `status_actor` | restarted | polls are answered from the database meanwhile |
//! | `writer` | restarted | the other lanes write meanwhile; its changes are answered 503 (`CommitUnknown`) and ZenoPay sends them again |
//! | `reader` | restarted | orders are read by the other lanes meanwhile |
//! | `mode_claim` | ends the process | a process of the other mode uses the database, or could |
//! | `order_arbiter`, `status_arbiter` | ends the process | actors cannot start on an arbiter that has ended, and it cannot be replaced while it has actors |
//! | `listener` | ends the process | no webhook and no guest reaches us |
//!
//! Not listed, because libraries run them: the threads of sqlx, of actix-web's workers (which it
//! replaces itself) and of the exporter of traces, without which only traces are lost.

use strum::{EnumString, IntoStaticStr, VariantArray};

/// A long-running task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Task {
    /// Ends orders that were not paid in time.
    OrderExpiry,
    /// Checks the status of due orders at ZenoPay.
    StatusChecks,
    /// Brings status checks forward for orders that guests poll.
    EarlyChecks,
    /// Sends SMS.
    SmsRelay,
    /// Fetches the receipts of SMS.
    SmsReceipts,
    /// Has routers end sessions.
    Disconnects,
    /// Closes silent sessions and queues ended ones.
    SessionSweep,
    /// Deletes bodies of old webhooks.
    Retention,
    /// Removes idle order actors.
    Passivation,
    /// Compares the clock with ZenoPay's.
    ClockWatch,
    /// Counts what is open.
    Overview,
    /// Notifies other processes.
    ClusterAnnounce,
    /// Handles notices of other processes.
    ClusterHear,
    /// Looks at watched orders each second.
    ClusterLooks,
    /// Holds the connection that listens.
    ClusterListen,
    /// Tries sold vouchers at FreeRADIUS.
    VoucherTests,
    /// The simulated ZenoPay.
    Sandbox,
    /// Keeps the console's last minutes.
    ConsoleHistory,
    /// Makes the checks of `malipo check` for the console.
    Doctor,
    /// Notifies parked polls.
    StatusActor,
    /// A lane that writes changes.
    Writer,
    /// Reads orders, one batch at a time; there are several.
    Reader,
    /// Keeps the other mode off the database, on PostgreSQL.
    ModeClaim,
    /// A thread of order actors.
    OrderArbiter,
    /// The thread of the status actor.
    StatusArbiter,
    /// The HTTP server.
    Listener,
}

/// What happens when a task fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// It is started again.
    Restart,
    /// Nothing can be sold without it: the process ends.
    EndProcess,
}

impl Task {
    /// All of them.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Its name in logs, metrics and on the console.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// What happens when it fails.
    pub fn on_failure(self) -> OnFailure {
        match self {
            Self::ModeClaim | Self::OrderArbiter | Self::StatusArbiter | Self::Listener => {
                OnFailure::EndProcess
            }
            _ => OnFailure::Restart,
        }
    }
}
