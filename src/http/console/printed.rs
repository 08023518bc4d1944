//! A voucher on paper: how it stands, where it comes from, and its end.

use actix_web::{HttpResponse, web};
use askama::Template;

use super::acts::Act;
use super::format::{ago, money};
use super::vouchers::gives;
use super::{Facts, PageContext, Section, known, see, shown};
use crate::domain::access::usage::{Remaining, State};
use crate::domain::people::mask::Visibility;
use crate::http::auth::Caller;
use crate::http::problem::{Code, Problem};
use crate::store::KnownVoucher;

/// How a printed voucher stands, and what can be done.
#[derive(Template)]
#[template(path = "console/printed.html")]
struct PrintedPage {
    desk: PageContext,
    id: i64,
    state: State,
    facts: Facts,
    act: Option<Act>,
    /// The batch, for those who may open its sheet.
    sheet: Option<i64>,
}

impl PrintedPage {
    fn tone(&self) -> &'static str {
        match self.state {
            State::New => "open",
            State::Active => "good",
            State::Expired => "quiet",
            State::Revoked => "back",
        }
    }
}

/// A printed voucher; one that was sold is told by its order.
pub async fn show(id: web::Path<String>, caller: Caller) -> Result<HttpResponse, Problem> {
    let store = &caller.api.store;
    let not_found = || Problem::new(Code::NotFound).detail("there is no such voucher");
    let id: i64 = id.parse().map_err(|_| not_found())?;
    let voucher = store.known_voucher(id).await?.ok_or_else(not_found)?;
    if let Some(order_id) = voucher.order_id {
        return Ok(see(&format!("/operator/orders/{}", order_id.order_ref())));
    }
    caller.reveal(None, &format!("voucher {id}")).await?;
    let standing = Remaining::of(&voucher.allowance, &voucher.usage, store.clock().now());
    let desk = PageContext::of(&caller, Section::Vouchers).await;
    let may_revoke = desk.may_act() && standing.state != State::Revoked;
    // The sheet shows every code of the batch: only admins may open it.
    let batch = voucher.batch.as_ref().filter(|_| desk.may_act());
    Ok(shown(&PrintedPage {
        id,
        state: standing.state,
        facts: facts(&voucher, &standing, caller.sight(), &desk),
        act: may_revoke.then_some(Act::Revoke),
        sheet: batch.map(|batch| batch.id),
        desk,
    }))
}

fn facts(
    voucher: &KnownVoucher,
    standing: &Remaining,
    sight: Visibility,
    desk: &PageContext,
) -> Facts {
    let when = |at| desk.until(&at);
    let allowance = &voucher.allowance;
    let batch = voucher.batch.as_ref();
    let minutes = i32::try_from(allowance.duration.num_minutes()).unwrap_or(i32::MAX);
    let is_open = matches!(standing.state, State::New | State::Active);
    let left = standing.seconds_remaining.saturating_mul(1_000);
    let ends = standing
        .expires_at
        .map_or_else(|| "counted from the first login".to_owned(), when);
    let data = standing.bytes_remaining.filter(|_| is_open);
    let name = batch.map_or(&voucher.package_code, |batch| &batch.package_name);
    #[rustfmt::skip] // A table is read by its columns.
    let facts = [
        ("Code", Some(sight.code(voucher.code.as_str()))),
        ("Package", Some(name.clone())),
        ("Gives", Some(gives(minutes, voucher.shared_devices))),
        ("Price on the card", batch.map(|batch| money(batch.price))),
        ("Batch", batch.map(|batch| format!("{} ({} vouchers)", batch.id, batch.count))),
        ("Sold at", batch.and_then(|batch| batch.note.clone())),
        ("Printed", Some(when(voucher.issued_at))),
        ("Printed by", batch.map(|batch| batch.operator.clone())),
        ("First login", Some(voucher.usage.first_login_at.map_or("not yet".to_owned(), when))),
        ("Valid until", Some(ends)),
        ("Time left", is_open.then(|| ago(left))),
        ("Data left", data.map(|bytes| format!("{} MiB", bytes / 1_048_576))),
        ("Devices online", Some(standing.devices_online.to_string())),
        ("Revoked", allowance.revoked_at.map(when)),
    ];
    known(facts)
}
