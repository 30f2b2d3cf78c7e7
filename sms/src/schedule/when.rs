//! Whether a number may be sent something now, and if not, when: its quiet hours, the country's, its day's cap, its burst.
//!
//! Pure: rows and time are given. Knows no post.

use crate::config::{Country, Hours, Settings, Zone};
use crate::limits::{BURST_MS, MORNING_MS};
use crate::tables::rows::{Number, NumberId, Usage};
use reef_engine::model::Timestamp;

/// Where and when a number is.
pub struct When<'s> {
    settings: &'s Settings,
    country: &'s Country,
    zones: Vec<Zone>,
}

/// As the libraries of time have it.
fn instant(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(i64::try_from(at.0).unwrap_or(i64::MAX)).unwrap_or_default()
}

fn milliseconds(at: jiff::Timestamp) -> Timestamp {
    Timestamp(u64::try_from(at.as_millisecond()).unwrap_or_default())
}

impl<'s> When<'s> {
    /// Of a number: its own zone, else all that its country may be in.
    pub fn of(settings: &'s Settings, country: &'s Country, number: &Number) -> When<'s> {
        let own = number.zone.as_deref().and_then(Zone::named);
        let mut zones: Vec<Zone> = match own {
            Some(zone) => vec![zone],
            None => country.zone.split_whitespace().filter_map(Zone::named).collect(),
        };
        if zones.is_empty() {
            zones.push(Zone::utc());
        }
        When {
            settings,
            country,
            zones,
        }
    }

    /// The day there.
    pub fn day(&self, now: Timestamp) -> i32 {
        self.zones.first().map_or(0, |zone| zone.day(instant(now)))
    }

    /// When it may be sent posts again, if it may not now; those whose night ends together are spread.
    pub fn closed(
        &self,
        id: NumberId,
        number: &Number,
        usage: &Usage,
        segments: u8,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let quiet = self.quiet_until(number, now).map(|end| Timestamp(end.0 + spread(id)));
        let today = usage.day == self.day(now);
        let limit = number.limit.unwrap_or(self.settings.daily_segments);
        let spent = today && usage.segments.saturating_add(u16::from(segments)) > limit;
        let tomorrow = spent.then(|| self.morning(number, now, id));
        let full = usage.burst.1 >= self.burst() && now.0 < usage.burst.0.0 + BURST_MS;
        let burst = full.then_some(Timestamp(usage.burst.0.0 + BURST_MS));
        [quiet, tomorrow, burst].into_iter().flatten().max()
    }

    /// Texts within ten minutes.
    pub fn burst(&self) -> u8 {
        u8::try_from(self.settings.burst).unwrap_or(u8::MAX)
    }

    /// The end of the hours in which it is left alone, in whichever zone it may be.
    fn quiet_until(&self, number: &Number, now: Timestamp) -> Option<Timestamp> {
        let own = number.quiet.unwrap_or(self.settings.quiet);
        let country = self.country.hours.map(|open| open.outside()).unwrap_or_default();
        let mut at = instant(now);
        // The end of one may lie within another: a few steps lead out of all.
        for _ in 0..4 {
            let hours = |zone: &Zone| [own, country].map(|hours: Hours| hours.end(at, zone));
            match self.zones.iter().flat_map(hours).flatten().max() {
                Some(end) => at = end,
                None => break,
            }
        }
        (at > instant(now)).then(|| milliseconds(at))
    }

    /// The next day's beginning, when its quiet hours are over.
    pub fn morning(&self, number: &Number, now: Timestamp, id: NumberId) -> Timestamp {
        let next = self
            .zones
            .first()
            .map_or(now, |zone| milliseconds(zone.tomorrow(instant(now))));
        let end = self.quiet_until(number, next).unwrap_or(next);
        Timestamp(end.0 + spread(id))
    }
}

/// Where within the first minutes of a morning a number has its place.
fn spread(id: NumberId) -> u64 {
    (u64::from(id.0).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % MORNING_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::rows::{RouteId, State};
    use reef_engine::model::Seq;

    fn number() -> Number {
        Number {
            hash: [0; 16],
            sealed: Vec::new(),
            route: RouteId(1),
            state: State::Active,
            epoch: 1,
            since: Seq(0),
            account: None,
            zone: None,
            quiet: None,
            limit: None,
            messages: true,
            replies: false,
            pin: None,
            doubted: false,
            heard: Timestamp(0),
            made: Timestamp(0),
            gets: 0,
        }
    }

    fn settings(country: &str) -> Settings {
        Settings::read(format!("[[country]]\nprefix='+1'\n{country}").parse().unwrap()).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        milliseconds(text.parse().unwrap())
    }

    fn closed(settings: &Settings, number: &Number, usage: &Usage, now: &str) -> Option<Timestamp> {
        let when = When::of(settings, &settings.country[0], number);
        when.closed(NumberId(0), number, usage, 1, at(now))
    }

    #[test]
    fn who_may_be_in_two_zones_sleeps_in_both() {
        let settings = settings("zone = 'America/New_York America/Los_Angeles'");
        // Five in the evening in Los Angeles, eight in New York; one hour later it is nine there.
        assert_eq!(
            closed(&settings, &number(), &Usage::default(), "2026-01-10T01:00:00Z"),
            None
        );
        // Until eight in the morning in Los Angeles.
        let end = Some(at("2026-01-10T16:00:00Z"));
        assert_eq!(
            closed(&settings, &number(), &Usage::default(), "2026-01-10T02:00:00Z"),
            end
        );
        let own = Number {
            zone: Some("America/Los_Angeles".into()),
            ..number()
        };
        assert_eq!(closed(&settings, &own, &Usage::default(), "2026-01-10T02:00:00Z"), None);
    }

    #[test]
    fn a_countrys_hours_hold_beside_ones_own() {
        let settings = settings("hours = '09:00-20:00'");
        assert_eq!(
            closed(&settings, &number(), &Usage::default(), "2026-01-10T20:30:00Z"),
            Some(at("2026-01-11T09:00:00Z"))
        );
        let awake = Number {
            quiet: Some(Hours::default()),
            ..number()
        };
        assert_eq!(
            closed(&settings, &awake, &Usage::default(), "2026-01-10T08:30:00Z"),
            Some(at("2026-01-10T09:00:00Z"))
        );
    }

    #[test]
    fn a_days_cap_ends_with_the_day_and_its_night() {
        let settings = settings("");
        let when = When::of(&settings, &settings.country[0], &number()).day(at("2026-01-10T12:00:00Z"));
        let usage = Usage {
            day: when,
            segments: 40,
            ..Usage::default()
        };
        assert_eq!(
            closed(&settings, &number(), &usage, "2026-01-10T12:00:00Z"),
            Some(at("2026-01-11T08:00:00Z"))
        );
        assert_eq!(closed(&settings, &number(), &usage, "2026-01-11T12:00:00Z"), None);
        let burst = Usage {
            burst: (at("2026-01-10T12:00:00Z"), 6),
            ..Usage::default()
        };
        assert_eq!(
            closed(&settings, &number(), &burst, "2026-01-10T12:05:00Z"),
            Some(at("2026-01-10T12:10:00Z"))
        );
    }
}
