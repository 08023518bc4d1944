#!/bin/sh
# BinAuth for openNDS 9.10 with malipo's portal: lets a guest in only with limits that the portal has
# signed for this device, and prints them for openNDS.
#
# openNDS calls it as: auth_client MAC REDIR AGENT IP TOKEN CUSTOM. The sixth word of CUSTOM, which dots
# separate, is the limit of data in kB; the seventh is the second in which the portal has signed it; the last
# is a digest of the others, with the key (see `src/web/visit/opennds.rs`). A browser can change CUSTOM and
# can name another device to the portal, so both are compared with what openNDS itself knows.

# Other calls only report that a session has begun or ended.
[ "$1" = auth_client ] || exit 0
mac=$(printf %s "$2" | tr -d : | tr A-F a-f)
token=$6
custom=$7

key=$(uci -q get opennds.@opennds[0].faskey 2>/dev/null)
conf=${OPENNDS_CONF:-/etc/opennds/opennds.conf}
[ -n "$key" ] || key=$(sed -n 's/^[[:space:]]*[Ff]as[Kk]ey[[:space:]]\{1,\}//p' "$conf" | tail -n 1 | tr -d "'\"[:space:]")
[ -n "$key" ] || exit 1

hash() { printf %s "$1" | sha256sum | cut -d ' ' -f 1; }

text=${custom%.*}
given=${custom##*.}
inner=$(hash "$key.$text.$(hash "$token")")
[ "$given" = "$(hash "$key.$inner")" ] || exit 1

IFS=.
set -f
# shellcheck disable=SC2086 # It is to be split at the dots.
set -- $text
IFS=' '
[ "$1" = 1 ] && [ "$2" = "$mac" ] || exit 1

# What was signed more than five minutes ago is refused, or a browser could use it again with all of its
# time. The router's own clock does not count: many have none until NTP answers, and then it jumps. The
# portal's time is that of its newest log-in here, and the router's uptime since then.
state=${BINAUTH_STATE:-/var/run/malipo-binauth}
case $7 in '' | *[!0-9]*) exit 1 ;; esac
read -r up _ <"${BINAUTH_UPTIME:-/proc/uptime}" || exit 1
began=$(($7 - ${up%%.*}))
newest=$(cat "$state" 2>/dev/null)
case $newest in '' | *[!0-9]*) newest=$began ;; esac
if [ $((newest - began)) -gt 300 ]; then
	logger -t malipo "a log-in was signed too long ago; if all are, delete $state" 2>/dev/null
	exit 1
fi
[ "$began" -lt "$newest" ] || { echo "$began" >"$state.$$" && mv "$state.$$" "$state"; }
# Seconds, kbit/s up and down, kB up and down. 0 is the value of opennds.conf.
echo "${3:-0} ${4:-0} ${5:-0} ${6:-0} ${6:-0}"
