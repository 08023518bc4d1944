//! The shop: packages, the form, and what becomes of it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use sha2::{Digest, Sha256};

use super::bought::{lead_back, remember};
use super::{Form, Page, Visitor, come_again, fresh_key};
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
pub async fn show(visitor: Visitor, api: web::Data<Api>) -> Page {
    let router_error = visitor.visit.router_error.as_deref();
    let draft = Draft {
        key: fresh_key(),
        notice: router_error.map(|error| Notice::router(text(visitor.language), error)),
        ..Draft::default()
    };
    draw(&api, &visitor, StatusCode::OK, draft).await
}

/// Leads to the shop.
pub async fn back(visitor: Visitor) -> HttpResponse {
    visitor.see("/")
}

/// Takes the form, makes the order and leads to it.
pub async fn buy(visitor: Visitor, request: HttpRequest, form: Form, api: web::Data<Api>) -> Page {
    let package = form.field("package").rsplit_once(':');
    let draft = Draft {
        package: package.map(|(code, _)| code.to_owned()),
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
    IdempotencyKey::read(format!("form-{}", hex::encode(hash)).as_bytes()).ok()
}

/// Buys, and leads to the order or back to the form.
pub(super) async fn attempt(
    api: &Api,
    request: &HttpRequest,
    visitor: &Visitor,
    purchase: Purchase,
    draft: Draft,
) -> Page {
    let (wanted, phone) = (purchase.package.clone(), purchase.phone.clone());
    let bought = match api.clients.admit(request) {
        Ok(()) => api.checkout.buy(purchase).await,
        Err(problem) => Err(CheckoutError::Refused(Refusal::RateLimited {
            retry_after_secs: problem.retry_secs().unwrap_or(1),
        })),
    };
    let error = match bought {
        Ok(Bought::Pushed(order) | Bought::Unclear(order) | Bought::Resumed(order)) => {
            return Ok(remember(api, visitor, order.order_id));
        }
        Err(CheckoutError::GatewayRefused { order_id, .. }) => {
            return Ok(remember(api, visitor, order_id));
        }
        Err(CheckoutError::Refused(refusal @ Refusal::PromptOpen { .. })) => {
            match lead_back(api, request, visitor, &phone).await {
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) => CheckoutError::Refused(refusal),
                Err(error) => CheckoutError::Store(error),
            }
        }
        Err(error) => error,
    };
    let notice = why_not(api, visitor, &wanted, &error, &phone).await;
    let problem = Problem::from(error);
    let answer = sorry(api, visitor, problem.status_code(), draft, notice).await?;
    Ok(match problem.retry_secs() {
        Some(secs) => come_again(answer, secs),
        None => answer,
    })
}

async fn why_not(
    api: &Api,
    visitor: &Visitor,
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

async fn name_of(api: &Api, visitor: &Visitor, package: &PackageRef) -> String {
    match api.store.package_on_sale(package).await {
        Ok(Some(package)) => package.terms.name(visitor.language).to_owned(),
        Ok(None) | Err(_) => String::new(),
    }
}

/// The form once more, with what the guest has entered and what to do about it. Nothing was
/// ordered by it, so it keeps its key.
async fn sorry(
    api: &Api,
    visitor: &Visitor,
    status: StatusCode,
    mut draft: Draft,
    notice: Notice,
) -> Page {
    if draft.key.is_empty() {
        draft.key = fresh_key();
    }
    draft.notice = Some(notice);
    draw(api, visitor, status, draft).await
}

async fn draw(api: &Api, visitor: &Visitor, status: StatusCode, draft: Draft) -> Page {
    let packages = api.store.packages_on_sale().await?;
    let page = ShopPage::new(visitor.frame_at("/"), &packages, draft);
    Ok(visitor.answer(status, &page))
}
