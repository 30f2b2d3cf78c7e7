//! Hours of a day, in somebody's own zone, across changes of the clocks.
//!
//! Knows no number and no country.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// From a minute of the day up to another, which may lie on the next day. Both equal: never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hours {
    from: u16,
    to: u16,
}

const DAY: u16 = 24 * 60;

/// A name of a time zone, as IANA has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// By its name.
    pub fn named(name: &str) -> Option<Zone> {
        TimeZone::get(name).ok().map(Zone)
    }

    /// Coordinated universal time.
    pub fn utc() -> Zone {
        Zone(TimeZone::UTC)
    }

    /// The number of the day there: days are what caps count by.
    pub fn day(&self, at: Timestamp) -> i32 {
        let date = at.to_zoned(self.0.clone()).date();
        let epoch = jiff::civil::date(1970, 1, 1);
        i32::try_from(date.since(epoch).map_or(0, |span| i64::from(span.get_days()))).unwrap_or(0)
    }

    /// When the next day begins there.
    pub fn tomorrow(&self, at: Timestamp) -> Timestamp {
        let here = at.to_zoned(self.0.clone());
        let next = here.tomorrow().and_then(|day| day.start_of_day());
        next.map_or(at + SignedDuration::from_hours(24), |day| day.timestamp())
    }
}

impl Hours {
    /// From a minute of the day to another.
    pub const fn minutes(from: u16, to: u16) -> Hours {
        Hours { from, to }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// The rest of the day.
    pub fn outside(&self) -> Hours {
        Hours {
            from: self.to,
            to: self.from,
        }
    }

    /// Whether a time of the day lies within.
    fn has(&self, time: Time) -> bool {
        let minute = time.hour() as u16 * 60 + time.minute() as u16;
        match self.from <= self.to {
            true => (self.from..self.to).contains(&minute),
            false => minute >= self.from || minute < self.to,
        }
    }

    /// When these hours end, if `at` lies within them in that zone: the first instant behind, whatever the clocks do.
    pub fn end(&self, at: Timestamp, zone: &Zone) -> Option<Timestamp> {
        if self.is_empty() {
            return None;
        }
        let here = at.to_zoned(zone.0.clone());
        if !self.has(here.time()) {
            return None;
        }
        let to = Time::midnight() + SignedDuration::from_mins(i64::from(self.to));
        let mut end = here.date().to_datetime(to).to_zoned(zone.0.clone()).ok()?;
        if end.timestamp() <= at {
            end = here
                .date()
                .tomorrow()
                .ok()?
                .to_datetime(to)
                .to_zoned(zone.0.clone())
                .ok()?;
        }
        Some(end.timestamp())
    }
}

/// `21:00-08:00`, or `off`.
impl FromStr for Hours {
    type Err = String;

    fn from_str(text: &str) -> Result<Hours, String> {
        if text.trim().eq_ignore_ascii_case("off") {
            return Ok(Hours::default());
        }
        let wrong = || format!("`{text}` are no hours: write them like 21:00-08:00, or off");
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let minute = |text: &str| {
            let text = text.trim();
            let (hours, minutes) = match text.split_once(':') {
                Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes),
                Some(_) => return None,
                // As a phone types it: 2100, or 21.
                None if text.len() > 2 => text.split_at_checked(text.len() - 2)?,
                None => (text, "0"),
            };
            let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
            (hours * 60 + minutes <= DAY && minutes < 60).then_some((hours * 60 + minutes) % DAY)
        };
        Ok(Hours {
            from: minute(from).ok_or_else(wrong)?,
            to: minute(to).ok_or_else(wrong)?,
        })
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("off");
        }
        let (from, to) = (self.from, self.to);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

/// As people write it in a configuration, as two numbers in a row: what is written is what is read.
impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(self),
            false => (self.from, self.to).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hours, D::Error> {
        if !deserializer.is_human_readable() {
            return <(u16, u16)>::deserialize(deserializer).map(|(from, to)| Hours { from, to });
        }
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_that_are_kept_are_read_again() {
        for hours in [Hours::default(), Hours::minutes(21 * 60, 8 * 60)] {
            let row = postcard::to_stdvec(&hours).unwrap();
            assert_eq!(postcard::from_bytes::<Hours>(&row), Ok(hours));
            let text = serde_json::to_string(&hours).unwrap();
            assert_eq!(serde_json::from_str::<Hours>(&text).unwrap(), hours, "{text}");
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_night_ends_in_the_morning_of_its_own_zone_whatever_the_clocks_do() {
        let (night, berlin) = (
            "21:00-08:00".parse::<Hours>().unwrap(),
            Zone::named("Europe/Berlin").unwrap(),
        );
        let end = |time: &str| night.end(at(time), &berlin);
        // Winter: one hour behind, summer: two.
        assert_eq!(end("2026-01-10T19:59:00Z"), None);
        assert_eq!(end("2026-01-10T20:00:00Z"), Some(at("2026-01-11T07:00:00Z")));
        assert_eq!(end("2026-01-11T06:59:00Z"), Some(at("2026-01-11T07:00:00Z")));
        assert_eq!(end("2026-01-11T07:00:00Z"), None);
        assert_eq!(end("2026-07-10T20:00:00Z"), Some(at("2026-07-11T06:00:00Z")));
        // The night in which an hour is left out, and the one that has one twice.
        assert_eq!(end("2026-03-28T22:00:00Z"), Some(at("2026-03-29T06:00:00Z")));
        assert_eq!(end("2026-10-24T22:00:00Z"), Some(at("2026-10-25T07:00:00Z")));
    }

    #[test]
    fn hours_are_written_in_several_ways() {
        for text in ["21:00-08:00", "2100-0800", "21-8", " 21:00 - 8:00 "] {
            assert_eq!(text.parse::<Hours>().unwrap().to_string(), "21:00-08:00", "{text}");
        }
        assert_eq!("off".parse::<Hours>().unwrap(), Hours::default());
        for text in ["", "21", "25:00-1:00", "21:60-8:00", "21:0-8:00", "a-b", "99999-1"] {
            assert!(text.parse::<Hours>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_day_is_the_subscribers_own() {
        let zone = Zone::named("Pacific/Auckland").unwrap();
        let evening = at("2026-01-10T12:00:00Z");
        assert_eq!(zone.day(evening), Zone::utc().day(evening) + 1);
        assert_eq!(zone.tomorrow(evening), at("2026-01-11T11:00:00Z"));
    }
}
