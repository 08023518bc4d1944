# Router {name} ({router}), with RouterOS 6.48 or later and a hotspot (/ip hotspot setup).
# Paste all of this into its terminal. Pasting it again changes nothing.
{
:if ([:len [/ip hotspot find]] = 0) do={ :error "malipo: there is no hotspot yet. Run /ip hotspot setup first." }
# FreeRADIUS checks vouchers, and ends sessions.
/radius remove [find comment="malipo"]
/radius add service=hotspot address={server} secret={secret} timeout=3s comment="malipo"
:do {
:local hsSign [:parse "/radius set [find comment=\"malipo\"] require-message-auth=yes-for-request-resp"]
$hsSign
} on-error={ {unsigned} }
/radius incoming set accept=yes port={incoming}
# A hotspot asks its own users first: that of its setup would be on-line without a voucher.
/ip hotspot user remove [find name="admin"]
:foreach hsUser in=[/ip hotspot user find disabled=no] do={
:local hsUserName [/ip hotspot user get $hsUser name]
:if ($hsUserName != "default-trial") do={ :put ("malipo: " . $hsUserName . " is a user of the router itself, who needs no voucher. To remove it: /ip hotspot user remove " . $hsUserName) }
}
# FreeRADIUS counts the devices of a voucher; the router alone would allow one.
/ip hotspot user profile set [find default=yes] shared-users=unlimited
# Before they pay, guests reach the portal and nothing else.
/ip hotspot walled-garden remove [find comment="malipo"]
/ip hotspot walled-garden ip remove [find comment="malipo"]
/ip hotspot walled-garden add dst-host={host} action=allow comment="malipo"
{gardens}:foreach hsServer in=[/ip hotspot find] do={
:local hsProfile [/ip hotspot profile find name=[/ip hotspot get $hsServer profile]]
/ip hotspot profile set $hsProfile use-radius=yes radius-accounting=yes radius-interim-update=received login-by=http-pap,cookie http-cookie-lifetime=3d
:local hsName [/ip hotspot profile get $hsProfile dns-name]
:local hsCertificate [/ip hotspot profile get $hsProfile ssl-certificate]
:if ([:len $hsName] > 0 && [:len $hsCertificate] > 0 && $hsCertificate != "none") do={
/ip hotspot profile set $hsProfile login-by=https,http-pap,cookie
# Phones ask there whether they are on-line (RFC 8910). RouterOS 7 tells them by itself.
:if ([:pick [/system resource get version] 0 2] = "6.") do={
:if ([:len [/ip dhcp-server option find name="malipo"]] = 0) do={ /ip dhcp-server option add name="malipo" code=114 value="''" }
/ip dhcp-server option set [find name="malipo"] value=("'https://" . $hsName . "/api'")
:foreach hsAddress in=[/ip address find interface=[/ip hotspot get $hsServer interface]] do={
:foreach hsNetwork in=[/ip dhcp-server network find] do={
:if ([/ip address get $hsAddress network] in [/ip dhcp-server network get $hsNetwork address]) do={ /ip dhcp-server network set $hsNetwork dhcp-option="malipo" }
}
}
}
}
# The log-in page, in the folder of the hotspot's pages.
:local hsFolder [/ip hotspot profile get $hsProfile html-directory]
:local hsOverride [/ip hotspot profile get $hsProfile html-directory-override]
:if ([:len $hsOverride] > 0) do={ :set hsFolder $hsOverride }
:if ([:len [/file find name=($hsFolder . "/login.html")]] = 0 && [:len [/file find name=("flash/" . $hsFolder . "/login.html")]] > 0) do={ :set hsFolder ("flash/" . $hsFolder) }
:do {
/tool fetch url={login} dst-path=($hsFolder . "/login.html")
/tool fetch url={api} dst-path=($hsFolder . "/api.json")
} on-error={ :put "malipo: the log-in page could not be fetched. Is the portal reachable from here, and the router's time right; then paste this again." }
:if ([:len $hsName] = 0) do={ :set hsName [/ip hotspot profile get $hsProfile hotspot-address] }
:put ("malipo: done. portal.login_hosts must have " . $hsName)
}
}
