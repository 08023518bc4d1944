//! Vouchers on paper, made in batches and sold for cash.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use super::{answer, desk, see};
use crate::checkout::printed;
use crate::checkout::printed::BATCH_MAX;
use crate::domain::catalog::purchase::PackageRef;
use crate::http::Api;
use crate::http::auth::Visitor;
use crate::http::operators::acts::entry;
use crate::http::operators::wish::{NOTE_MAX, Wish};
use crate::http::pages::Form;
use crate::http::problem::{Code, Problem};
use crate::store::{AuditEntry, Batch, PrintedVoucher, Reveal};
use crate::web::console::{BatchLine, Card, Section, SheetPage, VouchersPage, gives, until};

/// Batches that are listed.
const BATCHES: u64 = 100;

/// The newest batches, and the form for another.
pub async fn show(
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let page = page(&api, &visitor).await?;
    Ok(answer(StatusCode::OK, &page))
}

async fn page(api: &Api, visitor: &Visitor) -> Result<VouchersPage, Problem> {
    let batches = api.store.batches(BATCHES).await?;
    let packages = api.store.packages_on_sale().await?;
    let desk = desk(api, visitor, Section::Vouchers).await;
    let batches = batches.into_iter().map(|batch| line(batch, api));
    Ok(VouchersPage::new(
        desk,
        batches.collect(),
        &packages,
        BATCH_MAX,
    ))
}

/// Makes a batch and leads to its sheet.
pub async fn make(
    form: web::ReqData<Form>,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let wish = match wish(&form, &api).await? {
        Ok(wish) => wish,
        Err(why) => {
            let page = page(&api, &visitor).await?.refused(why);
            return Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page));
        }
    };
    let audit = AuditEntry {
        detail: Some(format!("{} x {}", wish.count, wish.package.terms.code)),
        ..entry(&visitor.operator, "print_vouchers")
    };
    let id = printed::print(&api.store, &wish, &audit).await?;
    Ok(see(&format!("/operator/vouchers/{id}")))
}

/// Reads the form; the sentence says what is at fault.
async fn wish(form: &Form, api: &Api) -> Result<Result<printed::Wish, String>, Problem> {
    let count = form.field("count").trim().parse::<u16>().ok();
    let Some(count) = count.filter(|count| (1..=BATCH_MAX).contains(count)) else {
        return Ok(Err(format!(
            "Nothing was made: a batch has 1 to {BATCH_MAX} vouchers."
        )));
    };
    let note = match Wish::of_form(form).optional("note", NOTE_MAX) {
        Ok(note) => note,
        Err(problem) => {
            let why = problem.told().unwrap_or_default();
            return Ok(Err(format!("Nothing was made: {why}.")));
        }
    };
    let package = match PackageRef::read(form.field("package")) {
        Some(which) => api.store.package_on_sale(&which).await?,
        None => None,
    };
    Ok(match package {
        Some(package) => Ok(printed::Wish {
            package,
            count,
            note,
        }),
        None => Err("Nothing was made: that package is not on sale.".to_owned()),
    })
}

/// The cards of a batch, for the printer. A code is money: for admins alone, and audited.
pub async fn sheet(
    id: web::Path<String>,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    if !visitor.operator.role.sees_unmasked() {
        let refusal = Problem::new(Code::Forbidden);
        return Err(refusal.detail("Only an admin sees codes: they are money."));
    }
    let not_found = || Problem::new(Code::NotFound).detail("There is no batch of that number.");
    let id: i64 = id.parse().map_err(|_| not_found())?;
    let (batch, vouchers) = api.store.batch(id).await?.ok_or_else(not_found)?;
    let reveal = Reveal {
        operator: visitor.operator.name.clone(),
        order_id: None,
        subject: format!("batch {id}"),
    };
    api.store.record_reveal(reveal).await?;
    let desk = desk(&api, &visitor, Section::Vouchers).await;
    let cards = vouchers.iter().map(card).collect();
    let page = SheetPage::new(desk, line(batch, &api), cards);
    Ok(answer(StatusCode::OK, &page))
}

fn card(voucher: &PrintedVoucher) -> Card {
    let code = voucher.code.as_str();
    let (one, other) = code.split_at(code.len() / 2);
    Card {
        code: [one.to_owned(), other.to_owned()],
        gives: gives(voucher.duration_minutes, voucher.shared_devices),
        is_revoked: voucher.is_revoked,
    }
}

fn line(batch: Batch, api: &Api) -> BatchLine {
    BatchLine {
        id: batch.id,
        package: batch.package_name,
        count: batch.count,
        price: batch.price,
        note: batch.note.unwrap_or_default(),
        operator: batch.operator,
        at: until(batch.created_at, api.shop.timezone),
    }
}
