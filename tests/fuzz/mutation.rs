//! Almost valid inputs: inputs of the corpus with a few changes.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Text that parsers of JSON, forms and numbers often handle wrongly.
const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "\\",
    "\\u0000",
    "\\ud800",
    "null",
    "true",
    "-0",
    "1e309",
    "9223372036854775808",
    "2000.00",
    "\u{FEFF}",
    "\0",
    " ",
    "\r\n",
    "&",
    "=",
    "%00",
    "%",
    "+",
    "\u{a0}",
    "٠",
    "\"order_id\":",
    "\"payment_status\":",
    "order_id=",
    "payment_status=",
    "\"data\":",
    "COMPLETED",
    "FAILED",
    "0712345678",
    "+255",
    "00255",
    "-",
];

/// An input whose `Debug` is readable.
#[derive(Clone)]
pub struct Input(pub Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

#[derive(Clone, Debug)]
enum Cut {
    Flip(Index, u8),
    Insert(Index, &'static str),
    Remove(Index, Index),
    Repeat(Index, Index),
    /// Replaces the rest by that of another input.
    Splice(Index, Index, Index),
}

fn cut() -> impl Strategy<Value = Cut> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, bits)| Cut::Flip(at, bits)),
        (at(), proptest::sample::select(TOKENS)).prop_map(|(at, token)| Cut::Insert(at, token)),
        (at(), at()).prop_map(|(from, to)| Cut::Remove(from, to)),
        (at(), at()).prop_map(|(from, to)| Cut::Repeat(from, to)),
        (at(), at(), at()).prop_map(|(at, other, from)| Cut::Splice(at, other, from)),
    ]
}

/// One of `corpus` with up to six changes or, one time in ten, random bytes.
pub fn mutations(corpus: Vec<Vec<u8>>) -> impl Strategy<Value = Input> {
    let mutated = (any::<Index>(), vec(cut(), 0..6)).prop_map(move |(which, cuts)| {
        let begun = which.get(&corpus).clone();
        cuts.iter()
            .fold(begun, |input, cut| apply(cut, input, &corpus))
    });
    prop_oneof![9 => mutated, 1 => vec(any::<u8>(), 0..64)].prop_map(Input)
}

fn apply(cut: &Cut, mut input: Vec<u8>, corpus: &[Vec<u8>]) -> Vec<u8> {
    let length = input.len();
    let place = |index: &Index| index.index(length + 1);
    let span = |one: &Index, other: &Index| {
        let (one, other) = (place(one), place(other));
        one.min(other)..one.max(other)
    };
    match cut {
        Cut::Flip(at, bits) => {
            if let Some(byte) = input.get_mut(place(at)) {
                *byte ^= bits;
            }
        }
        Cut::Insert(at, token) => {
            input.splice(place(at)..place(at), token.bytes());
        }
        Cut::Remove(from, to) => {
            input.drain(span(from, to));
        }
        Cut::Repeat(from, to) => {
            let again = input[span(from, to)].to_vec();
            input.splice(place(to)..place(to), again);
        }
        Cut::Splice(at, other, from) => {
            let other = other.get(corpus);
            input.truncate(place(at));
            input.extend_from_slice(&other[from.index(other.len() + 1)..]);
        }
    }
    input
}
