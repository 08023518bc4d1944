//! Batches of printed vouchers: made, listed card by card, and revoked.
//!
//! # Invariants
//! Codes are as good as money: only an admin gets them, and the audit log records it before.

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::execute::{Fields, NOTE_MAX, no_such_batch, revoke_batch};
use super::schema::{BatchRequest as BatchBody, ReasonRequest};
use super::spreadsheet::{self, defuse, local};
use super::vouchers::PrintedBatch;
use super::{Answer, Caller, Code, Problem, no_store, rfc3339};
use crate::checkout::printed::{self, BATCH_MAX, BatchRequest};
use crate::domain::access::State;
use crate::domain::catalog::PackageRef;
use crate::domain::people::Visibility;
use crate::store::{Batch, Card};
use crate::web::href;

/// What is wrong with any other template.
const TEMPLATES: &str = "template must be a4 or thermal";

/// In which format, and for `print` on what.
#[derive(Deserialize)]
pub struct BatchQuery {
    format: Option<String>,
    template: Option<String>,
}

/// A batch and its cards.
#[derive(Serialize, ToSchema)]
pub struct BatchDocument {
    status: &'static str,
    package: String,
    batch: PrintedBatch,
    /// Whether the codes are masked, as for a viewer.
    masked: bool,
    /// By their serials.
    vouchers: Vec<BatchCard>,
}

/// One card.
#[derive(Serialize, ToSchema)]
pub struct BatchCard {
    /// As it is printed, as in `12-007`.
    serial: String,
    /// The row's number, by which the audit log names it.
    id: i64,
    voucher_code: String,
    state: State,
    first_login_at: Option<String>,
    revoked_at: Option<String>,
}

/// A batch that was made.
#[derive(Serialize, ToSchema)]
pub struct BatchMade {
    status: &'static str,
    batch: i64,
    /// The path of the console's sheet, on the paper of the template.
    sheet: String,
}

/// A batch whose unused cards are revoked.
#[derive(Serialize, ToSchema)]
pub struct BatchRevoked {
    status: &'static str,
    batch: i64,
    /// Unused cards that were revoked now.
    revoked: u64,
    /// Cards that were revoked before.
    revoked_before: u64,
    /// Used cards, which stay valid.
    used: u64,
    /// `false` if no card was left to revoke.
    changed: bool,
}

/// A line of the CSV, whose fields are the columns.
#[derive(Serialize)]
struct Line<'a> {
    serial: String,
    code: &'a str,
    #[serde(serialize_with = "defuse")]
    package: &'a str,
    price: i64,
    state: &'static str,
    first_login_at: String,
}

/// Makes a batch of vouchers to be printed.
#[utoipa::path(post, path = "/api/v1/operator/vouchers/batches", tag = "operator",
    request_body = BatchBody,
    responses(
        (status = 201, description = "The batch's number", body = BatchMade),
        (status = 404, description = "`package_not_found`"),
        (status = 422, description = "`invalid_request`: a value is not valid, or a `site` is given: there are none yet")))]
pub async fn print(payload: web::Payload, caller: Caller) -> Answer {
    let fields = Fields::read(payload).await?;
    let template = fields.optional("template", NOTE_MAX)?;
    let paper = paper(template.as_deref()).ok_or_else(|| Code::InvalidValue.detail(TEMPLATES))?;
    if fields.optional("site", NOTE_MAX)?.is_some() {
        return Err(Code::InvalidValue.detail("there are no sites: leave site out"));
    }
    let request = requested(&fields, fields.count("count"), &caller).await?;
    let batch = make(&request, &caller).await?;
    Ok(HttpResponse::Created().json(BatchMade {
        status: "success",
        batch,
        sheet: sheet(batch, paper),
    }))
}

/// The paper in the query of the sheet for a template; `None` for an unknown one.
fn paper(template: Option<&str>) -> Option<&'static str> {
    match template {
        None => Some(""),
        Some("a4") => Some("a4"),
        Some("thermal") => Some("80"),
        Some(_) => None,
    }
}

fn sheet(batch: i64, paper: &str) -> String {
    href(&format!("/operator/vouchers/{batch}"), &[("paper", paper)])
}

/// The cards of a batch. An admin sees the codes, which is audited; only an admin gets the CSV and the
/// sheet.
#[utoipa::path(get, path = "/api/v1/operator/vouchers/batches/{id}", tag = "operator",
    params(
        ("id" = String, Path, description = "The batch's number"),
        ("format" = Option<String>, Query, pattern = "^(json|csv|print)$", description = "`json`, for programs, `csv`, for spreadsheets, or `print`, the console's sheet"),
        ("template" = Option<String>, Query, pattern = "^(a4|thermal)$", description = "The paper of the sheet: A4, or a roll of 80 mm")),
    responses(
        (status = 200, description = "Its cards", content(
            (BatchDocument = "application/json"), (String = "text/csv"))),
        (status = 303, description = "The sheet to print"),
        (status = 403, description = "`forbidden`: CSV and sheet are for admins"),
        (status = 404, description = "`not_found`"),
        (status = 422, description = "`invalid_query`")))]
