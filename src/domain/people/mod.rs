//! Guests and operators: phones, names, languages, and what a viewer may see of them.

pub mod browser;
pub mod language;
pub mod mask;
pub mod operator;
pub mod password;
pub mod person;
pub mod phone;
pub mod secret;
pub mod totp;

pub use language::Language;
pub use mask::{Mask, Visibility};
pub use operator::{NotAName, NotARole, Operator, Role, pause_after, read_label, read_name};
pub use password::{NotAPassword, read_password};
pub use person::Person;
pub use phone::{NotAPhone, Phone};
pub use secret::{Personal, Secret};
