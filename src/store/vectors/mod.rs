//! Nearest neighbours, twice: exactly over the integers of the knowledge base, and in little memory for
//! whom vectors are all there is.
//!
//! Both are flat: nothing is built, adding and removing cost what one vector costs, and nothing depends
//! on history. What makes them fast is that the first look at a vector reads one bit a component.

mod codes;
mod compact;
mod exact;
mod rows;

pub use compact::CompactIndex;
pub use exact::VectorIndex;

/// How many vectors to look at closely for the best `k` of `all`; `None` for all of them, where
/// choosing would cost more than it saves.
fn candidates(k: usize, all: usize) -> Option<usize> {
    let wanted = k.saturating_mul(10).saturating_add(150);
    (all / 4 > wanted).then_some(wanted)
}
