//! A Gateway to test against.
