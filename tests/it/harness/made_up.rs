//! Histories that nobody thought of: made up, gone through, and cut down to what a failure needs.
//!
//! They are the same in every run. `JIT_HISTORIES` sets how many there are, `JIT_SEED` which.

use std::{fmt, panic::AssertUnwindSafe};

use futures::{FutureExt, future::join_all};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

/// How many are gone through side by side: they mostly wait for the clouds and the disk.
const AT_A_TIME: usize = 4;
/// How often a history that fails is cut down.
const CUTS: usize = 60;

/// Goes through so many histories, unless the environment says how many.
pub async fn go_through<S, L, F>(histories: impl Strategy<Value = Vec<S>>, many: usize, live_through: L)
where
    S: Clone + fmt::Debug,
    L: Fn(Vec<S>) -> F,
    F: Future<Output = ()>,
{
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number("JIT_SEED").unwrap_or_default().to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let mut left = number("JIT_HISTORIES").unwrap_or(many);
    while left > 0 {
        let some: Vec<_> = (0..left.min(AT_A_TIME)).map(|_| histories.new_tree(&mut runner).unwrap()).collect();
        left -= some.len();
        let flaws = join_all(some.iter().map(|tree| flaw(&live_through, tree.current()))).await;
        if let Some((tree, why)) = some.into_iter().zip(flaws).find_map(|(tree, flaw)| Some((tree, flaw?))) {
            let (history, why) = cut_down(&live_through, tree, why).await;
            panic!("{why}\n\nThe history: {history:#?}");
        }
    }
}

/// What went wrong, if anything did.
async fn flaw<S, F: Future<Output = ()>>(live_through: &impl Fn(Vec<S>) -> F, history: Vec<S>) -> Option<String> {
    let panic = AssertUnwindSafe(live_through(history)).catch_unwind().await.err()?;
    let text = panic.downcast_ref::<String>().cloned();
    Some(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
}

/// Leaves out of a history what its failure does not need.
async fn cut_down<S: Clone, F: Future<Output = ()>>(
    live_through: &impl Fn(Vec<S>) -> F,
    mut tree: impl ValueTree<Value = Vec<S>>,
    mut why: String,
) -> (Vec<S>, String) {
    let mut shortest = tree.current();
    for _ in 0..CUTS {
        let history = tree.current();
        let goes_on = match flaw(live_through, history.clone()).await {
            Some(found) => {
                (shortest, why) = (history, found);
                tree.simplify()
            }
            None => tree.complicate(),
        };
        if !goes_on {
            break;
        }
    }
    (shortest, why)
}

fn number(variable: &str) -> Option<usize> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} wants a number")))
}
