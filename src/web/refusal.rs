//! A refusal on its way to JavaScript, where `index.js` makes a `ShardwireError` of it.

use js_sys::Array;
use wasm_bindgen::JsValue;

use crate::proto::{CommandError, ConfigError, RequestError, Say};

/// A stable code and a sentence.
pub(super) struct Refusal {
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Self {
        Self::new(error.code(), error.said())
    }
}

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        Self::new(error.code(), error.said())
    }
}

impl From<RequestError> for Refusal {
    fn from(error: RequestError) -> Self {
        Self::new(error.code(), error.said())
    }
}

/// `[code, message]`.
impl From<Refusal> for JsValue {
    fn from(refusal: Refusal) -> Self {
        Array::of2(&refusal.code.into(), &refusal.message.into()).into()
    }
}
