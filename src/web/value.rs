//! What users see into plain JavaScript objects.

use std::time::Duration;

use js_sys::{Array, Object};
use wasm_bindgen::prelude::*;

use crate::proto::{Form, Put, ShardId, millis};

// By index rather than by `Reflect`, so that keys and values cross as they are, without a value of JavaScript for each.
#[wasm_bindgen]
extern "C" {
    #[doc(hidden)]
    #[wasm_bindgen(extends = Object)]
    pub type Plain;

    #[wasm_bindgen(method, structural, indexing_setter)]
    pub(super) fn set(this: &Plain, key: &str, value: &JsValue);

    #[wasm_bindgen(method, structural, indexing_setter)]
    fn set_flag(this: &Plain, key: &str, flag: bool);

    #[wasm_bindgen(method, structural, indexing_setter)]
    pub(super) fn set_number(this: &Plain, key: &str, number: f64);

    #[wasm_bindgen(method, structural, indexing_setter)]
    fn set_text(this: &Plain, key: &str, text: &str);
}

/// `form` as an object.
pub(super) fn to_object(form: &impl Form) -> JsValue {
    let mut object = new_object();
    form.fields(&mut object);
    object.into()
}

pub(super) fn to_pair(shard: ShardId) -> JsValue {
    pair(&shard.number().into(), &shard.total().into())
}

/// An object of texts.
pub(super) fn of_texts(texts: &[(&str, &str)]) -> Plain {
    let object = new_object();
    for (key, text) in texts {
        object.set_text(key, text);
    }
    object
}

fn new_object() -> Plain {
    Object::new().unchecked_into()
}

fn pair(first: &JsValue, second: &JsValue) -> JsValue {
    Array::of2(first, second).into()
}

impl Put for Plain {
    fn flag(&mut self, key: &str, flag: bool) {
        self.set_flag(key, flag);
    }

    fn millis(&mut self, key: &str, span: Option<Duration>) {
        match span {
            Some(span) => self.set_number(key, millis(span)),
            None => self.set(key, &JsValue::NULL),
        }
    }

    fn all_millis(&mut self, key: &str, spans: &[Duration]) {
        let array = Array::new();
        for span in spans {
            array.push(&millis(*span).into());
        }
        self.set(key, &array);
    }

    #[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
    fn number(&mut self, key: &str, number: u64) {
        self.set_number(key, number as f64);
    }

    fn object(&mut self, key: &str, form: Option<&impl Form>) {
        self.set(key, &form.map_or(JsValue::NULL, to_object));
    }

    fn pair(&mut self, key: &str, [first, second]: [u32; 2]) {
        self.set(key, &pair(&first.into(), &second.into()));
    }

    #[expect(clippy::cast_precision_loss, reason = "times below 2^53")]
    fn pairs(&mut self, key: &str, pairs: &[(u32, u64)]) {
        let array = Array::new();
        for (first, second) in pairs {
            array.push(&pair(&(*first).into(), &(*second as f64).into()));
        }
        self.set(key, &array);
    }

    fn text(&mut self, key: &str, text: Option<&str>) {
        match text {
            Some(text) => self.set_text(key, text),
            None => self.set(key, &JsValue::NULL),
        }
    }
}
