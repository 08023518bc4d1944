//! What an Access-Accept allows, in attributes of RFC 2865, WISPr and MikroTik.

use crate::domain::access::SessionLimits;

const SESSION_TIMEOUT: u8 = 27;
const VENDOR_SPECIFIC: u8 = 26;
/// Vendors, by their numbers at IANA.
const WISPR: u32 = 14_122;
const MIKROTIK: u32 = 14_988;

/// Takes an attribute, if it limits a session. Speeds are in bits in a second, data is in bytes, in two
/// attributes of 32 bits. Rests are rounded up, because 0 is no limit.
pub(super) fn take(limits: &mut SessionLimits, number: u8, value: &[u8]) {
    match number {
        SESSION_TIMEOUT => limits.seconds = whole(value).unwrap_or(0),
        VENDOR_SPECIFIC => {
            let Some((vendor, attribute)) = value.split_first_chunk() else {
                return;
            };
            let [kind, _, value @ ..] = attribute else {
                return;
            };
            let value = whole(value).unwrap_or(0);
            match (u32::from_be_bytes(*vendor), kind) {
                (WISPR, 7) => limits.up_kbps = value.div_ceil(1_000),
                (WISPR, 8) => limits.down_kbps = value.div_ceil(1_000),
                // 2^32 bytes are 2^22 kB.
                (MIKROTIK, 17) => limits.data_kb += u64::from(value).div_ceil(1_024),
                (MIKROTIK, 18) => limits.data_kb += u64::from(value) << 22,
                _ => {}
            }
        }
        _ => {}
    }
}

fn whole(value: &[u8]) -> Option<u32> {
    value.try_into().map(u32::from_be_bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_of_an_accept_are_read() {
        let mut limits = SessionLimits::default();
        let vendor = |vendor: u32, kind: u8, value: u32| {
            [&vendor.to_be_bytes()[..], &[kind, 6], &value.to_be_bytes()].concat()
        };
        for (number, value) in [
            (27, 86_400_u32.to_be_bytes().to_vec()),
            (26, vendor(14_122, 7, 2_048_000)),
            (26, vendor(14_122, 8, 5_120_000)),
            (26, vendor(14_988, 17, 1 << 30)),
            (26, vendor(14_988, 18, 2)),
            (26, vendor(14_988, 8, 7)),
            (26, vec![1, 2]),
            (26, vec![0, 0, 58, 140, 17]),
            (18, b"hello".to_vec()),
        ] {
            take(&mut limits, number, &value);
        }
        let expected = SessionLimits {
            seconds: 86_400,
            up_kbps: 2_048,
            down_kbps: 5_120,
            data_kb: 9 << 20,
        };
        assert_eq!(limits, expected);
    }
    #[test]
    fn the_smallest_limit_is_not_taken_for_none() {
        let mut limits = SessionLimits::default();
        for (vendor, kind) in [(14_122, 7), (14_122, 8), (14_988, 17)] {
            let vendor: u32 = vendor;
            let value = [&vendor.to_be_bytes()[..], &[kind, 6], &1_u32.to_be_bytes()];
            take(&mut limits, 26, &value.concat());
        }
        let expected = SessionLimits {
            seconds: 0,
            up_kbps: 1,
            down_kbps: 1,
            data_kb: 1,
        };
        assert_eq!(limits, expected);
    }
}
