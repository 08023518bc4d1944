//! The archive: webhooks whose bodies left the journal, as JSON lines. A file is
//! `webhooks-DAY-FIRST.jsonl`: the day they were received (UTC) and the number of its first webhook. It
//! changes only when a person is erased.
//!
//! # Invariants
//! A file is written as a whole or not at all, and is on disk (synced) when `write` returns. A
//! batch that is written again, as after a kill before its bodies were deleted, has the same first
//! number and replaces the same file.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chrono::{NaiveDate, SecondsFormat};
use serde::{Deserialize, Serialize};

use crate::domain::order::OrderId;
use crate::domain::people::Person;
use crate::store::DeliveryWithBody;

/// A delivery in the archive: its line in the journal, with its body.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Archived {
    /// Its number in the journal, where its row stays without the body.
    pub id: i64,
    /// As the sender named it.
    pub order_id: Option<String>,
    /// The outcome.
    pub outcome: String,
    /// The proof, if it was proven.
    pub proof: Option<String>,
    /// RFC 3339, UTC.
    pub received_at: String,
    /// As sent.
    pub content_type: Option<String>,
    /// As journalled, so without our keys, if it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The same in hexadecimal digits, if it is not text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_hex: Option<String>,
}

impl From<&DeliveryWithBody> for Archived {
    fn from(old: &DeliveryWithBody) -> Self {
        let text = std::str::from_utf8(&old.body).ok();
        Self {
            id: old.id,
            order_id: old.order_id.clone(),
            outcome: old.outcome.clone(),
            proof: old.proof.clone(),
            received_at: (old.received_at).to_rfc3339_opts(SecondsFormat::Millis, true),
            content_type: old.content_type.clone(),
            body: text.map(str::to_owned),
            body_hex: text.is_none().then(|| hex::encode(&old.body)),
        }
    }
}

/// Writes deliveries into `folder`, which is made if it is missing.
///
/// # Errors
/// If a file could not be written or synced.
pub(super) fn write(folder: &Path, old: &[DeliveryWithBody]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for of_a_day in old.chunk_by(|one, other| day(one) == day(other)) {
        let first = &of_a_day[0];
        let name = format!("webhooks-{}-{:012}.jsonl", day(first), first.id);
        write_lines(&folder.join(name), of_a_day.iter().map(Archived::from))?;
    }
    // The names of the files must outlive a power cut too.
    File::open(folder)?.sync_all()
}

fn day(old: &DeliveryWithBody) -> NaiveDate {
    old.received_at.date_naive()
}

fn write_lines(path: &Path, lines: impl Iterator<Item = Archived>) -> io::Result<()> {
    // Another process may archive into the same folder.
    let unfinished = path.with_extension(format!("jsonl.{}.tmp", std::process::id()));
    let mut options = File::options();
    // Bodies contain names and numbers of guests.
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = BufWriter::new(options.open(&unfinished)?);
    for line in lines {
        serde_json::to_writer(&mut file, &line)?;
        file.write_all(b"\n")?;
    }
    file.into_inner()?.sync_all()?;
    fs::rename(unfinished, path)
}

/// Why a line is about a person.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    OwnOrder,
    Phone,
    /// The name only, in a body about another order.
    Name,
}

/// How many bodies about other orders have the person's name and not the phone.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn named(folder: &Path, person: &Person, orders: &HashSet<String>) -> io::Result<u64> {
    let mut named = 0;
    for path in files(folder)? {
        let deliveries = read(&path)?;
        let about = deliveries.iter().map(|it| it.about(person, orders));
        named += about.filter(|about| *about == Some(About::Name)).count() as u64;
    }
    Ok(named)
}

/// Removes a person from the archive: the bodies of webhooks about `orders` (spelled as in the
/// journal), and of those that name the person. A file without any is not changed. Returns how many
/// bodies there were.
///
/// # Errors
/// If a file cannot be read or written; calling it again does the rest.
pub(super) fn forget(folder: &Path, person: &Person, orders: &HashSet<String>) -> io::Result<u64> {
    let mut forgotten = 0;
    for path in files(folder)? {
        let mut deliveries = read(&path)?;
        let found = deliveries
            .iter_mut()
            .filter(|it| it.about(person, orders).is_some())
            .map(Archived::forget)
            .count();
        if found > 0 {
            write_lines(&path, deliveries.into_iter())?;
            forgotten += found as u64;
        }
    }
    File::open(folder)?.sync_all()?;
    Ok(forgotten)
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        files.push(entry?.path());
    }
    files.retain(|path| path.extension().is_some_and(|it| it == "jsonl"));
    Ok(files)
}

impl Archived {
    fn about(&self, person: &Person, orders: &HashSet<String>) -> Option<About> {
        let has_body = self.body.is_some() || self.body_hex.is_some();
        if has_body && self.order_id.as_ref().is_some_and(|it| orders.contains(it)) {
            return Some(About::OwnOrder);
        }
        let binary = self.body_hex.as_ref().and_then(|it| hex::decode(it).ok());
        let binary = binary.map(|it| String::from_utf8_lossy(&it).into_owned());
        let mut bodies = [self.body.as_ref(), binary.as_ref()].into_iter().flatten();
        let more = [self.order_id.as_ref(), self.content_type.as_ref()];
        let mut texts = bodies.clone().chain(more.into_iter().flatten());
        if texts.any(|text| person.has_phone_in(text)) {
            return Some(About::Phone);
        }
        let is_named = bodies.any(|body| person.has_name_in(body));
        is_named.then_some(About::Name)
    }

    fn forget(&mut self) {
        self.body = None;
        self.body_hex = None;
        self.content_type = None;
        // A text that is not an order id may name the person.
        self.order_id.take_if(|it| it.parse::<OrderId>().is_err());
    }
}

/// Reads a file of the archive.
///
/// # Errors
/// If it cannot be read, or a line has another form.
pub fn read(path: &Path) -> io::Result<Vec<Archived>> {
    let lines = BufReader::new(File::open(path)?).lines();
    lines
        .map(|line| serde_json::from_str(&line?).map_err(io::Error::from))
        .collect()
}
