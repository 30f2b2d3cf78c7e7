//! What may be spent, and what was: by route and day, of all routes a day and a month. Who comes near is told of once.
//!
//! Knows no message: `../schedule/plan.rs` holds back what is above. Next: `metrics.rs` shows it.

use super::parts::Parts;
use crate::schedule::{day_and_month, micros};
use crate::tables::rows::{RouteId, Spent};
use crate::tables::{SPENT_ALL, SPENT_MONTH, spent_by};
use reef_engine::error::StoreError;
use reef_engine::model::Timestamp;
use std::collections::BTreeMap;

/// Of what is allowed, in hundredths: from here on an operator is told.
const NEAR: u64 = 80;

/// One ceiling, or what is counted where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// Of what: a route's name, or `all`.
    pub(super) of: String,
    /// `day` or `month`.
    pub(super) per: &'static str,
    /// Its number: days since 1970, months since the year 0.
    period: i32,
    pub(super) spent: Spent,
    /// Millionths of the currency; 0: as much as comes.
    pub(super) most: u64,
    /// Segments; 0: as many as come.
    pub(super) most_segments: u64,
}

impl Budget {
    /// How much of it is spent, in hundredths; nothing where there is no ceiling.
    fn hundredths(&self) -> Option<u64> {
        let share = |spent: u64, most: u64| (most > 0).then(|| spent.saturating_mul(100) / most);
        let money = share(self.spent.micros, self.most);
        money.max(share(self.spent.segments, self.most_segments))
    }
}

/// All of them, as they are now.
///
/// # Errors
/// The store's failures.
pub(super) fn budgets(parts: &Parts, routes: &[RouteId], now: Timestamp) -> Result<Vec<Budget>, StoreError> {
    let (settings, rows) = (&parts.settings, parts.rows());
    let (day, month) = day_and_month(now);
    let all = |per, period, scope: &[u8], most: f64| {
        Ok::<_, StoreError>(Budget {
            of: "all".into(),
            per,
            period,
            spent: rows.spent(period, scope)?,
            most: micros(most),
            most_segments: 0,
        })
    };
    let mut found = vec![
        all("day", day, SPENT_ALL, settings.daily_cost)?,
        all("month", month, SPENT_MONTH, settings.monthly_cost)?,
    ];
    for (id, route) in routes.iter().zip(&settings.route) {
        found.push(Budget {
            of: route.name.clone(),
            per: "day",
            period: day,
            spent: rows.spent(day, &spent_by(*id))?,
            most: micros(route.daily_cost),
            most_segments: route.daily_segments,
        });
    }
    Ok(found)
}

/// What was told of, so that it is told once.
#[derive(Debug, Default)]
pub(super) struct Alarms(BTreeMap<(String, &'static str), (i32, u64)>);

impl Alarms {
    /// Tells the log of those that come near their ceilings, or have reached them.
    pub(super) fn look(&mut self, budgets: &[Budget]) {
        for budget in budgets {
            if let Some(reached) = self.news(budget) {
                let (of, per) = (&budget.of, budget.per);
                match reached {
                    100 => tracing::warn!(of, per, "the ceiling is reached: only answers to phones are sent"),
                    reached => tracing::warn!(of, per, percent = reached, "most of what may be spent is spent"),
                }
            }
        }
    }

    /// The mark that it has passed since it was last asked, if it has.
    fn news(&mut self, budget: &Budget) -> Option<u64> {
        let mark = match budget.hundredths()? {
            100.. => 100,
            NEAR.. => NEAR,
            _ => return None,
        };
        let told = self.0.entry((budget.of.clone(), budget.per)).or_default();
        let before = if told.0 == budget.period { told.1 } else { 0 };
        *told = (budget.period, mark);
        (mark > before).then_some(mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(period: i32, micros: u64, segments: u64) -> Budget {
        Budget {
            of: "test".into(),
            per: "day",
            period,
            spent: Spent { segments, micros },
            most: 1_000,
            most_segments: 100,
        }
    }

    #[test]
    fn eighty_hundredths_and_all_are_told_of_once_a_day_each() {
        let mut alarms = Alarms::default();
        let news: Vec<Option<u64>> = [
            budget(1, 790, 0),
            budget(1, 800, 0),
            budget(1, 990, 0),
            budget(1, 1_000, 0),
            budget(1, 2_000, 0),
            budget(2, 0, 79),
            budget(2, 0, 80),
            budget(2, 0, 200),
        ]
        .iter()
        .map(|budget| alarms.news(budget))
        .collect();
        let none = None;
        assert_eq!(news, [none, Some(80), none, Some(100), none, none, Some(80), Some(100)]);
    }

    #[test]
    fn where_there_is_no_ceiling_nothing_is_near() {
        let free = Budget {
            most: 0,
            most_segments: 0,
            ..budget(1, 1_000_000, 1_000_000)
        };
        assert_eq!(Alarms::default().news(&free), None);
    }
}
