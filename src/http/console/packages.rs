//! The price list, as its owner changes it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::{answer, desk, done, parameter, see};
use crate::checkout::printed;
use crate::domain::catalog::money::Tzs;
use crate::domain::catalog::package::{Terms, Validity};
use crate::http::Api;
use crate::http::auth::Visitor;
use crate::http::operators::acts::entry;
use crate::http::operators::wish::Wish;
use crate::http::pages::Form;
use crate::http::problem::{Code, Problem};
use crate::store::AuditEntry;
use crate::web::console::{
    PRICE_MAX, PackageDraft, PackageLine, PackagesPage, Section, money, until,
};

/// Where the list is.
const PATH: &str = "/operator/packages";
/// Characters of a code and of a name.
const CODE_MAX: usize = 32;
const NAME_MAX: usize = 40;
/// The fields of a new package.
const FIELDS: [&str; 10] = [
    "code", "name_sw", "name_en", "price", "minutes", "validity", "down", "up", "data", "devices",
];

/// The whole list.
pub async fn show(
    request: HttpRequest,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let mut page_desk = desk(&api, &visitor, Section::Packages).await;
    page_desk.done = done(&parameter(&request, "done"));
    let page = PackagesPage::new(page_desk, lines(&api).await?);
    Ok(answer(StatusCode::OK, &page))
}

async fn lines(api: &Api) -> Result<Vec<PackageLine>, Problem> {
    let listed = api.store.price_list().await?;
    let lines = listed.into_iter().map(|line| PackageLine {
        package: line.package,
        retired: line.retired_at.map(|at| until(at, api.shop.timezone)),
    });
    Ok(lines.collect())
}

/// Adds a package.
pub async fn add(
    form: web::ReqData<Form>,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let fault = match read(&form) {
        Ok((terms, price)) => {
            let audit = AuditEntry {
                subject: format!("package {}", terms.code),
                detail: Some(money(price.0)),
                ..entry(&visitor.operator, "add_package")
            };
            let package = printed::new_package(terms, price);
            if api.store.add_package(package, audit).await? {
                return Ok(see(&format!("{PATH}?done=package")));
            }
            "There is a package of that code already.".to_owned()
        }
        Err(problem) => format!("Not added: {}.", problem.told().unwrap_or_default()),
    };
    let typed = FIELDS.map(|name| (name, form.field(name).to_owned()));
    let draft = PackageDraft {
        fields: typed.into(),
    };
    let desk = desk(&api, &visitor, Section::Packages).await;
    let page = PackagesPage::new(desk, lines(&api).await?).refused(draft, fault);
    Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

fn read(form: &Form) -> Result<(Terms, Tzs), Problem> {
    let wish = Wish::of_form(form);
    let fault = |what: &str| Problem::new(Code::InvalidValue).detail(what);
    let number = |name: &str, least: i32, most: i32| {
        let text = wish.needed(name, 12)?;
        let number = text
            .parse()
            .ok()
            .filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| fault(&format!("{name} must be a number from {least} to {most}")))
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
pub(super) fn price(wish: &Wish) -> Result<Tzs, Problem> {
    let price = Tzs::read_whole(&wish.needed("price", 12)?);
    let price = price.filter(|price| (0..=PRICE_MAX).contains(&price.0));
    price.ok_or_else(|| {
        let fault = Problem::new(Code::InvalidValue);
        fault.detail(format!(
            "price must be whole shillings, up to {}",
            money(PRICE_MAX)
        ))
    })
}
