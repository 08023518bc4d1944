//! What RADIUS knows of a guest: the rows that let a voucher in, the device, and its session at a
//! router.

use core::net::{IpAddr, Ipv4Addr};
use std::fmt;

use super::VoucherCode;

/// One attribute of a RADIUS user. `Debug` is not derived: values hold the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// As in the FreeRADIUS dictionary.
    pub name: &'static str,
    /// `:=` to set, `==` to compare (FreeRADIUS, `man unlang`).
    pub op: &'static str,
    /// Always text; FreeRADIUS reads it by the attribute's type.
    pub value: String,
}

/// A voucher as FreeRADIUS sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct RadiusUser {
    /// The voucher code.
    pub username: String,
    /// Conditions of the log-in (`radcheck`).
    pub checks: Vec<Attribute>,
    /// Attributes sent to the router (`radreply`).
    pub replies: Vec<Attribute>,
    /// The package's group (`radusergroup`).
    pub group: String,
}

impl fmt::Debug for RadiusUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RadiusUser(hidden, group {})", self.group)
    }
}

/// What an Access-Accept allows; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionLimits {
    /// Until the guest must log in again.
    pub seconds: u32,
    /// What the guest may send in a second.
    pub up_kbps: u32,
    /// What the guest may receive in a second.
    pub down_kbps: u32,
    /// Both ways together, in 1024 bytes.
    pub data_kb: u64,
}

/// A MAC address in twelve lower-case hex digits. `Debug` hides it, because it identifies a person.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceMac(String);

/// The text is no MAC address of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("mac is not twelve hex digits")]
pub struct NotADeviceMac;

/// Hex digits of a MAC address.
const DIGITS: usize = 12;

impl DeviceMac {
    /// Reads the spellings that routers use: `AA:BB:CC:00:11:22`, `aa-bb-cc-00-11-22`,
    /// `aabb.cc00.1122`, `aabbcc001122`.
    ///
    /// # Errors
    /// [`NotADeviceMac`] for anything else.
    pub fn read(text: &str) -> Result<Self, NotADeviceMac> {
        let mut digits = String::with_capacity(DIGITS);
        for c in text.trim().chars() {
            match c {
                ':' | '-' | '.' | ' ' => {}
                _ if c.is_ascii_hexdigit() && digits.len() < DIGITS => {
                    digits.push(c.to_ascii_lowercase());
                }
                _ => return Err(NotADeviceMac),
            }
        }
        let is_whole = digits.len() == DIGITS;
        is_whole.then_some(Self(digits)).ok_or(NotADeviceMac)
    }

    /// An address from the database, which is not checked.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The twelve digits, for the database and for our own links.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

hidden_debug!(DeviceMac);

/// A device online at a router, as reported by accounting: what a Disconnect-Request must name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The router, by its NAS-IP-Address.
    pub router: IpAddr,
    /// The voucher that was used to log in, as the guest typed it: the router knows no other name.
    pub user: VoucherCode,
    /// The router's own name for the session.
    pub id: String,
    /// The device's address in the hotspot.
    pub address: Option<Ipv4Addr>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_radius_user_is_printed_without_name_and_password() {
        let user = RadiusUser {
            username: "K7QMX2PA".to_owned(),
            checks: Vec::new(),
            replies: Vec::new(),
            group: "daily".to_owned(),
        };

        assert_eq!(format!("{user:?}"), "RadiusUser(hidden, group daily)");
    }

    #[test]
    fn a_device_has_one_spelling_whatever_the_router_writes() {
        for text in [
            "AA:BB:CC:00:11:2F",
            "aa-bb-cc-00-11-2f",
            "AABB.CC00.112F",
            "aabbcc00112f",
            " aabbcc-00112F ",
        ] {
            let mac = DeviceMac::read(text).unwrap();

            assert_eq!(mac.expose(), "aabbcc00112f", "{text}");
            assert_eq!(format!("{mac:?}"), "DeviceMac(hidden)");
        }
        for text in [
            "",
            "$(mac)",
            "aa:bb:cc:00:11",
            "aa:bb:cc:00:11:2f:00",
            "aa:bb:cc:00:11:2g",
            "aabbcc00112é",
        ] {
            assert_eq!(DeviceMac::read(text), Err(NotADeviceMac), "{text}");
        }
    }
}
