//! The cards of a batch, for the printer: on A4, or one under another on a roll of a receipt printer.
//!
//! # Invariants
//! A card that is used or revoked is not printed again, so that it is not sold again.

use actix_web::web;
use askama::Template;

use super::act::Act;
use super::format::{money, thousands};
use super::vouchers::worth;
use super::{Caller, Page, PageContext, Section, shown};
use crate::domain::access::State;
use crate::domain::people::Language;
use crate::http::operators::batches;
use crate::store::{Batch, BatchCounts, Card};
use crate::web::assets::{Asset, PAPER_A4, PAPER_ROLL_58, PAPER_ROLL_80, SHEET_STYLE};
use crate::web::format::capitalised;
use crate::web::qr::Qr;
use crate::web::text::{Text, text};

/// What the cards are printed on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Paper {
    A4,
    Roll58,
    Roll80,
}

/// Every paper: its name in the URL, its name on the page, and how many cards are on a page.
#[rustfmt::skip] // A table is read by its columns.
const PAPERS: [(Paper, &str, &str, usize); 3] = [
    (Paper::A4, "a4", "A4", 12),
    (Paper::Roll58, "58", "58 mm roll", 1),
    (Paper::Roll80, "80", "80 mm roll", 1),
];

impl Paper {
    /// The paper that the URL names; A4 without a name.
    fn read(word: &str) -> Self {
        let found = PAPERS.iter().find(|(_, name, _, _)| *name == word);
        found.map_or(Self::A4, |(paper, _, _, _)| *paper)
    }

    /// The style sheet with the size of its pages. It is not in [`SHEET_STYLE`], because `@page` applies to
    /// the whole document, and old browsers know no named pages.
    fn style(self) -> &'static Asset {
        match self {
            Self::A4 => &PAPER_A4,
            Self::Roll58 => &PAPER_ROLL_58,
            Self::Roll80 => &PAPER_ROLL_80,
        }
    }
}

/// The cards of a batch.
#[derive(Template)]
#[template(path = "console/sheet.html")]
struct SheetPage {
    context: PageContext,
    batch: Batch,
    counts: BatchCounts,
    paper: Paper,
    /// Cards that can be sold, by printed page.
    pages: Vec<Vec<PrintedCard>>,
    /// What is on every card besides its own values.
    common: CommonText,
    has_qr: bool,
}

/// A card as it is printed.
struct PrintedCard {
    serial: String,
    /// The code in two halves, which are easier to copy.
    code: (String, String),
    qr: Option<Qr>,
}

/// Texts of all cards, each in Swahili and English.
struct CommonText {
    gives: [String; 2],
    begins: [String; 2],
    how: [String; 2],
    help: Option<String>,
}

impl SheetPage {
    /// The paper's name in the URL.
    fn word(&self) -> &'static str {
        PAPERS[self.paper as usize].1
    }
}

/// The sheet of a batch. The codes are as good as money, so it is for admins only, and audited.
pub async fn show(id: web::Path<String>, caller: Caller) -> Page {
    batches::admins_only(&caller)?;
    let (batch, cards) = batches::opened(&id, "", &caller).await?;
    let context = PageContext::of(&caller, Section::Vouchers).await;
    let paper = Paper::read(&caller.parameter("paper"));
    let page = caller.api.site.voucher_page.as_ref();
    let to_sell = cards
        .iter()
        .filter(|card| card.remaining.state == State::New);
    let printed = Vec::from_iter(to_sell.map(|card| printed(card, page)));
    let per_page = PAPERS[paper as usize].3;
    let mut rest = printed.into_iter().peekable();
    let pages = std::iter::from_fn(|| {
        rest.peek()?;
        Some(rest.by_ref().take(per_page).collect())
    });
    Ok(shown(&SheetPage {
        counts: BatchCounts::of(&cards),
        common: common(&cards, &context, page.is_some()),
        pages: pages.collect(),
        has_qr: page.is_some(),
        paper,
        batch,
        context,
    }))
}

fn printed(card: &Card, page: Option<&url::Url>) -> PrintedCard {
    let code = card.row.code.as_str();
    let (one, other) = code.split_at(code.len() / 2);
    let address = page.map(|page| {
        let mut page = page.clone();
        page.set_fragment(Some(code));
        page
    });
    PrintedCard {
        serial: card.serial.to_string(),
        code: (one.to_owned(), other.to_owned()),
        qr: address.and_then(|address| Qr::of(address.as_str())),
    }
}

/// The cards of a batch give the same, so the first one tells what.
fn common(cards: &[Card], context: &PageContext, has_qr: bool) -> CommonText {
    let languages = [Language::Swahili, Language::English].map(text);
    let gives = |text: &Text| {
        let row = cards.first().map(|card| &card.row);
        let gives =
            row.map(|row| text.card(row.duration_minutes, row.data_limit_mb, row.shared_devices));
        gives.unwrap_or_default()
    };
    let help = languages.map(|text| text.card.help.as_str()).join(" / ");
    let phone = context.shop.support_phone.as_ref();
    CommonText {
        gives: languages.map(gives),
        begins: languages.map(|text| capitalised(&text.shop.first_login)),
        how: languages.map(|text| match has_qr {
            true => text.card.scan.clone(),
            false => text.card.enter.clone(),
        }),
        help: phone.map(|phone| format!("{help}: {phone}")),
    }
}
