//! What JSON is after a way through ETF, for the test binaries that compare the two.

use serde_json::Value;

/// The data of JSON as it is after a way through ETF: integers that do not fit 32 bits are texts.
pub fn with_wide_integers_as_texts(value: Value) -> Value {
    let is_small = |number: i64| i32::try_from(number).is_ok();
    match value {
        Value::Number(number) if !number.is_f64() && !number.as_i64().is_some_and(is_small) => {
            number.to_string().into()
        }
        Value::Array(items) => items.into_iter().map(with_wide_integers_as_texts).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            fields.map(|(key, value)| (key, with_wide_integers_as_texts(value))).collect()
        }
        other => other,
    }
}
