//! The shop: packages, the form, and the purchase.
//!
//! # Invariants
//! A phone number does not prove ownership of an order. While a payment request is open, a second
//! purchase is redirected as follows. The browser that bought has the order id in a cookie for one
//! hour: it gets the order page. The device that bought, known by a MAC address that anyone can
//! send, only gets the state page.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError, web};
use askama::Template;
use sha2::{Digest, Sha256};

use super::notice::Notice;
use super::{Form, Page, Problem, Visitor, fresh_key, retry_after, with_cookie};
use crate::checkout::{Bought, CheckoutError};
use crate::domain::access::StateToken;
use crate::domain::catalog::{
    IdempotencyKey, Package, PackageRef, Purchase, Refusal, SecondPrompt, Tzs, Validity,
};
use crate::domain::order::{OrderId, Status};
use crate::domain::people::Phone;
use crate::http::request::cookie;
use crate::store::StoreError;
use crate::web::text::fill;

/// The cookie with the order that this browser made last.
const COOKIE: &str = "malipo_order";
const COOKIE_LASTS_SECS: i64 = 3600;

/// The shop: packages, and the form to buy one.
#[derive(Template)]
#[template(path = "shop.html")]
struct ShopPage<'a> {
    visitor: &'a Visitor,
    packages: Vec<Package>,
    draft: Draft,
    /// Why there is no order, or why the router did not accept the voucher.
    notice: Option<Notice>,
}

/// What the guest has entered so far.
#[derive(Default)]
pub(super) struct Draft {
    /// The code of the package.
    pub package: Option<String>,
    /// As it was typed.
    pub phone: String,
    /// Idempotency key of this attempt, so that pressing twice makes one order; empty: a new key is
    /// made.
    pub key: String,
}

impl ShopPage<'_> {
    fn details(&self, package: &Package) -> String {
        let text = self.visitor.text;
        let terms = text.terms(&package.terms);
        match package.terms.validity {
            Validity::Purchase => terms,
            Validity::FirstLogin => format!("{terms} · {}", text.shop.first_login),
        }
    }

    /// What the button says when this package is chosen.
    fn pay(&self, price: &str) -> String {
        fill(&self.visitor.text.shop.pay_price, &[("price", &price)])
    }

    fn is_chosen(&self, package: &Package) -> bool {
        self.draft.package.as_ref() == Some(&package.terms.code)
    }

    fn is_invalid(&self, field: &str) -> bool {
        let notice = self.notice.as_ref();
        notice.is_some_and(|notice| notice.field == Some(field))
    }
}

/// Packages to choose from.
pub async fn show(visitor: Visitor) -> Page {
    let text = &visitor.text.notice;
    let router_error = visitor.visit.router_error.as_ref();
    let notice = router_error.map(|error| {
        let body = fill(&text.router, &[("error", error)]);
        Notice::new(&text.router_title, body)
    });
    form_page(&visitor, StatusCode::OK, Draft::default(), notice).await
}

/// Redirects a GET of the form's path, as when the browser reloads its answer, to the shop.
pub async fn back(visitor: Visitor) -> HttpResponse {
    visitor.redirect("/")
}

/// Makes an order from the form, and redirects to it.
pub async fn buy(visitor: Visitor, payload: web::Payload) -> Page {
    let form = Form::read(payload).await?;
    let package = form.field("package").rsplit_once(':');
    let draft = Draft {
        package: package.map(|(code, _)| code.to_owned()),
        phone: form.field("phone").chars().take(20).collect(),
        key: form.field("key").to_owned(),
    };
    match purchase(&form, &visitor) {
        Ok(purchase) => attempt(&visitor, purchase, draft).await,
        Err(notice) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            form_page(&visitor, status, draft, Some(notice)).await
        }
    }
}

/// Reads the form; the notice says what is invalid.
fn purchase(form: &Form, visitor: &Visitor) -> Result<Purchase, Notice> {
    let (text, notice) = (visitor.text, &visitor.text.notice);
    let missing = || Notice::at("package", text, &notice.package_missing);
    let (code, price) = form.field("package").rsplit_once(':').ok_or_else(missing)?;
    let package = PackageRef::read(code).ok_or_else(missing)?;
    let phone = Phone::read(form.field("phone"))
        .map_err(|_| Notice::at("phone", text, &notice.phone_invalid))?;
    let key = key(form, code, &phone).ok_or_else(|| Notice::new(&notice.title, &notice.again))?;
    Ok(Purchase {
        idempotency_key: Some(key),
        package,
        phone,
        customer_name: None,
        device: visitor.visit.device.clone(),
        expected_price: Tzs::read_whole(price),
        language: visitor.language,
        second_prompt: SecondPrompt::NotAllowed,
    })
}