pub async fn show(id: web::Path<String>, query: web::Query<BatchQuery>, caller: Caller) -> Answer {
    let paper = paper(query.template.as_deref());
    let paper = paper.ok_or_else(|| Code::InvalidQuery.detail(TEMPLATES))?;
    match query.format.as_deref() {
        None | Some("json") => {
            let (batch, cards) = opened(&id, "", &caller).await?;
            Ok(no_store(document(batch, &cards, caller.visibility())))
        }
        Some("csv") => {
            admins_only(&caller)?;
            let (batch, cards) = opened(&id, ", as CSV", &caller).await?;
            let zone = caller.api.timezone;
            let lines = cards.iter().map(|card| line(&batch, card, zone));
            spreadsheet::file(&format!("vouchers-{}", batch.id), lines)
        }
        Some("print") => {
            admins_only(&caller)?;
            let (batch, _) = found(&id, &caller).await?;
            let answer = HttpResponse::SeeOther()
                .insert_header((LOCATION, sheet(batch.id, paper)))
                .finish();
            Ok(answer)
        }
        Some(_) => Err(Code::InvalidQuery.detail("format must be json, csv or print")),
    }
}

/// Revokes the cards of a batch that no guest has used. Used cards stay valid.
#[utoipa::path(post, path = "/api/v1/operator/vouchers/batches/{id}/revoke", tag = "operator",
    params(("id" = String, Path, description = "The batch's number")),
    request_body(content = Option<ReasonRequest>, description = "May be left out"),
    responses(
        (status = 200, description = "Revoked, now or before", body = BatchRevoked),
        (status = 404, description = "`not_found`"),
        (status = 422, description = "`invalid_request`: reason")))]
pub async fn revoke(id: web::Path<String>, payload: web::Payload, caller: Caller) -> Answer {
    let fields = Fields::read(payload).await?;
    let done = revoke_batch(&id, &fields, &caller).await?;
    Ok(HttpResponse::Ok().json(BatchRevoked {
        status: "success",
        batch: done.id,
        revoked: done.revoked,
        revoked_before: done.before,
        used: done.used,
        changed: done.revoked > 0,
    }))
}

/// A batch as a body or a form describes it.
///
/// # Errors
/// A 422 for a value that is not valid, a 404 for a package that is not on sale.
pub async fn requested(
    fields: &Fields,
    count: Option<u16>,
    caller: &Caller,
) -> Result<BatchRequest, Problem> {
    let count = count.filter(|count| (1..=BATCH_MAX).contains(count));
    let a_batch = || Code::InvalidValue.detail(format!("a batch has 1 to {BATCH_MAX} vouchers"));
    let count = count.ok_or_else(a_batch)?;
    let note = fields.optional("note", NOTE_MAX)?;
    let package = match PackageRef::read(&fields.required("package", NOTE_MAX)?) {
        Some(which) => caller.api.store.package_on_sale(&which).await?,
        None => None,
    };
    let not_on_sale = || Code::PackageNotFound.detail("that package is not on sale");
    Ok(BatchRequest {
        package: package.ok_or_else(not_on_sale)?,
        count,
        note,
    })
}

/// Makes the batch, and returns its number.
///
/// # Errors
/// The database's failure.
pub async fn make(request: &BatchRequest, caller: &Caller) -> Result<i64, Problem> {
    let detail = format!("{} x {}", request.count, request.package.terms.code);
    let audit = caller.audit_entry("print_vouchers", String::new(), Some(detail));
    Ok(printed::print(&caller.api.store, request, &audit).await?)
}

/// Refuses an operator from whom codes are hidden.
///
/// # Errors
/// A 403.
pub fn admins_only(caller: &Caller) -> Result<(), Problem> {
    match caller.visibility() {
        Visibility::Whole => Ok(()),
        Visibility::Masked => {
            Err(Code::Forbidden.detail("Only an admin sees codes: they are money."))
        }
    }
}

/// A batch and its cards; that an admin sees the codes is logged before. `how` says in which form.
///
/// # Errors
/// A 404 if there is no such batch.
pub async fn opened(id: &str, how: &str, caller: &Caller) -> Result<(Batch, Vec<Card>), Problem> {
    let (batch, cards) = found(id, caller).await?;
    let subject = format!("batch {}{how}", batch.id);
    caller.record_unmasking(None, &subject).await?;
    Ok((batch, cards))
}

async fn found(id: &str, caller: &Caller) -> Result<(Batch, Vec<Card>), Problem> {
    let id = id.parse().map_err(|_| no_such_batch())?;
    let found = caller.api.store.batch(id).await?;
    found.ok_or_else(no_such_batch)
}

fn document(batch: Batch, cards: &[Card], visibility: Visibility) -> BatchDocument {
    let cards = cards.iter().map(|card| BatchCard {
        serial: card.serial.to_string(),
        id: card.row.id,
        voucher_code: visibility.code(&card.row.code),
        state: card.remaining.state,
        first_login_at: card.usage.first_login_at.map(rfc3339),
        revoked_at: card.row.revoked_at.map(rfc3339),
    });
    BatchDocument {
        status: "success",
        package: batch.package_code.clone(),
        masked: visibility == Visibility::Masked,
        vouchers: cards.collect(),
        batch: PrintedBatch::of(batch),
    }
}

fn line<'a>(batch: &'a Batch, card: &'a Card, zone: Tz) -> Line<'a> {
    let first_login = card.usage.first_login_at.map(|at| local(at, zone));
    Line {
        serial: card.serial.to_string(),
        code: &card.row.code,
        package: &batch.package_name,
        price: batch.price,
        state: card.remaining.state.as_str(),
        first_login_at: first_login.unwrap_or_default(),
    }
}
