//! The shop: packages, the form, and the purchase.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpResponse, ResponseError, web};
use askama::Template;
use uuid::Uuid;

use super::arrival::{Arrival, arrive};
use super::notice::Notice;
use super::open_order::{current_key, form_key, remember, remembered, resume};
use super::{Form, Page, Problem, Visitor, redirect, retry_after};
use crate::checkout::{Bought, CheckoutError};
use crate::domain::catalog::{Package, PackageRef, Purchase, Refusal, SecondPrompt, Tzs, Validity};
use crate::domain::people::Phone;
use crate::http::request::parameter;
use crate::store::StoreError;
use crate::web::text::fill;

/// The parameter after an order was given up.
const LET_GO: &str = "let-go";

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

/// Packages to choose from, or the one that was chosen before. A guest whom the router has sent and who
/// has a voucher is led to it.
pub async fn show(visitor: Visitor) -> Page {
    let over = match arrive(&visitor).await? {
        Arrival::Led(answer) => return Ok(answer),
        Arrival::Shop(over) => over,
    };
    let text = &visitor.text.notice;
    let after_letting_go = || Notice::new(&text.let_go_title, &text.let_go);
    let has_let_go = !parameter(&visitor.request, LET_GO).is_empty();
    let notice = visitor
        .refusal()
        .or(over)
        .or_else(|| has_let_go.then(after_letting_go));
    let draft = Draft {
        package: Some(parameter(&visitor.request, "package")),
        ..Draft::default()
    };
    let mut answer = form_page(&visitor, StatusCode::OK, draft, notice).await?;
    // "Back" shows the form as it was, with its key, also where a browser keeps no cookies. It has
    // nothing secret.
    let on_back = HeaderValue::from_static("private, no-cache");
    answer.headers_mut().insert(CACHE_CONTROL, on_back);
    Ok(answer)
}

/// The shop for a guest who gave an order up, with its package chosen.
pub(super) fn after_letting_go(visitor: &Visitor, package: &str) -> HttpResponse {
    let parameters = [("package", package), (LET_GO, "1")];
    redirect(&visitor.visit.link_with("/", &parameters))
}

/// Redirects a GET of the form's path, as when the browser reloads its answer, to the shop.
pub async fn back(visitor: Visitor) -> HttpResponse {
    visitor.redirect("/")
}

/// Makes an order from the form, and redirects to it.
pub async fn buy(visitor: Visitor, payload: web::Payload) -> Page {
    let form = Form::read(payload).await?;
    let package = form.field("package").rsplit_once(':');
    let mut draft = Draft {
        package: package.map(|(code, _)| code.to_owned()),
        phone: form.typed("phone"),
        key: form.field("key").to_owned(),
    };
    match purchase(&form, &visitor) {
        Ok(purchase) => match remembered(&visitor, &purchase.phone).await? {
            Some(open) => Ok(visitor.redirect(&format!("/order/{open}"))),
            None => attempt(&visitor, purchase, draft, &form).await,
        },
        Err(notice) => {
            // Nothing was bought with this key, and another page may have chosen it.
            draft.key.clear();
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
    let key =
        form_key(form, code, &phone).ok_or_else(|| Notice::new(&notice.title, &notice.again))?;
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

/// Buys, and redirects to the order or shows the form again.
pub(super) async fn attempt(
    visitor: &Visitor,
    mut purchase: Purchase,
    draft: Draft,
    form: &Form,
) -> Page {
    let api = &visitor.api;
    if let Some(key) = purchase.idempotency_key {
        purchase.idempotency_key = Some(current_key(visitor, key).await?);
    }
    let (wanted, phone) = (purchase.package.clone(), purchase.phone.clone());
    let share = api.clients.share(&visitor.request);
    let error = match api.checkout.buy(purchase, share).await {
        Ok(Bought::Pushed(order) | Bought::Unclear(order) | Bought::Resumed(order)) => {
            return Ok(remember(visitor, order.order_id));
        }
        Err(CheckoutError::GatewayRefused(order_id)) => return Ok(remember(visitor, order_id)),
        Err(CheckoutError::Refused(refusal @ Refusal::PromptOpen { .. })) => {
            match resume(visitor, form, &phone).await {
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
        CheckoutError::Store(StoreError::WrongClock(_)) => {
            Notice::new(&notice.clock_title, &notice.clock)
        }
        CheckoutError::Busy | CheckoutError::Store(_) | CheckoutError::GatewayRefused { .. } => {
            Notice::new(&notice.busy_title, &notice.busy)
        }
    }
}

/// The page with the form: it has what the guest has entered, and `notice`. A form whose purchase failed
/// keeps its key.
async fn form_page(
    visitor: &Visitor,
    status: StatusCode,
    mut draft: Draft,
    notice: Option<Notice>,
) -> Page {
    if draft.key.is_empty() {
        draft.key = Uuid::new_v4().simple().to_string();
    }
    let page = ShopPage {
        visitor: &visitor.at("/"),
        packages: visitor.api.store.packages_on_sale().await?,
        draft,
        notice,
    };
    Ok(visitor.answer(status, &page))
}
