//! The models that need no key.
