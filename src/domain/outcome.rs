//! What a delivery meant: one word, the same in code, columns, JSON, logs and metrics.

/// What a delivery meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The order became COMPLETED.
    Completed,
    /// Already holds.
    Duplicate,
    /// Older or weaker than what we know.
    Stale,
    /// The order became FAILED.
    Failed,
    /// The order became CANCELLED.
    Cancelled,
    /// Nothing is decided yet.
    Pending,
    /// The money is here but does not fit; an operator decides.
    Held,
    /// ZenoPay did not confirm what the delivery says.
    Unconfirmed,
    /// Proven, but no order of ours.
    UnknownOrder,
    /// Proven, but not readable.
    Malformed,
    /// We failed; nothing was changed.
    Error,
}

impl Outcome {
    /// All of them, in the order of the operator's table.
    pub const ALL: [Self; 11] = [
        Self::Completed,
        Self::Duplicate,
        Self::Stale,
        Self::Failed,
        Self::Cancelled,
        Self::Pending,
        Self::Held,
        Self::Unconfirmed,
        Self::UnknownOrder,
        Self::Malformed,
        Self::Error,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Duplicate => "duplicate",
            Self::Stale => "stale",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Pending => "pending",
            Self::Held => "held",
            Self::Unconfirmed => "unconfirmed",
            Self::UnknownOrder => "unknown_order",
            Self::Malformed => "malformed",
            Self::Error => "error",
        }
    }

    /// Reads the word; `None` if it is none of them.
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == word)
    }
}
