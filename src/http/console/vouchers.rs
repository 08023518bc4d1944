//! Printed vouchers: batches that are sold for cash, and one voucher. Their cards are in `sheet.rs`.

use actix_web::web;
use askama::Template;

use super::act::Act;
use super::format::{duration, money};
use super::{
    Caller, Code, Facts, Form, Page, PageContext, Problem, Section, known, redirect, refused, shown,
};
use crate::checkout::printed::BATCH_MAX;
use crate::domain::access::{Remaining, State};
use crate::domain::catalog::Package;
use crate::domain::people::{Language, Visibility};
use crate::http::operators::batches;
use crate::http::operators::execute::Fields;
use crate::store::{Batch, KnownVoucher};
use crate::web::text::text;

/// Batches on the page.
const BATCHES: u64 = 100;

/// The newest batches, and the form for another.
#[derive(Template)]
#[template(path = "console/vouchers.html")]
struct VouchersPage {
    context: PageContext,
    batches: Vec<Batch>,
    /// Those on sale.
    packages: Vec<Package>,
    fault: Option<String>,
}

/// One printed voucher, and what can be done.
#[derive(Template)]
#[template(path = "console/printed.html")]
struct PrintedPage {
    context: PageContext,
    id: i64,
    /// Its serial, as it is printed.
    serial: String,
    state: State,
    facts: Facts,
    act: Option<Act>,
    /// The batch, if this operator may open its sheet.
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

/// The newest batches, and the form for another.
pub async fn show(caller: Caller) -> Page {
    Ok(shown(&page(&caller, None).await?))
}

async fn page(caller: &Caller, fault: Option<String>) -> Result<VouchersPage, Problem> {
    Ok(VouchersPage {
        batches: caller.api.store.batches(BATCHES).await?,
        packages: caller.api.store.packages_on_sale().await?,
        context: PageContext::of(caller, Section::Vouchers).await,
        fault,
    })
}

/// Makes a batch, and redirects to its sheet.
pub async fn make(form: web::ReqData<Form>, caller: Caller) -> Page {
    let count = form.field("count").trim().parse().ok();
    let request = match batches::requested(&Fields::of_form(&form), count, &caller).await {
        Ok(request) => request,
        Err(problem) if matches!(problem.code, Code::InvalidValue | Code::PackageNotFound) => {
            let why = problem.detail.as_deref().unwrap_or_default();
            let page = page(&caller, Some(format!("Nothing was made: {why}."))).await?;
            return Ok(refused(&page));
        }
        Err(problem) => return Err(problem),
    };
    let id = batches::make(&request, &caller).await?;
    Ok(redirect(&format!("/operator/vouchers/{id}")))
}

/// One printed voucher; a sold one is on its order's page.
pub async fn show_printed(id: web::Path<String>, caller: Caller) -> Page {
    let store = &caller.api.store;
    let not_found = || Problem::new(Code::NotFound).detail("there is no such voucher");
    let id: i64 = id.parse().map_err(|_| not_found())?;
    let voucher = store.known_voucher(id).await?.ok_or_else(not_found)?;
    if let Some(order_id) = voucher.order_id {
        let order_ref = order_id.order_ref();
        return Ok(redirect(&format!("/operator/orders/{order_ref}")));
    }
    let subject = format!("voucher {id}");
    caller.record_unmasking(None, &subject).await?;
    let remaining = Remaining::of(&voucher.allowance, &voucher.usage, store.clock().now());
    let context = PageContext::of(&caller, Section::Vouchers).await;
    let may_revoke = context.may_act() && remaining.state != State::Revoked;
    // The sheet shows every code of the batch, so only operators who see codes get the link.
    let sees_codes = context.visibility() == Visibility::Whole;
    let batch = voucher.batch.as_ref().filter(|_| sees_codes);
    let serial = voucher.serial.map(|serial| serial.to_string());
    Ok(shown(&PrintedPage {
        id,
        serial: serial.unwrap_or_else(|| id.to_string()),
        state: remaining.state,
        facts: facts(&voucher, &remaining, &context),
        act: may_revoke.then_some(Act::Revoke),
        sheet: batch.map(|batch| batch.id),
        context,
    }))
}

fn facts(voucher: &KnownVoucher, remaining: &Remaining, context: &PageContext) -> Facts {
    let when = |at| context.date_time(&at);
    let allowance = &voucher.allowance;
    let batch = voucher.batch.as_ref();
    let minutes = i32::try_from(allowance.duration.num_minutes()).unwrap_or(i32::MAX);
    let is_open = remaining.state.is_open();
    let left = remaining.seconds_remaining.saturating_mul(1_000);
    let ends = remaining.expires_at.map(when);
    let ends = ends.unwrap_or_else(|| "counted from the first login".to_owned());
    let data = remaining.bytes_remaining.filter(|_| is_open);
    let name = batch.map_or(&voucher.row.package_code, |batch| &batch.package_name);
    #[rustfmt::skip] // A table is read by its columns.
    let facts = [
        ("Serial", voucher.serial.map(|serial| serial.to_string())),
        ("Code", Some(context.visibility().code(voucher.row.code.as_str()))),
        ("Package", Some(name.clone())),
        ("Gives", Some(gives(minutes, voucher.row.shared_devices))),
        ("Price on the card", batch.map(|batch| money(batch.price))),
        ("Batch", batch.map(|batch| format!("{} ({} vouchers)", batch.id, batch.count))),
        ("Sold at", batch.and_then(|batch| batch.note.clone())),
        ("Printed", Some(when(voucher.row.issued_at))),
        ("Printed by", batch.map(|batch| batch.operator.clone())),
        ("First login", Some(voucher.usage.first_login_at.map_or("not yet".to_owned(), when))),
        ("Valid until", Some(ends)),
        ("Time left", is_open.then(|| duration(left))),
        ("Data left", data.map(|bytes| format!("{} MiB", bytes / 1_048_576))),
        ("Devices online", Some(remaining.devices_online.to_string())),
        ("Revoked", allowance.revoked_at.map(when)),
    ];
    known(facts)
}

/// The value of a batch, in TZS.
pub fn worth(batch: &Batch) -> i64 {
    batch.price.saturating_mul(i64::from(batch.count))
}

/// A voucher's duration and number of devices, in Swahili and English, for a card.
fn gives(minutes: i32, devices: i32) -> String {
    let both = [Language::Swahili, Language::English].map(|language| {
        let text = text(language);
        let duration = text.duration(minutes);
        format!("{duration}, {}", text.devices(devices))
    });
    both.join(" · ")
}
