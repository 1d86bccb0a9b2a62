//! Property tests that run natively and in wasm alike.

use proptest::{
    strategy::Strategy,
    test_runner::{Config, FailurePersistence, FileFailurePersistence, TestCaseError, TestRunner},
};

/// Holds the property against so many cases. A failure prints the smallest case; natively its seed is
/// printed too, and kept beside the source to be run first from then on.
pub fn check_all<S: Strategy>(
    cases: u32,
    source_file: &'static str,
    strategy: S,
    property: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let kept = || Box::new(FileFailurePersistence::default()) as Box<dyn FailurePersistence>;
    let failure_persistence = (!cfg!(target_arch = "wasm32")).then(kept);
    let source_file = Some(source_file);
    let config = Config { cases, source_file, failure_persistence, ..Config::default() };
    if let Err(failure) = TestRunner::new(config).run(&strategy, property) {
        panic!("{failure}");
    }
}
