//! How often an address may call before it has proven who it is.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;

use super::failure::Failure;
use crate::api::ProblemCode;

/// How many addresses are remembered; beyond that the fullest buckets, which say nothing, are forgotten.
const ADDRESSES: usize = 10_000;
const MINUTE: f64 = 60.0;

/// A bucket for each address, which refills with time.
#[derive(Debug, Default)]
pub(super) struct Limiter(Mutex<HashMap<Option<IpAddr>, Bucket>>);

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Timestamp,
}

impl Limiter {
    /// Counts a call.
    pub(super) fn admit(&self, address: Option<IpAddr>, per_minute: u32, now: Timestamp) -> Result<(), Failure> {
        let full = f64::from(per_minute);
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= ADDRESSES {
            buckets.retain(|_, bucket| bucket.refilled(full, now) < full);
            if buckets.len() >= ADDRESSES {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(address.map(network)).or_insert(Bucket { left: full, at: now });
        let left = bucket.refilled(full, now);
        if left < 1.0 {
            let detail = "Too many calls from this address without a session. Try again in a moment.";
            return Err(Failure::new(ProblemCode::RateLimited, detail).after(pause(left, full)));
        }
        *bucket = Bucket { left: left - 1.0, at: now };
        Ok(())
    }
}

impl Bucket {
    fn refilled(self, full: f64, now: Timestamp) -> f64 {
        let passed = now.duration_since(self.at).as_secs_f64().max(0.0);
        (self.left + passed * full / MINUTE).min(full)
    }
}

/// After how many seconds there is room for another call.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 60")]
fn pause(left: f64, full: f64) -> u64 {
    (((1.0 - left) * MINUTE / full).ceil() as u64).clamp(1, 60)
}

/// Somebody with IPv6 has a whole network of addresses.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn an_address_that_calls_too_often_waits_and_others_do_not() {
        let limiter = Limiter::default();
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|address| Some(address.parse().unwrap()));
        for _ in 0..3 {
            limiter.admit(one, 3, now).unwrap();
        }
        assert_eq!(limiter.admit(one, 3, now).unwrap_err().retry_after, Some(20));
        limiter.admit(other, 3, now).unwrap();
        limiter.admit(one, 3, now + SignedDuration::from_secs(20)).unwrap();
        limiter.admit(one, 3, now + SignedDuration::from_secs(21)).unwrap_err();
    }

    #[test]
    fn a_network_of_addresses_counts_as_one() {
        let limiter = Limiter::default();
        let now = Timestamp::UNIX_EPOCH;
        limiter.admit(Some("2001:db8::1".parse().unwrap()), 1, now).unwrap();
        limiter.admit(Some("2001:db8::2".parse().unwrap()), 1, now).unwrap_err();
        limiter.admit(Some("2001:db8:0:1::2".parse().unwrap()), 1, now).unwrap();
    }
}
