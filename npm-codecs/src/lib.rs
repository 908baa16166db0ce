//! The second WebAssembly module of the npm package: decoders and encoders that only some programs ask for. It knows
//! messages, and nothing of what they are about: the client is in the other module, whose `src/web/codec.rs` calls this one.
#![cfg(target_family = "wasm")]

use js_sys::Array;
use shardwire::proto::{self, CodecError, Compression, Encoding, Frame};
use wasm_bindgen::prelude::*;

#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

// Hidden from the docs, and with plain comments, as the bindings copy documentation into what browsers download.

// The decoder of one connection.
#[doc(hidden)]
#[wasm_bindgen]
#[derive(Debug)]
pub struct Decoder(proto::Decoder);

#[doc(hidden)]
#[wasm_bindgen]
impl Decoder {
    // The JSON text of the message that `message` completes, as UTF-8; nothing if more must come. Throws `[kind, message]`.
    pub fn feed(&mut self, message: Vec<u8>) -> Result<Option<Vec<u8>>, JsValue> {
        let frame = Frame::Binary(message);
        let text = self.0.feed(&frame).map_err(to_thrown)?;
        Ok(text.map(|text| text.as_bytes().to_vec()))
    }
}

// A decoder by the names of a compression and an encoding; messages may grow to `limit` bytes. Throws `[kind, message]`.
#[doc(hidden)]
#[wasm_bindgen]
pub fn decoder(compression: &str, encoding: &str, limit: usize) -> Result<Decoder, JsValue> {
    let (Some(compression), Some(encoding)) =
        (Compression::from_name(compression), Encoding::from_name(encoding))
    else {
        return Err(to_thrown(CodecError::Broken("expected a codec of this module")));
    };
    Ok(Decoder(proto::Decoder::new(compression, encoding, limit)))
}

// The ETF message that says what `json` says, which is UTF-8. Throws `[kind, message]`.
#[doc(hidden)]
#[wasm_bindgen]
pub fn encode(json: Vec<u8>) -> Result<Vec<u8>, JsValue> {
    let json = String::from_utf8(json)
        .map_err(|_| to_thrown(CodecError::Broken("expected JSON to be UTF-8")))?;
    match Encoding::Etf.encode(json).map_err(to_thrown)? {
        Frame::Text(text) => Ok(text.into_bytes()),
        Frame::Binary(bytes) => Ok(bytes),
    }
}

fn to_thrown(error: CodecError) -> JsValue {
    let (kind, message) = match error {
        CodecError::Broken(message) => ("broken", message),
        CodecError::BadMessage(message) => ("bad-message", message),
        CodecError::Oversized { .. } => ("oversized", ""),
    };
    Array::of2(&kind.into(), &message.into()).into()
}
