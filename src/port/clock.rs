use futures::future::LocalBoxFuture;

/// Time, and the host's turn.
pub trait Clock {
    /// Milliseconds since any fixed moment; never goes back.
    fn now(&self) -> f64;

    /// Resolves after at least so many milliseconds.
    fn sleep(&self, milliseconds: f64) -> LocalBoxFuture<'static, ()>;

    /// Resolves after the host has had its turn to draw and to handle events, so that long work
    /// can be sliced.
    fn yield_now(&self) -> LocalBoxFuture<'static, ()>;
}
