//! Vouchers on paper, made in batches and sold for cash.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::{PageContext, Section, answer, filters, see, shown};
use crate::checkout::printed::{self, BATCH_MAX};
use crate::domain::catalog::package::Package;
use crate::domain::catalog::purchase::PackageRef;
use crate::domain::people::language::Language;
use crate::http::auth::Caller;
use crate::http::operators::wish::{ActBody, NOTE_MAX};
use crate::http::pages::Form;
use crate::http::problem::{Code, Problem};
use crate::store::{AuditEntry, Batch, PrintedVoucher};
use crate::web::text::text;

/// Batches that are listed.
const BATCHES: u64 = 100;

/// Printed vouchers, and how more are made.
#[derive(Template)]
#[template(path = "console/vouchers.html")]
struct VouchersPage {
    desk: PageContext,
    batches: Vec<Batch>,
    /// On sale.
    packages: Vec<Package>,
    fault: Option<String>,
}

/// A batch, to be printed.
#[derive(Template)]
#[template(path = "console/sheet.html")]
struct SheetPage {
    desk: PageContext,
    batch: Batch,
    cards: Vec<PrintedVoucher>,
}

/// The newest batches, and the form for another.
pub async fn show(caller: Caller) -> Result<HttpResponse, Problem> {
    Ok(shown(&page(&caller, None).await?))
}

async fn page(caller: &Caller, fault: Option<String>) -> Result<VouchersPage, Problem> {
    Ok(VouchersPage {
        batches: caller.api.store.batches(BATCHES).await?,
        packages: caller.api.store.packages_on_sale().await?,
        desk: PageContext::of(caller, Section::Vouchers).await,
        fault,
    })
}

/// What all vouchers of a batch are worth.
fn worth(batch: &Batch) -> i64 {
    batch.price.saturating_mul(i64::from(batch.count))
}

/// How long a voucher lasts and for how many devices, in Swahili and English: on a card.
pub fn gives(minutes: i32, devices: i32) -> String {
    let both = [Language::Swahili, Language::English].map(|language| {
        let text = text(language);
        format!("{}, {}", text.duration(minutes), text.devices(devices))
    });
    both.join(" · ")
}

/// Makes a batch and leads to its sheet.
pub async fn make(form: web::ReqData<Form>, caller: Caller) -> Result<HttpResponse, Problem> {
    let wish = match wish(&form, &caller).await? {
        Ok(wish) => wish,
        Err(why) => {
            let page = page(&caller, Some(format!("Nothing was made: {why}."))).await?;
            return Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page));
        }
    };
    let audit = AuditEntry {
        detail: Some(format!("{} x {}", wish.count, wish.package.terms.code)),
        ..caller.entry("print_vouchers", String::new())
    };
    let id = printed::print(&caller.api.store, &wish, &audit).await?;
    Ok(see(&format!("/operator/vouchers/{id}")))
}

/// Reads the form; a clause says what is at fault.
async fn wish(
    form: &Form,
    caller: &Caller,
) -> Result<Result<printed::BatchRequest, String>, Problem> {
    let count = form.field("count").trim().parse::<u16>().ok();
    let Some(count) = count.filter(|count| (1..=BATCH_MAX).contains(count)) else {
        return Ok(Err(format!("a batch has 1 to {BATCH_MAX} vouchers")));
    };
    let note = match ActBody::of_form(form).optional("note", NOTE_MAX) {
        Ok(note) => note,
        Err(problem) => return Ok(Err(problem.detail.unwrap_or_default())),
    };
    let package = match PackageRef::read(form.field("package")) {
        Some(which) => caller.api.store.package_on_sale(&which).await?,
        None => None,
    };
    let Some(package) = package else {
        return Ok(Err("that package is not on sale".to_owned()));
    };
    Ok(Ok(printed::BatchRequest {
        package,
        count,
        note,
    }))
}

/// The cards of a batch, for the printer. A code is money: for admins alone, and audited.
pub async fn sheet(id: web::Path<String>, caller: Caller) -> Result<HttpResponse, Problem> {
    if !caller.operator().role.sees_unmasked() {
        let refusal = Problem::new(Code::Forbidden);
        return Err(refusal.detail("Only an admin sees codes: they are money."));
    }
    let not_found = || Problem::new(Code::NotFound).detail("there is no batch of that number");
    let id: i64 = id.parse().map_err(|_| not_found())?;
    let (batch, cards) = caller.api.store.batch(id).await?.ok_or_else(not_found)?;
    caller.reveal(None, &format!("batch {id}")).await?;
    Ok(shown(&SheetPage {
        desk: PageContext::of(&caller, Section::Vouchers).await,
        batch,
        cards,
    }))
}
