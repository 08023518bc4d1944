//! Guests and operators: phones, names, languages, and what a viewer may see of them.

pub mod language;
pub mod mask;
pub mod operator;
pub mod person;
pub mod personal;
pub mod phone;
pub mod secret;