/// The idempotency key of a purchase: a hash of the form's key, the package and the phone. So
/// pressing twice makes one order, and going back to choose something else makes another. The key
/// is stored, and a hash does not show the phone.
pub(super) fn key(form: &Form, package: &str, phone: &Phone) -> Option<IdempotencyKey> {
    let key = form.field("key");
    if key.is_empty() {
        return None;
    }
    let attempt = format!("{key}.{package}.{}", phone.national());
    let hash = Sha256::digest(attempt.as_bytes());
    IdempotencyKey::read(format!("form-{}", hex::encode(hash)).as_bytes()).ok()
}

/// Buys, and redirects to the order or shows the form again.
pub(super) async fn attempt(visitor: &Visitor, purchase: Purchase, draft: Draft) -> Page {
    let api = &visitor.api;
    let (wanted, phone) = (purchase.package.clone(), purchase.phone.clone());
    let share = api.clients.share(&visitor.request);
    let error = match api.checkout.buy(purchase, share).await {
        Ok(Bought::Pushed(order) | Bought::Unclear(order) | Bought::Resumed(order)) => {
            return Ok(remember(visitor, order.order_id));
        }
        Err(CheckoutError::GatewayRefused(order_id)) => return Ok(remember(visitor, order_id)),
        Err(CheckoutError::Refused(refusal @ Refusal::PromptOpen { .. })) => {
            match resume(visitor, &phone).await {
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) => CheckoutError::Refused(refusal),
                Err(error) => CheckoutError::Store(error),
            }
        }
        Err(error) => error,
    };
    let notice = notice_for(visitor, &wanted, &error, &phone).await;
    let problem = Problem::from(error);
    let status = problem.status_code();
    let answer = form_page(visitor, status, draft, Some(notice)).await?;
    Ok(retry_after(answer, problem.retry_after_secs))
}

async fn notice_for(
    visitor: &Visitor,
    wanted: &PackageRef,
    error: &CheckoutError,
    phone: &Phone,
) -> Notice {
    let (text, notice) = (visitor.text, &visitor.text.notice);
    match error {
        CheckoutError::PackageNotFound => Notice::at("package", text, &notice.package_gone),
        CheckoutError::PriceChanged(price) => {
            let store = &visitor.api.store;
            let package = store.package_on_sale(wanted).await.ok().flatten();
            let name = package.map(|package| visitor.name(&package.terms).to_owned());
            let (name, price) = (name.unwrap_or_default(), text.money(price));
            let body = fill(&notice.price, &[("package", &name), ("price", &price)]);
            Notice::new(&notice.price_title, body)
        }
        CheckoutError::Refused(refusal) => Notice::refused(text, *refusal, phone),
        CheckoutError::KeyReused => Notice::new(&notice.title, &notice.again),
        CheckoutError::Store(_) | CheckoutError::GatewayRefused { .. } => {
            Notice::new(&notice.busy_title, &notice.busy)
        }
    }
}

/// The page with the form: it has what the guest has entered, and `notice`. A form that made no
/// order keeps its key.
async fn form_page(
    visitor: &Visitor,
    status: StatusCode,
    mut draft: Draft,
    notice: Option<Notice>,
) -> Page {
    if draft.key.is_empty() {
        draft.key = fresh_key();
    }
    let page = ShopPage {
        visitor: &visitor.at("/"),
        packages: visitor.api.store.packages_on_sale().await?,
        draft,
        notice,
    };
    Ok(visitor.answer(status, &page))
}

/// Redirects to the order that was made or resumed, and sets the cookie with its id.
fn remember(visitor: &Visitor, order_id: OrderId) -> HttpResponse {
    let id = order_id.to_string();
    let cookie = (visitor.api.gate).set_cookie(COOKIE, &id, COOKIE_LASTS_SECS);
    with_cookie(visitor.redirect(&format!("/order/{id}")), &cookie)
}

/// Redirects to the open order of this phone if this browser or this device has bought it: the
/// browser to the order page, the device to the state page. `None` for any other guest.
async fn resume(visitor: &Visitor, phone: &Phone) -> Result<Option<HttpResponse>, StoreError> {
    let store = &visitor.api.store;
    let remembered = cookie(visitor.request.headers(), COOKIE).and_then(|id| id.parse().ok());
    if let Some(order_id) = remembered
        && let Some(order) = store.load_for_guest(order_id).await?
        && order.status == Status::Pending
        && order.phone == *phone
    {
        return Ok(Some(visitor.redirect(&format!("/order/{order_id}"))));
    }
    let Some(device) = &visitor.visit.device else {
        return Ok(None);
    };
    let open = store.newest_pending(phone).await?;
    let open = open.filter(|order| order.device.as_ref() == Some(device));
    Ok(open.map(|order| visitor.redirect(&StateToken::of(order.order_id).path())))
}
