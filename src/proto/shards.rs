//! Which shards of a bot run here, and which of them a guild belongs to. Starts none of them.
//!
//! Source: Discord's "Sharding" and "Sharding for Large Bots".

use std::{error::Error, fmt, ops::RangeInclusive};

use super::wire::ShardId;

/// Which shards of a bot are to run here: all or some of a number that is given, or of the one that Discord recommends.
///
/// ```
/// use shardwire::proto::Shards;
///
/// // All that Discord recommends.
/// let all = Shards::recommended();
/// // Shards 0, 4, 5, 6 and 7 of 16; the others run elsewhere.
/// let some = Shards::of(16).only(0).only_range(4..=7);
/// assert_eq!(some.resolve(None)?.ids().len(), 5);
/// # Ok::<(), shardwire::proto::ShardsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shards {
    /// `None`: as many as Discord recommends.
    total: Option<u32>,
    /// First and last number of each part, in the order in which they were given. Empty: all.
    parts: Vec<(u32, u32)>,
    multiple_of: Option<u32>,
}

impl Shards {
    /// As many as Discord recommends in `/gateway/bot`.
    pub const fn recommended() -> Self {
        Self { total: None, parts: Vec::new(), multiple_of: None }
    }

    /// So many, whatever Discord recommends.
    pub const fn of(total: u32) -> Self {
        Self { total: Some(total), parts: Vec::new(), multiple_of: None }
    }

    /// Only those that are named run here, and this is one of them.
    #[must_use]
    pub fn only(self, number: u32) -> Self {
        self.only_range(number..=number)
    }

    /// Only those that are named run here, and these are some of them.
    #[must_use]
    pub fn only_range(mut self, numbers: RangeInclusive<u32>) -> Self {
        self.parts.push(numbers.into_inner());
        self
    }

    /// The number that Discord assigned to a large bot (near 150 000 guilds), of which the total must be a multiple; it closes
    /// with 4010 otherwise. A recommended total is rounded up to one.
    #[must_use]
    pub const fn multiple_of(mut self, assigned: u32) -> Self {
        self.multiple_of = Some(assigned);
        self
    }

    /// Whether [`resolve`](Self::resolve) needs to know what Discord recommends.
    pub const fn needs_recommendation(&self) -> bool {
        self.total.is_none()
    }

    /// The shards themselves, now that it is known what Discord recommends, if it is.
    pub fn resolve(&self, recommended: Option<u32>) -> Result<ShardSet, ShardsError> {
        let multiple_of = self.multiple_of.unwrap_or(1);
        if multiple_of == 0 {
            return Err(ShardsError::NoShards);
        }
        let total = match (self.total, recommended) {
            (Some(total), _) => total,
            (None, Some(recommended)) => recommended
                .checked_next_multiple_of(multiple_of)
                .ok_or(ShardsError::NotMultiple { total: recommended, of: multiple_of })?,
            (None, None) => return Err(ShardsError::NoRecommendation),
        };
        if total == 0 {
            return Err(ShardsError::NoShards);
        }
        if total % multiple_of != 0 {
            return Err(ShardsError::NotMultiple { total, of: multiple_of });
        }
        if total > MOST {
            return Err(ShardsError::TooMany { total });
        }
        let numbers = if self.parts.is_empty() { (0..total).collect() } else { self.local(total)? };
        let ids = numbers.into_iter().filter_map(|number| ShardId::new(number, total)).collect();
        Ok(ShardSet { ids, total, recommended })
    }

    /// The numbers of all parts, sorted.
    fn local(&self, total: u32) -> Result<Vec<u32>, ShardsError> {
        let mut parts = self.parts.clone();
        parts.sort_unstable();
        let mut numbers = Vec::new();
        for (first, last) in parts {
            if first > last {
                return Err(ShardsError::Backwards { first, last });
            }
            if last >= total {
                return Err(ShardsError::OutOfRange { number: last, total });
            }
            // Sorted, so what is there twice stands next to each other.
            if numbers.last().is_some_and(|newest| *newest >= first) {
                return Err(ShardsError::Overlap { number: first });
            }
            numbers.extend(first..=last);
        }
        Ok(numbers)
    }
}

/// More shards than any bot has; a number beyond it is a mistake, not a wish.
const MOST: u32 = 1 << 20;

/// Shards that were made out; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardSet {
    ids: Vec<ShardId>,
    total: u32,
    recommended: Option<u32>,
}

impl ShardSet {
    /// The shards that run here, in the order of their numbers.
    pub fn ids(&self) -> &[ShardId] {
        &self.ids
    }

    /// How many the bot has, here and elsewhere.
    pub const fn total(&self) -> u32 {
        self.total
    }

    /// How many Discord recommends, if that is known and something else than the total.
    pub fn recommended_instead(&self) -> Option<u32> {
        self.recommended.filter(|recommended| *recommended != self.total)
    }
}

impl ShardId {
    /// The shard that a guild belongs to, where the bot has `total` shards; `None` if `total` is 0.
    ///
    /// Source: Discord's "Sharding", `(guild_id >> 22) % num_shards`.
    pub fn of_guild(guild_id: u64, total: u32) -> Option<Self> {
        let number = (guild_id >> 22).checked_rem(total.into())?;
        // A remainder is below the total.
        Self::new(u32::try_from(number).ok()?, total)
    }
}

