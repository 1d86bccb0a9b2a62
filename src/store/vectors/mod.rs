//! Nearest neighbours, twice: exactly over the integers of the knowledge base, and in little memory for
//! whom vectors are all there is.
//!
//! Both are flat: nothing is built, adding and removing cost what one vector costs, and nothing depends
//! on history. What makes them fast is that the first look at a vector reads one bit a component.

mod codes;
mod compact;
mod exact;

pub use compact::CompactIndex;
pub use exact::VectorIndex;

/// How many vectors to look at closely for the best `k` of `all`; `None` for all of them, where
/// choosing would cost more than it saves.
///
/// Measured in wasm in Node, clustered vectors, time of choosing first against looking at all, where
/// there are so many times as many as may be looked at closely; in brackets the part of what is found by
/// looking at all that is found, where it is not all:
///
/// | components, k | 1.1 | 1.5 | 2 | 3 | 4 | 6 |
/// |---|---|---|---|---|---|---|
/// | 256, 10 | .97 | .79 | .62 | .48 | .37 | .28 |
/// | 256, 25 | .87 | .72 | .57 | .43 | .34 | .27 |
/// | 256, 200 | 1.40 | 1.15 (.999) | .93 (.994) | .73 (.987) | .57 (.989) | .51 (.977) |
/// | 384, 10 | .91 | .74 | .58 | .41 | .35 | .26 |
/// | 384, 25 | .85 | .68 | .54 | .40 | .34 | .26 |
/// | 384, 200 | 1.41 | 1.12 (.999) | .93 (.999) | .73 (.994) | .59 (.991) | .46 (.984) |
/// | 1,536, 10 | .89 | .70 | .55 | .41 | .33 | .26 |
///
/// So it begins where it saves for every k.
fn candidates(k: usize, all: usize) -> Option<usize> {
    let wanted = k.saturating_mul(10).saturating_add(150);
    (all / 2 > wanted).then_some(wanted)
}
