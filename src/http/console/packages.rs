//! The price list, as its owner changes it.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::format::money;
use super::{PageContext, Section, answer, filters, see, shown};
use crate::checkout::printed;
use crate::domain::catalog::money::Tzs;
use crate::domain::catalog::package::{Terms, Validity};
use crate::domain::people::language::Language;
use crate::http::auth::Caller;
use crate::http::operators::wish::ActBody;
use crate::http::pages::Form;
use crate::http::problem::{Code, Problem};
use crate::store::{AuditEntry, ListedPackage};
use crate::web::text::text;

/// A hundred million shillings: a slip of the finger, whatever is sold.
pub const PRICE_MAX: i64 = 100_000_000;
/// Characters of a code and of a name.
const CODE_MAX: usize = 32;
const NAME_MAX: usize = 40;

/// The price list, and how it is changed.
#[derive(Template)]
#[template(path = "console/packages.html")]
struct PackagesPage {
    desk: PageContext,
    lines: Vec<ListedPackage>,
    /// What was typed for a new package, and why it was not added.
    refused: Option<(web::ReqData<Form>, String)>,
}

impl PackagesPage {
    fn gives(&self, terms: &Terms) -> String {
        text(Language::English).terms(terms)
    }

    fn begins(&self, terms: &Terms) -> &'static str {
        match terms.validity {
            Validity::Purchase => "from the sale",
            Validity::FirstLogin => "from the first log-in",
        }
    }

    fn typed(&self, name: &str) -> &str {
        let refused = self.refused.as_ref();
        refused.map_or("", |(form, _)| form.field(name))
    }
}

/// The whole list.
pub async fn show(caller: Caller) -> Result<HttpResponse, Problem> {
    Ok(shown(&page(&caller, None).await?))
}

async fn page(
    caller: &Caller,
    refused: Option<(web::ReqData<Form>, String)>,
) -> Result<PackagesPage, Problem> {
    Ok(PackagesPage {
        desk: PageContext::of(caller, Section::Packages).await,
        lines: caller.api.store.price_list().await?,
        refused,
    })
}

/// Adds a package.
pub async fn add(form: web::ReqData<Form>, caller: Caller) -> Result<HttpResponse, Problem> {
    let fault = match read(&form) {
        Ok((terms, price)) => {
            let audit = AuditEntry {
                detail: Some(money(price.0)),
                ..caller.entry("add_package", format!("package {}", terms.code))
            };
            let package = printed::new_package(terms, price);
            if caller.api.store.add_package(package, audit).await? {
                return Ok(see("/operator/packages?done=package"));
            }
            "There is a package of that code already.".to_owned()
        }
        Err(problem) => format!("Not added: {}.", problem.detail.unwrap_or_default()),
    };
    let page = page(&caller, Some((form, fault))).await?;
    Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

fn read(form: &Form) -> Result<(Terms, Tzs), Problem> {
    let wish = ActBody::of_form(form);
    let fault = |what: &str| Problem::new(Code::InvalidValue).detail(what);
    let number = |name: &str, least: i32, most: i32| {
        let number = wish.needed(name, 12)?.parse().ok();
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| fault(&format!("{name} must be a number from {least} to {most}")))
    };
    let code = wish.needed("code", CODE_MAX)?;
    let begins_well = code.starts_with(|c: char| c.is_ascii_lowercase());
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !begins_well || !code.chars().all(is_word) {
        return Err(fault(
            "code begins with a small letter and has small letters, digits and dashes",
        ));
    }
    let terms = Terms {
        code,
        name_sw: wish.needed("name_sw", NAME_MAX)?,
        name_en: wish.needed("name_en", NAME_MAX)?,
        duration_minutes: number("minutes", 1, 1_051_200)?,
        validity: Validity::read(&wish.needed("validity", 20)?)
            .ok_or_else(|| fault("time begins at the sale or at the first log-in"))?,
        data_limit_mb: match wish.optional("data", 12)? {
            None => None,
            Some(_) => Some(number("data", 1, 10_000_000)?),
        },
        download_kbps: number("down", 64, 1_000_000)?,
        upload_kbps: number("up", 64, 1_000_000)?,
        shared_devices: number("devices", 1, 100)?,
    };
    Ok((terms, price(&wish)?))
}

/// Whole shillings, and no slip of the finger.
pub fn price(wish: &ActBody) -> Result<Tzs, Problem> {
    let price = Tzs::read_whole(&wish.needed("price", 12)?);
    let price = price.filter(|price| (0..=PRICE_MAX).contains(&price.0));
    price.ok_or_else(|| {
        let most = money(PRICE_MAX);
        Problem::new(Code::InvalidValue)
            .detail(format!("price must be whole shillings, up to {most}"))
    })
}
