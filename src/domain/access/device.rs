//! The device that a guest holds, as the router names it.

/// A MAC address in twelve lower-case hex digits. `Debug` hides it: it follows a person around.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceMac(String);

/// The text is no MAC address of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("mac is not twelve hex digits")]
pub struct NotADeviceMac;

impl DeviceMac {
    const DIGITS: usize = 12;

    /// Reads the spellings that routers have: `AA:BB:CC:00:11:22`, `aa-bb-cc-00-11-22`,
    /// `aabb.cc00.1122`, `aabbcc001122`.
    ///
    /// # Errors
    /// [`NotADeviceMac`] for anything else.
    pub fn read(text: &str) -> Result<Self, NotADeviceMac> {
        let mut digits = String::with_capacity(Self::DIGITS);
        for c in text.trim().chars() {
            match c {
                ':' | '-' | '.' | ' ' => {}
                _ if c.is_ascii_hexdigit() && digits.len() < Self::DIGITS => {
                    digits.push(c.to_ascii_lowercase());
                }
                _ => return Err(NotADeviceMac),
            }
        }
        let is_whole = digits.len() == Self::DIGITS;
        is_whole.then_some(Self(digits)).ok_or(NotADeviceMac)
    }

    /// Trusts an address that the database kept.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The twelve digits, for the database and for our own links.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

hidden_debug!(DeviceMac);

#[cfg(test)]
mod tests {
    use super::*;

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
