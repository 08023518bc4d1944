//! What the live page shows: numbers with their names, and charts. A pointer (RFC 6901) says
//! where in the document a number stands.

/// How a number is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// With its thousands apart.
    Count,
    /// A time that has passed, in milliseconds.
    Ago,
    /// The same, in seconds.
    AgoSecs,
    /// A moment, told as how long ago it was.
    Since,
}

impl Form {
    /// The script's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Ago => "ago",
            Self::AgoSecs => "ago-secs",
            Self::Since => "since",
        }
    }
}

/// A number with its name.
pub(super) struct Tile {
    pub name: &'static str,
    pub at: &'static str,
    pub form: Form,
    /// What it says beside: a text, a pointer and how that is told.
    pub beside: &'static [(&'static str, &'static str, Form)],
}

/// What is shown first.
pub(super) const TILES: [Tile; 8] = [
    Tile {
        name: "Orders in play",
        at: "/order_actors/live",
        form: Form::Count,
        beside: &[
            ("busy", "/order_actors/busy", Form::Count),
            ("since start", "/order_actors/activated", Form::Count),
        ],
    },
    Tile {
        name: "Messages waiting",
        at: "/order_actors/mailbox_depth",
        form: Form::Count,
        beside: &[
            (
                "most of one order",
                "/order_actors/mailbox_depth_max",
                Form::Count,
            ),
            ("of", "/order_actors/mailbox_capacity", Form::Count),
        ],
    },
    Tile {
        name: "Oldest message",
        at: "/order_actors/oldest_message_ms",
        form: Form::Ago,
        beside: &[],
    },
    Tile {
        name: "Restarts",
        at: "/order_actors/restarted",
        form: Form::Count,
        beside: &[],
    },
    Tile {
        name: "Guests waiting",
        at: "/status_actor/waiters",
        form: Form::Count,
        beside: &[
            (
                "orders watched",
                "/status_actor/orders_watched",
                Form::Count,
            ),
            ("seats", "/status_actor/waiters_max", Form::Count),
        ],
    },
    Tile {
        name: "Orders unpaid",
        at: "/reconciler/pending",
        form: Form::Count,
        beside: &[],
    },
    Tile {
        name: "SMS waiting",
        at: "/relay/queued",
        form: Form::Count,
        beside: &[
            ("oldest", "/relay/oldest_queued_secs", Form::AgoSecs),
            ("given up", "/relay/dead", Form::Count),
        ],
    },
    Tile {
        name: "Lost webhooks found",
        at: "/reconciler/repaired",
        form: Form::Count,
        beside: &[
            ("asked", "/reconciler/checked", Form::Count),
            ("last", "/reconciler/last_run_at", Form::Since),
        ],
    },
];

/// A chart of the last minutes.
pub(super) struct Chart {
    pub name: &'static str,
    /// `rate` of counters, or the `value` itself.
    pub kind: &'static str,
    /// Of the axis.
    pub unit: &'static str,
    /// `name=pointer,pointer;name=pointer`: numbers of one line are added.
    pub lines: &'static str,
}

/// What is drawn.
pub(super) const CHARTS: [Chart; 6] = [
    Chart {
        name: "Webhooks a second",
        kind: "rate",
        unit: "/s",
        lines: "sold=/webhooks/completed;again=/webhooks/duplicate,/webhooks/stale;not paid=/webhooks/failed,/webhooks/cancelled,/webhooks/pending,/webhooks/unconfirmed,/webhooks/held;refused=/webhooks/unknown_order,/webhooks/malformed,/webhooks/unauthenticated,/webhooks/busy,/webhooks/error",
    },
    Chart {
        name: "Answer to a webhook",
        kind: "value",
        unit: "ms",
        lines: "p50=/latency_ms/webhook/p50;p95=/latency_ms/webhook/p95;p99=/latency_ms/webhook/p99",
    },
    Chart {
        name: "Transaction",
        kind: "value",
        unit: "ms",
        lines: "p50=/latency_ms/transaction/p50;p95=/latency_ms/transaction/p95;p99=/latency_ms/transaction/p99",
    },
    Chart {
        name: "Commit to guest told",
        kind: "value",
        unit: "ms",
        lines: "p50=/latency_ms/notice/p50;p95=/latency_ms/notice/p95;p99=/latency_ms/notice/p99",
    },
    Chart {
        name: "Messages waiting",
        kind: "value",
        unit: "",
        lines: "all=/order_actors/mailbox_depth;busy orders=/order_actors/busy",
    },
    Chart {
        name: "Guests waiting",
        kind: "value",
        unit: "",
        lines: "guests=/status_actor/waiters",
    },
];

impl Chart {
    /// The lines' names and where the newest number of a `value` stands.
    pub fn keys(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.lines
            .split(';')
            .filter_map(|line| line.split_once('='))
    }
}
