//! The shop: packages, the form, and what becomes of it.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use sha2::{Digest, Sha256};

use super::bought::{lead_back, remember};
use super::{Form, Visitor, fresh_key};
use crate::checkout::{Bought, CheckoutError};
use crate::domain::catalog::admission::Refusal;
use crate::domain::catalog::money::Tzs;
use crate::domain::catalog::purchase::{IdempotencyKey, PackageRef, Purchase, Ringing};
use crate::domain::people::phone::Phone;
use crate::http::Api;
use crate::http::problem::Problem;
use crate::web::text::text;
use crate::web::{Draft, Notice, ShopPage};

/// Packages to choose from.
pub async fn show(request: HttpRequest, api: web::Data<Api>) -> HttpResponse {
    let visitor = Visitor::of(&request, &api.shop);
    let router_error = visitor.visit.router_error.as_deref();
    let draft = Draft {
        key: fresh_key(),
        notice: router_error.map(|error| Notice::router(text(visitor.language), error)),
        ..Draft::default()
    };
    draw(&api, &visitor, StatusCode::OK, draft).await
}

/// Leads to the shop.
pub async fn back(request: HttpRequest, api: web::Data<Api>) -> HttpResponse {
    Visitor::of(&request, &api.shop).see("/")
}

/// Takes the form, makes the order and leads to it.
pub async fn buy(request: HttpRequest, payload: web::Payload, api: web::Data<Api>) -> HttpResponse {
    let visitor = Visitor::of(&request, &api.shop);
    let form = match Form::read(payload).await {
        Ok(form) => form,
        Err(problem) => return visitor.problem(&problem),
    };
    let draft = Draft {
        package: form
            .field("package")
            .rsplit_once(':')
            .map(|(code, _)| code.to_owned()),
        phone: form.field("phone").chars().take(20).collect(),
        key: form.field("key").to_owned(),
        notice: None,
    };
    match purchase(&form, &visitor) {
        Ok(purchase) => attempt(&api, &request, &visitor, purchase, draft).await,
        Err(notice) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            sorry(&api, &visitor, status, draft, notice).await
        }
    }
}

/// Reads the form; the notice says what is at fault.
fn purchase(form: &Form, visitor: &Visitor) -> Result<Purchase, Notice> {
    let text = text(visitor.language);
    let missing = || Notice::package_missing(text);
    let (code, price) = form.field("package").rsplit_once(':').ok_or_else(missing)?;
    let package = PackageRef::read(code).ok_or_else(missing)?;
    let phone = Phone::read(form.field("phone")).map_err(|_| Notice::phone_invalid(text))?;
    Ok(Purchase {
        idempotency_key: Some(key(form, code, &phone).ok_or_else(|| Notice::again(text))?),
        package,
        phone,
        customer_name: None,
        device: visitor.visit.device.clone(),
        expected_price: Tzs::read_whole(price),
        language: visitor.language,
        ringing: Ringing::Once,
    })
}

/// The form's own key, for this package and this phone: pressing twice is one order, and going
/// back to choose something else is another. A hash, because the phone must not be kept in it.
pub(super) fn key(form: &Form, package: &str, phone: &Phone) -> Option<IdempotencyKey> {
    let key = form.field("key");
    if key.is_empty() {
        return None;
    }
    let attempt = format!("{key}.{package}.{}", phone.national());
    let hash = Sha256::digest(attempt.as_bytes());
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    IdempotencyKey::read(format!("form-{hex}").as_bytes()).ok()
}

/// Buys, and leads to the order or back to the form.
pub(super) async fn attempt(
    api: &Api,
    request: &HttpRequest,
    visitor: &Visitor<'_>,
    purchase: Purchase,
    draft: Draft,
) -> HttpResponse {
    let (wanted, phone) = (purchase.package.clone(), purchase.phone.clone());
    let bought = match api.clients.admit(request) {
        Ok(()) => api.checkout.buy(purchase).await,
        Err(problem) => Err(CheckoutError::Refused(Refusal::RateLimited {
            retry_after_secs: problem.retry_secs().unwrap_or(1),
        })),
    };
    let error = match bought {
        Ok(Bought::Pushed(order) | Bought::Unclear(order) | Bought::Resumed(order)) => {
            return remember(api, visitor, order.order_id);
        }
        Err(CheckoutError::GatewayRefused { order_id, .. }) => {
            return remember(api, visitor, order_id);
        }
        Err(CheckoutError::Refused(refusal @ Refusal::PromptOpen { .. })) => {
            match lead_back(api, request, visitor, &phone).await {
                Ok(Some(answer)) => return answer,
                Ok(None) => CheckoutError::Refused(refusal),
                Err(error) => CheckoutError::Store(error),
            }
        }
        Err(error) => error,
    };
    let notice = why_not(api, visitor, &wanted, &error, &phone).await;
    let problem = Problem::from(error);
    let mut answer = sorry(api, visitor, problem.status_code(), draft, notice).await;
    if let Some(secs) = problem.retry_secs() {
        answer
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(secs));
    }
    answer
}

async fn why_not(
    api: &Api,
    visitor: &Visitor<'_>,
    wanted: &PackageRef,
    error: &CheckoutError,
    phone: &Phone,
) -> Notice {
    let text = text(visitor.language);
    match error {
        CheckoutError::PackageNotFound => Notice::package_gone(text),
        CheckoutError::PriceChanged { price } => {
            let name = name_of(api, visitor, wanted).await;
            Notice::price_changed(text, &name, *price)
        }
        CheckoutError::Refused(refusal) => Notice::refused(text, *refusal, phone),
        CheckoutError::KeyReused => Notice::again(text),
        CheckoutError::Store(_) | CheckoutError::GatewayRefused { .. } => Notice::busy(text),
    }
}

async fn name_of(api: &Api, visitor: &Visitor<'_>, package: &PackageRef) -> String {
    match api.store.package_on_sale(package).await {
        Ok(Some(package)) => package.terms.name(visitor.language).to_owned(),
        Ok(None) | Err(_) => String::new(),
    }
}

/// The form once more, with what the guest has entered and what to do about it. Nothing was
/// ordered by it, so it keeps its key.
async fn sorry(
    api: &Api,
    visitor: &Visitor<'_>,
    status: StatusCode,
    draft: Draft,
    notice: Notice,
) -> HttpResponse {
    let draft = Draft {
        key: if draft.key.is_empty() {
            fresh_key()
        } else {
            draft.key
        },
        notice: Some(notice),
        ..draft
    };
    draw(api, visitor, status, draft).await
}

async fn draw(api: &Api, visitor: &Visitor<'_>, status: StatusCode, draft: Draft) -> HttpResponse {
    match api.store.packages_on_sale().await {
        Ok(packages) => {
            let page = ShopPage::new(visitor.frame_at("/"), &packages, draft);
            visitor.answer(status, &page)
        }
        Err(cause) => visitor.problem(&Problem::from(cause)),
    }
}
