//! Which addresses are not of the open internet.
//!
//! Owns the table of ranges and nothing else. What is not listed and not allotted to unicast is refused
//! too, so that a range that is given a meaning tomorrow is not open today.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a range is for, as far as a grant can open it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Of this machine or of a network that it is in, or a way there: a grant with `private` opens it.
    Private,
    /// Nowhere that a request can sensibly go: opened by writing the address out alone.
    Unusable,
}

/// Tells what kind of address it is; nothing for one of the open internet.
pub(crate) fn kind(address: IpAddr) -> Option<Kind> {
    match address {
        IpAddr::V4(address) => {
            let bits = u128::from(address.to_bits());
            V4.iter().find(|range| range.covers(bits, u32::BITS)).map(|range| range.kind)
        }
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            let listed = V6.iter().find(|range| range.covers(bits, u128::BITS));
            match listed {
                Some(range) => Some(range.kind),
                // RFC 4291, section 2.4, and IANA's registry: 2000::/3 alone is allotted to global unicast.
                None if bits >> 125 != 0b001 => Some(Kind::Unusable),
                None => None,
            }
        }
    }
}

struct Range {
    bits: u128,
    prefix: u32,
    kind: Kind,
}

impl Range {
    fn covers(&self, bits: u128, width: u32) -> bool {
        let rest = width - self.prefix;
        bits.checked_shr(rest).unwrap_or(0) == self.bits.checked_shr(rest).unwrap_or(0)
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u32, kind: Kind) -> Range {
    Range { bits: Ipv4Addr::new(a, b, c, d).to_bits() as u128, prefix, kind }
}

const fn v6(a: [u16; 8], prefix: u32, kind: Kind) -> Range {
    let [a, b, c, d, e, f, g, h] = a;
    Range { bits: Ipv6Addr::new(a, b, c, d, e, f, g, h).to_bits(), prefix, kind }
}

use Kind::{Private, Unusable};

const V4: &[Range] = &[
    v4(0, 0, 0, 0, 8, Unusable), // RFC 1122: this network; Linux connects it to itself
    v4(10, 0, 0, 0, 8, Private), // RFC 1918
    v4(100, 64, 0, 0, 10, Private), // RFC 6598: carrier-grade NAT
    v4(127, 0, 0, 0, 8, Private), // RFC 1122: loopback
    v4(168, 63, 129, 16, 32, Private), // Azure's host, as its virtual machines see it
    v4(169, 254, 0, 0, 16, Private), // RFC 3927: link-local, with the metadata of clouds
    v4(172, 16, 0, 0, 12, Private), // RFC 1918
    v4(192, 0, 0, 0, 24, Private), // RFC 6890: protocol assignments
    v4(192, 0, 2, 0, 24, Unusable), // RFC 5737: documentation
    v4(192, 88, 99, 0, 24, Unusable), // RFC 7526: 6to4 relays, withdrawn
    v4(192, 168, 0, 0, 16, Private), // RFC 1918
    v4(198, 18, 0, 0, 15, Private), // RFC 2544: benchmarks
    v4(198, 51, 100, 0, 24, Unusable), // RFC 5737: documentation
    v4(203, 0, 113, 0, 24, Unusable), // RFC 5737: documentation
    v4(224, 0, 0, 0, 4, Unusable), // RFC 1112: multicast
    v4(240, 0, 0, 0, 4, Unusable), // RFC 1112: reserved, and the broadcast of RFC 919
];

/// The first that covers an address counts.
const V6: &[Range] = &[
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128, Unusable), // RFC 4291: unspecified
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128, Private),  // RFC 4291: loopback
    v6([0, 0, 0, 0, 0, 0, 0, 0], 96, Unusable),  // RFC 4291: IPv4-compatible, withdrawn
    v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, Private), // RFC 4291: IPv4-mapped
    v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96, Private), // RFC 2765: IPv4-translated
    v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, Private), // RFC 6052: NAT64
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, Private), // RFC 8215: NAT64 of one's own
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64, Unusable), // RFC 6666: discard
    v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64, Unusable), // RFC 9780: dummy
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, Unusable), // RFC 4380: Teredo
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, Unusable), // RFC 2928: protocol assignments, ORCHID, benchmarks
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, Unusable), // RFC 3849: documentation
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, Unusable), // RFC 3056: 6to4
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, Unusable), // RFC 9637: documentation
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, Unusable), // RFC 9602: segment routing
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, Private),   // RFC 4193: unique local
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, Private),  // RFC 4291: link-local
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, Private),  // RFC 3879: site-local, withdrawn
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, Unusable),  // RFC 4291: multicast
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Kind> {
        kind(text.parse().unwrap())
    }

    #[test]
    fn the_open_internet_is_open() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.31.196.1",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2000::1",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2003::1",
            "2606:4700::1111",
            "3ffe::1",
            "3fff:1000::1",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn what_a_grant_can_open_is_told_apart_from_what_it_cannot() {
        for text in [
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "168.63.129.16",
            "169.254.0.0",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "64:ff9b:1:ffff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "feff::1",
        ] {
            assert_eq!(of(text), Some(Private), "{text}");
        }
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "192.0.2.1",
            "192.88.99.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::127.0.0.1",
            "::808:808",
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "5f00::1",
            "ff02::1",
            // Allotted to nobody.
            "1::1",
            "200::1",
            "4000::1",
            "8000::1",
            "e000::1",
            "fe00::1",
        ] {
            assert_eq!(of(text), Some(Unusable), "{text}");
        }
    }
}
