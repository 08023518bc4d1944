//! Small attacks of strangers: other sites in a guest's browser, floods, odd links and dates, and a
//! sandbox's database in live mode.

mod adoption;
mod cross_site;
mod dates;
mod floods;
mod guesses;
mod links;
mod modes;
