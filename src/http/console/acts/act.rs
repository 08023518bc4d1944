//! What an operator may do by hand, and how pages say it. What will happen is written in
//! `templates/console/consequences.html`.

/// What an operator may do by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Reconcile,
    Release,
    Refuse,
    Refund,
    Revoke,
    Reissue,
    Resend,
    Replay,
    ChangePrice,
    Retire,
    Offer,
    EndToken,
    SendHeld,
    DropHeld,
}

/// How pages speak of an act.
struct Row {
    act: Act,
    /// In a path.
    word: &'static str,
    /// On the button.
    name: &'static str,
    /// Whether a guest or an operator loses something.
    takes_away: bool,
    /// What is said when it is done.
    done: &'static str,
}

#[rustfmt::skip] // A table is read by its columns.
static ROWS: [Row; 14] = [
    Row { act: Act::Reconcile, word: "reconcile", name: "Ask ZenoPay", takes_away: false, done: "ZenoPay was asked; what it said is the newest line below." },
    Row { act: Act::Release, word: "release", name: "Complete the order", takes_away: false, done: "The order is completed, and the guest has the voucher." },
    Row { act: Act::Refuse, word: "refuse", name: "Refuse the order", takes_away: true, done: "The order is refused. Pay the guest back by hand." },
    Row { act: Act::Refund, word: "refund", name: "Record a refund", takes_away: true, done: "The refund is recorded, and the voucher lets nobody in any more." },
    Row { act: Act::Revoke, word: "revoke", name: "Revoke the voucher", takes_away: true, done: "The voucher is revoked." },
    Row { act: Act::Reissue, word: "reissue", name: "Give a new code", takes_away: true, done: "The voucher has a new code, which is below and goes out by SMS." },
    Row { act: Act::Resend, word: "resend", name: "Send the SMS again", takes_away: false, done: "The SMS is queued again." },
    Row { act: Act::Replay, word: "replay", name: "Replay", takes_away: false, done: "The webhook was replayed; what came of it is below." },
    Row { act: Act::ChangePrice, word: "price", name: "Change the price", takes_away: false, done: "The price is changed, for orders from now on." },
    Row { act: Act::Retire, word: "retire", name: "Retire the package", takes_away: false, done: "The package is no longer on sale. What was sold stays valid." },
    Row { act: Act::Offer, word: "offer", name: "Offer the package again", takes_away: false, done: "The package is on sale again." },
    Row { act: Act::EndToken, word: "disable", name: "End the token", takes_away: true, done: "The token and its sessions are ended." },
    Row { act: Act::SendHeld, word: "send", name: "Send what is held back", takes_away: false, done: "Nothing is held back any more: what waited is being sent." },
    Row { act: Act::DropHeld, word: "drop", name: "Drop what the backup had queued", takes_away: true, done: "Nothing is held back any more: what the backup had queued is given up." },
];

/// A line of an act's form.
#[derive(Clone, Copy)]
pub struct Field {
    pub name: &'static str,
    pub label: &'static str,
    pub hint: &'static str,
    /// Characters; of a price it is left open.
    pub most: usize,
    pub is_needed: bool,
}

const REASON: Field = Field {
    name: "reason",
    label: "Reason",
    hint: "For the log and the timeline",
    most: 200,
    is_needed: true,
};
const REASON_IF_ANY: Field = Field {
    is_needed: false,
    ..REASON
};
const METHOD: Field = Field {
    name: "method",
    label: "How it was paid back",
    hint: "As in cash or M-Pesa",
    most: 100,
    is_needed: false,
};
const REFERENCE: Field = Field {
    name: "reference",
    label: "Number of the transfer",
    hint: "If there is one",
    ..METHOD
};
const PRICE: Field = Field {
    name: "price",
    label: "New price in TZS",
    hint: "Whole shillings",
    most: 0,
    is_needed: true,
};

impl Act {
    fn row(self) -> &'static Row {
        let row = ROWS.iter().find(|row| row.act == self);
        row.expect("each act has a row, as a test asserts")
    }

    /// Its word in a path.
    pub fn word(self) -> &'static str {
        self.row().word
    }

    /// Reads a path's word.
    pub fn read(word: &str) -> Option<Self> {
        let row = ROWS.iter().find(|row| row.word == word);
        row.map(|row| row.act)
    }

    /// What the button says.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether a guest or an operator loses something.
    pub fn takes_away(self) -> bool {
        self.row().takes_away
    }

    /// What is said when it is done.
    pub fn done(self) -> &'static str {
        self.row().done
    }

    /// What the operator is asked for.
    pub fn fields(self) -> &'static [Field] {
        match self {
            Self::Release | Self::Refuse => &[REASON],
            Self::Refund => &[REASON, METHOD, REFERENCE],
            Self::Revoke | Self::Reissue | Self::EndToken | Self::DropHeld => &[REASON_IF_ANY],
            Self::ChangePrice => &[PRICE],
            Self::Reconcile
            | Self::Resend
            | Self::Replay
            | Self::Retire
            | Self::Offer
            | Self::SendHeld => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use askama::Template;

    use super::*;
    use crate::http::console::acts::Consequences;

    #[test]
    fn every_act_says_what_will_happen_and_is_found_by_its_word() {
        for (at, row) in ROWS.iter().enumerate() {
            assert_eq!(
                row.act as usize, at,
                "in the order of the enum, without a gap"
            );
            assert_eq!(Act::read(row.act.word()), Some(row.act));
            let page = Consequences { act: row.act }.render().unwrap();
            assert!(page.matches("<li>").count() >= 2, "{:?}", row.act);
        }
        assert_eq!(
            Act::DropHeld as usize,
            ROWS.len() - 1,
            "the last act has a row"
        );
        assert_eq!(Act::read("delete"), None);
    }

    #[test]
    fn what_takes_something_away_asks_why() {
        for Row { act, .. } in &ROWS {
            let asks = act.fields().iter().any(|field| field.name == "reason");
            assert!(asks || !act.takes_away(), "{act:?}");
        }
    }
}
