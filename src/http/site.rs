//! Where this server stands: whether inside a hotspot, and how routers reach FreeRADIUS.

use url::Url;

/// What of the configuration handlers need to know of the surroundings.
pub struct Site {
    /// The portal that RFC 8908 names; `None` if we are not inside the hotspot, where devices
    /// cannot be told by their address.
    pub captive_portal: Option<Url>,
    /// FreeRADIUS as routers reach it, if we know.
    pub radius_address: Option<String>,
}
