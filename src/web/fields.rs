//! Reads plain JavaScript objects field by field, and says which field is not what it should be. Knows no field by name.
//!
//! By hand rather than through serde: deriving it for the options alone took 80 KB of the module. With loops rather than
//! iterators that collect: each kind of those is another half a KB.

use js_sys::{Array, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};

use super::refusal::Refusal;

/// Largest integer that a JavaScript number holds exactly.
const WIDEST: f64 = 9_007_199_254_740_991.0;

/// One object under a reading eye.
pub(super) struct Fields {
    object: JsValue,
    /// Where it is, for messages: empty, or `limits.`.
    path: String,
    /// What a refusal is coded as.
    code: &'static str,
}

impl Fields {
    /// `object` if it is one and has no other keys than `known`; refusals are coded `code`.
    pub(super) fn new(
        object: JsValue,
        known: &[&str],
        code: &'static str,
    ) -> Result<Self, Refusal> {
        Self::at(object, known, code, "")
    }

    fn at(object: JsValue, known: &[&str], code: &'static str, key: &str) -> Result<Self, Refusal> {
        if !object.is_object() || Array::is_array(&object) {
            let what = if key.is_empty() { "an object" } else { key };
            return Err(refuse(code, what, "to be an object"));
        }
        for name in Object::keys(object.unchecked_ref::<Object>()) {
            let name = name.as_string().unwrap_or_default();
            if !known.contains(&name.as_str()) {
                return Err(refuse(code, "only documented options", &["and not ", &name].concat()));
            }
        }
        let path = if key.is_empty() { String::new() } else { [key, "."].concat() };
        Ok(Self { object, path, code })
    }

    /// The value of `key`; absent, `undefined` and `null` are the same.
    pub(super) fn get(&self, key: &str) -> Option<JsValue> {
        let value = Reflect::get(&self.object, &key.into()).ok()?;
        (!value.is_undefined() && !value.is_null()).then_some(value)
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<String>, Refusal> {
        self.read(key, "to be a text", |value| value.as_string())
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, Refusal> {
        self.read(key, "to be true or false", |value| value.as_bool())
    }

    /// A whole number from 0 to `most`.
    pub(super) fn number(&self, key: &str, most: u64) -> Result<Option<u64>, Refusal> {
        self.read(key, "to be a whole number within its range", |value| {
            to_whole(&value).filter(|number| *number <= most)
        })
    }

    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<String>>, Refusal> {
        self.read(key, "to be an array of texts", |value| to_texts(&value))
    }

    /// The pair of a shard.
    pub(super) fn pair(&self, key: &str) -> Result<Option<(u32, u32)>, Refusal> {
        self.read(key, "to be a pair of whole numbers", |value| {
            let array = value.dyn_into::<Array>().ok().filter(|array| array.length() == 2)?;
            let number = |at| to_whole(&array.get(at)).and_then(|number| number.try_into().ok());
            Some((number(0)?, number(1)?))
        })
    }

    /// The objects of an array.
    pub(super) fn objects(&self, key: &str, known: &[&str]) -> Result<Vec<Self>, Refusal> {
        let array = self.read(key, "to be an array", |value| value.dyn_into::<Array>().ok())?;
        let mut objects = Vec::new();
        for item in array.unwrap_or_default().iter() {
            objects.push(Self::at(item, known, self.code, key)?);
        }
        Ok(objects)
    }

    /// An object within this one.
    pub(super) fn object(&self, key: &str, known: &[&str]) -> Result<Option<Self>, Refusal> {
        self.get(key).map(|value| Self::at(value, known, self.code, key)).transpose()
    }

    /// For a field that must be there.
    pub(super) fn required<T>(&self, key: &str, value: Option<T>) -> Result<T, Refusal> {
        value.ok_or_else(|| self.refuse(key, "to be given"))
    }

    pub(super) fn refuse(&self, key: &str, expected: &str) -> Refusal {
        refuse(self.code, &[self.path.as_str(), key].concat(), expected)
    }

    fn read<T>(
        &self,
        key: &str,
        expected: &str,
        convert: impl FnOnce(JsValue) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        let Some(value) = self.get(key) else { return Ok(None) };
        convert(value).map(Some).ok_or_else(|| self.refuse(key, expected))
    }
}

fn refuse(code: &'static str, what: &str, expected: &str) -> Refusal {
    Refusal::new(code, ["expected ", what, " ", expected].concat())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just before")]
pub(super) fn to_whole(value: &JsValue) -> Option<u64> {
    let number = value.as_f64()?;
    let is_whole = number.trunc().to_bits() == number.to_bits();
    (is_whole && (0.0..=WIDEST).contains(&number)).then_some(number as u64)
}

/// The texts of an array, or `None` if `value` is no array of texts.
pub(super) fn to_texts(value: &JsValue) -> Option<Vec<String>> {
    let mut texts = Vec::new();
    for item in value.dyn_ref::<Array>()?.iter() {
        texts.push(item.as_string()?);
    }
    Some(texts)
}
