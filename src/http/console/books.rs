//! What the books say: letters that did not arrive, a day's report, sales, the audit log.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{Days, NaiveDate};

use super::deliveries::sender_named;
use super::{address, answer, desk, done, parameter, sight};
use crate::domain::people::mask::Sight;
use crate::domain::shop_day::ShopDay;
use crate::http::Api;
use crate::http::auth::Visitor;
use crate::http::problem::{Code, Problem};
use crate::store::{DailyReport, DeadLetter, Listed, OrderLine, Orphan, PackageSales};
use crate::web::console::{
    AuditPage, AuditRow, LetterBox, LetterLine, LettersPage, Moment, ReportLine, ReportList,
    ReportPage, SalesPage, Section, Sold, SoldDay, money,
};

/// Letters of each kind that are shown.
const LETTERS: u64 = 100;
/// Lines of the audit log a page.
const AUDIT: u64 = 100;
/// Days of sales.
const DAYS: u64 = 30;
/// Lines of a list of the report that are shown; the CSV has more.
const LINES: usize = 20;

/// What did not arrive.
pub async fn letters(
    request: HttpRequest,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let found = api.store.dead_letters(LETTERS).await?;
    let mut desk = desk(&api, &visitor, Section::Letters).await;
    desk.done = done(&parameter(&request, "done"));
    // In lists phones are masked for everybody.
    let sms = found.sms.into_iter().map(|letter| LetterLine {
        to: Sight::Masked.phone(&letter.to),
        error: whose(&letter, sight(&visitor)),
        ..line(letter, &api)
    });
    let disconnects = found
        .disconnects
        .into_iter()
        .map(|letter| line(letter, &api));
    let boxes = vec![
        LetterBox {
            name: "SMS to guests",
            count: found.sms_count,
            letters: sms.collect(),
        },
        LetterBox {
            name: "Disconnects to routers",
            count: found.disconnects_count,
            letters: disconnects.collect(),
        },
    ];
    let page = LettersPage::new(desk, boxes);
    Ok(answer(StatusCode::OK, &page))
}

/// What a provider answered may name the phone.
fn whose(letter: &DeadLetter, sight: Sight) -> String {
    let error = letter.last_error.clone().unwrap_or_default();
    let digits = letter.to.get(letter.to.len().saturating_sub(9)..);
    match digits {
        Some(digits) if !digits.is_empty() => error.replace(digits, &sight.phone(digits)),
        _ => error,
    }
}

fn line(letter: DeadLetter, api: &Api) -> LetterLine {
    let zone = api.shop.timezone;
    LetterLine {
        kind: letter.kind,
        to: letter.to,
        order: letter.order_id.map(|it| it.order_ref().to_string()),
        is_dead: letter.is_dead,
        attempts: letter.attempts,
        error: letter.last_error.unwrap_or_default(),
        at: Moment::new(letter.created_at, zone),
        due: Moment::new(letter.due_at, zone),
    }
}

/// One day, and what does not fit together.
pub async fn report(
    request: HttpRequest,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let zone = api.shop.timezone;
    let fault = || Problem::new(Code::InvalidQuery).detail("A day is written as 2026-11-24.");
    let today = ShopDay::at(api.store.clock().now(), &zone).ok_or_else(fault)?;
    let day = match parameter(&request, "date").as_str() {
        "" => today,
        date => {
            let date: NaiveDate = date.parse().map_err(|_| fault())?;
            ShopDay::of(date, &zone).ok_or_else(fault)?
        }
    };
    let report = api.store.daily_report(day).await?;
    let before = day.date.checked_sub_days(Days::new(1));
    let after = day.date.checked_add_days(Days::new(1));
    let after = after.filter(|date| *date <= today.date);
    let [sales, cash] = [&report.sales, &report.cash_sales].map(|lines| {
        let lines = lines.iter();
        lines
            .map(|line| (line.package_code.clone(), line.count, line.amount))
            .collect()
    });
    let page = ReportPage::new(
        desk(&api, &visitor, Section::Report).await,
        day.date.to_string(),
        [before, after].map(|date| date.map(|date| date.to_string())),
        sales,
        cash,
        lists(report, sight(&visitor), &api),
    );
    Ok(answer(StatusCode::OK, &page))
}

