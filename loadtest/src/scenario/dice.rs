//! Chance that comes out the same each time: a seeded generator, and authors drawn by Zipf's law.

/// A generator (splitmix64); not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    /// The generator of a seed.
    pub(crate) fn new(seed: u64) -> Dice {
        Dice { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// One of these.
    pub(crate) fn pick<'t, T>(&mut self, from: &'t [T]) -> Option<&'t T> {
        from.get((self.unit() * from.len() as f64) as usize)
    }
}

/// Ranks drawn by Zipf's law: the nth has a weight of 1 / (n + 1)^exponent.
#[derive(Clone, Debug)]
pub(crate) struct Zipf {
    /// Sums of the weights up to each rank.
    sums: Vec<f64>,
}

impl Zipf {
    /// For so many ranks; an exponent of 0 makes all alike.
    pub(crate) fn new(ranks: u32, exponent: f64) -> Zipf {
        let mut sum = 0.0;
        let weight = |rank: u32| 1.0 / (f64::from(rank) + 1.0).powf(exponent);
        let sums = (0..ranks).map(|rank| {
            sum += weight(rank);
            sum
        });
        Zipf { sums: sums.collect() }
    }

    /// So many different ranks, in ascending order; all of them where there are no more.
    pub(crate) fn draw(&self, count: usize, dice: &mut Dice) -> Vec<u32> {
        if count >= self.sums.len() {
            return (0..self.sums.len() as u32).collect();
        }
        let total = self.sums.last().copied().unwrap_or(0.0);
        let mut drawn = std::collections::BTreeSet::new();
        while drawn.len() < count {
            let at = dice.unit() * total;
            drawn.insert(self.sums.partition_point(|sum| *sum <= at) as u32);
        }
        drawn.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ranks_are_drawn_most_and_a_seed_says_which() {
        let (zipf, mut dice) = (Zipf::new(100, 1.0), Dice::new(7));
        let mut counts = [0; 100];
        for _ in 0..1000 {
            let drawn = zipf.draw(5, &mut dice);
            assert!(drawn.len() == 5 && drawn.windows(2).all(|pair| pair[0] < pair[1]));
            drawn.iter().for_each(|rank| counts[*rank as usize] += 1);
        }
        assert!(counts[0] > 3 * counts[20] && counts[0] > 500, "{counts:?}");
        assert_eq!(zipf.draw(5, &mut Dice::new(1)), zipf.draw(5, &mut Dice::new(1)));
        assert_eq!(zipf.draw(500, &mut dice).len(), 100);
    }
}
