//! The price list, and the form for a new package.

use actix_web::web;
use askama::Template;

use super::format::money;
use super::{Caller, Form, Page, PageContext, Problem, Section, invalid, redirect, refused, shown};
use crate::domain::catalog::{Terms, Tzs, Validity};
use crate::domain::people::Language;
use crate::http::operators::execute::Fields;
use crate::radius::attributes::group_replies;
use crate::store::{ListedPackage, NewPackage};
use crate::web::text::text;

/// A hundred million shillings: a higher price is a typing error.
pub const PRICE_MAX: i64 = 100_000_000;
/// Characters of a code.
const CODE_MAX: usize = 32;
/// Characters of a name.
const NAME_MAX: usize = 40;

/// The price list, and the form for a new package.
#[derive(Template)]
#[template(path = "console/packages.html")]
struct PackagesPage {
    context: PageContext,
    lines: Vec<ListedPackage>,
    /// What was typed for a new package.
    form: Form,
    /// Why it was not added.
    fault: Option<String>,
}

impl PackagesPage {
    async fn of(caller: &Caller, form: Form, fault: Option<String>) -> Result<Self, Problem> {
        Ok(Self {
            context: PageContext::of(caller, Section::Packages).await,
            lines: caller.api.store.price_list().await?,
            form,
            fault,
        })
    }

    fn gives(&self, terms: &Terms) -> String {
        text(Language::English).terms(terms)
    }
}

/// The whole list.
pub async fn show(caller: Caller) -> Page {
    let page = PackagesPage::of(&caller, Form::default(), None).await?;
    Ok(shown(&page))
}

/// Adds a package.
pub async fn add(form: web::ReqData<Form>, caller: Caller) -> Page {
    let fault = match read(&form) {
        Ok((terms, price)) => {
            let (subject, detail) = (format!("package {}", terms.code), money(price));
            let audit = caller.audit_entry("add_package", subject, Some(detail));
            let group = group_replies(&terms);
            let package = NewPackage {
                terms,
                price,
                group,
            };
            if caller.api.store.add_package(package, audit).await? {
                return Ok(redirect("/operator/packages?done=package"));
            }
            "There is a package of that code already.".to_owned()
        }
        Err(problem) => format!("Not added: {}.", problem.detail.unwrap_or_default()),
    };
    let page = PackagesPage::of(&caller, form.into_inner(), Some(fault)).await?;
    Ok(refused(&page))
}

fn read(form: &Form) -> Result<(Terms, Tzs), Problem> {
    let fields = Fields::of_form(form);
    let number = |name: &str, min: i32, max: i32| {
        let number = fields.required(name, 12)?.parse().ok();
        number
            .filter(|number| (min..=max).contains(number))
            .ok_or_else(|| invalid(format!("{name} must be a number from {min} to {max}")))
    };
    let code = fields.required("code", CODE_MAX)?;
    let begins_well = code.starts_with(|c: char| c.is_ascii_lowercase());
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !begins_well || !code.chars().all(is_word) {
        return Err(invalid(
            "code begins with a small letter and has small letters, digits and dashes",
        ));
    }
    let terms = Terms {
        code,
        name_sw: fields.required("name_sw", NAME_MAX)?,
        name_en: fields.required("name_en", NAME_MAX)?,
        duration_minutes: number("minutes", 1, 1_051_200)?,
        validity: Validity::read(&fields.required("validity", 20)?)
            .ok_or_else(|| invalid("time begins at the sale or at the first log-in"))?,
        data_limit_mb: match fields.optional("data", 12)? {
            None => None,
            Some(_) => Some(number("data", 1, 10_000_000)?),
        },
        download_kbps: number("down", 64, 1_000_000)?,
        upload_kbps: number("up", 64, 1_000_000)?,
        shared_devices: number("devices", 1, 100)?,
    };
    Ok((terms, price(&fields)?))
}

/// Reads a price in whole shillings.
pub fn price(fields: &Fields) -> Result<Tzs, Problem> {
    let price = Tzs::read_whole(&fields.required("price", 12)?);
    let price = price.filter(|price| (0..=PRICE_MAX).contains(&price.0));
    let max = money(PRICE_MAX);
    price.ok_or_else(|| invalid(format!("price must be whole shillings, up to {max}")))
}
