//! What the knowledge base says of the memory it holds, against what the allocator has given out.

#[expect(dead_code, reason = "a whole knowledge base is for the benches")]
#[path = "../benches/corpus.rs"]
mod corpus;

use std::alloc::System;

use corpus::{EXCERPTS, document};
use smolrag::store::{Change, Checked, KnowledgeBase, KnowledgeBaseOptions};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const DOCUMENTS: usize = 250;

/// One test, so that nothing else allocates meanwhile.
#[test]
fn what_is_held_is_told_and_let_go_again() {
    for dimensions in [0, 384] {
        let region = Region::new(ALLOCATOR);
        let held = || {
            let change = region.change();
            change.bytes_allocated as f64 - change.bytes_deallocated as f64
        };
        let options = KnowledgeBaseOptions { dimensions, resolve_entities: true };
        let mut kb = KnowledgeBase::new(options);
        let mut lefts = vec![];
        for _ in 0..5 {
            for number in 0..DOCUMENTS {
                let contribution = document(number, DOCUMENTS, dimensions);
                kb.apply(Change::Put(Checked::new(contribution, options).unwrap()));
            }
            let (told, full) = (kb.bytes() as f64, held());
            let megabytes = full / 1e3 / (DOCUMENTS * EXCERPTS) as f64;
            println!("{dimensions} dimensions: {megabytes:.2} MB per 1,000 excerpts");
            assert!((0.8..1.25).contains(&(told / full)), "{told} told of {full}");

            for number in 0..DOCUMENTS {
                kb.apply(Change::Remove(format!("{number:06}.md").into()));
            }
            let (told, left) = (kb.bytes() as f64, held());
            assert!((told - left).abs() < 0.1 * full, "{told} told of {left}");
            lefts.push(left);
        }
        // Room in tables that have grown. Keys are hashed with a seed of the run, so one table may
        // still double in any round; what leaks grows in every one.
        assert!(
            lefts.windows(2).any(|two| two[1] < 1.001 * two[0]),
            "what is left grows: {lefts:?}"
        );
        assert!(lefts[4] < 1.1 * lefts[0], "what is left grows: {lefts:?}");
        drop(kb);
        // What the test itself keeps: its list, the buffer of standard output.
        assert!(held() < 4096.0, "{} bytes are lost", held());
    }
}
