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

/// From so many components on, it does not depend on them how many vectors are looked at closely.
const MANY: usize = 384;

/// How many vectors to look at closely for the best `k` of `all` with so many components; `None` for all of
/// them, where choosing would cost more than it saves.
///
/// The fewer components, the less their signs say: the error of a cosine by them falls with the root of their number. So of
/// short vectors more are looked at, to as many bytes as of those of 384 components. Of the ten nearest of 20,000 passages by
/// the built-in table, which has 128, a search so finds 995 in 1,000; with the number for 384 it would find 969.
///
/// Measured in wasm in Node, clustered vectors, time of choosing first against looking at all, where
/// there are so many times as many as may be looked at closely; in brackets the part of what is found by
/// looking at all that is found, where it is not all:
///
/// | components, k | 1.1 | 1.5 | 2 | 3 | 4 | 6 |
/// |---|---|---|---|---|---|---|
/// | 128, 10 | .53 | .45 | .39 | .30 | .25 | .19 |
/// | 128, 25 | .45 | .40 | .35 | .27 | .22 | .18 |
/// | 128, 200 | 1.14 | .94 | .79 | .62 (.998) | .57 (.998) | .45 (.996) |
/// | 256, 10 | .75 | .61 | .49 | .37 | .31 | .23 |
/// | 256, 25 | .63 | .54 | .44 | .34 | .26 | .22 |
/// | 256, 200 | 1.28 | 1.09 (.997) | .88 (.997) | .68 (.996) | .61 (.992) | .57 (.985) |
/// | 384, 10 | .91 | .74 | .58 | .41 | .35 | .26 |
/// | 384, 25 | .85 | .68 | .54 | .40 | .34 | .26 |
/// | 384, 200 | 1.41 | 1.12 (.999) | .93 (.999) | .73 (.994) | .59 (.991) | .46 (.984) |
/// | 1,536, 10 | .89 | .70 | .55 | .41 | .33 | .26 |
///
/// So it begins where it saves for every k.
fn candidates(k: usize, all: usize, components: usize) -> Option<usize> {
    let of_long = k.saturating_mul(10).saturating_add(150);
    let wanted = of_long.saturating_mul(MANY.max(components)) / components.max(1);
    (all / 2 > wanted).then_some(wanted)
}
