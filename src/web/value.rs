//! What users see into plain JavaScript values.

use js_sys::{Array, Object, Reflect};
use wasm_bindgen::JsValue;

use crate::proto::{Form, Value, millis};

/// `value` as objects, arrays, texts and numbers.
pub(super) fn to_value<'a>(value: impl Into<Value<'a>>) -> JsValue {
    convert(value.into())
}

/// A plain object with these entries.
pub(super) fn object(entries: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (key, value) in entries {
        // A plain object takes every key.
        let _ = Reflect::set(&object, &(*key).into(), value);
    }
    object.into()
}

#[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
fn convert(value: Value<'_>) -> JsValue {
    match value {
        Value::AllMillis(spans) => {
            let array = Array::new();
            for span in spans {
                array.push(&millis(*span).into());
            }
            array.into()
        }
        Value::Flag(flag) => flag.into(),
        Value::Millis(span) => millis(span).into(),
        Value::None => JsValue::NULL,
        Value::Number(number) => (number as f64).into(),
        Value::Object(form) => to_object(form),
        Value::Pair([first, second]) => Array::of2(&first.into(), &second.into()).into(),
        Value::Pairs(pairs) => {
            let array = Array::new();
            for (first, second) in pairs {
                array.push(&Array::of2(&(*first).into(), &(*second as f64).into()));
            }
            array.into()
        }
        Value::Text(text) => text.into(),
    }
}

fn to_object(form: &dyn Form) -> JsValue {
    let object = Object::new();
    form.fields(&mut |key, value| {
        // A new object takes any field.
        let _ = Reflect::set(&object, &key.into(), &convert(value));
    });
    object.into()
}
