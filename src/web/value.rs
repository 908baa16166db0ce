//! serde's data model into plain JavaScript values: the part of it that our own events and snapshots use. What they do not use
//! is an error, and a test's business.

use std::fmt::{self, Display};

use js_sys::{Array, Object, Reflect};
use serde::{
    Serialize, Serializer,
    ser::{Error, Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple},
};
use wasm_bindgen::JsValue;

/// `value` as objects, arrays, texts and numbers.
pub(super) fn to_value(value: &impl Serialize) -> JsValue {
    value.serialize(ToValue).unwrap_or(JsValue::UNDEFINED)
}

struct ToValue;

/// A part of serde's data model that is not spoken here.
#[derive(Debug)]
pub(super) struct Unspoken;

impl Display for Unspoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected plain data")
    }
}

impl std::error::Error for Unspoken {}

impl Error for Unspoken {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

/// Methods that turn a number into JavaScript's one kind of number.
macro_rules! numbers {
    ($($method:ident: $kind:ty),*) => {
        $(
            #[expect(clippy::allow_attributes, reason = "some of these casts lose nothing")]
            #[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "counts below 2^53")]
            fn $method(self, value: $kind) -> Result<JsValue, Unspoken> {
                Ok(JsValue::from_f64(value as f64))
            }
        )*
    };
}

impl Serializer for ToValue {
    type Ok = JsValue;
    type Error = Unspoken;
    type SerializeSeq = ToArray;
    type SerializeTuple = ToArray;
    type SerializeTupleStruct = Impossible<JsValue, Unspoken>;
    type SerializeTupleVariant = Impossible<JsValue, Unspoken>;
    type SerializeMap = ToObject;
    type SerializeStruct = ToObject;
    type SerializeStructVariant = Impossible<JsValue, Unspoken>;

    numbers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_u8: u8,
        serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32, serialize_f64: f64
    }

    fn serialize_bool(self, value: bool) -> Result<JsValue, Unspoken> {
        Ok(value.into())
    }

    fn serialize_char(self, _: char) -> Result<JsValue, Unspoken> {
        Err(Unspoken)
    }

    fn serialize_str(self, value: &str) -> Result<JsValue, Unspoken> {
        Ok(value.into())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<JsValue, Unspoken> {
        Err(Unspoken)
    }

    fn serialize_none(self) -> Result<JsValue, Unspoken> {
        Ok(JsValue::NULL)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<JsValue, Unspoken> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<JsValue, Unspoken> {
        Ok(JsValue::NULL)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<JsValue, Unspoken> {
        Ok(JsValue::NULL)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<JsValue, Unspoken> {
        Ok(variant.into())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<JsValue, Unspoken> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<JsValue, Unspoken> {
        Err(Unspoken)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<ToArray, Unspoken> {
        Ok(ToArray(Array::new()))
    }

    fn serialize_tuple(self, _: usize) -> Result<ToArray, Unspoken> {
        Ok(ToArray(Array::new()))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Unspoken> {
        Err(Unspoken)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unspoken> {
        Err(Unspoken)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<ToObject, Unspoken> {
        Ok(ToObject { object: Object::new(), key: JsValue::UNDEFINED })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<ToObject, Unspoken> {
        self.serialize_map(None)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unspoken> {
        Err(Unspoken)
    }
}

/// An array under way.
struct ToArray(Array);

impl SerializeSeq for ToArray {
    type Ok = JsValue;
    type Error = Unspoken;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unspoken> {
        self.0.push(&value.serialize(ToValue)?);
        Ok(())
    }

    fn end(self) -> Result<JsValue, Unspoken> {
        Ok(self.0.into())
    }
}

impl SerializeTuple for ToArray {
    type Ok = JsValue;
    type Error = Unspoken;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unspoken> {
        SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<JsValue, Unspoken> {
        SerializeSeq::end(self)
    }
}

/// An object under way.
struct ToObject {
    object: Object,
    /// The key whose value comes next.
    key: JsValue,
}

impl SerializeMap for ToObject {
    type Ok = JsValue;
    type Error = Unspoken;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unspoken> {
        self.key = key.serialize(ToValue)?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unspoken> {
        let value = value.serialize(ToValue)?;
        Reflect::set(&self.object, &self.key, &value).map(|_| ()).map_err(|_| Unspoken)
    }

    fn end(self) -> Result<JsValue, Unspoken> {
        Ok(self.object.into())
    }
}

impl SerializeStruct for ToObject {
    type Ok = JsValue;
    type Error = Unspoken;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Unspoken> {
        self.serialize_entry(key, value)
    }

    fn end(self) -> Result<JsValue, Unspoken> {
        SerializeMap::end(self)
    }
}
