//! Benchmarks of the core; each file beside this one is a Criterion bench.