#[rustfmt::skip] // A table is read by its columns.
fn lists(report: DailyReport, sight: Sight, api: &Api) -> Vec<ReportList> {
    let list = |name, meaning, is_trouble, listed: Listed<OrderLine>| ReportList {
        name,
        meaning,
        count: listed.total.count,
        amount: listed.total.amount,
        is_trouble,
        lines: listed.lines.into_iter().take(LINES).map(|line| order(line, api)).collect(),
    };
    vec![
        list("Paid, not fulfilled", "Somebody says that it was paid, and there is no voucher. Decide what is held, and ask ZenoPay about the others.", true, report.paid_not_fulfilled),
        list("Fulfilled, not confirmed", "Sold, and ZenoPay's order-status has not said yet that it was paid. It is asked by itself.", false, report.fulfilled_not_confirmed),
        list("Second charges", "Paid once more under another reference. Pay the guest back.", true, report.second_charges),
        list("Two orders for one purchase", "The guest bought again before the first money was known, and both were paid. Pay one of the two back.", true, report.paid_twice),
        orphans(report.orphans, sight, api),
        list("Disagreements", "What ZenoPay told does not fit the sale.", true, report.disagreements),
        list("Refused by FreeRADIUS", "Sold, and FreeRADIUS did not let the voucher in when malipo tried it. The order's timeline tells whether it does by now.", true, report.refused_vouchers),
        list("Paid too little", "Sold for less than the price: an operator has released it, or ZenoPay has named the amount after the sale. The sum is the difference to the price.", true, report.underpaid),
        list("Paid too much", "The sum is the difference to the price.", false, report.overpaid),
        // Already counted among what is paid and not fulfilled.
        list("Held", "The money came, and an operator has not decided: also above.", false, report.held),
        list("Refunds", "Recorded as paid back.", false, report.refunds),
    ]
}

fn order(line: OrderLine, api: &Api) -> ReportLine {
    ReportLine {
        at: Moment::new(line.at, api.shop.timezone),
        order: line.order_id.order_ref().to_string(),
        href: Some(format!("/operator/orders/{}", line.order_id.order_ref())),
        status: line.status.as_str().to_owned(),
        amount: money(line.paid_amount.unwrap_or(line.amount)),
        note: line.note.unwrap_or_default(),
    }
}

fn orphans(listed: Listed<Orphan>, sight: Sight, api: &Api) -> ReportList {
    let lines = listed
        .lines
        .into_iter()
        .take(LINES)
        .map(|orphan| ReportLine {
            at: Moment::new(orphan.received_at, api.shop.timezone),
            order: sender_named(orphan.order_id.as_deref(), sight),
            href: Some(format!("/operator/deliveries/{}", orphan.id)),
            status: orphan.word.unwrap_or_default(),
            amount: orphan.amount.map_or("–".to_owned(), money),
            note: orphan.reference.unwrap_or_default(),
        });
    ReportList {
        name: "Orphans",
        meaning: "Proven deliveries about no order of ours: money that somebody else sees.",
        count: listed.total.count,
        amount: listed.total.amount,
        is_trouble: true,
        lines: lines.collect(),
    }
}

/// What was sold in the last days.
pub async fn sales(
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let zone = api.shop.timezone;
    let today = api.store.clock().now().with_timezone(&zone).date_naive();
    let days = (0..DAYS)
        .filter_map(|back| ShopDay::of(today.checked_sub_days(Days::new(back))?, &zone))
        .collect();
    let found = api.store.sales_of(days).await?;
    let days = found.into_iter().map(|sales| SoldDay {
        date: sales.day.date.to_string(),
        name: sales.day.date.format("%a %-d %b").to_string(),
        by_phone: sales.by_phone.into_iter().map(sold).collect(),
        for_cash: sales.for_cash.into_iter().map(sold).collect(),
    });
    let desk = desk(&api, &visitor, Section::Sales).await;
    let page = SalesPage::new(desk, days.collect());
    Ok(answer(StatusCode::OK, &page))
}

fn sold(line: PackageSales) -> Sold {
    Sold {
        package: line.package_code,
        count: line.count,
        amount: line.amount,
    }
}

/// Who did what.
pub async fn audit(
    request: HttpRequest,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let operator = parameter(&request, "operator");
    let before = parameter(&request, "before").parse().ok();
    // PostgreSQL refuses NUL in a text, and no name holds one.
    let wanted = Some(operator.replace('\0', "")).filter(|name| !name.is_empty());
    let page = api.store.audit_log(wanted, before, AUDIT).await?;
    let next = page.next.map(|id| {
        let before = id.to_string();
        address(
            "/operator/audit",
            &[("operator", &operator), ("before", &before)],
        )
    });
    let rows = page.items.into_iter().map(|line| AuditRow {
        at: Moment::new(line.at, api.shop.timezone),
        operator: line.operator,
        action: line.action,
        subject: line.subject,
        order: line.order_id.map(|it| it.order_ref().to_string()),
        detail: match sight(&visitor) {
            Sight::Whole => line.detail.unwrap_or_default(),
            // Whatever an admin has typed may name a guest.
            Sight::Masked => line
                .detail
                .map(|_| "only for admins".to_owned())
                .unwrap_or_default(),
        },
    });
    let rows = rows.collect();
    let desk = desk(&api, &visitor, Section::Audit).await;
    let page = AuditPage::new(desk, operator, rows, next);
    Ok(answer(StatusCode::OK, &page))
}
