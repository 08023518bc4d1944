//! The rows by which FreeRADIUS lets a voucher in.

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
    /// What must hold for the log-in (`radcheck`).
    pub checks: Vec<Attribute>,
    /// What the router is told (`radreply`).
    pub replies: Vec<Attribute>,
    /// The package's group (`radusergroup`).
    pub group: String,
}

impl std::fmt::Debug for RadiusUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RadiusUser(hidden, group {})", self.group)
    }
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
}
