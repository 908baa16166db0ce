//! Takes, one after the other, the values that `pkg-template/options.js` laid out in an array. Knows no value by name.
//!
//! They were checked where they were laid out, which takes a third of what it takes here: a value of another kind counts as
//! none.

use js_sys::{Array, Function};
use wasm_bindgen::{JsCast, JsValue};

/// What is left of an array.
pub(super) struct Values(Array);

impl Values {
    /// The values of `array`, which nobody else holds.
    pub(super) fn new(array: JsValue) -> Self {
        Self(array.unchecked_into())
    }

    pub(super) fn value(&self) -> JsValue {
        self.0.shift()
    }

    pub(super) fn text(&self) -> Option<String> {
        self.value().as_string()
    }

    /// For a text that was checked to be there.
    pub(super) fn given_text(&self) -> String {
        self.text().unwrap_or_default()
    }

    pub(super) fn number(&self) -> Option<f64> {
        self.value().as_f64()
    }

    /// A whole number.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    pub(super) fn whole(&self) -> Option<u64> {
        self.number().map(|number| number as u64)
    }

    /// A whole number of 32 bits at most; 0 if there is none.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    pub(super) fn number_or_zero(&self) -> u32 {
        self.number().unwrap_or_default() as u32
    }

    pub(super) fn flag(&self) -> Option<bool> {
        self.value().as_bool()
    }

    /// A flag that is off unless it was given.
    pub(super) fn is_on(&self) -> bool {
        self.flag().unwrap_or_default()
    }

    pub(super) fn function(&self) -> Option<Function> {
        self.value().dyn_into().ok()
    }

    /// An array within this one.
    pub(super) fn inner(&self) -> Option<Self> {
        let value = self.value();
        value.is_object().then(|| Self::new(value))
    }

    /// What `read` makes of each value.
    pub(super) fn all<T>(&self, mut read: impl FnMut(&Self) -> T) -> Vec<T> {
        let mut all = Vec::new();
        while self.0.length() > 0 {
            all.push(read(self));
        }
        all
    }
}