/// Shards that cannot be: the caller's fault, told before anything is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShardsError {
    /// A range whose first number is above its last.
    Backwards {
        /// The first number.
        first: u32,
        /// The last number.
        last: u32,
    },
    /// The total is to be what Discord recommends, and nobody asked it.
    NoRecommendation,
    /// A total, or a multiple, of 0.
    NoShards,
    /// A total that is no multiple of the number that Discord assigned.
    NotMultiple {
        /// The total.
        total: u32,
        /// The number that it must be a multiple of.
        of: u32,
    },
    /// A number that is not below the total.
    OutOfRange {
        /// The number.
        number: u32,
        /// The total.
        total: u32,
    },
    /// A number that is named twice.
    Overlap {
        /// The number.
        number: u32,
    },
    /// A total beyond all reason.
    TooMany {
        /// The total.
        total: u32,
    },
}

impl ShardsError {
    /// A stable word for programs.
    pub const fn code(&self) -> &'static str {
        "bad-shards"
    }
}

impl fmt::Display for ShardsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backwards { first, last } => {
                write!(f, "expected a range from low to high, got {first} to {last}")
            }
            Self::NoRecommendation => {
                f.write_str("expected a total, or what Discord recommends in /gateway/bot")
            }
            Self::NoShards => f.write_str("expected at least one shard"),
            Self::NotMultiple { total, of } => {
                write!(f, "expected a total that is a multiple of {of}, got {total}")
            }
            Self::OutOfRange { number, total } => {
                write!(f, "expected shards below the total of {total}, got {number}")
            }
            Self::Overlap { number } => {
                write!(f, "expected each shard once, got {number} twice")
            }
            Self::TooMany { total } => {
                write!(f, "expected at most {MOST} shards, got {total}")
            }
        }
    }
}

impl Error for ShardsError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(shards: &Shards, recommended: Option<u32>) -> Result<Vec<u32>, ShardsError> {
        let set = shards.resolve(recommended)?;
        assert!(set.ids().iter().all(|id| id.total() == set.total()));
        Ok(set.ids().iter().map(|id| id.number()).collect())
    }

    #[test]
    fn all_or_some_of_a_total_that_is_given_or_recommended() {
        assert_eq!(numbers(&Shards::of(3), None), Ok(vec![0, 1, 2]));
        assert_eq!(numbers(&Shards::recommended(), Some(2)), Ok(vec![0, 1]));
        let some = Shards::of(16).only_range(4..=7).only(0).only(15);
        assert_eq!(numbers(&some, Some(8)), Ok(vec![0, 4, 5, 6, 7, 15]));
        assert_eq!(numbers(&Shards::recommended().only(1), Some(2)), Ok(vec![1]));
        assert!(Shards::recommended().needs_recommendation() && !some.needs_recommendation());
    }

    #[test]
    fn another_total_than_recommended_is_told() {
        let instead = |shards: Shards, recommended| {
            shards.resolve(recommended).expect("right").recommended_instead()
        };
        assert_eq!(instead(Shards::of(3), Some(4)), Some(4));
        assert_eq!(instead(Shards::of(4), Some(4)), None);
        assert_eq!(instead(Shards::of(3), None), None);
        assert_eq!(instead(Shards::recommended(), Some(4)), None);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        use ShardsError::*;
        let cases = [
            (Shards::of(0), NoShards),
            (Shards::of(4).multiple_of(0), NoShards),
            (Shards::recommended(), NoRecommendation),
            (Shards::of(4).only(4), OutOfRange { number: 4, total: 4 }),
            (Shards::of(4).only_range(2..=9), OutOfRange { number: 9, total: 4 }),
            (Shards::of(4).only(1).only(1), Overlap { number: 1 }),
            (Shards::of(9).only_range(3..=5).only_range(5..=6), Overlap { number: 5 }),
            (Shards::of(9).only_range(3..=8).only(4), Overlap { number: 4 }),
            (Shards::of(20).multiple_of(16), NotMultiple { total: 20, of: 16 }),
            (Shards::of(u32::MAX), TooMany { total: u32::MAX }),
        ];
        for (shards, expected) in cases {
            assert_eq!(numbers(&shards, None), Err(expected), "{shards:?}");
        }
        #[expect(clippy::reversed_empty_ranges, reason = "that is what is tested")]
        let backwards = Shards::of(9).only_range(5..=3);
        assert_eq!(numbers(&backwards, None), Err(Backwards { first: 5, last: 3 }));
        assert_eq!(numbers(&Shards::recommended(), Some(0)), Err(NoShards));
    }

    #[test]
    fn large_bots_have_a_multiple_of_their_number() {
        let total =
            |shards: Shards, recommended| shards.resolve(recommended).expect("right").total();
        assert_eq!(total(Shards::recommended().multiple_of(16), Some(33)), 48);
        assert_eq!(total(Shards::recommended().multiple_of(16), Some(32)), 32);
        assert_eq!(total(Shards::of(64).multiple_of(16), Some(33)), 64);
    }

    #[test]
    fn guilds_go_to_shards_by_all_of_their_bits() {
        let of = |guild, total| ShardId::of_guild(guild, total).map(ShardId::number);
        assert_eq!(of(41_771_983_423_143_937, 1), Some(0));
        assert_eq!(of(u64::MAX, 1000), Some(103), "(2^42 - 1) % 1000");
        assert_eq!(of(1 << 22, 3), Some(1));
        assert_eq!(of((1 << 22) - 1, 3), Some(0));
        assert_eq!(of(1, 0), None);
    }
}
