//! The loops that need nothing but themselves, each under its name.

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::actors::Orders;
use crate::jobs::relay::Relay;
use crate::jobs::relay::disconnects::Disconnects;
use crate::jobs::relay::proofs::Proofs;
use crate::jobs::relay::session_sweep::Sweep;
use crate::jobs::retention::Retention;
use crate::sandbox::Sandbox;
use crate::supervisor::{Supervisor, Task};

/// What has a loop.
pub(super) struct Loops<'a> {
    pub relay: &'a Relay,
    pub disconnects: &'a Disconnects,
    pub sweep: &'a Sweep,
    pub proofs: Option<&'a Proofs>,
    pub retention: &'a Retention,
    pub sandbox: Option<&'a Sandbox>,
    pub orders: &'a Orders,
}

/// Starts those that have something to do.
pub(super) fn start(supervisor: &Supervisor, background: &Handle, loops: Loops<'_>) {
    let run = Runner {
        supervisor,
        background,
    };
    run.each(Task::SmsRelay, loops.relay, Relay::send_on_and_on);
    if loops.relay.awaits_receipts() {
        run.each(Task::SmsReceipts, loops.relay, Relay::read_receipts);
    }
    run.each(Task::Disconnects, loops.disconnects, Disconnects::run);
    run.each(Task::SessionSweep, loops.sweep, Sweep::run);
    run.each(Task::Passivation, loops.orders, Orders::passivate);
    if loops.retention.forgets() {
        run.each(Task::Retention, loops.retention, Retention::run);
    }
    if let Some(proofs) = loops.proofs {
        run.each(Task::VoucherTests, proofs, Proofs::run);
    }
    if let Some(sandbox) = loops.sandbox {
        run.each(Task::Sandbox, sandbox, Sandbox::run);
    }
}

struct Runner<'a> {
    supervisor: &'a Supervisor,
    background: &'a Handle,
}

impl Runner<'_> {
    /// Each time on a fresh clone: what a panic leaves is dropped.
    fn each<T, F>(&self, task: Task, it: &T, work: fn(T, CancellationToken) -> F)
    where
        T: Clone + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let (it, stop) = (it.clone(), self.supervisor.stop_token());
        self.supervisor.run(self.background, task, move || {
            work(it.clone(), stop.clone())
        });
    }
}
