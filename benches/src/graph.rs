//! A graph of followers to measure with: Zipf over nodes, even over users, the same for the same numbers.
//!
//! The node of rank `k` has about `C / k` followers, at most nine in ten of all users. Knows no engine.

/// Numbers that look random and are the same each time.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next 64 bits (xorshift*).
    pub fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Evenly between 0 and 1.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// How large a graph is.
#[derive(Clone, Copy, Debug)]
pub struct Graph {
    /// Nodes.
    pub nodes: u32,
    /// Users.
    pub users: u32,
    /// Edges in all, about.
    pub edges: u64,
}

impl Graph {
    /// How many follow the node of rank 1, if there were users enough.
    fn first(&self) -> f64 {
        let most = f64::from(self.users) * 0.9;
        let sum = |first: f64| (1..=self.nodes).map(|k| (first / f64::from(k)).min(most)).sum::<f64>();
        let (mut low, mut high) = (0.0, self.edges as f64);
        for _ in 0..50 {
            let middle = (low + high) / 2.0;
            if sum(middle) < self.edges as f64 {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }

    /// Calls `each` with every node, from 0 and most followed first, and its followers: users from 0 in ascending order.
    pub fn each_node(&self, mut each: impl FnMut(u32, &[u32])) {
        let (first, most) = (self.first(), f64::from(self.users) * 0.9);
        let mut random = Random::new(1);
        let mut followers = Vec::new();
        for node in 0..self.nodes {
            let count = (first / f64::from(node + 1)).min(most).max(1.0);
            let gap = f64::from(self.users) / count;
            followers.clear();
            // Steps of at least one user that are `gap` long on the average.
            let mut at = random.unit() * gap;
            while at < f64::from(self.users) {
                followers.push(at as u32);
                at = at.floor() + 1.0 - (1.0 - random.unit()).ln() * (gap - 1.0);
            }
            each(node, &followers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_about_the_edges_that_it_is_to_have() {
        let graph = Graph {
            nodes: 1_000,
            users: 1_000,
            edges: 50_000,
        };
        let (mut edges, mut counts) = (0, Vec::new());
        graph.each_node(|_, followers| {
            assert!(followers.is_sorted_by(|a, b| a < b) && followers.iter().all(|user| *user < 1_000));
            edges += followers.len();
            counts.push(followers.len());
        });
        assert!((40_000..60_000).contains(&edges), "{edges}");
        assert!(counts[0] > 850 && counts[999] < 60, "{counts:?}");
    }
}
