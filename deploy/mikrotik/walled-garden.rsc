# Lets guests reach only malipo before they pay. Change the two names, then paste this into the
# router's terminal or run `/import walled-garden.rsc`.

# Over HTTP and HTTPS, by name. For HTTPS the router sees only the name, so do not add paths.
/ip hotspot walled-garden
add dst-host=portal.example action=allow comment="malipo: portal"

# By address, if the portal has a fixed address; the line above is then unnecessary.
# /ip hotspot walled-garden ip
# add dst-address=203.0.113.10 protocol=tcp dst-port=443 action=accept comment="malipo: portal"

# FreeRADIUS checks vouchers in malipo's database.
/ip hotspot profile
# PAP works in every browser, also without scripts; the cookie logs a phone in again that was idle.
set [find default=yes] use-radius=yes login-by=http-pap,cookie http-cookie-lifetime=3d
# /radius add service=hotspot address=203.0.113.10 secret=CHANGE-ME timeout=3s
# /radius incoming set accept=yes port=3799
