//! A voucher on paper: how it stands, where it comes from, and its end.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};

use super::{answer, desk, done, parameter, see, sight};
use crate::domain::access::usage::{Standing, State};
use crate::domain::people::mask::Sight;
use crate::http::Api;
use crate::http::auth::Visitor;
use crate::http::problem::{Code, Problem};
use crate::store::{KnownVoucher, Reveal};
use crate::web::console::{Act, PrintedPage, Section, ago, gives, money, until};

/// A printed voucher; one that was sold is told by its order. What an admin sees unmasked is in
/// the audit log before it is shown.
pub async fn show(
    request: HttpRequest,
    id: web::Path<String>,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let not_found = || Problem::new(Code::NotFound).detail("There is no such voucher.");
    let id: i64 = id.parse().map_err(|_| not_found())?;
    let voucher = api.store.known_voucher(id).await?.ok_or_else(not_found)?;
    if let Some(order_id) = voucher.order_id {
        return Ok(see(&format!("/operator/orders/{}", order_id.order_ref())));
    }
    let sight = sight(&visitor);
    if sight == Sight::Whole {
        let reveal = Reveal {
            operator: visitor.operator.name.clone(),
            order_id: None,
            subject: format!("voucher {id}"),
        };
        api.store.record_reveal(reveal).await?;
    }
    let standing = Standing::of(&voucher.allowance, &voucher.usage, api.store.clock().now());
    let mut desk = desk(&api, &visitor, Section::Vouchers).await;
    desk.done = done(&parameter(&request, "done"));
    let acts = match standing.state {
        State::New | State::Active | State::Expired if desk.may_act() => vec![Act::Revoke],
        _ => Vec::new(),
    };
    // The sheet shows every code of the batch: only admins may open it.
    let batch = voucher.batch.as_ref().map(|batch| batch.id);
    let sheet = batch.filter(|_| desk.may_act());
    let facts = facts(&voucher, &standing, sight, &api);
    let page = PrintedPage::new(desk, id, standing.state, facts, acts, sheet);
    Ok(answer(StatusCode::OK, &page))
}

fn facts(
    voucher: &KnownVoucher,
    standing: &Standing,
    sight: Sight,
    api: &Api,
) -> Vec<(&'static str, String)> {
    let when = |at: DateTime<Utc>| until(at, api.shop.timezone);
    let allowance = &voucher.allowance;
    let batch = voucher.batch.as_ref();
    let minutes = i32::try_from(allowance.duration.num_minutes()).unwrap_or(i32::MAX);
    let is_open = matches!(standing.state, State::New | State::Active);
    let left = i64::try_from(standing.seconds_remaining).unwrap_or(0);
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
        ("Time left", is_open.then(|| ago(left.saturating_mul(1_000)))),
        ("Data left", data.map(|bytes| format!("{} MiB", bytes / 1_048_576))),
        ("Devices online", Some(standing.devices_online.to_string())),
        ("Revoked", allowance.revoked_at.map(when)),
    ];
    let known = facts.into_iter();
    known
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}
